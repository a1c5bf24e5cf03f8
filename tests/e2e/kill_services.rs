//! kill -9 of each service in the middle of a campaign, one after the other: nothing is sent twice, and what is uncertain is shown
//! until the provider's report settles it.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use serde_json::json;

const PEOPLE: usize = 600;

#[tokio::test]
async fn a_killed_service_repeats_nothing() {
    let mut world = World::start(json!({"refuse": 0.0, "throttle": 0.02, "stop": 0.0})).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    for channel in Channel::BY_ADDRESS {
        world.set_rate(channel, 60.0).await.unwrap();
    }
    let campaign = world.sending(list, &Channel::BY_ADDRESS).await.unwrap();
    let victims = ["dispatcher-sms", "scheduler", "analytics", "webhook-ingest", "campaign-api", "dispatcher-email", "dispatcher-whatsapp"];
    for (n, victim) in victims.into_iter().enumerate() {
        let sent = 50 + 40 * n as u64;
        world.until(&campaign, "it goes on", |stats| stats.channels.iter().all(|part| part.sent >= sent)).await.unwrap();
        let process = world.hub.process(victim).unwrap();
        process.kill9().await.unwrap();
        process.restart().await.unwrap();
    }
    // Every message that left is reported by its provider, so nothing stays uncertain but what never arrived there.
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    assert_eq!(world.duplicates().await.unwrap(), 0);
    for part in &stats.channels {
        assert_eq!(part.pending, 0, "{part:?}");
        assert!(part.sent + part.uncertain == PEOPLE as u64, "{part:?}");
        assert!(part.uncertain <= 64 * 16, "no more than was in flight: {part:?}");
    }
    world.hub.stop().await.unwrap();
}
