//! Short links, and which delivery a conversion counts for.

use crate::fixture::{Campaign, World, now};
use domain::{
    CampaignId, Channel, ContactId, DeliveryId,
    conversion::Worth,
    tracking::{CampaignTracking, Destination, WorkspaceTracking},
};
use store::{
    Role,
    attribution::{self, Cause, Converted, Converter},
    conversion::{self, New, Source, Total},
    page::Page,
    short_link::{self, Wanted},
    tracking,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const WINDOW: Duration = Duration::days(7);
const CLOCKS: Duration = Duration::minutes(5);

fn wanted(campaign: Campaign, url: &str) -> Wanted {
    let destination = Destination { url: url.to_owned(), conversion_parameter: String::new() };
    Wanted { run_id: campaign.run, workspace_id: campaign.workspace, destination }
}

#[tokio::test]
async fn a_link_of_a_run_has_one_row_however_many_ask_for_it() {
    let world = World::new().await;
    let (one, other) = (world.campaign(1, 1.0).await, world.campaign(1, 1.0).await);
    let dispatcher = world.connect_as(Role::Dispatcher).await;
    let urls: Vec<_> = (0..50).map(|n| format!("https://shop.example/{n}?{}", "x".repeat(1_000))).collect();
    // Many at once, each in an order of its own.
    let asking = (0..8_usize).map(|shift| {
        let (dispatcher, urls) = (dispatcher.clone(), urls.clone());
        tokio::spawn(async move {
            let links: Vec<_> = urls.iter().cycle().skip(shift * 7).take(urls.len()).map(|url| wanted(one, url)).collect();
            short_link::ensure(&mut dispatcher.acquire().await.unwrap(), &links, now()).await.unwrap()
        })
    });
    let mut answers = Vec::new();
    for answer in asking.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.len() == 50));
    let again = [wanted(one, &urls[3]), wanted(other, &urls[3]), wanted(one, &urls[3])];
    let mut connection = dispatcher.acquire().await.unwrap();
    let numbers = short_link::ensure(&mut connection, &again, now()).await.unwrap();
    assert_eq!(numbers[&again[0]], answers[0][&again[0]]);
    assert_ne!(numbers[&again[0]], numbers[&again[1]], "another run's link is another one");
    let told = Wanted {
        destination: Destination { conversion_parameter: "click".to_owned(), ..again[0].destination.clone() },
        ..again[0].clone()
    };
    let number = short_link::ensure(&mut connection, std::slice::from_ref(&told), now()).await.unwrap()[&told];
    let ingest = world.connect_as(Role::Ingest).await;
    let mut connection = ingest.acquire().await.unwrap();
    assert_eq!(short_link::find(&mut connection, number).await.unwrap(), Some(told.destination));
    assert_eq!(short_link::find(&mut connection, i64::MAX).await.unwrap(), None);
    assert_eq!(world.text("SELECT count(*) FROM send.short_link").await, "52");
}

#[tokio::test]
async fn a_run_is_tracked_as_its_campaign_and_workspace_say() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    let mut connection = world.db.acquire().await.unwrap();
    let defaults = Some((WorkspaceTracking::default(), CampaignTracking::default()));
    assert_eq!(tracking::of_run(&mut connection, campaign.run).await.unwrap(), defaults);
    let settings =
        WorkspaceTracking { base_url: "https://links.example.com".to_owned(), attribution_hours: 24, ..WorkspaceTracking::default() };
    tracking::put(&mut connection, campaign.workspace, &WorkspaceTracking::default()).await.unwrap();
    tracking::put(&mut connection, campaign.workspace, &settings).await.unwrap();
    world.execute(format!("UPDATE core.campaign SET tracking = '{{\"opens\": false}}' WHERE campaign_id = '{}'", campaign.campaign)).await;
    let expected = Some((settings, CampaignTracking { opens: Some(false), ..CampaignTracking::default() }));
    assert_eq!(tracking::of_run(&mut connection, campaign.run).await.unwrap(), expected);
    assert_eq!(tracking::of_run(&mut connection, domain::RunId::new()).await.unwrap(), None);
}

/// One contact who got a message of each of two campaigns, on the same workspace.
struct Touched {
    world: World,
    campaign: Campaign,
    contact: ContactId,
    first: DeliveryId,
    second: DeliveryId,
    second_campaign: CampaignId,
}

