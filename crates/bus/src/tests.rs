//! Against a real server; `NATS_URL` says where (make test starts one).

use crate::{Bus, Consumer, Delivered, Subject, Verdict};
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
