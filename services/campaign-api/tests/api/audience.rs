//! PreviewAudience.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    segment::city,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    campaign::{
        Audience, AudienceFreeze, CampaignStatus, ClearCampaignContactsRequest, CloneCampaignRequest, CopyListsToCampaignRequest,
        GetCampaignRequest, PreviewAudienceRequest, PreviewAudienceResponse, Settings,
    },
    common::Channel,
    contact::{AddListMembersRequest, Contact, UpdateSegmentRequest, UpsertContactRequest},
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
    let request = PreviewAudienceRequest { id: draft.id, ..PreviewAudienceRequest::default() };
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
    let request = PreviewAudienceRequest { id: draft.id, ..PreviewAudienceRequest::default() };
    let preview = workspace.campaigns(Role::Agent).preview_audience(request).await.unwrap().into_inner();
    assert_eq!((preview.contacts, preview.channels.len()), (0, 0));
}

async fn resident(workspace: &Workspace<'_>, email: &str, city: &str, lists: &[&str]) -> String {
    let contact = Contact { email: email.to_owned(), city: city.to_owned(), ..Contact::default() };
    let list_ids = lists.iter().map(|id| (*id).to_owned()).collect();
    let request = UpsertContactRequest { contact: Some(contact), list_ids };
    workspace.contacts(Role::Agent).upsert_contact(request).await.unwrap().into_inner().contact.unwrap().id
}

async fn preview(workspace: &Workspace<'_>, request: PreviewAudienceRequest) -> PreviewAudienceResponse {
    workspace.campaigns(Role::Agent).preview_audience(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn an_audience_that_no_campaign_has_is_previewed() {
    let api = Api::start().await;
    let (workspace, other) = (api.workspace().await, api.workspace().await);
    let (list, staff) = (workspace.list("l").await, workspace.list("staff").await);
    let dubai = workspace.segment("Dubai", city("Dubai")).await;
    resident(&workspace, "a@example.com", "Oman", &[&list]).await;
    resident(&workspace, "b@example.com", "Dubai", &[]).await;
    resident(&workspace, "B@example.com", "Dubai", &[&list]).await;
    resident(&workspace, "c@example.com", "Dubai", &[&staff]).await;
    let audience =
        Audience { list_ids: vec![list.clone()], exclude_list_ids: vec![staff], segment_ids: vec![dubai], ..Audience::default() };
    let of = |audience: &Audience, channels| PreviewAudienceRequest { audience: Some(audience.clone()), channels, ..Default::default() };
    let found = preview(&workspace, of(&audience, vec![Channel::Email.into()])).await;
    let [email] = found.channels.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.contacts, email.target, email.reachable), (3, 3, 2));
    assert_eq!(email.unreachable, HashMap::from([("duplicate".to_owned(), 1)]));
    assert_eq!(preview(&workspace, of(&audience, vec![])).await.channels.len(), domain::Channel::BY_ADDRESS.len());

    // In the place of a campaign's own, over its channels.
    let settings = workspace.complete_settings("Spring").await;
    let draft = workspace.draft(settings).await;
    let instead = PreviewAudienceRequest { id: draft.id, audience: Some(audience), channels: vec![] };
    let found = preview(&workspace, instead).await;
    assert_eq!((found.contacts, found.channels.len()), (3, 2));

    let strangers = Audience { list_ids: vec![list], segment_ids: vec![other.segment("s", city("x")).await], ..Audience::default() };
    let status = workspace.campaigns(Role::Agent).preview_audience(of(&strangers, vec![])).await.unwrap_err();
    assert_eq!(fields(&status), ["audience.segment_ids[0]"]);
    let status = workspace.campaigns(Role::Agent).preview_audience(PreviewAudienceRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["audience"]);
}

