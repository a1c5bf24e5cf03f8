//! Messages that people send to look at them: sent once, and no deliveries.

use crate::{
    desk::{Desk, Reply},
    world::World,
};
use domain::SenderId;
use uuid::Uuid;

/// A sender of the world, without anything to send.
async fn sender(world: &World, desk: &Desk) -> SenderId {
    world.campaign(desk.address, 1, 1e6, "bulk").await.sender
}

/// Writes a test as campaign-api does; `state` and `age` are those of its messages.
async fn ask(world: &World, sender: SenderId, addresses: &[&str], state: &str, age: &str) {
    let id = Uuid::now_v7();
    world
        .execute(format!(
            r#"INSERT INTO send.test_send (test_send_id, workspace_id, sender_id, channel, content, created_by, created_at)
               SELECT '{id}', workspace_id, sender_id, channel, '{{"sms": {{"text": "Look"}}}}', 'test', now() FROM core.sender
               WHERE sender_id = '{sender}'"#
        ))
        .await;
    for address in addresses {
        world
            .execute(format!(
                "INSERT INTO send.test_message (test_send_id, workspace_id, channel, address, address_key, state, updated_at)
                 SELECT test_send_id, workspace_id, channel, '{address}', '{address}', '{state}', now() - interval '{age}'
                 FROM send.test_send WHERE test_send_id = '{id}'"
            ))
            .await;
    }
}

async fn until(world: &World, messages: u64, condition: &str) {
    world.poll(condition, async || world.count("send.test_message", condition).await == messages).await;
}

#[tokio::test]
async fn a_test_is_sent_and_is_no_delivery() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    ask(&world, sender, &["+971501234567", "+971507654321"], "queued", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 2, "state = 'accepted' AND provider_message_id LIKE 'SM%' AND worker_id IS NOT NULL").await;
    assert_eq!((desk.posts(), desk.most_for_one()), (2, 1));
    assert_eq!(world.deliveries("state = 'queued' AND attempt = 0").await, 1, "the campaign's own waits as before");
    assert_eq!(world.count("send.decision", "true").await, 0);
    assert_eq!(world.count("send.outbox", "subject = 'facts' AND origin = 'dispatcher'").await, 0, "nothing is told to the figures");
    assert_eq!(world.count("send.rate_bucket", "next_at > now() - interval '1 minute'").await, 1, "its sender's pace is charged");
}

#[tokio::test]
async fn whoever_opted_out_meanwhile_gets_nothing_and_a_paused_sender_sends_nothing() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let (one, paused) = (sender(&world, &desk).await, sender(&world, &desk).await);
    world
        .execute(format!(
            "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
             SELECT workspace_id, 'all', '+971501234567', 'api', now() FROM core.sender WHERE sender_id = '{one}'"
        ))
        .await;
    world
        .execute(format!(
            "INSERT INTO send.sender_state (sender_id, workspace_id, paused_at)
             SELECT sender_id, workspace_id, now() FROM core.sender WHERE sender_id = '{paused}'"
        ))
        .await;
    ask(&world, one, &["+971501234567", "+971507654321"], "queued", "0").await;
    ask(&world, paused, &["+971507654321"], "queued", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'accepted'").await;
    until(&world, 1, "state = 'refused' AND code = 'opted_out' AND address = '+971501234567'").await;
    until(&world, 1, "state = 'refused' AND code = 'sender_paused'").await;
    assert_eq!(desk.posts(), 1);
}

#[tokio::test]
async fn what_may_have_left_is_not_sent_again() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    desk.reply(Reply::TakeAndFail);
    ask(&world, sender, &["+971501234567"], "queued", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'uncertain' AND code <> ''").await;
    desk.reply(Reply::Take);
    ask(&world, sender, &["+971507654321"], "queued", "0").await;
    until(&world, 1, "state = 'accepted'").await;
    assert_eq!((desk.posts(), desk.most_for_one()), (2, 1));
}

#[tokio::test]
async fn a_throttled_test_slows_its_sender_down_and_is_not_tried_again() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    desk.reply(Reply::Throttle);
    ask(&world, sender, &["+971501234567"], "queued", "0").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'refused' AND code = '20429'").await;
    world.poll("it slows down", async || world.count("send.rate_bucket", "pace < 1").await == 1).await;
    assert_eq!(desk.posts(), 1);
}

#[tokio::test]
async fn what_a_dead_worker_held_and_what_is_too_old_never_leaves_and_goes() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let sender = sender(&world, &desk).await;
    ask(&world, sender, &["+971500000001"], "accepted", "8 days").await;
    world.execute("UPDATE send.test_send SET created_at = now() - interval '8 days'").await;
    ask(&world, sender, &["+971501234567"], "sending", "3 minutes").await;
    ask(&world, sender, &["+971507654321"], "queued", "2 hours").await;
    let _running = world.dispatch(|_| ());
    until(&world, 1, "state = 'uncertain' AND code = 'worker_lost'").await;
    until(&world, 1, "state = 'expired' AND code = 'not_taken'").await;
    assert_eq!(world.count("send.test_message", "true").await, 2, "after a week it is forgotten");
    assert_eq!(desk.posts(), 0);
}
