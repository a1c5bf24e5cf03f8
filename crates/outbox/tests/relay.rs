//! The relay between a real database and a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use bus::{Bus, Consumer, Delivered, Subject, Verdict};
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use outbox::Outbox;
use proto::event::{Alert, Fact, FactBatch, Inbound};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{Db, Role, admin::raw};
use time::OffsetDateTime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

const ORIGIN: &str = "test";
const DEADLINE: Duration = Duration::from_secs(30);

struct Stage {
    db: Db,
    bus: Bus,
    outbox: Outbox,
    stop: CancellationToken,
    _database: TestDatabase,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    /// With a running relay.
    async fn new(sizes: &[(&str, i64)]) -> Self {
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let db = Db::connect(&database.url, Role::Owner, 8).await.unwrap();
        let bus = Bus::connect(&servers.nats_url, &subject_prefix(), 1).await.unwrap().with_sizes(sizes.iter().copied()).unwrap();
        bus.ensure_streams().await.unwrap();
        let (outbox, stop) = (Outbox::new(db.clone(), bus.clone(), ORIGIN), CancellationToken::new());
        let (relay, until) = (outbox.clone(), stop.clone());
        tokio::spawn(async move { relay.run(until).await });
        Self { db, bus, outbox, stop, _database: database }
    }

    /// Adds a row for each code.
    async fn add(&self, codes: impl IntoIterator<Item = String>) {
        let mut tx = self.db.begin().await.unwrap();
        for code in codes {
            outbox::add(&mut tx, ORIGIN, vec![Fact { code, ..Fact::default() }], "", OffsetDateTime::now_utc()).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.outbox.wake();
    }

    /// Waits until that many rows fulfil a condition.
    async fn rows(&self, count: u64, condition: &str) {
        let sql = format!("UPDATE send.outbox SET origin = origin WHERE {condition}");
        let wait = async {
            while raw(&mut self.db.acquire().await.unwrap(), &sql).await.unwrap() != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("there were never {count} rows where {condition}"));
    }

    /// Handles facts as analytics does: the row goes with the work. What has the code "bad" can't be handled.
    fn consume(&self) -> UnboundedReceiver<String> {
        let (sender, received) = unbounded_channel();
        let (bus, db, stop) = (outbox::setting_aside(&self.bus, &self.db), self.db.clone(), self.stop.clone());
        let consumer = Consumer {
            durable: "test".to_owned(),
            subject: Subject::facts(),
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 100,
            max_deliver: None,
        };
        tokio::spawn(async move {
            let handle = async |messages: Arc<[Delivered<FactBatch>]>| {
                let codes: Vec<_> = messages.iter().flat_map(|message| &message.message.facts).map(|fact| fact.code.clone()).collect();
                if codes.iter().any(|code| code == "bad") {
                    return Verdict::Reject("it is bad".to_owned());
                }
                let ids: Vec<_> = messages.iter().filter_map(|message| message.outbox_id).collect();
                store::outbox::delete(&mut db.acquire().await.unwrap(), &ids).await.unwrap();
                codes.into_iter().for_each(|code| drop(sender.send(code)));
                Verdict::Done
            };
            bus.consume(consumer, 10, stop, handle).await;
        });
        received
    }
}

async fn all(received: &mut UnboundedReceiver<String>, wanted: impl IntoIterator<Item = String>) {
    let mut wanted: BTreeSet<_> = wanted.into_iter().collect();
    let take = async {
        while !wanted.is_empty() {
            wanted.remove(&received.recv().await.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, take).await.unwrap_or_else(|_| panic!("{wanted:?} never came"));
}

fn large(n: usize) -> String {
    format!("{n}-{}", "x".repeat(4 << 10))
}

#[tokio::test]
async fn a_full_stream_makes_facts_wait_and_nothing_else() {
    let stage = Stage::new(&[("EVENTS", 64 << 10)]).await;
    stage.add((0..100).map(large)).await;
    // Facts are stuck; what goes elsewhere isn't.
    let mut tx = stage.db.begin().await.unwrap();
    let now = OffsetDateTime::now_utc();
    outbox::add_inbound(&mut tx, ORIGIN, vec![Inbound::default()], "", now).await.unwrap();
    outbox::add_alert(&mut tx, ORIGIN, &Alert::default(), "", now).await.unwrap();
    tx.commit().await.unwrap();
    stage.rows(1, "subject = 'inbound' AND published_at IS NOT NULL").await;
    stage.rows(0, "subject = 'alerts'").await;
    let mut connection = stage.db.acquire().await.unwrap();
    let waiting = raw(&mut connection, "UPDATE send.outbox SET origin = origin WHERE published_at IS NULL").await.unwrap();
    assert!((80..100).contains(&waiting), "{waiting} of 100 rows of 4 KiB wait for a stream of 64 KiB");
    // With room again, everything goes on.
    let mut received = stage.consume();
    all(&mut received, (0..100).map(large)).await;
    stage.rows(0, "subject = 'facts'").await;
}

#[tokio::test]
async fn what_a_lost_store_held_is_published_again() {
    let stage = Stage::new(&[]).await;
    let codes = || (0..200).map(|n| n.to_string());
    stage.add(codes()).await;
    stage.rows(200, "published_at IS NOT NULL").await;
    stage.bus.delete_streams().await.unwrap();
    let mut received = stage.consume();
    all(&mut received, codes()).await;
    stage.rows(0, "true").await;
}

#[tokio::test]
async fn what_nobody_can_handle_is_left_alone_until_it_is_replayed_or_dropped() {
    let stage = Stage::new(&[]).await;
    let mut received = stage.consume();
    stage.add(["good".to_owned(), "bad".to_owned(), "fine".to_owned()]).await;
    all(&mut received, ["good".to_owned(), "fine".to_owned()]).await;
    stage.rows(1, "published_at > now() + interval '29 days'").await;
    let mut connection = stage.db.acquire().await.unwrap();
    let backlog = store::outbox::backlog(&mut connection, ORIGIN, 10, OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(backlog, 0, "it is in nobody's way");
    let letters = stage.bus.dead_letters(Some("events"), 0, 10).await.unwrap().letters;
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "it is bad"));
    assert!(letters[0].outbox_id.is_some());
}
