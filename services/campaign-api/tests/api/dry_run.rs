//! Dry runs: what would become of a campaign, by the code that decides it when it is sent.

use crate::{
    campaign_drafts::fields,
    mover::Mover,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    campaign::{ChannelDryRun, DryRunCampaignRequest, DryRunCampaignResponse, Settings},
    common::Channel,
    optout::{AddOptOutsRequest, OptOut},
    sender::UpdateSenderRequest,
    workspace::{FrequencyCap, QuietHours, UpdateWorkspaceRequest},
};
use std::collections::HashMap;
use tonic::Code;

async fn dry_run(workspace: &Workspace<'_>, id: &str) -> Vec<DryRunCampaignResponse> {
    let request = DryRunCampaignRequest { id: id.to_owned(), samples: 1 };
    let mut stream = workspace.campaigns(Role::Agent).dry_run_campaign(request).await.unwrap().into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        answers.push(answer);
    }
    answers
}

async fn last(workspace: &Workspace<'_>, id: &str) -> DryRunCampaignResponse {
    dry_run(workspace, id).await.pop().unwrap()
}

fn reasons(pairs: &[(&str, u64)]) -> HashMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

fn of(answer: &DryRunCampaignResponse, channel: Channel) -> ChannelDryRun {
    answer.channels.iter().find(|part| part.channel() == channel).cloned().unwrap()
}

/// A campaign for everybody on a list, at 2 an SMS; one of them is left out, one opted out, one has nothing, one is there twice.
async fn audience(workspace: &Workspace<'_>) -> Settings {
    let mut settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    let staff = workspace.list("Staff").await;
    workspace.contact("two@example.com", "", &[&list]).await;
    workspace.contact("ONE@example.com", "+971501234568", &[&list]).await;
    workspace.contact("", "12", &[&list]).await;
    workspace.contact("staff@example.com", "+971501234569", &[&list, &staff]).await;
    let opt_out = OptOut { address: "two@example.com".to_owned(), ..OptOut::default() };
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![opt_out] }).await.unwrap();
    settings.exclude_list_ids = vec![staff];
    let price = UpdateSenderRequest { id: settings.channels[1].sender_id.clone(), price_micros: Some(2_000_000), ..Default::default() };
    workspace.senders(Role::Admin).update_sender(price).await.unwrap();
    settings
}

