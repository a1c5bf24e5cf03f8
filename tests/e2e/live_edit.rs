//! A typo in a shared fragment is mended once, while the campaign runs: every channel is right from then on, and what has left stays what
//! it was.

use cli::campaign::moves;
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{
    analytics::{ChannelStats, Delivery, GetCampaignStatsRequest, GetCampaignStatsResponse, ListDeliveriesRequest},
    campaign::{ApprovalDecision, GetCampaignRequest, UpdateCampaignRequest},
    convert::channel_number,
    template::{GetTemplateRequest, UpdateTemplateRequest},
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What the fragment says at first, and what it says in the end.
const WRONG: &str = "20% off";
const RIGHT: &str = "30% off";
const PEOPLE: usize = 300;

/// Corrects the fragment, and the running campaign with it: an agent asks, an admin approves.
async fn mend(world: &World, campaign: &Campaign) {
    let (agent, admin) = (&world.seeded.agent, &world.seeded.admin);
    let request = GetCampaignRequest { id: campaign.id.clone() };
    let running = agent.campaigns().get_campaign(request).await.unwrap().into_inner().campaign.unwrap();
    let settings = running.settings.unwrap();
    let request = GetTemplateRequest { id: settings.template_id.clone(), version: 0 };
    let mut content = agent.templates().get_template(request).await.unwrap().into_inner().template.unwrap().content.unwrap();
    assert_eq!(content.fragments.insert("offer".to_owned(), RIGHT.to_owned()).as_deref(), Some(WRONG));
    let id = settings.template_id.clone();
    let request = UpdateTemplateRequest { id, content: Some(content), ..UpdateTemplateRequest::default() };
    let version = agent.templates().update_template(request).await.unwrap().into_inner().template.unwrap().version;
    let request = UpdateCampaignRequest {
        id: campaign.id.clone(),
        settings: Some(settings),
        base_revision: running.revision,
        template_version: version,
    };
    let asked = agent.campaigns().update_campaign(request).await.unwrap().into_inner().campaign.unwrap();
    let review = asked.review.unwrap();
    assert_eq!((review.decision(), asked.content_version), (ApprovalDecision::Pending, 1));
    assert_eq!(review.changed, ["content.fragments.offer", "template_version"]);
    let mended = moves::approve_exactly(admin, campaign.id.clone(), review.hash).await.unwrap();
    assert_eq!(mended.content_version, 2);
}

async fn deliveries(world: &World, campaign: &Campaign) -> Vec<Delivery> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            ListDeliveriesRequest { campaign_id: campaign.id.clone(), page_size: 500, page_token, ..ListDeliveriesRequest::default() };
        let page = world.seeded.agent.analytics().list_deliveries(request).await.unwrap().into_inner();
        all.extend(page.deliveries);
        if page.next_page_token.is_empty() {
            return all;
        }
        page_token = page.next_page_token;
    }
}

/// The version of which a message is, by what it says.
fn said(message: &Value) -> u32 {
    let text = message.to_string();
    match (text.contains(WRONG), text.contains(RIGHT)) {
        (true, false) => 1,
        (false, true) => 2,
        _ => panic!("neither or both: {text}"),
    }
}

fn place(channel: &str, address: &str) -> (String, String) {
    (channel.to_owned(), address.trim_start_matches('+').to_lowercase())
}

#[tokio::test]
async fn a_typo_is_mended_once_in_all_channels_and_only_for_what_has_not_been_sent() {
    let world = World::start(json!({"refuse": 0.0, "throttle": 0.0, "stop": 0.0})).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    for channel in Channel::BY_ADDRESS {
        world.set_rate(channel, 25.0).await.unwrap();
    }
    let campaign = world.sending(list, &Channel::BY_ADDRESS).await.unwrap();
    let begun = |stats: &proto::analytics::CampaignStats| stats.channels.iter().all(|part| part.sent >= 40);
    world.until(&campaign, "some are sent on each channel", begun).await.unwrap();
    mend(&world, &campaign).await;
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    assert_eq!(world.duplicates().await.unwrap(), 0, "what has left is not sent again");

    let log = world.sandbox().messages().await.unwrap();
    let mut counts: HashMap<(String, u32), u64> = HashMap::new();
    let mut versions = HashMap::new();
    for message in &log {
        let (channel, version) = (message["channel"].as_str().unwrap(), said(message));
        *counts.entry((channel.to_owned(), version)).or_default() += 1;
        versions.insert(place(channel, message["to"].as_str().unwrap()), version);
    }
    assert_eq!(log.len(), 3 * PEOPLE);
    for delivery in deliveries(&world, &campaign).await {
        let channel = proto::convert::channel(delivery.channel).unwrap().as_str();
        assert_eq!(versions.get(&place(channel, &delivery.address)), Some(&delivery.content_version), "{delivery:?}");
    }

    let request = GetCampaignStatsRequest { campaign_id: campaign.id.clone(), by_version: true };
    let GetCampaignStatsResponse { versions, .. } = world.seeded.agent.analytics().get_campaign_stats(request).await.unwrap().into_inner();
    for channel in Channel::BY_ADDRESS {
        let of = |lines: &[ChannelStats], version: u32| {
            let line = lines.iter().find(|line| line.channel == channel_number(channel)).map_or(0, |line| line.sent);
            assert_eq!(line, counts[&(channel.to_string(), version)], "{channel} version {version}");
            line
        };
        let sent: u64 = versions.iter().filter(|one| one.content_version > 0).map(|one| of(&one.channels, one.content_version)).sum();
        assert_eq!(sent, PEOPLE as u64);
        assert!(counts[&(channel.to_string(), 1)] >= 40 && counts[&(channel.to_string(), 2)] > 0, "{counts:?}");
    }
    world.hub.stop().await.unwrap();
}