#[tokio::test]
async fn members_of_lists_are_copied_into_a_campaign_once_and_opt_outs_are_flagged() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (one, two) = (workspace.list("one").await, workspace.list("two").await);
    let a = workspace.contact("a@example.com", "+971501111111", &[&one]).await;
    workspace.contact("b@example.com", "", &[&one, &two]).await;
    workspace.contact("c@example.com", "+971503333333", &[&two]).await;
    let opt_out = OptOut { channel: Channel::Sms.into(), address: "+971503333333".to_owned(), ..OptOut::default() };
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![opt_out] }).await.unwrap();
    let mut settings = workspace.complete_settings("Spring").await;
    settings.list_ids.clear();
    let draft = workspace.draft(settings).await;
    assert!(!draft.ready);
    let mut client = workspace.campaigns(Role::Agent);
    let copy = |list_ids: &[&String]| CopyListsToCampaignRequest {
        campaign_id: draft.id.clone(),
        list_ids: list_ids.iter().map(|id| (*id).clone()).collect(),
    };
    let first = client.copy_lists_to_campaign(copy(&[&one])).await.unwrap().into_inner();
    assert_eq!((first.added, first.already, first.own_contacts), (2, 0, 2));
    let second = client.copy_lists_to_campaign(copy(&[&one, &two])).await.unwrap().into_inner();
    assert_eq!((second.added, second.already, second.own_contacts), (1, 2, 3));
    let flagged: Vec<_> = second.opted_out.iter().map(|of| (of.channel(), of.contacts)).collect();
    assert_eq!(flagged, [(Channel::Email, 0), (Channel::Sms, 1)]);
    let campaign = second.campaign.unwrap();
    assert_eq!((campaign.ready, campaign.revision), (true, draft.revision + 2));
    // What happens to the lists afterwards is of no account.
    let remove = proto::contact::RemoveListMembersRequest { list_id: one.clone(), contact_ids: vec![a] };
    workspace.lists(Role::Agent).remove_list_members(remove).await.unwrap();
    let found = preview(&workspace, PreviewAudienceRequest { id: draft.id.clone(), ..Default::default() }).await;
    assert_eq!(found.contacts, 3);
    // A copy of the campaign has them, too; and nobody sees the list that they are on.
    let clone = CloneCampaignRequest { id: draft.id.clone(), ..Default::default() };
    let clone = client.clone_campaign(clone).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!((clone.ready, clone.audience.unwrap().own_contacts), (true, 3));
    let lists = workspace.lists(Role::Agent).list_lists(proto::contact::ListListsRequest::default()).await.unwrap().into_inner().lists;
    assert!(lists.iter().all(|list| ["one", "two", "Spring"].contains(&list.name.as_str())), "{lists:?}");

    let mover = Mover(&workspace);
    mover.submit(&draft.id).await.unwrap();
    let status = client.copy_lists_to_campaign(copy(&[&two])).await.unwrap_err();
    assert_eq!(reason(&status), "ILLEGAL_MOVE");
    mover.approve(&draft.id).await.unwrap();
    let again = client.copy_lists_to_campaign(copy(&[&two])).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!((again.status(), again.approved_by.as_str()), (CampaignStatus::Draft, ""), "whom it is for is part of what was approved");
    let clear = ClearCampaignContactsRequest { campaign_id: draft.id.clone() };
    let cleared = client.clear_campaign_contacts(clear.clone()).await.unwrap().into_inner();
    assert_eq!((cleared.removed, cleared.campaign.unwrap().ready), (3, false));
    assert_eq!(client.clear_campaign_contacts(clear).await.unwrap().into_inner().removed, 0);
    assert_eq!(fields(&client.copy_lists_to_campaign(copy(&[])).await.unwrap_err()), ["list_ids"]);
}

#[tokio::test]
async fn an_audience_frozen_at_scheduling_is_shown_and_stays() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    let dubai = workspace.segment("Dubai", city("Dubai")).await;
    resident(&workspace, "b@example.com", "Dubai", &[]).await;
    let schedule = proto::campaign::Schedule { local_time: "2099-01-01T09:00:00".to_owned(), timezone: "Asia/Dubai".to_owned() };
    let frozen =
        Settings { segment_ids: vec![dubai.clone()], freeze: AudienceFreeze::AtScheduling.into(), schedule: Some(schedule), ..settings };
    let mover = Mover(&workspace);
    let sent = mover.sent(frozen.clone()).await;
    let state = sent.audience.unwrap();
    assert_eq!((state.frozen_contacts, state.frozen_at.is_some()), (2, true));
    // Neither who joins, nor what the segment means from now on.
    let late = vec![resident(&workspace, "c@example.com", "Dubai", &[]).await, resident(&workspace, "d@example.com", "", &[]).await];
    let join = AddListMembersRequest { list_id: list, contact_ids: late };
    workspace.lists(Role::Agent).add_list_members(join).await.unwrap();
    let other = UpdateSegmentRequest { id: dubai, filter: Some(city("Oman")), ..UpdateSegmentRequest::default() };
    workspace.segments(Role::Agent).update_segment(other).await.unwrap();
    assert_eq!(preview(&workspace, PreviewAudienceRequest { id: sent.id.clone(), ..Default::default() }).await.contacts, 2);
    // An edit gives it up.
    let edited = mover.edit(&sent.id, frozen).await.unwrap();
    assert_eq!(edited.audience.unwrap().frozen_at, None);
    assert_eq!(preview(&workspace, PreviewAudienceRequest { id: sent.id.clone(), ..Default::default() }).await.contacts, 3);
    let settings = edited.settings.unwrap();
    assert_eq!((settings.freeze(), settings.segment_ids.len()), (AudienceFreeze::AtScheduling, 1));
}

#[tokio::test]
async fn an_edit_of_a_segment_after_approval_asks_for_it_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let dubai = workspace.segment("Dubai", city("Dubai")).await;
    let draft = workspace.draft(Settings { segment_ids: vec![dubai.clone()], ..settings }).await;
    let mover = Mover(&workspace);
    mover.submit(&draft.id).await.unwrap();
    mover.approve(&draft.id).await.unwrap();
    let edit = UpdateSegmentRequest { id: dubai, filter: Some(city("Oman")), ..UpdateSegmentRequest::default() };
    workspace.segments(Role::Agent).update_segment(edit).await.unwrap();
    assert_eq!(reason(&mover.send(&draft.id).await.unwrap_err()), "APPROVAL_STALE");
}

#[tokio::test]
async fn whom_a_campaign_is_for_is_settled_once_it_has_begun() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    let sent = Mover(&workspace).sent(settings).await;
    start_run(&api, &sent.id).await;
    let copy = CopyListsToCampaignRequest { campaign_id: sent.id.clone(), list_ids: vec![list] };
    let status = workspace.campaigns(Role::Agent).copy_lists_to_campaign(copy).await.unwrap_err();
    assert_eq!(reason(&status), "ILLEGAL_MOVE");
    let read = workspace.campaigns(Role::Agent).get_campaign(GetCampaignRequest { id: sent.id }).await.unwrap().into_inner();
    assert_eq!(read.campaign.unwrap().status(), CampaignStatus::Active);
}
