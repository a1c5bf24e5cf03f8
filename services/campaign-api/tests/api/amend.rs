//! A campaign that runs is changed for what hasn't left yet, after an admin has approved the change.

use crate::{
    approval::{approvals, new_version},
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    campaign::{ApprovalDecision, ApprovalSubject, Campaign, CampaignStatus, GetCampaignRequest, Settings, UpdateCampaignRequest},
    workspace::{CreateWorkspaceRequest, UpdateWorkspaceRequest},
};
use tonic::{Code, Status};

async fn update(
    workspace: &Workspace<'_>,
    role: Role,
    id: &str,
    settings: &Settings,
    template_version: u32,
    base_revision: u32,
) -> Result<Campaign, Status> {
    let request = UpdateCampaignRequest { id: id.to_owned(), settings: Some(settings.clone()), base_revision, template_version };
    Ok(workspace.campaigns(role).update_campaign(request).await?.into_inner().campaign.unwrap())
}

async fn get(workspace: &Workspace<'_>, id: &str) -> Campaign {
    let request = GetCampaignRequest { id: id.to_owned() };
    workspace.campaigns(Role::Agent).get_campaign(request).await.unwrap().into_inner().campaign.unwrap()
}

/// A campaign whose run has started, and its settings as they are read.
async fn running(api: &Api, workspace: &Workspace<'_>, settings: Settings) -> (String, Settings) {
    let id = Mover(workspace).sent(settings).await.id;
    start_run(api, &id).await;
    let settings = get(workspace, &id).await.settings.unwrap();
    (id, settings)
}

/// What the run of the campaign says on SMS in one version of its content, and which version it sends.
async fn content(api: &Api, campaign: &Campaign, version: i32) -> (String, i32) {
    let mut connection = api.db.acquire().await.unwrap();
    let run = campaign.run_id.parse().unwrap();
    let content = store::run_content::read(&mut connection, run, version).await.unwrap();
    let current = store::run_content::current(&mut connection, run).await.unwrap();
    (content.map(|content| content["sms"]["text"].as_str().unwrap().to_owned()).unwrap_or_default(), current.version)
}

#[tokio::test]
async fn a_new_version_of_the_template_waits_for_an_admin_and_then_is_what_is_sent() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let (id, settings) = running(&api, &workspace, workspace.complete_settings("Spring").await).await;
    new_version(&workspace, &settings.template_id, "Hello {{ name }}").await;

    let asked = update(&workspace, Role::Agent, &id, &settings, 2, 1).await.unwrap();
    assert_eq!((asked.status(), asked.template_version, asked.content_version, asked.revision), (CampaignStatus::Active, 1, 1, 2));
    let review = asked.review.clone().unwrap();
    assert_eq!((review.subject(), review.decision(), review.template_version), (ApprovalSubject::Change, ApprovalDecision::Pending, 2));
    assert_eq!(review.changed, ["content.sms.text", "template_version"]);
    assert_eq!(asked.proposed.as_ref(), Some(&settings));
    assert_eq!(content(&api, &asked, 2).await, (String::new(), 1));

    let approved = mover.approve_exactly(&id, &review.hash).await.unwrap();
    assert_eq!((approved.status(), approved.template_version, approved.content_version), (CampaignStatus::Active, 2, 2));
    assert_eq!((approved.proposed, approved.approved_by.as_str(), approved.revision), (None, "test-admin", 3));
    assert_eq!(content(&api, &asked, 2).await, ("Hello {{ name }}".to_owned(), 2));
    assert_eq!(content(&api, &asked, 1).await.0, "Hi {{ name }}", "what has left stays what it was");
    let kept = approvals(&workspace, &id).await;
    assert_eq!((kept[0].decision(), kept[0].content_version, kept[0].submitted_by.as_str()), (ApprovalDecision::Approved, 2, "test-agent"));
    assert_eq!(reason(&mover.approve(&id).await.unwrap_err()), "NOTHING_TO_APPROVE");
    // Who has read it before that must not write it back.
    assert_eq!(update(&workspace, Role::Agent, &id, &settings, 1, 2).await.unwrap_err().code(), Code::Aborted);

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "campaign", id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().rev().take(2).map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    assert_eq!(actions, [("campaign.amend", "test-admin"), ("campaign.propose", "test-agent")]);
    assert_eq!(log.last().unwrap().after.as_ref().unwrap()["template_version"], 2);
}

