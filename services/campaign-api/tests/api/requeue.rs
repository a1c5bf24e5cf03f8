//! What a person decides about deliveries that failed or can't be known: asked of the scheduler, once, and written down.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    scheduler::REQUEUED,
    support::Api,
};
use domain::role::Role;
use proto::{
    campaign::{RetryFailedRequest, SettleUnknownRequest, UnknownAction},
    common::Channel,
};
use tonic::Code;

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
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "campaign", sent.id.parse().unwrap()).await.unwrap();
    let last = log.last().unwrap();
    assert_eq!((last.action.as_str(), &last.after.as_ref().unwrap()["count"]), ("campaign.retry_failed", &REQUEUED.into()));

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
async fn without_the_scheduler_nothing_is_claimed_and_the_caller_may_ask_again() {
    let api = Api::start_without_scheduler().await;
    let workspace = api.workspace().await;
    let sent = Mover(&workspace).sent(workspace.complete_settings("Spring").await).await;
    start_run(&api, &sent.id).await;
    let request = RetryFailedRequest { campaign_id: sent.id, request_id: "once".to_owned(), ..RetryFailedRequest::default() };
    for _ in 0..2 {
        let status = workspace.campaigns(Role::Admin).retry_failed(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
    }
}
