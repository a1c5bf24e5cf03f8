//! One campaign over three channels: both sides count the same, and nobody gets a message twice or against their will.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::optout::{AddOptOutsRequest, OptOut};
use serde_json::json;
use std::collections::HashSet;

#[tokio::test]
async fn figures_agree_and_nobody_is_bothered() {
    let world = World::start(json!({})).await.unwrap();
    let mut people: Vec<_> = (0..300).map(Contact::numbered).collect();
    people.push(Contact { email: "PERSON1@example.com".to_owned(), phone: "00971 50 100 0001".to_owned() });
    people.push(Contact { email: "nobody@".to_owned(), phone: "12".to_owned() });
    people.push(Contact { email: String::new(), phone: String::new() });
    let list = world.people(&people).await.unwrap();
    let opted_out = OptOut { address: people[2].phone.clone(), ..OptOut::default() };
    world.seeded.agent.opt_outs().add_opt_outs(AddOptOutsRequest { opt_outs: vec![opted_out] }).await.unwrap();

    let campaign = world.sending(list, &Channel::BY_ADDRESS).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();

    Campaign::assert_accounted_for(&stats);
    for part in &stats.channels {
        assert_eq!(part.target, 303, "{part:?}");
        assert_eq!(part.pending + part.uncertain, 0, "{part:?}");
        for reason in ["no_address", "invalid_address", "duplicate"] {
            assert_eq!(part.suppressed.get(reason), Some(&1), "{reason}: {part:?}");
        }
    }
    assert_eq!(world.duplicates().await.unwrap(), 0);
    let log = world.sandbox().log().await.unwrap();
    let reached: HashSet<_> = log.iter().map(|message| message.to.trim_start_matches('+')).collect();
    assert!(!reached.contains(people[2].phone.trim_start_matches('+')), "an opted-out number got a message");
    let delivered: u64 = stats.channels.iter().map(|part| part.delivered).sum();
    assert!(delivered > 700, "{stats:?}");
    world.hub.stop().await.unwrap();
}
