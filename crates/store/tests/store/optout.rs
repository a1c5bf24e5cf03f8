//! The register of opt-outs, and what is looked up for messages that come back.

use crate::fixture::{World, now};
use domain::{Channel, DeliveryId, WorkerId, consent::Evidence, delivery::State};
use std::collections::BTreeSet;
use store::{
    Role,
    optout::{self, Addressee, OptOut, Page},
    record::{self, Tried},
};
use time::Duration;
use uuid::Uuid;

fn entry(channel: Option<Channel>, key: &str, source: &str) -> OptOut {
    let (address_key, source) = (key.to_owned(), source.to_owned());
    OptOut { channel, address_key, source, reason: String::new(), created_at: now(), evidence: Evidence::default() }
}

#[tokio::test]
async fn an_address_is_registered_once_a_channel() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut tx = world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap();
    let entries = [
        entry(Some(Channel::Sms), "+971501234567", "api"),
        entry(Some(Channel::Sms), "+971501234567", "keyword"),
        entry(Some(Channel::Whatsapp), "+971501234567", "api"),
        entry(None, "+971501234567", "api"),
    ];
    assert_eq!(optout::add(&mut tx, campaign.workspace, &entries, "").await.unwrap().len(), 3);
    assert!(optout::add(&mut tx, campaign.workspace, &entries, "").await.unwrap().is_empty());
    let all = optout::list(&mut tx, campaign.workspace, Some("+971501234567"), &Page::parse(0, "").unwrap()).await.unwrap();
    let channels: Vec<_> = all.iter().map(|entry| (entry.channel, entry.source.as_str())).collect();
    assert_eq!(channels, [(None, "api"), (Some(Channel::Sms), "api"), (Some(Channel::Whatsapp), "api")]);
    assert!(optout::remove(&mut tx, campaign.workspace, Some(Channel::Email), "+971501234567").await.unwrap().is_none());
    assert!(optout::remove(&mut tx, campaign.workspace, None, "+971501234567").await.unwrap().is_some());
}

#[tokio::test]
async fn the_register_is_paged() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut tx = world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap();
    let entries: Vec<_> = (0..25).map(|n| entry([None, Some(Channel::Email)][n % 2], &format!("p{:02} x@x.com", n / 2), "api")).collect();
    optout::add(&mut tx, campaign.workspace, &entries, "").await.unwrap();
    let (mut seen, mut token) = (BTreeSet::new(), String::new());
    loop {
        let page = Page::parse(10, &token).unwrap();
        let mut entries = optout::list(&mut tx, campaign.workspace, None, &page).await.unwrap();
        token = page.finish(&mut entries);
        assert!(entries.len() <= 10);
        seen.extend(entries.into_iter().map(|entry| (entry.address_key, entry.channel)));
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(Page::parse(10, "nonsense").is_err());
}

#[tokio::test]
async fn a_person_takes_back_only_what_is_theirs_and_older() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let workspace = campaign.workspace;
    let mut tx = world.connect_as(Role::Api).await.tenant(workspace).await.unwrap();
    let entries = [entry(Some(Channel::Sms), "+1", "keyword"), entry(Some(Channel::Sms), "+2", "api")];
    optout::add(&mut tx, workspace, &entries, "").await.unwrap();
    let sources = ["keyword".to_owned(), "one_click".to_owned()];
    let (before, after) = (now() - Duration::hours(1), now() + Duration::hours(1));
    assert!(optout::take_back(&mut tx, workspace, Some(Channel::Sms), "+1", &sources, before).await.unwrap().is_none());
    assert!(optout::take_back(&mut tx, workspace, Some(Channel::Whatsapp), "+1", &sources, after).await.unwrap().is_none());
    assert!(optout::take_back(&mut tx, workspace, Some(Channel::Sms), "+2", &sources, after).await.unwrap().is_none());
    assert!(optout::take_back(&mut tx, workspace, Some(Channel::Sms), "+1", &sources, after).await.unwrap().is_some());
}

