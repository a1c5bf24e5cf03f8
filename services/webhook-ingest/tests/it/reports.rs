//! Delivery reports and people's messages: what is proved is passed on, and nothing else.

use crate::{
    signed::{FORGED, Signature, contract},
    support::{Ingest, VERIFY_TOKEN},
};
use domain::{DeliveryId, SenderId};
use proto::event::{FactKind, InboundIntent};
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const DELIVERED: [(&str, &str); 2] = [("MessageSid", "SM1"), ("MessageStatus", "delivered")];

#[tokio::test]
async fn a_twilio_report_becomes_a_fact_of_its_delivery() {
    let mut ingest = Ingest::start().await;
    let token = ingest.links.correlation(DeliveryId(42), TRACE);
    assert_eq!(ingest.twilio(&format!("/status?d={token}"), &DELIVERED, Signature::Good).await, StatusCode::NO_CONTENT);
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Delivered, 42));
    assert_eq!((fact.sender_id, fact.provider_message_id.as_str()), (ingest.twilio.to_string(), "SM1"));

    // The same report again is the same fact; another status of the same message is another one.
    ingest.twilio(&format!("/status?d={token}"), &DELIVERED, Signature::Good).await;
    assert_eq!(ingest.fact().await.key, fact.key);
    ingest.twilio(&format!("/status?d={token}"), &[("MessageSid", "SM1"), ("MessageStatus", "sent")], Signature::Good).await;
    assert_ne!(ingest.fact().await.key, fact.key);
}

#[tokio::test]
async fn a_post_that_is_not_proved_changes_nothing() {
    let mut ingest = Ingest::start().await;
    let status = contract("meta-whatsapp/samples/status_failed_131050.json");
    let events = contract("sendgrid/samples/event_delivered.json");
    for (signature, refusal) in FORGED {
        assert_eq!(ingest.twilio("/status", &DELIVERED, signature).await, refusal, "twilio status, {signature:?}");
        let stop = [("Body", "STOP"), ("From", "+15558675310"), ("MessageSid", "SM2")];
        assert_eq!(ingest.twilio("/inbound", &stop, signature).await, refusal, "twilio inbound, {signature:?}");
        assert_eq!(ingest.meta(&status, signature).await, refusal, "meta, {signature:?}");
        assert_eq!(ingest.sendgrid(&events, signature).await, refusal, "sendgrid, {signature:?}");
    }
    let long_ago = OffsetDateTime::now_utc() - Duration::days(3);
    assert_eq!(ingest.sendgrid_at(&events, Signature::Good, long_ago).await, StatusCode::FORBIDDEN, "a replay");
    // A genuine one of each stream comes first, so nothing was before it.
    ingest.twilio("/status", &[("MessageSid", "SM9"), ("MessageStatus", "read")], Signature::Good).await;
    assert_eq!(ingest.fact().await.provider_message_id, "SM9");
    ingest.twilio("/inbound", &[("Body", "hello"), ("From", "+15558675310"), ("MessageSid", "SM9")], Signature::Good).await;
    let message = ingest.message().await;
    assert_eq!(ingest.said(&message), "hello");
}

#[tokio::test]
async fn posts_for_nobody_are_not_found() {
    let ingest = Ingest::start().await;
    let stranger = SenderId::new();
    assert_eq!(ingest.twilio_for(stranger, "/status", &DELIVERED, Signature::Good).await, StatusCode::NOT_FOUND);
    assert_eq!(ingest.twilio_for(ingest.meta, "/status", &DELIVERED, Signature::Good).await, StatusCode::NOT_FOUND);
    assert_eq!(ingest.get("/webhooks/meta/not-an-id").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stop_by_text_goes_to_the_register() {
    let mut ingest = Ingest::start().await;
    let form = [("Body", "Stop"), ("From", "whatsapp:+15558675310"), ("MessageSid", "SM3"), ("SmsStatus", "received")];
    assert_eq!(ingest.twilio("/inbound", &form, Signature::Good).await, StatusCode::OK);
    let message = ingest.message().await;
    assert_eq!((message.from.as_str(), message.channel.as_str(), ingest.said(&message).as_str()), ("+15558675310", "whatsapp", "Stop"));
    assert_eq!((message.intent(), message.source.as_str()), (InboundIntent::Unspecified, "keyword"));
    assert_eq!((message.workspace_id, message.sender_id), (ingest.workspace.to_string(), ingest.twilio.to_string()));
    let form = [("Body", "no more"), ("From", "+15558675310"), ("MessageSid", "SM4"), ("OptOutType", "STOP")];
    ingest.twilio("/inbound", &form, Signature::Good).await;
    assert_eq!(ingest.message().await.intent(), InboundIntent::Stop);
}

#[tokio::test]
async fn metas_opt_out_is_registered_and_the_failure_counted() {
    let mut ingest = Ingest::start().await;
    let mut post: Value = serde_json::from_str(&contract("meta-whatsapp/samples/status_failed_131050.json")).unwrap();
    let token = ingest.links.correlation(DeliveryId(7), "");
    post["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"] = json!(token);
    assert_eq!(ingest.meta(&post.to_string(), Signature::Good).await, StatusCode::OK);
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id, fact.code.as_str()), (FactKind::Failed, 7, "131050"));
    let stop = ingest.message().await;
    assert_eq!((stop.intent(), stop.delivery_id, stop.source.as_str()), (InboundIntent::Stop, 7, "provider"));
    assert_eq!(stop.workspace_id, ingest.workspace.to_string());
}

#[tokio::test]
async fn a_sendgrid_array_is_taken_as_a_whole() {
    let mut ingest = Ingest::start().await;
    let token = ingest.links.correlation(DeliveryId(9), "");
    let event = |id: &str, name: &str| json!({ "email": "a@example.com", "timestamp": 1_700_000_000, "event": name, "fanfare": token, "sg_event_id": id, "sg_message_id": "m.1" });
    let mut bounce = event("e3", "bounce");
    bounce["type"] = json!("bounce");
    bounce["status"] = json!("5.1.1");
    let body = json!([event("e1", "delivered"), event("e2", "spamreport"), bounce, event("e4", "something new")]).to_string();
    assert_eq!(ingest.sendgrid(&body, Signature::Good).await, StatusCode::OK);
    let kinds = [ingest.fact().await, ingest.fact().await, ingest.fact().await].map(|fact| (fact.kind(), fact.delivery_id));
    assert_eq!(kinds, [(FactKind::Delivered, 9), (FactKind::Complained, 9), (FactKind::Failed, 9)]);
    let sources = [ingest.message().await, ingest.message().await].map(|stop| stop.source);
    assert_eq!(sources, ["complaint", "bounce"]);
}

#[tokio::test]
async fn meta_is_told_its_challenge_once_it_knows_the_token() {
    let ingest = Ingest::start().await;
    let path = format!("/webhooks/meta/{}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=", ingest.meta);
    let answer = ingest.get(&format!("{path}{VERIFY_TOKEN}")).await;
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::OK, "1158201444"));
    assert_eq!(ingest.get(&format!("{path}guess")).await.status(), StatusCode::FORBIDDEN);
}