#[tokio::test]
async fn a_change_is_rejected_replaced_or_taken_back() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let (id, settings) = running(&api, &workspace, workspace.complete_settings("Spring").await).await;
    let longer = Settings { expires_after_hours: 100, ..settings.clone() };
    assert!(update(&workspace, Role::Agent, &id, &longer, 0, 0).await.unwrap().proposed.is_some());
    let rejected = mover.reject(&id, "long enough").await.unwrap();
    assert_eq!((rejected.status(), rejected.proposed, rejected.status_reason.as_str()), (CampaignStatus::Active, None, ""));
    assert_eq!(rejected.review.unwrap().reason, "long enough");

    update(&workspace, Role::Agent, &id, &longer, 0, 0).await.unwrap();
    let shorter = Settings { expires_after_hours: 50, ..settings.clone() };
    let replaced = update(&workspace, Role::Agent, &id, &shorter, 0, 0).await.unwrap();
    assert_eq!(replaced.proposed.unwrap().expires_after_hours, 50);
    let back = update(&workspace, Role::Agent, &id, &settings, 0, 0).await.unwrap();
    assert_eq!((back.proposed, back.settings.as_ref()), (None, Some(&settings)));
    let decisions: Vec<_> = approvals(&workspace, &id).await.iter().map(proto::campaign::Approval::decision).collect();
    let (withdrawn, rejected) = (ApprovalDecision::Withdrawn, ApprovalDecision::Rejected);
    assert_eq!(decisions, [withdrawn, withdrawn, rejected, ApprovalDecision::Approved]);

    let before = get(&workspace, &id).await;
    assert_eq!(update(&workspace, Role::Agent, &id, &settings, 0, 0).await.unwrap(), before, "nothing is asked for, nothing is written");
    mover.cancel(&id).await.unwrap();
    assert_eq!(reason(&update(&workspace, Role::Agent, &id, &longer, 0, 0).await.unwrap_err()), "ILLEGAL_MOVE");
}

#[tokio::test]
async fn expiry_and_rules_change_with_the_approval_and_nothing_else_may() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let (id, settings) = running(&api, &workspace, workspace.complete_settings("Spring").await).await;
    let mut other = Settings { name: "Autumn".to_owned(), list_ids: Vec::new(), ..settings.clone() };
    other.channels[1].sender_id.clone_from(&workspace.sender("other", proto::common::Channel::Sms).await);
    let status = update(&workspace, Role::Admin, &id, &other, 0, 0).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.channels[sms].sender_id", "settings.list_ids", "settings.name"]);
    assert_eq!(fields(&update(&workspace, Role::Admin, &id, &settings, 9, 0).await.unwrap_err()), ["template_version"]);
    let over = Settings { expires_after_hours: 1, ..settings.clone() };
    let age = "UPDATE send.run SET expires_at = now() + interval '10 hours'";
    store::admin::raw(&mut api.db.acquire().await.unwrap(), age).await.unwrap();
    assert_eq!(fields(&update(&workspace, Role::Admin, &id, &over, 0, 0).await.unwrap_err()), ["settings.expires_after_hours"]);

    let rule = proto::campaign::EngagementRule {
        on_channel: proto::common::Channel::Email.into(),
        engagement: proto::campaign::Engagement::Opened.into(),
        within_hours: 48,
        skip_channel: proto::common::Channel::Sms.into(),
    };
    let wanted = Settings { expires_after_hours: 100, rules: vec![rule], ..settings.clone() };
    update(&workspace, Role::Agent, &id, &wanted, 0, 0).await.unwrap();
    mover.pause(&id).await.unwrap();
    let approved = mover.approve(&id).await.unwrap();
    assert_eq!((approved.status(), approved.settings.as_ref(), approved.content_version), (CampaignStatus::Paused, Some(&wanted), 1));
    let mut connection = api.db.acquire().await.unwrap();
    let current = store::run_content::current(&mut connection, approved.run_id.parse().unwrap()).await.unwrap();
    let hours = (current.expires_at - time::OffsetDateTime::now_utc()).whole_hours();
    assert!((36..=38).contains(&hours), "28 hours later than before, not {hours}");
    assert_eq!(mover.resume(&id).await.unwrap().status(), CampaignStatus::Active);
}

