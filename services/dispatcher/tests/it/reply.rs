//! Answers in conversations: opened on their way out, sent once, refused where the person may not be written to.

use crate::{
    desk::{Desk, Reply},
    world::World,
};
use domain::SenderId;
use uuid::Uuid;

async fn sender(world: &World, desk: &Desk) -> SenderId {
    world.campaign(desk.address, 1, 1e6, "bulk").await.sender
}

/// Writes an answer as campaign-api does, to a person who wrote so long ago.
async fn answer(world: &World, sender: SenderId, phone: &str, ago: &str) {
    let (conversation, message) = (Uuid::now_v7(), Uuid::now_v7());
    // An InboundContent: field 1 is the text.
    let sealed = world.seal(b"\x0a\x05Hello", message.as_bytes());
    for sql in [
        format!(
            "INSERT INTO core.conversation (conversation_id, workspace_id, sender_id, channel, address_key, address, last_inbound_at,
                 last_message_id, last_at, created_at, updated_at)
             SELECT '{conversation}', workspace_id, sender_id, channel, '{phone}', '{phone}', now() - interval '{ago}', '{message}', now(), now(),
                 now() FROM core.sender WHERE sender_id = '{sender}'"
        ),
        format!(
            "INSERT INTO core.message (message_id, conversation_id, workspace_id, direction, kind, handling, sealed, seal_key, at, created_at)
             SELECT '{message}', conversation_id, workspace_id, 'out', 'text', 'answer', '\\x{sealed}', '{message}', now(), now()
             FROM core.conversation WHERE conversation_id = '{conversation}'"
        ),
        format!(
            "INSERT INTO send.reply (message_id, conversation_id, workspace_id, sender_id, channel, address, address_keys, created_at, updated_at)
             SELECT '{message}', conversation_id, workspace_id, sender_id, channel, address, ARRAY[address_key], now(), now()
             FROM core.conversation WHERE conversation_id = '{conversation}'"
        ),
    ] {
        world.execute(sql).await;
    }
}

async fn until(world: &World, answers: u64, condition: &str) {
    world.poll(condition, async || world.count("send.reply", condition).await == answers).await;
}

#[tokio::test]
async fn an_answer_is_sent_once_and_counts_nowhere() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    answer(&world, sender, "+971501234567", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'accepted' AND provider_message_id LIKE 'SM%' AND worker_id IS NOT NULL").await;
    assert_eq!((desk.posts(), desk.most_for_one()), (1, 1));
    assert_eq!(world.count("send.outbox", "subject = 'facts' AND origin = 'dispatcher'").await, 0, "nothing is told to the figures");
    assert_eq!(world.count("send.rate_bucket", "next_at > now() - interval '1 minute'").await, 1, "its sender's pace is charged");
}

#[tokio::test]
async fn what_may_have_left_is_not_sent_again() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    desk.reply(Reply::TakeAndFail);
    answer(&world, sender, "+971501234567", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'uncertain' AND code <> ''").await;
    desk.reply(Reply::Take);
    answer(&world, sender, "+971507654321", "0").await;
    until(&world, 1, "state = 'accepted'").await;
    assert_eq!((desk.posts(), desk.most_for_one()), (2, 1));
}

#[tokio::test]
async fn what_cannot_be_opened_never_leaves() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    answer(&world, sender, "+971501234567", "0").await;
    world.execute("UPDATE core.message SET seal_key = gen_random_uuid()").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'refused' AND code = 'content_unreadable'").await;
    assert_eq!(desk.posts(), 0);
}

#[tokio::test]
async fn whoever_opted_out_gets_no_answer() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    world
        .execute(format!(
            "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
             SELECT workspace_id, 'sms', '+971501234567', 'keyword', now() FROM core.sender WHERE sender_id = '{sender}'"
        ))
        .await;
    answer(&world, sender, "+971501234567", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'refused' AND code = 'opted_out'").await;
    assert_eq!(desk.posts(), 0);
}