impl Touched {
    async fn new() -> Self {
        let world = World::new().await;
        let campaign = world.campaign(1, 1.0).await;
        world.expand(campaign, 100).await;
        let first = DeliveryId(world.delivery_ids(campaign).await[0]);
        let contact =
            ContactId(world.text(&format!("SELECT contact_id FROM send.delivery WHERE delivery_id = {first}")).await.parse().unwrap());
        let (other, run) = (CampaignId::new(), Uuid::now_v7());
        world
            .execute(format!(
                "INSERT INTO core.campaign (campaign_id, workspace_id, name, status, created_by, created_at, updated_at)
                 VALUES ('{other}', '{}', 'other', 'ACTIVE', 'test', now(), now())",
                campaign.workspace
            ))
            .await;
        world
            .execute(format!(
                "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content,
                                       created_at, expires_at)
                 VALUES ('{run}', '{}', '{other}', 'once', 'sending', '{run}', 1, '{{}}', now(), now())",
                campaign.workspace
            ))
            .await;
        world
            .execute(format!(
                "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, updated_at)
                 VALUES ('{}', '{other}', '{run}', '{contact}', '{}', 'email', 'queued', 'a@example.com', now())",
                campaign.workspace, campaign.sender
            ))
            .await;
        let second = world.text("SELECT max(delivery_id) FROM send.delivery").await;
        Self { world, campaign, contact, first, second: DeliveryId(second.parse().unwrap()), second_campaign: other }
    }

    /// What became of a delivery: when it left, was opened, was clicked, in days ago.
    async fn did(&self, delivery: DeliveryId, sent: f64, opened: Option<f64>, clicked: Option<f64>) {
        let ago = |days: Option<f64>| days.map_or("NULL".to_owned(), |days| format!("now() - interval '{days} days'"));
        let (sent, opened, clicked) = (ago(Some(sent)), ago(opened), ago(clicked));
        self.world.execute(format!("UPDATE send.delivery SET state = 'accepted', sent_at = {sent} WHERE delivery_id = {delivery}")).await;
        self.world
            .execute(format!(
                "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, opened_at, clicked_at)
                 VALUES ({delivery}, '{}', 0, now(), {opened}, {clicked})
                 ON CONFLICT (delivery_id) DO UPDATE SET opened_at = excluded.opened_at, clicked_at = excluded.clicked_at",
                self.campaign.workspace
            ))
            .await;
    }

    async fn cause(&self, by: Converter, campaign_id: Option<CampaignId>, at: OffsetDateTime) -> Option<Cause> {
        let api = self.world.connect_as(Role::Api).await;
        let mut tx = api.tenant(self.campaign.workspace).await.unwrap();
        let asked = [Converted { by, campaign_id, at }];
        attribution::to_convert(&mut tx, self.campaign.workspace, &asked, WINDOW, CLOCKS).await.unwrap().remove(0)
    }

    async fn caused_now(&self) -> Option<DeliveryId> {
        self.cause(Converter::Contact(self.contact), None, now()).await.map(|cause| cause.delivery_id)
    }
}

#[tokio::test]
async fn the_last_touch_within_the_window_is_the_cause() {
    let touched = Touched::new().await;
    let (first, second) = (touched.first, touched.second);
    assert_eq!(touched.caused_now().await, None, "nothing has left yet");
    touched.did(first, 8.0, None, None).await;
    assert_eq!(touched.caused_now().await, None, "too long ago");
    touched.did(first, 2.0, None, None).await;
    touched.did(second, 1.0, None, None).await;
    assert_eq!(touched.caused_now().await, Some(second), "without any other touch the newest that arrived");
    touched.did(first, 2.0, Some(1.5), None).await;
    assert_eq!(touched.caused_now().await, Some(first), "the one that was opened");
    touched.did(second, 30.0, Some(30.0), Some(3.0)).await;
    assert_eq!(touched.caused_now().await, Some(second), "a click wins, however old the message");
    touched.did(first, 2.0, Some(1.5), Some(1.0)).await;
    assert_eq!(touched.caused_now().await, Some(first), "the last click");
    let by = Converter::Contact(touched.contact);
    let cause = touched.cause(by, Some(touched.second_campaign), now()).await.unwrap();
    let expected =
        Cause { delivery_id: second, campaign_id: touched.second_campaign, contact_id: touched.contact, channel: Channel::Email };
    assert_eq!(cause, expected, "of that campaign");
    let before = touched.cause(by, None, now() - Duration::days(2)).await.unwrap();
    assert_eq!(before.delivery_id, second, "what came after a conversion has not caused it");
    assert_eq!(touched.cause(Converter::Contact(ContactId::new()), None, now()).await, None);
}

