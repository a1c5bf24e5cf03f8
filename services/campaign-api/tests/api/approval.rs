//! An approval is of exactly what was looked at: whatever changes it asks again, and who approved what is kept.

use crate::{
    mover::{Mover, reason},
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    campaign::{Approval, ApprovalDecision, ApprovalSubject, CampaignStatus, GetApprovalRequest, ListApprovalsRequest, Settings},
    sender::UpdateSenderRequest,
    template::{Content, SmsVariant, UpdateTemplateRequest},
    workspace::{CreateWorkspaceRequest, UpdateWorkspaceRequest},
};
use tonic::Code;
use tonic_types::StatusExt as _;

pub async fn approvals(workspace: &Workspace<'_>, campaign_id: &str) -> Vec<Approval> {
    let request = ListApprovalsRequest { campaign_id: campaign_id.to_owned(), ..ListApprovalsRequest::default() };
    workspace.campaigns(Role::Agent).list_approvals(request).await.unwrap().into_inner().approvals
}

/// Writes a new version of a template, whose SMS says that.
pub async fn new_version(workspace: &Workspace<'_>, template_id: &str, text: &str) {
    let mut templates = workspace.templates(Role::Agent);
    let get = proto::template::GetTemplateRequest { id: template_id.to_owned(), version: 0 };
    let content = templates.get_template(get).await.unwrap().into_inner().template.unwrap().content.unwrap();
    let content = Content { sms: Some(SmsVariant { text: text.to_owned(), ..SmsVariant::default() }), ..content };
    let request = UpdateTemplateRequest { id: template_id.to_owned(), content: Some(content), ..UpdateTemplateRequest::default() };
    templates.update_template(request).await.unwrap();
}

async fn price(workspace: &Workspace<'_>, sender_id: &str, price_micros: i64) {
    let request = UpdateSenderRequest { id: sender_id.to_owned(), price_micros: Some(price_micros), ..UpdateSenderRequest::default() };
    workspace.senders(Role::Admin).update_sender(request).await.unwrap();
}

#[tokio::test]
async fn every_review_is_kept_with_who_when_and_what() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let id = workspace.draft(settings.clone()).await.id;
    let submitted = mover.submit(&id).await.unwrap().review.unwrap();
    assert_eq!((submitted.decision(), submitted.subject()), (ApprovalDecision::Pending, ApprovalSubject::Campaign));
    assert_eq!((submitted.submitted_by.as_str(), submitted.template_version, submitted.hash.len()), ("test-agent", 1, 64));
    mover.reject(&id, "too dear").await.unwrap();
    mover.edit(&id, Settings { budget_micros: 5_000_000, ..settings.clone() }).await.unwrap();
    mover.submit(&id).await.unwrap();
    let approved = mover.approve(&id).await.unwrap().review.unwrap();

    let kept = approvals(&workspace, &id).await;
    let told: Vec<_> = kept.iter().map(|one| (one.decision(), one.decided_by.as_str(), one.decided_role.as_str(), one.revision)).collect();
    let expected = [(ApprovalDecision::Approved, "test-admin", "admin", 2), (ApprovalDecision::Rejected, "test-admin", "admin", 1)];
    assert_eq!(told, expected);
    assert_eq!((kept[1].reason.as_str(), &kept[0]), ("too dear", &approved));
    assert_ne!(kept[0].hash, kept[1].hash);
    assert!(kept[0].decided_at.is_some());

    let request = GetApprovalRequest { id: approved.id };
    let whole = workspace.campaigns(Role::Agent).get_approval(request).await.unwrap().into_inner().approval.unwrap();
    let what: serde_json::Value = serde_json::from_str(&whole.what).unwrap();
    assert_eq!(what["settings"]["budget_micros"], 5_000_000);
    assert_eq!(what["content"]["sms"]["text"], "Hi {{ name }}");
    assert_eq!(what["senders"].as_object().unwrap().len(), 2);
    assert!(!whole.what.contains("auth_token"), "no secret, and no name of one");

    let pending = ListApprovalsRequest { pending: true, ..ListApprovalsRequest::default() };
    assert!(workspace.campaigns(Role::Agent).list_approvals(pending.clone()).await.unwrap().into_inner().approvals.is_empty());
    let another = workspace.draft(settings).await.id;
    mover.submit(&another).await.unwrap();
    let waiting = workspace.campaigns(Role::Agent).list_approvals(pending.clone()).await.unwrap().into_inner().approvals;
    assert_eq!(waiting.iter().map(|one| one.campaign_id.as_str()).collect::<Vec<_>>(), [another.as_str()]);
    mover.cancel(&another).await.unwrap();
    assert!(workspace.campaigns(Role::Agent).list_approvals(pending).await.unwrap().into_inner().approvals.is_empty());
    assert_eq!(approvals(&workspace, &another).await[0].decision(), ApprovalDecision::Withdrawn);
}

