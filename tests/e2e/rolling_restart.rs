//! Every service is restarted while campaigns are being sent, politely and one after the other, as a rollout does: each ends within
//! its 20 s, nothing is lost, repeated or left uncertain.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use serde_json::json;
use std::time::{Duration, Instant};

const PEOPLE: usize = 900;
/// What a service is given before it is killed.
const GRACE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_rolling_restart_under_load_loses_and_repeats_nothing() {
    let mut world = World::start(json!({"latency_ms": [20, 200], "refuse": 0.0, "throttle": 0.0, "stop": 0.0})).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    for channel in Channel::BY_ADDRESS {
        world.set_rate(channel, 40.0).await.unwrap();
    }
    let campaign = world.sending(list, &Channel::BY_ADDRESS).await.unwrap();
    world.until(&campaign, "it is on its way", |stats| stats.channels.iter().all(|part| part.sent > 20)).await.unwrap();
    let services: Vec<_> = world.hub.names().filter(|name| *name != "sandbox").map(str::to_owned).collect();
    for service in &services {
        let process = world.hub.process(service).unwrap();
        let asked = Instant::now();
        process.stop().await.unwrap();
        assert!(asked.elapsed() < GRACE, "{service} had to be killed");
        process.restart().await.unwrap();
    }
    let stats = world.stats(&campaign).await.unwrap();
    assert!(stats.channels.iter().any(|part| part.pending > 0), "the campaign was over before the last restart: {stats:?}");

    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    for part in &stats.channels {
        assert_eq!((part.sent, part.uncertain), (PEOPLE as u64, 0), "{part:?}");
    }
    assert_eq!(world.sandbox().log().await.unwrap().len(), PEOPLE * Channel::BY_ADDRESS.len());
    assert_eq!(world.duplicates().await.unwrap(), 0);
    world.hub.stop().await.unwrap();
}
