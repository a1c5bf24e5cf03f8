//! Earlier tries: what one that was taken and failed says of the next, and what becomes of one that may have left.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State};
use std::time::{Duration, Instant};
use store::{
    gate::Answer,
    notice::{self, Notice},
    settle::{self, Change},
};

/// A campaign whose deliveries have been tried once, in the order of their ids.
async fn tried(world: &World, contacts: u32) -> (Campaign, Vec<i64>) {
    let campaign = world.campaign(contacts, 1e6).await;
    world.expand(campaign, 100).await;
    world
        .execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 minute')", campaign.sender))
        .await;
    world.execute("UPDATE send.delivery SET attempt = 1, sent_at = now() - interval '1 hour'".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    (campaign, ids)
}

async fn pass(world: &World, campaign: Campaign, ids: &[i64]) -> Answer {
    world.pass(campaign, WorkerId::new(), ids, 64).await
}

fn states(answer: &Answer) -> Vec<State> {
    answer.stopped.iter().map(|stopped| stopped.state).collect()
}

async fn report(world: &World, id: i64, kind: &str, message: &str) -> Notice {
    world
        .execute(format!(
            "INSERT INTO stats.notice (delivery_id, channel, kind, provider_message_id, created_at) VALUES ({id}, 'sms', '{kind}', '{message}', now())"
        ))
        .await;
    let mut tx = world.db.begin().await.unwrap();
    let notices = notice::take(&mut tx, Channel::Sms, 10).await.unwrap();
    tx.commit().await.unwrap();
    let [notice] = notices.try_into().unwrap();
    notice
}

#[tokio::test]
async fn what_follows_a_failed_message_is_another_one() {
    let world = World::new().await;
    let (campaign, ids) = tried(&world, 1).await;
    world.execute("UPDATE send.delivery SET state = 'accepted', provider_message_id = 'SM1'".to_owned()).await;
    let failed = Change::new(DeliveryId(ids[0]), 1, State::Accepted, State::RetryWait, Some("30003".to_owned()), 1);
    let again = Change { next_attempt_at: Some(now()), ..failed };
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(settle::change(&mut tx, &[again], now()).await.unwrap(), ids);
    tx.commit().await.unwrap();
    world.execute("UPDATE send.delivery SET state = 'queued'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed[0].earlier, 1);
    world.execute("UPDATE send.delivery SET state = 'uncertain', doubtful = true".to_owned()).await;
    assert!(!report(&world, ids[0], "sent", "SM1").await.of_last_try, "SM1 has failed");
    assert!(report(&world, ids[0], "sent", "SM2").await.of_last_try);
    let mut connection = world.db.acquire().await.unwrap();
    let known = settle::neighbours(&mut connection, &[DeliveryId(ids[0])], now()).await.unwrap();
    assert_eq!(known[&ids[0]], ["SM1"], "a look-up must not take the first message for the second");
}

#[tokio::test]
async fn one_message_is_found_for_one_delivery_alone() {
    let world = World::new().await;
    let (_, ids) = tried(&world, 3).await;
    world.execute(format!("UPDATE send.delivery SET provider_message_id = 'SM1' WHERE delivery_id = {}", ids[0])).await;
    let mut connection = world.db.acquire().await.unwrap();
    let found = [(DeliveryId(ids[0]), "SM1"), (DeliveryId(ids[1]), "SM1"), (DeliveryId(ids[2]), "SM2")];
    assert_eq!(settle::taken_by_others(&mut connection, &found).await.unwrap(), [ids[1]]);
    // Who finds the same message waits until the first has written that it is his.
    let mut first = world.db.begin().await.unwrap();
    assert!(settle::taken_by_others(&mut first, &found[2..]).await.unwrap().is_empty());
    let mut second = world.db.begin().await.unwrap();
    let same = DeliveryId(ids[1]);
    let waiting = tokio::spawn(async move { settle::taken_by_others(&mut second, &[(same, "SM2")]).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let deadline = Instant::now() + Duration::from_secs(10);
    while world.text(waits).await != "1" {
        assert!(Instant::now() < deadline, "the second doesn't wait");
    }
    let theirs = sqlx::query("UPDATE send.delivery SET provider_message_id = 'SM2' WHERE delivery_id = $1").bind(ids[2]);
    theirs.execute(&mut *first).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), [ids[1]]);
}

#[tokio::test]
async fn what_may_have_left_is_unknown_when_a_rule_stops_it() {
    let world = World::new().await;
    let (campaign, ids) = tried(&world, 3).await;
    world.execute("UPDATE send.delivery SET doubtful = true, reason = 'timeout', reserved_micros = 5".to_owned()).await;
    world.execute(format!("UPDATE send.delivery SET reason = 'not_found' WHERE delivery_id = {}", ids[0])).await;
    for phone in ["+971500000000", "+971500000001"] {
        world.opt_out(campaign, phone, "all").await;
    }
    let answer = pass(&world, campaign, &ids).await;
    assert_eq!(states(&answer), [State::Suppressed, State::Unknown]);
    assert_eq!(answer.claimed.len(), 1);
    assert_eq!(world.count("state = 'suppressed' AND reserved_micros = 0").await, 1, "its provider says that it never got it");
    assert_eq!(world.count("state = 'unknown' AND reserved_micros = 5").await, 1);
}

#[tokio::test]
async fn what_may_have_left_is_not_repeated_when_its_provider_may_have_forgotten_it() {
    let world = World::new().await;
    let (campaign, ids) = tried(&world, 4).await;
    world.execute("UPDATE send.delivery SET doubtful = true, reason = 'timeout', sent_at = now() - interval '25 hours'".to_owned()).await;
    for (id, change) in [(ids[0], "sent_at = now() - interval '23 hours'"), (ids[1], "reason = 'not_found'"), (ids[2], "reason = 'resent'")]
    {
        world.execute(format!("UPDATE send.delivery SET {change} WHERE delivery_id = {id}")).await;
    }
    let answer = pass(&world, campaign, &ids).await;
    let claimed: Vec<_> = answer.claimed.iter().map(|claimed| claimed.delivery_id.0).collect();
    assert_eq!((claimed, states(&answer)), (ids[..3].to_vec(), vec![State::Unknown]));
}

#[tokio::test]
async fn what_may_have_left_is_unknown_when_its_time_is_up() {
    let world = World::new().await;
    let (campaign, ids) = tried(&world, 2).await;
    world.execute(format!("UPDATE send.delivery SET doubtful = true, reason = 'timeout' WHERE delivery_id = {}", ids[1])).await;
    world.execute("UPDATE send.run SET expires_at = now() - interval '1 second'".to_owned()).await;
    let mut stopped = states(&pass(&world, campaign, &ids).await);
    stopped.sort_by_key(|state| state.as_str());
    assert_eq!(stopped, [State::Expired, State::Unknown]);
}
