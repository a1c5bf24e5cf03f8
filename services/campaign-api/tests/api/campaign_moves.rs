//! The lifecycle: what is legal, what asks for approval.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    support::Api,
};
use domain::role::Role;
use proto::{
    campaign::{CampaignStatus, Schedule, Settings},
    workspace::{CreateWorkspaceRequest, UpdateWorkspaceRequest},
};
use tonic_types::StatusExt as _;

#[tokio::test]
async fn a_campaign_goes_from_draft_to_scheduled_and_the_scheduler_is_told() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let draft = workspace.draft(workspace.complete_settings("Spring").await).await;
    assert_eq!(mover.submit(&draft.id).await.unwrap().status(), CampaignStatus::InReview);
    let approved = mover.approve(&draft.id).await.unwrap();
    assert_eq!((approved.status(), approved.approved_by.as_str()), (CampaignStatus::Approved, "test-admin"));
    assert!(approved.approved_at.is_some());
    assert_eq!(mover.send(&draft.id).await.unwrap().status(), CampaignStatus::Scheduled);
    assert_eq!(api.scheduler.calls(), [format!("start {}", draft.id)]);

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "campaign", draft.id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    let expected = [
        ("campaign.create", "test-agent"),
        ("campaign.submit", "test-agent"),
        ("campaign.approve", "test-admin"),
        ("campaign.send", "test-admin"),
    ];
    assert_eq!(actions, expected);
    assert_eq!(log[3].before.as_ref().unwrap()["status"], "APPROVED");
    assert_eq!(log[3].after.as_ref().unwrap()["status"], "SCHEDULED");
}

#[tokio::test]
async fn illegal_moves_are_refused_with_the_state() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let id = workspace.draft(settings.clone()).await.id;
    for refused in
        [mover.approve(&id).await, mover.send(&id).await, mover.pause(&id).await, mover.resume(&id).await, mover.reject(&id, "x").await]
    {
        let status = refused.unwrap_err();
        assert_eq!(reason(&status), "ILLEGAL_MOVE");
        assert_eq!(status.get_details_error_info().unwrap().metadata["status"], "DRAFT");
        assert!(status.message().contains("DRAFT"), "{status}");
    }
    mover.submit(&id).await.unwrap();
    for refused in [mover.submit(&id).await, mover.send(&id).await, mover.edit(&id, settings.clone()).await] {
        assert_eq!(refused.unwrap_err().get_details_error_info().unwrap().metadata["status"], "IN_REVIEW");
    }
    mover.cancel(&id).await.unwrap();
    for refused in [mover.submit(&id).await, mover.edit(&id, settings).await, mover.resume(&id).await] {
        assert_eq!(refused.unwrap_err().get_details_error_info().unwrap().metadata["status"], "CANCELLED");
    }
    assert!(api.scheduler.calls().is_empty());
}

#[tokio::test]
async fn a_rejected_campaign_is_a_draft_again_and_says_why() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let id = workspace.draft(workspace.complete_settings("Spring").await).await.id;
    mover.submit(&id).await.unwrap();
    assert_eq!(fields(&mover.reject(&id, " ").await.unwrap_err()), ["reason"]);
    let rejected = mover.reject(&id, "the price is wrong").await.unwrap();
    assert_eq!((rejected.status(), rejected.status_reason.as_str()), (CampaignStatus::Draft, "the price is wrong"));
    assert_eq!(mover.submit(&id).await.unwrap().status_reason, "");
}

#[tokio::test]
async fn an_edit_after_approval_asks_for_approval_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = Settings {
        schedule: Some(Schedule { local_time: "2099-01-01T09:00:00".to_owned(), timezone: "Asia/Dubai".to_owned() }),
        ..workspace.complete_settings("Spring").await
    };
    let sent = mover.sent(settings.clone()).await;
    let edited = mover.edit(&sent.id, Settings { name: "Spring, again".to_owned(), ..settings }).await.unwrap();
    assert_eq!((edited.status(), edited.approved_by.as_str(), edited.approved_at), (CampaignStatus::Draft, "", None));
    assert_eq!(reason(&mover.send(&sent.id).await.unwrap_err()), "ILLEGAL_MOVE");
    mover.submit(&sent.id).await.unwrap();
    mover.approve(&sent.id).await.unwrap();
    mover.send(&sent.id).await.unwrap();
}

#[tokio::test]
async fn with_approval_off_submitting_is_enough_and_turning_it_on_asks_again() {
    let api = Api::start().await;
    let workspace = api.workspace_with(CreateWorkspaceRequest { skip_approval: true, ..Default::default() }).await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let (first, second) = (workspace.draft(settings.clone()).await.id, workspace.draft(settings.clone()).await.id);
    assert_eq!(mover.submit(&first).await.unwrap().status(), CampaignStatus::Approved);
    assert_eq!(mover.submit(&second).await.unwrap().status(), CampaignStatus::Approved);
    mover.send(&first).await.unwrap();
    let request = UpdateWorkspaceRequest { approval_required: Some(true), ..Default::default() };
    workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap();
    assert_eq!(reason(&mover.send(&second).await.unwrap_err()), "NOT_APPROVED");
    mover.edit(&second, settings).await.unwrap();
    assert_eq!(mover.submit(&second).await.unwrap().status(), CampaignStatus::InReview);
}

#[tokio::test]
async fn a_paused_campaign_goes_on_where_it_was() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let sent = mover.sent(workspace.complete_settings("Spring").await).await;
    assert_eq!(mover.pause(&sent.id).await.unwrap().status(), CampaignStatus::Paused);
    assert_eq!(reason(&mover.pause(&sent.id).await.unwrap_err()), "ILLEGAL_MOVE");
    assert_eq!(mover.resume(&sent.id).await.unwrap().status(), CampaignStatus::Scheduled);
    start_run(&api, &sent.id).await;
    let paused = mover.pause(&sent.id).await.unwrap();
    assert_eq!(paused.status(), CampaignStatus::Paused);
    assert!(!paused.run_id.is_empty());
    assert_eq!(mover.resume(&sent.id).await.unwrap().status(), CampaignStatus::Active);
}
