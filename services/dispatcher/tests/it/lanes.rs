//! Messages that a person waits for.

use crate::{desk::Desk, world::World};
use std::time::{Duration, Instant};
use store::admin::raw;

/// How long the database lets anybody wait for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(15);

#[tokio::test]
async fn transactional_messages_dont_wait_for_bulk() {
    let (world, desk) = (World::new().await, Desk::start().await);
    // It takes the only slot, and waits for its sender's pace.
    world.campaign(desk.address, 20, 0.1, "bulk").await;
    let _running = world.dispatch(|config| config.jobs = 1);
    world.until_true("bulk is under way", async || world.count("send.rate_bucket", "true").await == 1).await;
    let fast = world.campaign(desk.address, 50, 1e6, "transactional").await;
    // The window of bulk is full.
    world
        .poll("all of them are sent", async || {
            world.hand_out(1).await;
            world.deliveries(&format!("campaign_id = '{}' AND state = 'accepted'", fast.id)).await == 50
        })
        .await;
    assert!(world.deliveries("state = 'queued'").await >= 18);
    assert_eq!(world.count("send.job", "lane = 2").await, 20);
}

#[tokio::test]
async fn gates_that_wait_for_a_lock_hold_up_neither_other_lanes_nor_what_is_recorded() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let bulk = world.campaign(desk.address, 1_000, 1e6, "bulk").await;
    world.execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now())", bulk.sender)).await;
    let mut somebody = world.db.begin().await.unwrap();
    raw(&mut somebody, "SELECT FROM send.rate_bucket FOR UPDATE").await.unwrap();
    let _running = world.dispatch(|config| config.connections = 4);
    let begun = Instant::now();
    let wait = "datname = current_database() AND wait_event_type = 'Lock'";
    world.until_true("the gates wait", async || world.count("pg_stat_activity", wait).await >= 2).await;
    let fast = world.campaign(desk.address, 20, 1e6, "transactional").await;
    let sent = format!("campaign_id = '{}' AND state = 'accepted'", fast.id);
    world.until_true("the fast ones are sent and recorded", async || world.deliveries(&sent).await == 20).await;
    assert!(begun.elapsed() < LOCK_TIMEOUT, "the gates were waiting all the time");
    assert_eq!(world.deliveries("state = 'accepted'").await, 20);
    drop(somebody);
    world.until(1_020, "state = 'accepted'").await;
}
