//! Budgets, rules, fallbacks and rescues of campaigns: kept, checked, and changed by whom and when.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, start_run},
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    campaign::{
        AudienceFreeze, Campaign, CampaignStatus, CloneCampaignRequest, CreateCampaignRequest, Engagement, EngagementRule, Lane, Settings,
        UpdateCampaignRequest,
    },
    common::Channel,
};
use tonic::Status;

fn rule(on: Channel, skip: Channel) -> EngagementRule {
    EngagementRule { on_channel: on.into(), engagement: Engagement::Clicked.into(), within_hours: 48, skip_channel: skip.into() }
}

/// Complete settings with every guard; e-mail comes first, then SMS.
async fn guarded(workspace: &Workspace<'_>) -> Settings {
    let mut settings = workspace.complete_settings("Spring").await;
    settings.budget_micros = 9_000_000;
    settings.lane = Lane::Transactional.into();
    settings.rules = vec![rule(Channel::Email, Channel::Sms), rule(Channel::Sms, Channel::Email)];
    settings.channels[0].fallback_sender_id = workspace.sender("second mail", Channel::Email).await;
    settings.channels[0].rescue_channel = Channel::Sms.into();
    settings.channels[1].rescue_only = true;
    settings.channels[1].budget_micros = 4_000_000;
    settings
}

async fn update(workspace: &Workspace<'_>, role: Role, id: &str, settings: &Settings) -> Result<Campaign, Status> {
    let request = UpdateCampaignRequest { id: id.to_owned(), settings: Some(settings.clone()), base_revision: 0, template_version: 0 };
    Ok(workspace.campaigns(role).update_campaign(request).await?.into_inner().campaign.unwrap())
}

#[tokio::test]
async fn guards_are_kept_cloned_and_part_of_what_is_approved() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = guarded(&workspace).await;
    let draft = workspace.draft(settings.clone()).await;
    let kept = Settings { expires_after_hours: 72, freeze: AudienceFreeze::AtSending.into(), ..settings };
    assert_eq!((draft.settings.as_ref(), draft.ready), (Some(&kept), true));
    let request = CloneCampaignRequest { id: draft.id.clone(), name: "Spring".to_owned(), request_id: String::new() };
    let cloned = workspace.campaigns(Role::Agent).clone_campaign(request).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(cloned.settings.as_ref(), Some(&kept));

    mover.submit(&draft.id).await.unwrap();
    mover.approve(&draft.id).await.unwrap();
    let edited = update(&workspace, Role::Agent, &draft.id, &Settings { rules: Vec::new(), ..kept }).await.unwrap();
    assert_eq!((edited.status(), edited.approved_by.as_str(), edited.revision), (CampaignStatus::Draft, "", 2));
}

#[tokio::test]
async fn guards_that_can_never_work_are_refused_with_their_fields() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut settings = guarded(&workspace).await;
    settings.budget_micros = -1;
    settings.lane = 7;
    settings.rules.push(EngagementRule { engagement: 0, ..rule(Channel::Email, Channel::Sms) });
    settings.channels[0].fallback_sender_id = settings.channels[1].sender_id.clone();
    settings.channels[0].rescue_channel = Channel::Whatsapp.into();
    let request = CreateCampaignRequest { settings: Some(settings), request_id: String::new() };
    let status = workspace.campaigns(Role::Agent).create_campaign(request).await.unwrap_err();
    let expected = [
        "settings.lane",
        "settings.rules[2].engagement",
        "settings.budget_micros",
        "settings.channels[sms].budget_micros",
        "settings.channels[email].fallback_sender_id",
        "settings.channels[email].rescue_channel",
        "settings.channels[sms].rescue_only",
    ];
    assert_eq!(fields(&status), expected);

    let mut settings = workspace.complete_settings("Autumn").await;
    settings.rules = vec![rule(Channel::Email, Channel::Sms), rule(Channel::Email, Channel::Whatsapp)];
    let request = CreateCampaignRequest { settings: Some(settings), request_id: String::new() };
    let status = workspace.campaigns(Role::Agent).create_campaign(request).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.rules[1].skip_channel"]);
}

#[tokio::test]
async fn an_admin_changes_the_budgets_of_a_campaign_that_runs_at_once() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = Settings { lane: Lane::Bulk.into(), ..guarded(&workspace).await };
    let sent = mover.sent(settings.clone()).await;
    start_run(&api, &sent.id).await;
    let richer = Settings { budget_micros: 20_000_000, ..settings.clone() };
    mover.pause(&sent.id).await.unwrap();
    let changed = update(&workspace, Role::Admin, &sent.id, &richer).await.unwrap();
    assert_eq!((changed.status(), changed.settings.unwrap().budget_micros), (CampaignStatus::Paused, 20_000_000));
    assert_eq!((changed.approved_by.as_str(), changed.revision), ("test-admin", 2));
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "campaign", sent.id.parse().unwrap()).await.unwrap();
    let last = log.last().unwrap();
    assert_eq!(last.action, "campaign.change_budget");
    assert_eq!(last.before.as_ref().unwrap()["budget_micros"], 9_000_000);
    assert_eq!(last.after.as_ref().unwrap()["budget_micros"], 20_000_000);
    assert_eq!(mover.resume(&sent.id).await.unwrap().status(), CampaignStatus::Active);
}

#[tokio::test]
async fn a_campaign_that_began_without_a_budget_gets_none_later() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let sent = mover.sent(settings.clone()).await;
    start_run(&api, &sent.id).await;
    mover.pause(&sent.id).await.unwrap();
    let limited = Settings { budget_micros: 1, ..settings };
    assert_eq!(fields(&update(&workspace, Role::Admin, &sent.id, &limited).await.unwrap_err()), ["settings.budget_micros"]);
}
