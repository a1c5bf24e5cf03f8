//! The end of a dispatcher that has its hands full.

use crate::{
    desk::{Desk, Reply},
    world::World,
};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_dispatcher_with_every_slot_taken_and_calls_that_hang_ends_in_order() {
    let (world, desk) = (World::new().await, Desk::start().await);
    desk.reply(Reply::Hang);
    world.campaign(desk.address, 100, 1e6, "bulk").await;
    let mut running = world.dispatch(|_| ());
    world.until_true("calls hang", async || desk.posts() >= 64).await;
    // One job for each: they take all the other slots, and wait for their sender's pace.
    let slow = world.campaign(desk.address, 300, 0.05, "bulk").await;
    world.hand_out_all().await;
    world.until_true("the slow sender's jobs are worked on", async || world.count("send.rate_bucket", "true").await == 2).await;
    let begun = Instant::now();
    running.shutdown.begin();
    (&mut running.ended).await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(world.deliveries("state = 'sending'").await, 0, "every call was seen to its end, and recorded");
    assert_eq!(world.count("send.worker", "true").await, 0);
    let queued = format!("campaign_id = '{}' AND state = 'queued'", slow.id);
    assert!(world.deliveries(&queued).await >= 290);
    let uncertain = world.deliveries("state = 'uncertain' AND reason = 'timeout'").await;
    assert!(uncertain >= 64, "{uncertain} were with the provider");
}