#[tokio::test]
async fn a_version_that_lacks_a_channel_is_refused() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (id, settings) = running(&api, &workspace, workspace.complete_settings("Spring").await).await;
    let without = proto::template::UpdateTemplateRequest {
        id: settings.template_id.clone(),
        content: Some(proto::template::Content {
            sms: Some(proto::template::SmsVariant { text: "Hi".to_owned(), ..proto::template::SmsVariant::default() }),
            ..proto::template::Content::default()
        }),
        ..proto::template::UpdateTemplateRequest::default()
    };
    workspace.templates(Role::Agent).update_template(without).await.unwrap();
    assert_eq!(fields(&update(&workspace, Role::Agent, &id, &settings, 2, 0).await.unwrap_err()), ["settings.template_id"]);
}

#[tokio::test]
async fn what_needs_no_other_admin_is_at_once() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let budgeted = Settings { budget_micros: 5_000_000, ..workspace.complete_settings("Spring").await };
    let (id, settings) = running(&api, &workspace, budgeted).await;
    let richer = Settings { budget_micros: 9_000_000, ..settings.clone() };
    let asked = update(&workspace, Role::Agent, &id, &richer, 0, 0).await.unwrap();
    assert_eq!((asked.settings.unwrap().budget_micros, asked.proposed.unwrap().budget_micros), (5_000_000, 9_000_000));
    let done = update(&workspace, Role::Admin, &id, &richer, 0, 0).await.unwrap();
    assert_eq!((done.status(), done.settings.unwrap().budget_micros, done.proposed), (CampaignStatus::Active, 9_000_000, None));
    assert_eq!(done.review.unwrap().decision(), ApprovalDecision::Approved);

    let four_eyes = UpdateWorkspaceRequest { self_approval: Some(false), ..UpdateWorkspaceRequest::default() };
    workspace.workspaces(Role::Admin).update_workspace(four_eyes).await.unwrap();
    let waits = update(&workspace, Role::Admin, &id, &settings, 0, 0).await.unwrap();
    assert_eq!(waits.proposed.unwrap().budget_micros, 5_000_000);
    assert_eq!(Mover(&workspace).approve(&id).await.unwrap_err().code(), Code::PermissionDenied);

    let free = api.workspace_with(CreateWorkspaceRequest { skip_approval: true, ..CreateWorkspaceRequest::default() }).await;
    let draft = free.draft(free.complete_settings("Autumn").await).await.id;
    Mover(&free).submit(&draft).await.unwrap();
    Mover(&free).send(&draft).await.unwrap();
    start_run(&api, &draft).await;
    let settings = get(&free, &draft).await.settings.unwrap();
    new_version(&free, &settings.template_id, "Hello {{ name }}").await;
    assert!(update(&free, Role::Agent, &draft, &settings, 2, 0).await.unwrap().proposed.is_some(), "what leaves is an admin's to decide");
    let done = update(&free, Role::Admin, &draft, &settings, 2, 0).await.unwrap();
    assert_eq!((done.content_version, done.review.unwrap().decision()), (2, ApprovalDecision::Waived));
}

#[tokio::test]
async fn one_that_was_paused_before_its_run_is_a_draft_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let sent = mover.sent(settings.clone()).await;
    mover.pause(&sent.id).await.unwrap();
    let edited = mover.edit(&sent.id, Settings { name: "Autumn".to_owned(), ..settings }).await.unwrap();
    assert_eq!((edited.status(), edited.approved_by.as_str()), (CampaignStatus::Draft, ""));
    assert_eq!(reason(&mover.resume(&sent.id).await.unwrap_err()), "ILLEGAL_MOVE");
}
