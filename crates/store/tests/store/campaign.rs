//! Campaigns are read back as they were written, and change only from the status that the change was meant for.

use crate::fixture::{Campaign as Running, World};
use domain::{
    Channel, SenderId,
    campaign::{ChannelSettings, EngagementRule, Lane, ScheduleText, Settings, Status},
    gate::Engagement,
};
use std::collections::BTreeMap;
use store::{campaign, page::Page};

async fn read(world: &World, campaign: Running) -> campaign::Campaign {
    let mut connection = world.db.acquire().await.unwrap();
    campaign::get(&mut connection, campaign.workspace, campaign.campaign).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_edited_is_read_back_and_parts_are_replaced() {
    let world = World::new().await;
    let running = world.campaign(0, 1.0).await;
    let mut draft = read(&world, running).await;
    assert_eq!(draft.settings.channels, BTreeMap::from([(Channel::Sms, ChannelSettings::of(running.sender))]));
    assert_eq!(draft.settings.list_ids, [running.list.into()]);
    assert_eq!(draft.run_id, Some(running.run));
    let rescued = ChannelSettings {
        budget_micros: Some(1),
        fallback_sender_id: Some(running.sender),
        rescue_channel: Some(Channel::Whatsapp),
        rescue_only: true,
        ..ChannelSettings::of(running.sender)
    };
    let rule =
        EngagementRule { on_channel: Channel::Email, engagement: Engagement::Clicked, within_hours: 1, skip_channel: Channel::Whatsapp };
    draft.settings = Settings {
        name: "Autumn".to_owned(),
        description: "sale".to_owned(),
        channels: [(Channel::Email, rescued), (Channel::Whatsapp, ChannelSettings::of(running.sender))].into(),
        list_ids: Vec::new(),
        exclude_list_ids: vec![running.list.into()],
        segment_ids: Vec::new(),
        exclude_segment_ids: Vec::new(),
        freeze: domain::campaign::Freeze::Scheduling,
        schedule: Some(ScheduleText { local_time: "2026-12-24T09:00:00".to_owned(), timezone: "Asia/Dubai".to_owned() }),
        template_id: None,
        expires_after_hours: 5,
        budget_micros: Some(12_500_000),
        lane: Lane::Transactional,
        rules: [48, 0].map(|within_hours| EngagementRule { within_hours, ..rule }).into(),
        tracking: domain::tracking::CampaignTracking { opens: Some(false), without_utm: true, ..Default::default() },
        ..Settings::default()
    };
    draft.revision = 2;
    let mut tx = world.db.begin().await.unwrap();
    assert!(campaign::save_settings(&mut tx, Status::Active, &draft).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(read(&world, running).await, draft);
}

#[tokio::test]
async fn of_one_that_runs_only_what_may_still_be_edited_is_written() {
    let world = World::new().await;
    let running = world.campaign(0, 1.0).await;
    let before = read(&world, running).await;
    let mut after = before.clone();
    let rule = EngagementRule { on_channel: Channel::Sms, engagement: Engagement::Opened, within_hours: 1, skip_channel: Channel::Email };
    after.settings.name = "other".to_owned();
    after.settings.list_ids.clear();
    after.settings.channels.insert(Channel::Email, ChannelSettings::of(running.sender));
    after.settings.channels.get_mut(&Channel::Sms).unwrap().budget_micros = Some(5);
    (after.settings.budget_micros, after.settings.expires_after_hours, after.settings.rules) = (Some(9), 5, vec![rule]);
    (after.revision, after.template_version) = (2, Some(1));
    let mut tx = world.db.begin().await.unwrap();
    assert!(campaign::save_running(&mut tx, Status::Active, &after).await.unwrap());
    tx.commit().await.unwrap();
    let mut expected = campaign::Campaign { revision: 2, template_version: Some(1), ..before };
    expected.settings.channels.get_mut(&Channel::Sms).unwrap().budget_micros = Some(5);
    (expected.settings.budget_micros, expected.settings.expires_after_hours) = (Some(9), 5);
    expected.settings.rules = vec![rule];
    assert_eq!(read(&world, running).await, expected);
}

#[tokio::test]
async fn a_change_meant_for_another_status_writes_nothing() {
    let world = World::new().await;
    let running = world.campaign(0, 1.0).await;
    let before = read(&world, running).await;
    let mut after = before.clone();
    after.settings.name = "too late".to_owned();
    after.status = Status::Draft;
    let mut tx = world.db.begin().await.unwrap();
    assert!(!campaign::save_state(&mut tx, Status::Scheduled, &after).await.unwrap());
    assert!(!campaign::save_settings(&mut tx, Status::Scheduled, &after).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(read(&world, running).await, before);
}

#[tokio::test]
async fn pages_go_through_all_campaigns_newest_first() {
    let world = World::new().await;
    let running = world.campaign(0, 1.0).await;
    let model = read(&world, running).await;
    let mut tx = world.db.begin().await.unwrap();
    for n in 0..4 {
        let status = if n % 2 == 0 { Status::Draft } else { Status::Cancelled };
        let campaign = campaign::Campaign { campaign_id: domain::CampaignId::new(), status, ..model.clone() };
        campaign::insert(&mut tx, &campaign).await.unwrap();
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = Page::parse(2, &token).unwrap();
        let mut rows = campaign::list(&mut tx, running.workspace, page, None).await.unwrap();
        token = page.finish(&mut rows, |campaign| campaign.campaign_id.0);
        seen.extend(rows.into_iter().map(|campaign| campaign.campaign_id));
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    let page = Page::parse(0, "").unwrap();
    let drafts = campaign::list(&mut tx, running.workspace, page, Some(Status::Draft)).await.unwrap();
    assert_eq!(drafts.len(), 2);
}

#[tokio::test]
async fn waiting_deliveries_are_counted() {
    let world = World::new().await;
    let running = world.campaign(3, 1.0).await;
    world.contact(running, "", None).await;
    world.expand(running, 100).await;
    let mut connection = world.db.acquire().await.unwrap();
    assert_eq!(campaign::count_waiting(&mut connection, running.campaign).await.unwrap(), 3);
}

#[tokio::test]
async fn facts_say_which_variants_a_template_has() {
    let world = World::new().await;
    let running = world.campaign(0, 1.0).await;
    world
        .execute(
            r#"UPDATE core.template_version SET content = '{"fragments": {}, "email": null, "sms": {"text": "hi"},
                 "whatsapp": {"twilio": null, "meta": {"name": "spring"}}}'"#
                .to_owned(),
        )
        .await;
    let settings = read(&world, running).await.settings;
    let mut connection = world.db.acquire().await.unwrap();
    let facts = campaign::facts(&mut connection, running.workspace, &[&settings]).await.unwrap();
    let template = &facts.templates[&settings.template_id.unwrap()];
    assert_eq!((template.version, template.email, template.sms, template.whatsapp.as_slice()), (1, false, true, &["meta".to_owned()][..]));
    assert_eq!(facts.senders[&running.sender].provider, "twilio");
    assert!(!facts.lists[&running.list.into()].archived);
    assert!(!facts.senders.contains_key(&SenderId::new()));
}
