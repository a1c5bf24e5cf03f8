//! Only what the gate lets through may leave, and it lets each delivery through once.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State, facts::Bits};
use std::{collections::BTreeSet, time::Duration};
use store::{
    gate::Standing,
    record::{self, Tried},
};

/// Claims with one worker until nothing waits; waits as the gate says.
async fn claim_all(world: &World, campaign: Campaign, ids: &[i64]) -> Vec<(WorkerId, DeliveryId)> {
    let worker = WorkerId::new();
    let mut claimed = Vec::new();
    loop {
        let answer = world.pass(campaign, worker, ids, 7).await;
        claimed.extend(answer.claimed.iter().map(|claimed| (worker, claimed.delivery_id)));
        if !answer.more {
            return claimed;
        }
        tokio::time::sleep(answer.wait.unwrap_or_default()).await;
    }
}

fn tried(id: DeliveryId, state: State) -> Tried {
    Tried { delivery_id: id, attempt: 1, state, reason: None, provider_message_id: None, next_attempt_at: None }
}

#[tokio::test]
async fn workers_that_race_never_claim_the_same_delivery() {
    let world = World::new().await;
    let campaign = world.campaign(120, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let (a, b, c) = tokio::join!(claim_all(&world, campaign, &ids), claim_all(&world, campaign, &ids), claim_all(&world, campaign, &ids));
    let all: Vec<_> = [a, b, c].concat();
    let distinct: BTreeSet<_> = all.iter().map(|(_, id)| *id).collect();
    assert_eq!((all.len(), distinct.len()), (120, 120));
    assert_eq!(world.count("state = 'sending' AND attempt = 1").await, 120);
}

#[tokio::test]
async fn an_opt_out_after_the_expansion_counts() {
    let world = World::new().await;
    let campaign = world.campaign(4, 1e6).await;
    world.expand(campaign, 50).await;
    world.opt_out(campaign, "+971500000001", "sms").await;
    world.opt_out(campaign, "+971500000002", "all").await;
    world.opt_out(campaign, "+971500000003", "email").await;
    let ids = world.delivery_ids(campaign).await;
    world.pass(campaign, WorkerId::new(), &ids, 10).await;
    let answer = world.pass(campaign, WorkerId::new(), &ids, 10).await;
    assert_eq!(answer.standing, Standing::Open);
    assert_eq!(world.count("state = 'suppressed' AND reason = 'opted_out'").await, 2);
    assert_eq!(world.count("state = 'sending'").await, 2);
}

#[tokio::test]
async fn a_deleted_contact_gets_nothing() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    world.execute("DELETE FROM core.contact WHERE phone = '+971500000000'".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    claim_all(&world, campaign, &ids).await;
    assert_eq!(world.count("state = 'suppressed' AND reason = 'contact_deleted'").await, 1);
    assert_eq!(world.count("state = 'sending'").await, 1);
}

#[tokio::test]
async fn nothing_passes_when_paused_cancelled_or_expired() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    for (status, standing) in [("PAUSED", Standing::Paused), ("CANCELLED", Standing::Closed), ("COMPLETED", Standing::Closed)] {
        world.set_status(campaign, status).await;
        let answer = world.pass(campaign, WorkerId::new(), &ids, 10).await;
        assert_eq!((answer.standing, answer.claimed.len()), (standing, 0));
    }
    world.set_status(campaign, "ACTIVE").await;
    world.execute("UPDATE send.run SET expires_at = now() - interval '1 second'".to_owned()).await;
    let answer = world.pass(campaign, WorkerId::new(), &ids, 10).await;
    assert_eq!((answer.standing, answer.stopped.len()), (Standing::Expired, 3));
    assert_eq!(world.count("state = 'expired'").await, 3);
}

#[tokio::test]
async fn a_slow_sender_lets_few_through_and_says_when_to_come_back() {
    let world = World::new().await;
    let campaign = world.campaign(10, 2.0).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let first = world.pass(campaign, WorkerId::new(), &ids, 10).await;
    let second = world.pass(campaign, WorkerId::new(), &ids, 10).await;
    assert!(first.claimed.len() + second.claimed.len() <= 2, "{} {}", first.claimed.len(), second.claimed.len());
    assert!(second.more);
    assert!(second.wait.unwrap() <= Duration::from_secs(1));
    assert_eq!(world.count("state = 'queued'").await + world.count("state = 'sending'").await, 10);
}

#[tokio::test]
async fn only_the_worker_that_holds_a_delivery_records_it() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let claimed = claim_all(&world, campaign, &ids).await;
    let (holder, id) = claimed[0];
    let mut tx = world.db.begin().await.unwrap();
    assert!(record::record(&mut tx, WorkerId::new(), &[tried(id, State::Accepted)], now()).await.unwrap().is_empty());
    assert_eq!(record::record(&mut tx, holder, &[tried(id, State::Accepted)], now()).await.unwrap(), [id.0]);
    assert!(record::record(&mut tx, holder, &[tried(id, State::Rejected)], now()).await.unwrap().is_empty());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_a_dead_worker_held_is_uncertain_and_its_late_word_still_counts() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let claimed = claim_all(&world, campaign, &ids).await;
    let (zombie, id) = claimed[0];
    let mut tx = world.db.begin().await.unwrap();
    record::heartbeat(&mut tx, zombie, Channel::Sms).await.unwrap();
    assert!(record::release_dead(&mut tx, Channel::Sms, Duration::from_secs(15), 10, now()).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    world.execute("UPDATE send.worker SET seen_at = now() - interval '16 seconds'".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(record::release_dead(&mut tx, Channel::Sms, Duration::from_secs(15), 10, now()).await.unwrap().len(), 2);
    assert_eq!(record::record(&mut tx, zombie, &[tried(id, State::Accepted)], now()).await.unwrap(), [id.0]);
    tx.commit().await.unwrap();
    assert_eq!(world.count("state = 'uncertain'").await, 1);
    // Nobody sends the other one again.
    assert!(world.pass(campaign, WorkerId::new(), &ids, 10).await.claimed.is_empty());
}

#[tokio::test]
async fn a_providers_report_settles_what_is_uncertain() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    world.expand(campaign, 50).await;
    world.execute("UPDATE send.delivery SET state = 'uncertain'".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    for (id, bits) in [(ids[0], Bits::DELIVERED), (ids[1], Bits::REJECTED)] {
        world
            .execute(format!(
                "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at)
                 SELECT delivery_id, workspace_id, {}, now() FROM send.delivery WHERE delivery_id = {id}",
                bits.0
            ))
            .await;
    }
    let mut tx = world.db.begin().await.unwrap();
    let settled = record::settle_uncertain(&mut tx, Channel::Sms, Bits::DELIVERED, Bits::REJECTED, 10, now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(settled, 2);
    let states =
        (world.count("state = 'accepted'").await, world.count("state = 'rejected'").await, world.count("state = 'uncertain'").await);
    assert_eq!(states, (1, 1, 1));
}
