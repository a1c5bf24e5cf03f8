//! What is uncertain, and what failed after it was accepted.

use crate::{
    desk::{Desk, Reply},
    world::World,
};

/// Makes its time come.
const NOW: &str = "UPDATE send.delivery SET settle_at = now() WHERE state = 'uncertain'";

#[tokio::test]
async fn what_the_provider_took_without_saying_so_is_found_and_sent_once() {
    let (world, desk) = (World::new().await, Desk::start().await);
    desk.reply(Reply::TakeAndFail);
    world.campaign(desk.address, 3, 1e6, "bulk").await;
    let _running = world.dispatch(|_| ());
    world.until(3, "state = 'uncertain' AND doubtful AND settle_at > now() + interval '50 seconds'").await;
    desk.reply(Reply::Take);
    world.execute(NOW).await;
    world.until(3, "state = 'accepted' AND provider_message_id LIKE 'SM%' AND NOT doubtful").await;
    assert_eq!((desk.taken(), desk.posts(), desk.most_for_one()), (3, 3, 1));
    assert_eq!(world.count("send.decision", "verdict = 'accepted' AND rule = 'accepted by look-up'").await, 3);
}

#[tokio::test]
async fn what_the_provider_never_got_is_sent_again() {
    let (world, desk) = (World::new().await, Desk::start().await);
    desk.reply(Reply::Fail);
    world.campaign(desk.address, 3, 1e6, "bulk").await;
    let _running = world.dispatch(|_| ());
    world.until(3, "state = 'uncertain'").await;
    desk.reply(Reply::Take);
    world.execute(NOW).await;
    world.until(3, "state = 'accepted' AND attempt = 2").await;
    assert_eq!((desk.taken(), desk.posts(), desk.most_for_one()), (3, 6, 1));
}

#[tokio::test]
async fn what_nobody_can_say_anything_about_is_unknown_in_the_end() {
    let (world, desk) = (World::new().await, Desk::start().await);
    desk.reply(Reply::TakeAndFail);
    world.campaign(desk.address, 2, 1e6, "bulk").await;
    let _running = world.dispatch(|config| config.unknown_after = 1);
    world.until(2, "state = 'uncertain'").await;
    world.execute("UPDATE send.delivery SET settle_at = now() + interval '1 second', uncertain_at = now() - interval '1 day'").await;
    world.until(2, "state = 'unknown'").await;
    assert_eq!(desk.posts(), 2);
}

#[tokio::test]
async fn a_failure_that_is_reported_later_is_tried_again_once() {
    let (world, desk) = (World::new().await, Desk::start().await);
    world.campaign(desk.address, 2, 1e6, "bulk").await;
    let _running = world.dispatch(|_| ());
    world.until(2, "state = 'accepted'").await;
    let report = "INSERT INTO stats.notice (delivery_id, channel, kind, code, provider_message_id, created_at)
                  SELECT delivery_id, channel, 'failed', '30017', provider_message_id, now() FROM send.delivery";
    world.execute(report).await;
    world.execute(report).await;
    world.until(2, "state = 'retry_wait' AND repeats = 1 AND reason = '30017'").await;
    world.execute("UPDATE send.delivery SET next_attempt_at = now()").await;
    world.until(2, "state = 'accepted' AND attempt = 2").await;
    // A report of the first try comes once more: it says nothing of the second.
    world
        .execute(
            "INSERT INTO stats.notice (delivery_id, channel, kind, code, provider_message_id, created_at)
             SELECT delivery_id, channel, 'failed', '30017', 'SM-of-the-first', now() FROM send.delivery",
        )
        .await;
    world.until_true("the notices are taken", async || world.count("stats.notice", "true").await == 0).await;
    assert_eq!((world.deliveries("state = 'accepted'").await, desk.posts()), (2, 4));
}
