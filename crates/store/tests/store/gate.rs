//! Only what the gate lets through may leave, and it lets each delivery through once.

use crate::fixture::{Campaign, World};
use domain::{DeliveryId, WorkerId};
use std::{collections::BTreeSet, time::Duration};
use store::gate::Standing;

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
