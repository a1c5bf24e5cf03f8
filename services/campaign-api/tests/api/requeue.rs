//! What a person decides about deliveries that failed or can't be known: asked of the scheduler, once, and written down.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    scheduler::REQUEUED,
    support::{Api, Workspace, until},
};
use domain::role::Role;
use proto::{
    campaign::{RetryFailedRequest, SettleUnknownRequest, UnknownAction},
    common::Channel,
};
use serde_json::Value;
use tonic::Code;

/// What the audit log says of retries of a campaign.
async fn retries(api: &Api, workspace: &Workspace<'_>, campaign: &str) -> Vec<Value> {
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "campaign", campaign.parse().unwrap()).await.unwrap();
    log.into_iter().filter(|entry| entry.action == "campaign.retry_failed").map(|entry| entry.after.unwrap()).collect()
}

#[tokio::test]
async fn what_failed_is_retried_once_for_a_request_id_and_is_in_the_audit_log() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let mut client = workspace.campaigns(Role::Admin);
    let sent = mover.sent(workspace.complete_settings("Spring").await).await;
    let request = RetryFailedRequest {
        campaign_id: sent.id.clone(),
        channel: Channel::Sms.into(),
        codes: vec!["30003".to_owned()],
        request_id: "once".to_owned(),
    };
    assert_eq!(reason(&client.retry_failed(request.clone()).await.unwrap_err()), "ILLEGAL_MOVE");
    start_run(&api, &sent.id).await;
    for _ in 0..2 {
        assert_eq!(client.retry_failed(request.clone()).await.unwrap().into_inner().queued, REQUEUED);
    }
    let asked = format!("WHAT_FAILED sms [\"30003\"] [] by test-admin for {}", sent.id);
    assert_eq!(api.scheduler.calls()[1..], [asked], "the first call was to start it");
    let log = retries(&api, &workspace, &sent.id).await;
    assert_eq!(log.iter().map(|after| after["count"].as_u64()).collect::<Vec<_>>(), [None, Some(REQUEUED)], "asked, and what came of it");
    assert_eq!((&log[0]["channel"], &log[0]["codes"][0]), (&"sms".into(), &"30003".into()));

    mover.cancel(&sent.id).await.unwrap();
    let again = RetryFailedRequest { request_id: String::new(), ..request };
    assert_eq!(reason(&client.retry_failed(again).await.unwrap_err()), "ILLEGAL_MOVE");
}

#[tokio::test]
async fn what_cannot_be_known_is_settled_as_a_person_says() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.campaigns(Role::Admin);
    let sent = Mover(&workspace).sent(workspace.complete_settings("Spring").await).await;
    start_run(&api, &sent.id).await;
    let request = |action: UnknownAction, delivery_ids: &[&str]| SettleUnknownRequest {
        campaign_id: sent.id.clone(),
        delivery_ids: delivery_ids.iter().map(|id| (*id).to_owned()).collect(),
        action: action.into(),
        reason: "asked by phone".to_owned(),
        ..SettleUnknownRequest::default()
    };
    let status = client.settle_unknown(request(UnknownAction::Unspecified, &["7", "x", "-1"])).await.unwrap_err();
    assert_eq!(fields(&status), ["action", "delivery_ids[1]", "delivery_ids[2]"]);
    assert_eq!(client.settle_unknown(request(UnknownAction::Resend, &["7"])).await.unwrap().into_inner().settled, REQUEUED);
    assert_eq!(client.settle_unknown(request(UnknownAction::WriteOff, &[])).await.unwrap().into_inner().settled, REQUEUED);
    let asked = ["WHAT_UNKNOWN  [] [7]", "WHAT_WRITE_OFF  [] []"].map(|what| format!("{what} by test-admin for {}", sent.id));
    assert_eq!(api.scheduler.calls()[1..], asked);
}

#[tokio::test]
async fn what_a_caller_asked_who_does_not_wait_for_the_end_is_in_the_audit_log_and_may_be_asked_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sent = Mover(&workspace).sent(workspace.complete_settings("Spring").await).await;
    start_run(&api, &sent.id).await;
    let request = RetryFailedRequest { campaign_id: sent.id.clone(), request_id: "once".to_owned(), ..RetryFailedRequest::default() };
    let mut client = workspace.campaigns(Role::Admin);
    api.scheduler.get_stuck();
    let call = tokio::spawn({
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.retry_failed(request).await }
    });
    until(|| async { api.scheduler.calls().iter().any(|call| call.starts_with("WHAT_FAILED")).then_some(()) }).await;
    call.abort();
    assert_eq!(retries(&api, &workspace, &sent.id).await.len(), 1);
    assert_eq!(client.retry_failed(request).await.unwrap().into_inner().queued, REQUEUED);
    assert_eq!(retries(&api, &workspace, &sent.id).await.last().unwrap()["count"], REQUEUED);
}

#[tokio::test]
async fn without_the_scheduler_the_audit_log_has_what_was_asked_and_the_caller_may_ask_again() {
    let api = Api::start_without_scheduler().await;
    let workspace = api.workspace().await;
    let sent = Mover(&workspace).sent(workspace.complete_settings("Spring").await).await;
    start_run(&api, &sent.id).await;
    let request = RetryFailedRequest { campaign_id: sent.id.clone(), request_id: "once".to_owned(), ..RetryFailedRequest::default() };
    for _ in 0..2 {
        let status = workspace.campaigns(Role::Admin).retry_failed(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
    }
    let log = retries(&api, &workspace, &sent.id).await;
    assert_eq!(log.iter().map(|after| after["failure"].is_string()).collect::<Vec<_>>(), [false, true, false, true]);
}