#[tokio::test]
async fn a_message_is_claimed_once() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut tx = world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap();
    let keys: BTreeSet<_> = (0..3).map(|_| Uuid::new_v4()).collect();
    let first: BTreeSet<_> = keys.iter().take(1).copied().collect();
    assert_eq!(optout::claim(&mut tx, campaign.workspace, &first, now()).await.unwrap(), first);
    assert_eq!(optout::claim(&mut tx, campaign.workspace, &keys, now()).await.unwrap(), &keys - &first);
    assert!(optout::claim(&mut tx, campaign.workspace, &keys, now()).await.unwrap().is_empty());
}

/// Claims both deliveries; waits as the gate says.
async fn claim_all(world: &World, campaign: crate::fixture::Campaign, worker: WorkerId, ids: &[i64]) -> Vec<store::gate::Claimed> {
    let mut claimed = Vec::new();
    while claimed.len() < ids.len() {
        let answer = world.pass(campaign, worker, ids, 10).await;
        claimed.extend(answer.claimed);
        tokio::time::sleep(answer.wait.unwrap_or_default()).await;
    }
    claimed
}

#[tokio::test]
async fn an_answer_finds_the_newest_delivery_that_may_have_arrived() {
    let world = World::new().await;
    let (older, newer) = (world.campaign(2, 1_000.0).await, world.campaign(2, 1_000.0).await);
    // The newer run is another workspace's: make it this one's.
    for table in ["core.contact", "core.list_member", "core.campaign", "send.run"] {
        world.execute(format!("UPDATE {table} SET workspace_id = '{}' WHERE workspace_id = '{}'", older.workspace, newer.workspace)).await;
    }
    let newer = crate::fixture::Campaign { workspace: older.workspace, ..newer };
    let mut deliveries = Vec::new();
    for campaign in [older, newer] {
        world.expand(campaign, 10).await;
        let ids = world.delivery_ids(campaign).await;
        let worker = WorkerId::new();
        let claimed = claim_all(&world, campaign, worker, &ids).await;
        let tried = |claimed: &store::gate::Claimed| {
            let state = if claimed.address.ends_with('0') { State::Accepted } else { State::Rejected };
            Tried::new(claimed.delivery_id, claimed.attempt, state)
        };
        let tried: Vec<_> = claimed.iter().map(tried).collect();
        let mut tx = world.db.begin().await.unwrap();
        record::record(&mut tx, worker, &tried, now()).await.unwrap();
        tx.commit().await.unwrap();
        deliveries.push(ids);
    }
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(older.workspace).await.unwrap();
    let to = |key: &str, channel| Addressee { channel, address_key: key.to_owned() };
    let sought = [to("+971500000000", Channel::Sms), to("+971500000001", Channel::Sms), to("+971500000000", Channel::Whatsapp)];
    let found = optout::newest_deliveries(&mut tx, older.workspace, &sought, now() - Duration::days(1)).await.unwrap();
    assert_eq!(found, [Some(DeliveryId(deliveries[1][0])), None, None]);
    let found = optout::newest_deliveries(&mut tx, older.workspace, &sought, now() + Duration::days(1)).await.unwrap();
    assert_eq!(found, [None, None, None]);
    let addressees = optout::addressees(&mut tx, older.workspace, &deliveries[0]).await.unwrap();
    assert_eq!(addressees[&DeliveryId(deliveries[0][1])], to("+971500000001", Channel::Sms));
}

#[tokio::test]
async fn the_api_learns_whose_a_delivery_is_and_nothing_else() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1.0).await;
    world.expand(campaign, 10).await;
    let ids = world.delivery_ids(campaign).await;
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.begin().await.unwrap();
    let found = optout::workspaces(&mut tx, &ids[..1]).await.unwrap();
    assert_eq!(found, [(DeliveryId(ids[0]), campaign.workspace)].into());
    let visible: i64 = sqlx::query_scalar("SELECT count(*) FROM send.delivery").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(visible, 1);
    tx.commit().await.unwrap();
    let mut tx = api.begin().await.unwrap();
    let visible: i64 = sqlx::query_scalar("SELECT count(*) FROM send.delivery").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(visible, 0, "what one transaction was shown, the next isn't");
}
