//! Messages that a person waits for.

use crate::{desk::Desk, world::World};

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
