//! Against a real server; `NATS_URL` says where (make test starts one).

use crate::{Bus, Consumer, Delivered, Outgoing, Subject, Verdict};
use domain::Channel;
use prost::Message as _;
use proto::event::{Fact, FactBatch};
use std::{env, future::ready, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

async fn bus() -> Bus {
    let url = env::var("NATS_URL").expect("NATS_URL is set: run the tests with `make test`");
    let bus = Bus::connect(&url, &format!("t{}", uuid::Uuid::now_v7().simple()), 1).await.unwrap();
    bus.ensure_streams().await.unwrap();
    bus
}

fn facts_consumer() -> Consumer {
    Consumer {
        durable: "test".to_owned(),
        subject: Subject::facts(),
        ack_wait: Duration::from_secs(30),
        max_ack_pending: 100,
        max_deliver: None,
    }
}

fn batch(code: &str) -> FactBatch {
    FactBatch { facts: vec![Fact { code: code.to_owned(), ..Fact::default() }] }
}

#[tokio::test]
async fn a_message_is_stored_once_and_comes_with_its_trace() {
    let bus = bus().await;
    for _ in 0..2 {
        bus.publish(&Subject::facts(), &batch("a"), "id-1", "00-trace").await.unwrap();
    }
    bus.publish(&Subject::facts(), &batch("b"), "id-2", "").await.unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let work = bus.consume(facts_consumer(), 10, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        for message in &*messages {
            sender.send((message.message.facts[0].code.clone(), message.traceparent.clone())).unwrap();
        }
        ready(Verdict::Done)
    });
    let check = async {
        assert_eq!(received.recv().await.unwrap(), ("a".to_owned(), "00-trace".to_owned()));
        assert_eq!(received.recv().await.unwrap(), ("b".to_owned(), String::new()));
        stop.cancel();
    };
    timeout(Duration::from_secs(10), async { tokio::join!(work, check) }).await.unwrap();
}

#[tokio::test]
async fn only_the_bad_message_of_a_batch_is_put_away() {
    let bus = bus().await;
    for code in ["good", "bad", "fine"] {
        bus.publish(&Subject::facts(), &batch(code), code, "").await.unwrap();
    }
    let stop = CancellationToken::new();
    let mut kept = Vec::new();
    let work = bus.consume(facts_consumer(), 10, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        if messages.iter().any(|message| message.message.facts[0].code == "bad") {
            return ready(Verdict::Reject("bad".to_owned()));
        }
        kept.extend(messages.iter().map(|message| message.message.facts[0].code.clone()));
        if kept.len() == 2 {
            stop.cancel();
        }
        ready(Verdict::Done)
    });
    timeout(Duration::from_secs(10), work).await.unwrap();
    assert_eq!(kept, ["good", "fine"]);
    let dead = bus.jetstream.get_stream(format!("{}_DLQ", bus.prefix)).await.unwrap().get_info().await.unwrap();
    assert_eq!(dead.state.messages, 1);
}

/// Publishes until it works: the broker may be between two states.
async fn publish_at_last(bus: &Bus, code: &str) {
    let publish = async {
        while bus.publish(&Subject::facts(), &batch(code), code, "").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), publish).await.unwrap();
}

#[tokio::test]
async fn a_lost_store_stops_neither_who_publishes_nor_who_consumes() {
    let bus = bus().await;
    let (sender, mut received) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let consumer = Consumer { max_deliver: Some(3), ..facts_consumer() };
    let work = bus.consume(consumer, 10, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        for message in &*messages {
            sender.send(message.message.facts[0].code.clone()).unwrap();
        }
        ready(Verdict::Done)
    });
    let check = async {
        publish_at_last(&bus, "before").await;
        assert_eq!(received.recv().await.unwrap(), "before");
        // The consumer is waiting for messages; the publisher notices nothing until it publishes.
        bus.delete_streams().await.unwrap();
        let publish = async |n| bus.publish(&Subject::facts(), &batch("after"), if n == 0 { "same" } else { "again" }, "").await;
        let publishers = (0..20).map(publish);
        futures::future::join_all(publishers).await.into_iter().for_each(Result::unwrap);
        assert_eq!(received.recv().await.unwrap(), "after");
        // And nobody publishes anything: the consumer finds out by itself.
        bus.delete_streams().await.unwrap();
        let ensured = async {
            while bus.jetstream.get_stream(Subject::facts().stream_name(&bus.prefix)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), ensured).await.unwrap();
        stop.cancel();
    };
    timeout(Duration::from_secs(30), async { tokio::join!(work, check) }).await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_is_deleted_is_made_again() {
    let bus = bus().await;
    let (sender, mut received) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let work = bus.consume(facts_consumer(), 1, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        sender.send(messages[0].message.facts[0].code.clone()).unwrap();
        ready(Verdict::Done)
    });
    let check = async {
        publish_at_last(&bus, "a").await;
        assert_eq!(received.recv().await.unwrap(), "a");
        let stream = bus.jetstream.get_stream(Subject::facts().stream_name(&bus.prefix)).await.unwrap();
        stream.delete_consumer("test").await.unwrap();
        publish_at_last(&bus, "b").await;
        assert_eq!(received.recv().await.unwrap(), "b");
        stop.cancel();
    };
    timeout(Duration::from_secs(10), async { tokio::join!(work, check) }).await.unwrap();
}