#[tokio::test]
async fn a_click_that_is_not_counted_yet_is_known_by_its_token() {
    let touched = Touched::new().await;
    let (first, second) = (touched.first, touched.second);
    touched.did(first, 5.0, None, None).await;
    touched.did(second, 3.0, Some(2.0), Some(2.0)).await;
    let clicked = |days| Converter::Clicked(first, now() - Duration::days(days));
    assert_eq!(touched.cause(clicked(1), None, now()).await.unwrap().delivery_id, first);
    assert_eq!(touched.cause(clicked(4), None, now()).await.unwrap().delivery_id, second, "there was another click since");
    assert_eq!(touched.cause(clicked(9), None, now()).await.unwrap().delivery_id, second, "the token says who it is all the same");
    assert_eq!(touched.cause(Converter::Clicked(DeliveryId(i64::MAX), now()), None, now()).await, None);
    let stranger = touched.world.campaign(1, 1.0).await;
    let api = touched.world.connect_as(Role::Api).await;
    let mut tx = api.tenant(stranger.workspace).await.unwrap();
    let asked = [Converted { by: clicked(1), campaign_id: None, at: now() }];
    assert_eq!(attribution::to_convert(&mut tx, stranger.workspace, &asked, WINDOW, CLOCKS).await.unwrap(), [None]);
}

#[tokio::test]
async fn an_order_is_one_conversion_and_the_shops_own_word_wins() {
    let touched = Touched::new().await;
    touched.did(touched.first, 1.0, None, None).await;
    let cause = touched.cause(Converter::Contact(touched.contact), None, now()).await.unwrap();
    let worth = |micros| Worth::new(micros, "AED").unwrap();
    let new = |order: &str, micros| New {
        conversion_id: Uuid::now_v7(),
        order_id: order.to_owned(),
        cause: cause.clone(),
        worth: worth(micros),
        source: Source::Pixel,
        converted_at: now(),
    };
    let (workspace, campaign) = (touched.campaign.workspace, cause.campaign_id);
    let api = touched.world.connect_as(Role::Api).await;
    let mut tx = api.tenant(workspace).await.unwrap();
    let added = conversion::add(&mut tx, workspace, &[new("b", 5), new("a", 0)], now()).await.unwrap();
    assert_eq!(added.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    let added = conversion::add(&mut tx, workspace, &[new("b", 9), new("c", 7)], now()).await.unwrap();
    assert_eq!(added.into_iter().collect::<Vec<_>>(), ["c"], "told before");
    assert_eq!(conversion::told_by_pixel(&mut tx, workspace, &[cause.delivery_id.0]).await.unwrap(), [(cause.delivery_id, 3)]);
    assert_eq!(conversion::told_before(&mut tx, workspace, "x", None).await.unwrap(), None);
    for micros in [0, 20, 30] {
        let first = conversion::told_before(&mut tx, workspace, "b", worth(micros)).await.unwrap();
        assert_eq!(first, Some((cause.delivery_id, campaign)));
    }
    let page = conversion::list(&mut tx, workspace, campaign, Page::parse(10, "").unwrap()).await.unwrap();
    let told: Vec<_> = page.iter().map(|c| (c.order_id.as_str(), c.value_micros, c.source)).collect();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&("b", 20, Source::Api)), "the first value that the API told: {told:?}");
    let total = |currency: &str, conversions, value_micros| Total {
        channel: Channel::Sms,
        currency: currency.to_owned(),
        conversions,
        value_micros,
    };
    assert_eq!(conversion::totals(&mut tx, workspace, campaign).await.unwrap(), [total("", 1, 0), total("AED", 2, 27)]);
    tx.commit().await.unwrap();
    touched.world.execute(format!("DELETE FROM core.contact WHERE contact_id = '{}'", touched.contact)).await;
    let mut tx = api.tenant(workspace).await.unwrap();
    let page = conversion::list(&mut tx, workspace, campaign, Page::parse(10, "").unwrap()).await.unwrap();
    assert!(page.len() == 3 && page.iter().all(|c| c.contact_id.is_none()), "what was sold stays sold");
}
