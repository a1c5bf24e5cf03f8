//! A post is acknowledged only once its events are durable.

use crate::{
    signed::Signature,
    support::{Ingest, until},
};
use domain::DeliveryId;
use reqwest::StatusCode;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

fn report(id: &str) -> [(&str, &str); 2] {
    [("MessageSid", id), ("MessageStatus", "delivered")]
}

#[tokio::test]
async fn while_the_broker_says_nothing_posts_are_refused_and_people_are_not() {
    let mut ingest = Ingest::start().await;
    assert_eq!(ingest.twilio("/status", &report("SM1"), Signature::Good).await, StatusCode::NO_CONTENT);
    assert_eq!(ingest.fact().await.provider_message_id, "SM1");

    ingest.proxy.block(true);
    let started = Instant::now();
    let unsubscribe = format!("{}/u/{}", ingest.base, ingest.links.unsubscribe_token(DeliveryId(3)));
    let unsubscribe = ingest.client.post(unsubscribe).body("List-Unsubscribe=One-Click").send();
    let pixel = format!("/o/{}", ingest.links.open_token(DeliveryId(4)));
    let second = report("SM2");
    let (post, unsubscribe, pixel) = tokio::join!(ingest.twilio("/status", &second, Signature::Good), unsubscribe, ingest.get(&pixel));
    assert_eq!(post, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unsubscribe.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(pixel.status(), StatusCode::OK);
    assert!(started.elapsed() < Duration::from_secs(10));

    ingest.proxy.block(false);
    until(|| async { (ingest.twilio("/status", &report("SM2"), Signature::Good).await == StatusCode::NO_CONTENT).then_some(()) }).await;
    // The post was stored when it was acknowledged; and what nobody posts again, the open, was not lost.
    let mut seen = BTreeSet::new();
    while !(seen.contains("SM2") && seen.contains("4")) {
        let fact = ingest.fact().await;
        seen.insert(if fact.provider_message_id.is_empty() { fact.delivery_id.to_string() } else { fact.provider_message_id });
    }
}

#[tokio::test]
async fn posts_at_the_same_time_are_published_together_and_none_is_lost() {
    let mut ingest = Ingest::start().await;
    let ids: Vec<String> = (0..200).map(|n| format!("SM{n}")).collect();
    let post = async |id: &String| ingest.twilio("/status", &report(id), Signature::Good).await;
    let answers = futures::future::join_all(ids.iter().map(post)).await;
    assert!(answers.iter().all(|status| *status == StatusCode::NO_CONTENT));
    let mut seen = BTreeSet::new();
    while seen.len() < ids.len() {
        seen.insert(ingest.fact().await.provider_message_id);
    }
}
