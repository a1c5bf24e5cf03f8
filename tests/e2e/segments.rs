//! A reminder to those who got a first message and did not click it: the segment is looked up when the second campaign starts, by what has been
//! reported until then.

use cli::{campaign::moves, hub::accounts};
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{
    campaign::{GetCampaignRequest, PreviewAudienceRequest, Settings},
    common::Channel as WireChannel,
    contact::{CreateSegmentRequest, Deed, EngagementTest, Filter, Filters, filter::Test},
};
use serde_json::json;

const PEOPLE: usize = 120;

fn did(deed: Deed, campaign: &Campaign) -> Filter {
    let test = EngagementTest { did: deed.into(), campaign_id: campaign.id.clone(), channel: WireChannel::Email.into(), within_days: 1 };
    Filter { test: Some(Test::Engagement(test)) }
}

#[tokio::test]
async fn a_reminder_goes_to_those_who_did_not_click() {
    let behaviour = json!({"refuse": 0.0, "throttle": 0.0, "fail": 0.0, "stop": 0.0, "read": 0.6, "click": 0.5});
    let world = World::start(behaviour).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    for channel in [Channel::Email, Channel::Sms] {
        world.set_rate(channel, 200.0).await.unwrap();
    }
    let first = world.sending(list, &[Channel::Email]).await.unwrap();
    let stats = world.agreed(&first, "COMPLETED").await.unwrap();
    let clicked = stats.channels[0].clicked;
    assert!(clicked > 0 && clicked < PEOPLE as u64, "{clicked}");

    let (agent, admin) = (&world.seeded.agent, &world.seeded.admin);
    let not = |filter: Filter| Filter { test: Some(Test::Not(Box::new(filter))) };
    let filter = Filter { test: Some(Test::All(Filters { filters: vec![did(Deed::Sent, &first), not(did(Deed::Clicked, &first))] })) };
    let request = CreateSegmentRequest { name: "Didn't click".to_owned(), filter: Some(filter), ..CreateSegmentRequest::default() };
    let segment = agent.segments().create_segment(request).await.unwrap().into_inner().segment.unwrap();

    let senders = [(Channel::Sms, accounts::TWILIO_SMS)];
    let reminder = world.approved_with(&senders, Settings { segment_ids: vec![segment.id], ..Settings::default() }).await.unwrap();
    let request = PreviewAudienceRequest { id: reminder.id.clone(), ..PreviewAudienceRequest::default() };
    let preview = agent.campaigns().preview_audience(request).await.unwrap().into_inner();
    assert_eq!(preview.contacts, PEOPLE as u64 - clicked);
    moves::send(admin, reminder.id.clone()).await.unwrap();
    let stats = world.agreed(&reminder, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    assert_eq!((stats.channels[0].target, stats.channels[0].sent), (preview.contacts, preview.contacts));
    let shown = agent.campaigns().get_campaign(GetCampaignRequest { id: reminder.id }).await.unwrap().into_inner();
    let audience = shown.campaign.unwrap().audience.unwrap();
    assert_eq!((audience.frozen_contacts, audience.frozen_at.is_some()), (preview.contacts, true));
    world.hub.stop().await.unwrap();
}
