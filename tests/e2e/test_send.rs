//! A template is tried out on every channel before its campaign is sent: what arrives is seen at the providers, and in no figure.

use domain::Channel;
use e2e::{Contact, World};
use proto::{
    convert::channel_number,
    template::{GetTestSendRequest, TestSend, TestSendTemplateRequest, TestState},
};
use serde_json::json;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);

/// Sends a campaign's message on a channel to one address, and waits for what becomes of it.
async fn try_out(world: &World, campaign_id: &str, channel: Channel, to: &str) -> TestSend {
    let request = TestSendTemplateRequest {
        campaign_id: campaign_id.to_owned(),
        channel: channel_number(channel),
        addresses: vec![to.to_owned()],
        ..TestSendTemplateRequest::default()
    };
    let agent = &world.seeded.agent;
    let mut test = agent.templates().test_send_template(request).await.unwrap().into_inner().test_send.unwrap();
    let started = Instant::now();
    while !test.done {
        assert!(started.elapsed() < world.patience, "not in time: {test:?}");
        tokio::time::sleep(POLL).await;
        let request = GetTestSendRequest { id: test.id };
        test = agent.templates().get_test_send(request).await.unwrap().into_inner().test_send.unwrap();
    }
    test
}

#[tokio::test]
async fn a_test_arrives_and_counts_nowhere() {
    let world = World::start(json!({"refuse": 0.0, "throttle": 0.0, "stop": 0.0})).await.unwrap();
    let list = world.people(&[Contact::numbered(1)]).await.unwrap();
    let campaign = world.approved(list, &Channel::BY_ADDRESS, None).await.unwrap();
    for channel in Channel::BY_ADDRESS {
        let to = if channel.uses_phone() { "+971501999999" } else { "me@example.com" };
        let test = try_out(&world, &campaign.id, channel, to).await;
        assert_eq!(test.messages[0].state(), TestState::Accepted, "{channel}: {test:?}");
        assert!(!test.messages[0].provider_message_id.is_empty());
    }
    let log = world.sandbox().log().await.unwrap();
    assert_eq!(log.len(), 3, "one a channel, and nothing of the campaign");
    // Reports on them come too, and must not become figures.
    let started = Instant::now();
    while world.sandbox().figures().await.unwrap().pending > 0 {
        assert!(started.elapsed() < world.patience, "callbacks are still to come");
        tokio::time::sleep(POLL).await;
    }
    let stats = world.stats(&campaign).await.unwrap();
    assert!(stats.channels.iter().all(|part| part.target + part.sent + part.delivered == 0), "{stats:?}");
    world.hub.stop().await.unwrap();
}
