//! Pause stops what is queued anywhere; resume goes on exactly where it stopped.

use cli::campaign::moves;
use domain::Channel;
use e2e::{Contact, World};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn pause_stops_queued_sends_and_resume_loses_and_repeats_nothing() {
    let world = World::start(json!({"refuse": 0.0, "throttle": 0.0, "stop": 0.0})).await.unwrap();
    let people: Vec<_> = (0..400).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    world.set_rate(Channel::Sms, 60.0).await.unwrap();
    let campaign = world.sending(list, &[Channel::Sms]).await.unwrap();
    world.until(&campaign, "some are sent", |stats| stats.channels[0].sent >= 40).await.unwrap();

    moves::pause(&world.seeded.admin, campaign.id.clone()).await.unwrap();
    let paused_at = Instant::now();
    let mut last_change = paused_at;
    let mut count = world.sandbox().log().await.unwrap().len();
    // Watches for longer than the promise.
    while paused_at.elapsed() < Duration::from_secs(4) {
        let now = world.sandbox().log().await.unwrap().len();
        if now != count {
            (count, last_change) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(last_change - paused_at < Duration::from_secs(2), "a message left {:?} after the pause", last_change - paused_at);
    assert!(count < 400, "the pause came too late to show anything");

    moves::resume(&world.seeded.admin, campaign.id.clone()).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    assert_eq!(stats.channels[0].sent, 400);
    assert_eq!(world.sandbox().log().await.unwrap().len(), 400);
    assert_eq!(world.duplicates().await.unwrap(), 0);
    world.hub.stop().await.unwrap();
}
