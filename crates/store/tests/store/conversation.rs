//! Threads of conversations: found or made by many at once, and fenced; answers taken once.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, MessageId, SenderId, WorkerId, conversation::Handling};
use std::collections::BTreeSet;
use store::{
    Db, Role,
    conversation::{
        answer::{self, Answer},
        dispatch,
        receive::{self, Quoted, Received, Thread, Writer},
    },
};
use uuid::Uuid;

fn writer(sender: SenderId, phone: &str) -> Writer {
    Writer { sender_id: sender, channel: Channel::Sms, address_key: phone.to_owned(), address: phone.to_owned(), user_id: String::new() }
}

/// One message of each, as campaign-api takes them.
async fn receive(db: &Db, campaign: Campaign, writers: &[Writer]) -> Vec<Thread> {
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let threads = receive::threads(&mut tx, campaign.workspace, writers, now()).await.unwrap();
    let threads: Vec<_> = threads.into_iter().flatten().collect();
    let message = |thread: &Thread| Received {
        message_id: MessageId::new(),
        conversation_id: thread.conversation_id,
        kind: "text".to_owned(),
        handling: Handling::Handed,
        provider_message_id: String::new(),
        quoted: Quoted::default(),
        sealed: vec![1],
        seal_key: Uuid::now_v7(),
        media: serde_json::json!([]),
        at: now(),
    };
    let received: Vec<_> = threads.iter().map(message).collect();
    receive::add(&mut tx, campaign.workspace, &received, now()).await.unwrap();
    tx.commit().await.unwrap();
    threads
}

#[tokio::test]
async fn many_at_once_make_one_thread_for_each_person_and_lose_no_message() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1.0).await;
    let db = world.connect_as(Role::Api).await;
    let phones: Vec<_> = (0..3).map(|n| format!("+9715000000{n:02}")).collect();
    let mut posts = Vec::new();
    for n in 0..16 {
        // Each in another order: whoever locked in the order of arrival would deadlock.
        let mut writers: Vec<_> = phones.iter().map(|phone| writer(campaign.sender, phone)).collect();
        writers.rotate_left(n % 3);
        if n % 2 == 0 {
            writers.reverse();
        }
        let db = db.clone();
        posts.push(tokio::spawn(async move { receive(&db, campaign, &writers).await }));
    }
    let mut ids = BTreeSet::new();
    for post in posts {
        ids.extend(post.await.unwrap().into_iter().map(|thread| thread.conversation_id));
    }
    assert_eq!(ids.len(), 3);
    assert_eq!(world.execute("SELECT 1 FROM core.conversation WHERE unread = 16 AND contact_id IS NOT NULL".to_owned()).await, 3);
    assert_eq!(world.execute("SELECT 1 FROM core.message".to_owned()).await, 48);
}

#[tokio::test]
async fn a_sender_of_another_workspace_has_no_thread_here() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(1, 1.0).await, world.campaign(1, 1.0).await);
    let db = world.connect_as(Role::Api).await;
    assert!(receive(&db, ours, &[writer(theirs.sender, "+971500000000"), writer(SenderId::new(), "+971500000000")]).await.is_empty());
    assert_eq!(receive(&db, ours, &[writer(ours.sender, "+971500000000")]).await.len(), 1);
    assert_eq!(receive(&db, theirs, &[writer(theirs.sender, "+971500000000")]).await.len(), 1);
}

#[tokio::test]
async fn an_answer_is_taken_by_one_worker_and_not_after_an_opt_out() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    let db = world.connect_as(Role::Api).await;
    let thread = receive(&db, campaign, &[writer(campaign.sender, "+971500000000")]).await.swap_remove(0);
    let say = async || {
        let answer = Answer {
            message_id: MessageId::new(),
            conversation_id: thread.conversation_id,
            sealed: vec![2],
            reply_to: None,
            in_reply_to: String::new(),
            author: "test".to_owned(),
            by_assistant: false,
        };
        let mut tx = db.tenant(campaign.workspace).await.unwrap();
        answer::add(&mut tx, campaign.workspace, &[answer], now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    say().await;
    let dispatchers = world.connect_as(Role::Dispatcher).await;
    let take = async || {
        let mut tx = dispatchers.begin().await.unwrap();
        let batch = dispatch::take(&mut tx, Channel::Sms, WorkerId::new(), &[], now()).await.unwrap();
        tx.commit().await.unwrap();
        batch.map_or(0, |batch| batch.taken.len())
    };
    let taking = async {
        while world.execute("SELECT 1 FROM send.reply WHERE state = 'sending'".to_owned()).await == 0 {
            let (one, two) = tokio::join!(take(), take());
            assert!(one + two <= 1);
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), taking).await.expect("nothing was taken");
    world.execute("UPDATE send.reply SET updated_at = now() - interval '3 minutes'".to_owned()).await;
    dispatch::tidy(&mut dispatchers.acquire().await.unwrap(), Channel::Sms, now()).await.unwrap();
    assert_eq!(world.execute("SELECT 1 FROM send.reply WHERE state = 'uncertain' AND code = 'worker_lost'".to_owned()).await, 1);
    say().await;
    let id: i64 = world.text("SELECT max(reply_id) FROM send.reply").await.parse().unwrap();
    let stopped = async || dispatch::stopped(&mut dispatchers.acquire().await.unwrap(), id).await.unwrap().map(|(code, _)| code);
    assert_eq!(stopped().await, None);
    world.opt_out(campaign, "+971500000000", "all").await;
    assert_eq!(stopped().await, Some(dispatch::OPTED_OUT));
    assert_eq!(take().await, 0);
    assert_eq!(world.execute("SELECT 1 FROM send.reply WHERE state = 'refused' AND code = 'opted_out'".to_owned()).await, 1);
    world.execute("DELETE FROM core.conversation".to_owned()).await;
    assert_eq!(stopped().await, Some("gone"));
}
