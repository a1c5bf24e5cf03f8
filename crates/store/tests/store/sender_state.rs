//! What senders suffer together: breakers, pauses, a slower pace; and what that does to the jobs that wait.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId};
use std::time::Duration;
use store::{Role, budget, job, sender_state};

const WAIT: Duration = Duration::from_secs(5);

/// A campaign with its jobs, and one of its deliveries that passed the gate a moment ago.
async fn expanded(world: &World) -> (Campaign, DeliveryId) {
    let campaign = world.campaign(3, 1e6).await;
    world.expand(campaign, 100).await;
    world.execute("UPDATE send.delivery SET sent_at = clock_timestamp() - interval '1 second'".to_owned()).await;
    let id = world.delivery_ids(campaign).await[0];
    (campaign, DeliveryId(id))
}

async fn unanswered(world: &World, campaign: Campaign, id: DeliveryId, count: u32) -> bool {
    let mut tx = world.db.begin().await.unwrap();
    let opened = sender_state::unanswered(&mut tx, campaign.sender, id, count, now()).await.unwrap();
    tx.commit().await.unwrap();
    opened.is_some()
}

async fn publishable(world: &World) -> usize {
    let mut tx = world.db.begin().await.unwrap();
    job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap().len()
}

#[tokio::test]
async fn a_sender_that_gets_no_answers_is_down_until_it_gets_one() {
    let world = World::new().await;
    let (campaign, id) = expanded(&world).await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(!sender_state::answered(&mut tx, campaign.sender, now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.text("SELECT count(*) FROM send.sender_state").await, "0", "all is well: nothing is written");
    assert!(!unanswered(&world, campaign, id, 4).await);
    assert_eq!(publishable(&world).await, 1);
    assert!(unanswered(&world, campaign, id, 1).await);
    assert!(!unanswered(&world, campaign, id, 64).await, "what was under way says nothing new");
    assert_eq!(publishable(&world).await, 0);
    let mut tx = world.db.begin().await.unwrap();
    assert!(sender_state::is_down(&mut tx, campaign.sender).await.unwrap());
    assert!(sender_state::answered(&mut tx, campaign.sender, now()).await.unwrap());
    assert!(!sender_state::is_down(&mut tx, campaign.sender).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(publishable(&world).await, 1);
}

#[tokio::test]
async fn a_pause_keeps_its_first_reason_and_a_fallback_keeps_the_jobs_going() {
    let world = World::new().await;
    let (campaign, _) = expanded(&world).await;
    let db = world.connect_as(Role::Dispatcher).await;
    let mut tx = db.begin().await.unwrap();
    let paused = sender_state::pause(&mut tx, campaign.sender, "20003", "the token is refused", now()).await.unwrap();
    assert_eq!(paused, Some(campaign.workspace));
    assert_eq!(sender_state::pause(&mut tx, campaign.sender, "20005", "another", now()).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(world.text("SELECT paused_code FROM send.sender_state").await, "20003");
    assert_eq!(publishable(&world).await, 0);
    world
        .execute(
            "INSERT INTO core.sender SELECT uuidv7(), workspace_id, 'second', channel, provider, settings, sealed_secrets, secret_names,
                    rate_per_second, price_micros, currency, created_at, updated_at FROM core.sender"
                .to_owned(),
        )
        .await;
    world
        .execute("UPDATE send.run_channel SET fallback_sender_id = (SELECT sender_id FROM core.sender WHERE name = 'second')".to_owned())
        .await;
    assert_eq!(publishable(&world).await, 1);
    world
        .execute(
            "INSERT INTO send.sender_state (sender_id, workspace_id, open_until)
             SELECT sender_id, workspace_id, now() + interval '1 minute' FROM core.sender WHERE name = 'second'"
                .to_owned(),
        )
        .await;
    assert_eq!(publishable(&world).await, 0, "neither can send");
}

#[tokio::test]
async fn a_template_that_is_refused_stops_its_channel_of_its_run() {
    let world = World::new().await;
    let (campaign, id) = expanded(&world).await;
    let db = world.connect_as(Role::Dispatcher).await;
    let mut tx = db.begin().await.unwrap();
    let paused = sender_state::pause_template(&mut tx, id, "132001", now()).await.unwrap();
    assert_eq!(paused, Some((campaign.workspace, campaign.campaign)));
    assert_eq!(sender_state::pause_template(&mut tx, id, "132001", now()).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(publishable(&world).await, 0);
}

#[tokio::test]
async fn being_told_to_go_slower_lowers_the_pace_once_for_what_was_under_way() {
    let world = World::new().await;
    let (campaign, id) = expanded(&world).await;
    world.execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now())", campaign.sender)).await;
    let slow_down = async || {
        let mut tx = world.db.begin().await.unwrap();
        sender_state::slow_down(&mut tx, campaign.sender, id, WAIT, now()).await.unwrap();
        tx.commit().await.unwrap();
        world.text("SELECT pace FROM send.rate_bucket").await
    };
    assert_eq!(slow_down().await, "0.7");
    assert_eq!(slow_down().await, "0.7", "both batches left before it was slowed down");
    world.execute("UPDATE send.rate_bucket SET pace_at = pace_at - interval '6 seconds'".to_owned()).await;
    world.execute("UPDATE send.delivery SET sent_at = clock_timestamp()".to_owned()).await;
    let slower: f64 = slow_down().await.parse().unwrap();
    assert!((0.49..0.6).contains(&slower), "{slower}");
    assert_eq!(world.text("SELECT next_at > now() + interval '4 seconds' FROM send.rate_bucket").await, "true");
}

#[tokio::test]
async fn a_budget_that_is_used_up_pauses_the_campaign() {
    let world = World::new().await;
    let (campaign, _) = expanded(&world).await;
    let db = world.connect_as(Role::Scheduler).await;
    let mut tx = db.begin().await.unwrap();
    assert!(budget::pause_exhausted(&mut tx, now()).await.unwrap().is_empty());
    let alert = |channel: &str| {
        format!(
            "INSERT INTO send.alert (alert_id, workspace_id, campaign_id, channel, kind, raised_at, last_at)
             VALUES (uuidv7(), '{}', '{}', '{channel}', 'budget_exhausted', now(), now())",
            campaign.workspace, campaign.campaign
        )
    };
    world.execute(alert("email")).await;
    assert!(budget::pause_exhausted(&mut tx, now()).await.unwrap().is_empty(), "the other channel goes on");
    world.execute("DELETE FROM send.alert".to_owned()).await;
    world.execute(alert("")).await;
    assert_eq!(publishable(&world).await, 0);
    assert_eq!(budget::pause_exhausted(&mut tx, now()).await.unwrap(), [campaign.campaign]);
    assert!(budget::pause_exhausted(&mut tx, now()).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    assert_eq!(
        world.text("SELECT status || ': ' || status_reason FROM core.campaign").await,
        "PAUSED: the budget is used up: raise it and resume, or cancel"
    );
}