#[tokio::test]
async fn what_is_never_handled_is_kept_and_can_be_replayed_or_dropped() {
    let bus = bus().await;
    let (keeper, mut set_aside) = mpsc::unbounded_channel();
    let bus = bus.on_buried(move |id| ready(keeper.send(id).map_err(|error| error.to_string())));
    for (n, code) in ["first", "second"].into_iter().enumerate() {
        let outgoing = Outgoing { message_id: code, traceparent: "00-trace", outbox_id: Some(7 + n as i64) };
        bus.publish_bytes(&Subject::facts(), batch(code).encode_to_vec(), outgoing).await.unwrap();
    }
    let stop = CancellationToken::new();
    let (sender, mut received) = mpsc::unbounded_channel();
    let healthy = std::sync::atomic::AtomicBool::new(false);
    let consumer = Consumer { max_deliver: Some(2), ..facts_consumer() };
    let work = bus.consume(consumer, 1, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        let healthy = healthy.load(std::sync::atomic::Ordering::Relaxed);
        sender.send((messages[0].message.facts[0].code.clone(), messages[0].outbox_id)).unwrap();
        ready(if healthy { Verdict::Done } else { Verdict::RetryAfter(Duration::from_millis(10)) })
    });
    let check = async {
        let kept = [set_aside.recv().await.unwrap(), set_aside.recv().await.unwrap()];
        assert_eq!(kept.iter().sum::<i64>(), 15, "the rows of both are set aside");
        let page = bus.dead_letters(Some("events"), 0, 1).await.unwrap();
        let next = page.next.expect("there is a second page");
        let rest = bus.dead_letters(None, next, 10).await.unwrap();
        assert_eq!((page.letters.len(), rest.letters.len(), rest.next), (1, 1, None));
        assert!(bus.dead_letters(Some("send"), 0, 10).await.unwrap().letters.is_empty());
        let letter = bus.dead_letter(page.letters[0].sequence).await.unwrap().unwrap();
        assert_eq!((letter.subject.as_str(), letter.deliveries), ("delivery.happened.v1", 2));
        assert_eq!((letter.reason.as_str(), letter.traceparent.as_str()), ("not handled in 2 tries", "00-trace"));

        healthy.store(true, std::sync::atomic::Ordering::Relaxed);
        while received.try_recv().is_ok() {}
        bus.replay_dead_letter(&letter, "replay-1").await.unwrap();
        let code = FactBatch::decode(letter.payload.clone()).unwrap().facts[0].code.clone();
        assert_eq!(received.recv().await.unwrap(), (code, letter.outbox_id), "it comes as it was");
        bus.drop_dead_letter(rest.letters[0].sequence).await.unwrap();
        bus.drop_dead_letter(rest.letters[0].sequence).await.unwrap();
        assert_eq!(bus.dead_letters_extent().await.unwrap().total, 0);
        assert!(bus.dead_letter(letter.sequence).await.unwrap().is_none());
        stop.cancel();
    };
    timeout(Duration::from_secs(20), async { tokio::join!(work, check) }).await.unwrap();
}

#[tokio::test]
async fn a_message_that_comes_again_and_again_leaves_one_letter() {
    let bus = bus().await;
    let stop = CancellationToken::new();
    let consumer = Consumer { subject: Subject::send(Channel::Sms), ..facts_consumer() };
    let work = bus.consume(consumer, 1, stop.clone(), |messages: Arc<[Delivered<FactBatch>]>| {
        ready(Verdict::Reject(format!("came as {}", messages[0].traceparent)))
    });
    let check = async {
        for (n, code, kept) in [("1", "job", 1), ("2", "job", 1), ("3", "job", 1), ("4", "another job", 2)] {
            bus.publish(&Subject::send(Channel::Sms), &batch(code), n, n).await.unwrap();
            let as_told = async {
                loop {
                    let letters = bus.dead_letters(Some("send"), 0, 10).await.unwrap().letters;
                    if letters.len() == kept && letters[kept - 1].reason == format!("came as {n}") {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(Duration::from_secs(10), as_told).await.unwrap();
        }
        let letters = bus.dead_letters(None, 0, 10).await.unwrap().letters;
        assert_eq!(letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(), ["came as 3", "came as 4"]);
        stop.cancel();
    };
    timeout(Duration::from_secs(30), async { tokio::join!(work, check) }).await.unwrap();
}

#[tokio::test]
async fn streams_can_be_made_smaller_and_a_full_one_says_so() {
    let bus = bus().await.with_sizes([("EVENTS", 16 << 10)]).unwrap();
    assert!(bus.clone().with_sizes([("EVENT", 1)]).is_err());
    bus.ensure_streams().await.unwrap();
    let large = batch(&"x".repeat(4 << 10));
    let mut refused = 0;
    for n in 0..8 {
        refused += usize::from(bus.publish(&Subject::facts(), &large, &n.to_string(), "").await.is_err());
    }
    assert!((4..8).contains(&refused), "{refused} of 8 messages of 4 KiB were refused by a stream of 16 KiB");
    bus.publish(&Subject::inbound(), &batch("x"), "other", "").await.unwrap();
}
