//! A post is acknowledged only once its events are durable, and the broker isn't needed for that.

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

impl Ingest {
    async fn report(&self, id: &str) -> StatusCode {
        self.twilio("/status", &report(id), Signature::Good).await
    }

    async fn unsubscribe(&self, delivery: i64) -> StatusCode {
        let url = format!("{}/u/{}", self.base, self.links.unsubscribe_token(DeliveryId(delivery)));
        self.client.post(url).body("List-Unsubscribe=One-Click").send().await.unwrap().status()
    }

    async fn look(&self, delivery: i64) -> StatusCode {
        self.get(&format!("/o/{}", self.links.open_token(DeliveryId(delivery)))).await.status()
    }

    /// Waits for facts of all these messages or, where none is named, deliveries.
    async fn facts_of(&mut self, wanted: &[&str]) {
        let mut wanted: BTreeSet<_> = wanted.iter().map(ToString::to_string).collect();
        while !wanted.is_empty() {
            let fact = self.fact().await;
            wanted.remove(&if fact.provider_message_id.is_empty() { fact.delivery_id.to_string() } else { fact.provider_message_id });
        }
    }
}

#[tokio::test]
async fn while_the_broker_says_nothing_everything_is_taken_in_and_waits() {
    let mut ingest = Ingest::start().await;
    assert_eq!(ingest.report("SM1").await, StatusCode::NO_CONTENT);
    ingest.facts_of(&["SM1"]).await;

    ingest.broker.block(true);
    let (post, unsubscribe, pixel) = tokio::join!(ingest.report("SM2"), ingest.unsubscribe(3), ingest.look(4));
    assert_eq!((post, unsubscribe, pixel), (StatusCode::NO_CONTENT, StatusCode::OK, StatusCode::OK));
    assert_eq!(ingest.get("/readyz").await.status(), StatusCode::OK, "it can do its work");

    ingest.broker.block(false);
    ingest.facts_of(&["SM2", "3", "4"]).await;
    assert_eq!(ingest.message().await.delivery_id, 3);
}

#[tokio::test]
async fn while_the_database_says_nothing_posts_are_refused_and_people_are_not() {
    let mut ingest = Ingest::start().await;
    assert_eq!(ingest.report("SM1").await, StatusCode::NO_CONTENT);
    ingest.database.block(true);
    let started = Instant::now();
    let (post, unsubscribe, pixel) = tokio::join!(ingest.report("SM2"), ingest.unsubscribe(3), ingest.look(4));
    assert_eq!((post, unsubscribe, pixel), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK));
    assert!(started.elapsed() < Duration::from_secs(10));

    ingest.database.block(false);
    until(|| async { (ingest.report("SM2").await == StatusCode::NO_CONTENT).then_some(()) }).await;
    // The post was stored when it was acknowledged; and what nobody posts again, the open, was not lost.
    ingest.facts_of(&["SM2", "4"]).await;
}

#[tokio::test]
async fn a_slow_database_fills_a_queue_with_an_end() {
    let ingest = Ingest::start().await;
    let event = |n: usize| format!(r#"{{"timestamp":1700000000,"event":"delivered","sg_event_id":"e{n}","sg_message_id":"m{n}.x"}}"#);
    let body = format!("[{}]", (0..500).map(event).collect::<Vec<_>>().join(","));
    assert_eq!(ingest.sendgrid(&body, Signature::Good).await, StatusCode::OK);
    ingest.database.block(true);
    // The queue holds 50,000 events: 100 such posts. The others are told at once, without a wait for the database.
    let started = Instant::now();
    let posts = (0..130).map(|_| async { (ingest.sendgrid(&body, Signature::Good).await, started.elapsed()) });
    let answers = futures::future::join_all(posts).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE));
    let at_once = answers.iter().filter(|(_, after)| *after < Duration::from_secs(4)).count();
    assert!((20..=40).contains(&at_once), "{at_once} of 130 were refused at once");
}

#[tokio::test]
async fn beyond_the_backlog_posts_are_refused_and_unsubscribes_are_not() {
    let mut ingest = Ingest::with_backlog(3).await;
    ingest.broker.block(true);
    let mut taken = 0;
    until(|| {
        taken += 1;
        let (ingest, id) = (&ingest, format!("SM{taken}"));
        async move { (ingest.report(&id).await == StatusCode::SERVICE_UNAVAILABLE).then_some(()) }
    })
    .await;
    assert!(taken > 3, "the first ones were taken in");
    assert_eq!(ingest.unsubscribe(3).await, StatusCode::OK);
    let refused = ingest.client.post(format!("{}/webhooks/twilio/{}/status", ingest.base, ingest.twilio)).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "before anything is verified");
    assert_eq!(refused.headers()["retry-after"], "30");

    ingest.broker.block(false);
    ingest.facts_of(&["SM1", "3"]).await;
    until(|| async { (ingest.report("SM-later").await == StatusCode::NO_CONTENT).then_some(()) }).await;
}

#[tokio::test]
async fn posts_at_the_same_time_are_stored_together_and_none_is_lost() {
    let mut ingest = Ingest::start().await;
    let ids: Vec<String> = (0..200).map(|n| format!("SM{n}")).collect();
    let answers = futures::future::join_all(ids.iter().map(|id| ingest.report(id))).await;
    assert!(answers.iter().all(|status| *status == StatusCode::NO_CONTENT));
    ingest.facts_of(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
}
