//! Cancel drops what has not left, and says how many.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::campaign::CancelCampaignRequest;
use serde_json::json;

#[tokio::test]
async fn cancel_drops_the_rest_and_says_how_many() {
    let world = World::start(json!({"refuse": 0.0, "throttle": 0.0})).await.unwrap();
    let people: Vec<_> = (0..500).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    world.set_rate(Channel::Email, 50.0).await.unwrap();
    let campaign = world.sending(list, &[Channel::Email]).await.unwrap();
    world.until(&campaign, "some are sent", |stats| stats.channels[0].sent >= 30).await.unwrap();

    let request = CancelCampaignRequest { id: campaign.id.clone(), reason: "wrong offer".to_owned() };
    let answer = world.seeded.admin.campaigns().cancel_campaign(request).await.unwrap().into_inner();
    let stats = world.agreed(&campaign, "CANCELLED").await.unwrap();
    let part = &stats.channels[0];
    Campaign::assert_accounted_for(&stats);
    assert_eq!(part.pending, 0);
    assert_eq!(part.sent + part.cancelled, 500);
    // What was in a worker's hands at that moment may come back for a retry and be dropped a moment later.
    assert!(answer.dropped > 0 && answer.dropped <= part.cancelled && part.cancelled - answer.dropped <= 64, "{answer:?} {part:?}");
    assert_eq!(world.duplicates().await.unwrap(), 0);
    world.hub.stop().await.unwrap();
}