#[tokio::test]
async fn a_dry_run_counts_prices_and_renders_without_writing() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let draft = workspace.draft(Settings { budget_micros: 4_000_000, ..audience(&workspace).await }).await;
    let answer = last(&workspace, &draft.id).await;
    assert_eq!((answer.judged, answer.contacts, answer.done, answer.within_budget), (4, 4, true, true));
    let (email, sms) = (of(&answer, Channel::Email), of(&answer, Channel::Sms));
    assert_eq!((email.target, email.passed, email.cost_micros), (4, 1, 0));
    assert_eq!(email.suppressed, reasons(&[("no_address", 1), ("opted_out", 1), ("duplicate", 1)]));
    assert_eq!((sms.target, sms.passed, sms.cost_micros), (4, 2, 4_000_000));
    assert_eq!(sms.suppressed, reasons(&[("no_address", 1), ("invalid_address", 1)]));
    assert_eq!((email.samples.len(), email.samples[0].subject.as_str(), email.samples[0].body.as_str()), (1, "Hi", "<p>Hi Someone</p>"));
    assert_eq!((sms.samples.len(), sms.samples[0].body.as_str()), (1, "Hi Someone"));

    let request = proto::campaign::PreviewAudienceRequest { id: draft.id.clone(), ..Default::default() };
    let preview = workspace.campaigns(Role::Agent).preview_audience(request).await.unwrap().into_inner();
    for part in preview.channels {
        let judged = of(&answer, part.channel());
        assert_eq!((judged.target, judged.passed, judged.suppressed), (part.target, part.reachable, part.unreachable));
    }
    let mut connection = api.db.acquire().await.unwrap();
    for table in ["send.run", "send.delivery", "send.decision", "send.spend", "send.outbox"] {
        assert_eq!(store::admin::raw(&mut connection, &format!("SELECT FROM {table}")).await.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn the_gates_rules_and_the_budget_decide_as_of_now() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = audience(&workspace).await;
    let poor = workspace.draft(Settings { budget_micros: 3_999_999, ..settings.clone() }).await;
    assert!(!last(&workspace, &poor.id).await.within_budget);

    // Quiet all day but for a minute that is not now.
    let quiet = QuietHours { start: "00:00".to_owned(), end: "23:59".to_owned() };
    let zone = if time::OffsetDateTime::now_utc().hour() == 23 { "Asia/Dubai" } else { "UTC" };
    let request = UpdateWorkspaceRequest { quiet_hours: Some(quiet), timezone: Some(zone.to_owned()), ..UpdateWorkspaceRequest::default() };
    workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap();
    let sms = of(&last(&workspace, &poor.id).await, Channel::Sms);
    assert_eq!((sms.passed, &sms.deferred, sms.cost_micros), (0, &reasons(&[("quiet_hours", 2)]), 4_000_000));
    let urgent = workspace.draft(Settings { lane: proto::campaign::Lane::Transactional.into(), ..settings }).await;
    assert_eq!(of(&last(&workspace, &urgent.id).await, Channel::Sms).passed, 2);

    let cap = FrequencyCap { channel: Channel::Sms.into(), max_messages: 1, window_hours: 24 };
    let request = UpdateWorkspaceRequest {
        quiet_hours: Some(QuietHours::default()),
        frequency_caps: vec![cap],
        replace_frequency_caps: true,
        ..UpdateWorkspaceRequest::default()
    };
    workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap();
    // One of the two was sent something else an hour ago.
    let earlier = Mover(&workspace).sent(workspace.complete_settings("Earlier").await).await;
    crate::mover::start_run(&api, &earlier.id).await;
    let mut connection = api.db.acquire().await.unwrap();
    let sent = "UPDATE send.delivery d SET state = 'accepted', sent_at = now() - interval '1 h', contact_id = c.contact_id
                FROM core.contact c WHERE d.channel = 'sms' AND c.phone = '+971501234568'";
    assert_eq!(store::admin::raw(&mut connection, sent).await.unwrap(), 1);
    let sms = of(&last(&workspace, &poor.id).await, Channel::Sms);
    assert_eq!((sms.passed, sms.suppressed["frequency_cap"]), (1, 1));
}

#[tokio::test]
async fn a_large_audience_comes_in_growing_counts_and_addresses_are_unique_over_all_pages() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let mut connection = api.db.acquire().await.unwrap();
    // Five thousand people of whom every two have one phone, far from each other.
    let people = format!(
        "INSERT INTO core.contact (contact_id, workspace_id, name, phone, phone_key, created_at, updated_at)
         SELECT uuidv7(), '{0}', 'P', '+97152' || lpad((n % 2500)::text, 7, '0'), '+97152' || lpad((n % 2500)::text, 7, '0'), now(), now()
         FROM generate_series(1, 5000) AS n",
        workspace.id
    );
    store::admin::raw(&mut connection, &people).await.unwrap();
    let members = format!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT '{}', contact_id, workspace_id, now() FROM core.contact WHERE name = 'P'",
        settings.list_ids[0]
    );
    store::admin::raw(&mut connection, &members).await.unwrap();
    let draft = workspace.draft(settings).await;
    let answers = dry_run(&workspace, &draft.id).await;
    let judged: Vec<_> = answers.iter().map(|answer| answer.judged).collect();
    assert_eq!(judged, [2_000, 4_000, 5_001]);
    assert!(answers.iter().rev().skip(1).all(|answer| !answer.done && answer.channels.iter().all(|part| part.samples.is_empty())));
    let sms = of(answers.last().unwrap(), Channel::Sms);
    assert_eq!((sms.target, sms.passed, sms.suppressed), (5_001, 2_501, reasons(&[("duplicate", 2_500)])));
}

#[tokio::test]
async fn a_dry_run_needs_a_complete_campaign_of_ones_own() {
    let api = Api::start().await;
    let (workspace, elsewhere) = (api.workspace().await, api.workspace().await);
    let empty = workspace.draft(Settings { name: "empty".to_owned(), ..Settings::default() }).await;
    let request = DryRunCampaignRequest { id: empty.id, samples: 0 };
    let mut client = workspace.campaigns(Role::Agent);
    let status = client.dry_run_campaign(request.clone()).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.list_ids", "settings.channels", "settings.template_id"]);
    let many = DryRunCampaignRequest { samples: 21, ..request.clone() };
    assert_eq!(fields(&client.dry_run_campaign(many).await.unwrap_err()), ["samples"]);
    assert_eq!(elsewhere.campaigns(Role::Agent).dry_run_campaign(request).await.unwrap_err().code(), Code::NotFound);
}