#[tokio::test]
async fn what_is_not_what_was_approved_is_not_sent() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let sms = settings.channels[1].sender_id.clone();
    let id = workspace.draft(settings).await.id;
    mover.submit(&id).await.unwrap();
    mover.approve(&id).await.unwrap();
    price(&workspace, &sms, 90_000).await;
    let status = mover.send(&id).await.unwrap_err();
    assert_eq!(reason(&status), "APPROVAL_STALE");
    assert!(status.message().contains(&format!("senders.{sms}.price_micros")), "{status}");
    assert!(api.scheduler.calls().is_empty());

    // Back to what it was, it is what was approved.
    price(&workspace, &sms, 0).await;
    assert_eq!(mover.send(&id).await.unwrap().status(), CampaignStatus::Scheduled);
}

#[tokio::test]
async fn what_was_approved_can_be_submitted_again_as_it_is_now() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let id = workspace.draft(settings.clone()).await.id;
    mover.submit(&id).await.unwrap();
    mover.approve(&id).await.unwrap();
    new_version(&workspace, &settings.template_id, "Hello {{ name }}").await;
    let again = mover.submit(&id).await.unwrap();
    assert_eq!((again.status(), again.template_version, again.approved_by.as_str()), (CampaignStatus::InReview, 2, ""));
    assert_eq!(again.review.unwrap().changed, ["content.sms.text", "template_version"]);
    assert_eq!(reason(&mover.send(&id).await.unwrap_err()), "ILLEGAL_MOVE");
    mover.approve(&id).await.unwrap();
    mover.send(&id).await.unwrap();
}

#[tokio::test]
async fn an_admin_may_approve_exactly_what_they_have_seen() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let sms = settings.channels[1].sender_id.clone();
    let id = workspace.draft(settings).await.id;
    let seen = mover.submit(&id).await.unwrap().review.unwrap().hash;
    price(&workspace, &sms, 90_000).await;
    let status = mover.approve_exactly(&id, &seen).await.unwrap_err();
    assert_eq!((status.code(), status.get_details_error_info().unwrap().reason.as_str()), (Code::Aborted, "APPROVAL_CHANGED"));
    price(&workspace, &sms, 0).await;
    assert_eq!(mover.approve_exactly(&id, &seen.to_uppercase()).await.unwrap().review.unwrap().hash, seen);
}

#[tokio::test]
async fn a_workspace_may_want_another_admin_than_who_submitted() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let request = UpdateWorkspaceRequest { self_approval: Some(false), ..UpdateWorkspaceRequest::default() };
    let updated = workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap().into_inner().workspace.unwrap();
    assert!(updated.approval_required && !updated.self_approval);
    let settings = workspace.complete_settings("Spring").await;
    let (own, others) = (workspace.draft(settings.clone()).await.id, workspace.draft(settings).await.id);
    workspace.campaigns(Role::Admin).submit_campaign(proto::campaign::SubmitCampaignRequest { id: own.clone() }).await.unwrap();
    mover.submit(&others).await.unwrap();
    let status = mover.approve(&own).await.unwrap_err();
    assert_eq!((status.code(), status.get_details_error_info().unwrap().reason.as_str()), (Code::PermissionDenied, "SELF_APPROVAL"));
    mover.reject(&own, "I must not").await.unwrap();
    assert_eq!(mover.approve(&others).await.unwrap().status(), CampaignStatus::Approved);
}

#[tokio::test]
async fn where_no_approval_is_asked_for_the_log_says_so() {
    let api = Api::start().await;
    let workspace = api.workspace_with(CreateWorkspaceRequest { skip_approval: true, ..CreateWorkspaceRequest::default() }).await;
    let id = workspace.draft(workspace.complete_settings("Spring").await).await.id;
    let submitted = Mover(&workspace).submit(&id).await.unwrap();
    let review = submitted.review.clone().unwrap();
    assert_eq!((submitted.status(), review.decision()), (CampaignStatus::Approved, ApprovalDecision::Waived));
    assert_eq!((review.decided_by.as_str(), review.decided_role.as_str()), ("test-agent", "agent"));
}
