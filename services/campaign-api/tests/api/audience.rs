//! PreviewAudience.

use crate::support::Api;
use domain::role::Role;
use proto::{
    campaign::{PreviewAudienceRequest, Settings},
    common::Channel,
    optout::{AddOptOutsRequest, OptOut},
};
use std::collections::HashMap;

#[tokio::test]
async fn each_channel_says_whom_it_reaches_and_why_not_the_others() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    let excluded = workspace.list("leave out").await;
    workspace.contact("", "+971501234567", &[&list]).await;
    workspace.contact("two@example.com", "not a number", &[&list]).await;
    workspace.contact("ONE@example.com", "", &[&list]).await;
    workspace.contact("stop@example.com", "+971501111111", &[&list]).await;
    workspace.contact("out@example.com", "+971502222222", &[&list, &excluded]).await;
    let opt_out = OptOut { channel: Channel::Email.into(), address: "stop@example.com".to_owned(), ..OptOut::default() };
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![opt_out] }).await.unwrap();

    let draft = workspace.draft(Settings { exclude_list_ids: vec![excluded], ..settings }).await;
    let request = PreviewAudienceRequest { id: draft.id };
    let preview = workspace.campaigns(Role::Agent).preview_audience(request).await.unwrap().into_inner();
    assert_eq!((preview.contacts, preview.max_recipients), (5, 10_000));
    let reasons = |pairs: &[(&str, u64)]| pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect::<HashMap<_, _>>();
    let [email, sms] = preview.channels.as_slice() else { panic!("{preview:?}") };
    assert_eq!((email.channel(), email.target, email.reachable), (Channel::Email, 5, 2));
    assert_eq!(email.unreachable, reasons(&[("no_address", 1), ("duplicate", 1), ("opted_out", 1)]));
    assert_eq!((sms.channel(), sms.target, sms.reachable), (Channel::Sms, 5, 2));
    assert_eq!(sms.unreachable, reasons(&[("no_address", 1), ("duplicate", 1), ("invalid_address", 1)]));
}

#[tokio::test]
async fn an_empty_draft_reaches_nobody() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let draft = workspace.draft(Settings { name: "empty".to_owned(), ..Settings::default() }).await;
    let request = PreviewAudienceRequest { id: draft.id };
    let preview = workspace.campaigns(Role::Agent).preview_audience(request).await.unwrap().into_inner();
    assert_eq!((preview.contacts, preview.channels.len()), (0, 0));
}
