//! Jobs: turns, windows, retries, and what is dropped.

use crate::fixture::{World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State};
use std::collections::BTreeSet;
use store::{job, run};
use time::Duration;

const LOST_AFTER: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test]
async fn workspaces_take_turns_and_the_window_holds() {
    let world = World::new().await;
    let large = world.campaign(1_000, 1e6).await;
    let small = world.campaign(200, 1e6).await;
    world.expand(large, 1_000).await;
    world.expand(small, 1_000).await;
    let mut tx = world.db.begin().await.unwrap();
    let jobs = job::take_publishable(&mut tx, Channel::Sms, 400, 64).await.unwrap();
    let workspaces: BTreeSet<_> = jobs.iter().map(|job| job.workspace_id).collect();
    assert_eq!((jobs.len(), workspaces.len()), (2, 2), "one job of 200 each, though the large campaign was first");
    let ids: Vec<_> = jobs.iter().map(|job| job.job_id.0).collect();
    job::mark_published(&mut tx, &ids).await.unwrap();
    assert!(job::take_publishable(&mut tx, Channel::Sms, 400, 64).await.unwrap().is_empty(), "the window is full");
    assert_eq!(job::take_publishable(&mut tx, Channel::Sms, 100_000, 64).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_slow_sender_gets_half_a_minute_ahead() {
    let world = World::new().await;
    let campaign = world.campaign(1_000, 10.0).await;
    world.expand(campaign, 1_000).await;
    let mut tx = world.db.begin().await.unwrap();
    let jobs = job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap();
    assert_eq!(jobs.len(), 3, "10/s for 30 s is three jobs of 10 s each");
}

#[tokio::test]
async fn jobs_of_a_paused_campaign_stay() {
    let world = World::new().await;
    let campaign = world.campaign(10, 1e6).await;
    world.expand(campaign, 100).await;
    world.set_status(campaign, "PAUSED").await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_with_deliveries_that_wait_is_handed_back() {
    let world = World::new().await;
    let campaign = world.campaign(10, 1e6).await;
    world.expand(campaign, 100).await;
    let ids = world.delivery_ids(campaign).await;
    let deliveries: Vec<_> = ids.iter().copied().map(DeliveryId).collect();
    let mut tx = world.db.begin().await.unwrap();
    let jobs = job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap();
    job::mark_published(&mut tx, &[jobs[0].job_id.0]).await.unwrap();
    assert!(!job::finish(&mut tx, jobs[0].job_id, &deliveries).await.unwrap());
    assert_eq!(job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    world.execute("UPDATE send.delivery SET state = 'accepted'".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(run::has_pending(&mut tx, campaign.run).await.unwrap());
    assert!(job::finish(&mut tx, jobs[0].job_id, &deliveries).await.unwrap());
    assert!(!run::has_pending(&mut tx, campaign.run).await.unwrap());
}

#[tokio::test]
async fn a_job_that_nobody_touches_is_published_again() {
    let world = World::new().await;
    let campaign = world.campaign(10, 1e6).await;
    world.expand(campaign, 100).await;
    let mut tx = world.db.begin().await.unwrap();
    let jobs = job::take_publishable(&mut tx, Channel::Sms, 10_000, 64).await.unwrap();
    job::mark_published(&mut tx, &[jobs[0].job_id.0]).await.unwrap();
    assert_eq!(job::take_back_lost(&mut tx, Channel::Sms, false, LOST_AFTER, None).await.unwrap(), 0);
    tx.commit().await.unwrap();
    world.execute("UPDATE send.job SET published_at = now() - interval '61 seconds'".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    for (channel, is_fast) in [(Channel::Email, false), (Channel::Sms, true)] {
        assert_eq!(job::take_back_lost(&mut tx, channel, is_fast, LOST_AFTER, None).await.unwrap(), 0, "it is another lane's");
    }
    let held_since = Some(now() - Duration::minutes(2));
    assert_eq!(job::take_back_lost(&mut tx, Channel::Sms, false, LOST_AFTER, held_since).await.unwrap(), 0, "the broker has it");
    let held_since = Some(now() - Duration::seconds(10));
    assert_eq!(job::take_back_lost(&mut tx, Channel::Sms, false, LOST_AFTER, held_since).await.unwrap(), 1);
}

#[tokio::test]
async fn retries_wake_when_their_time_has_come() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    world.expand(campaign, 100).await;
    world.execute("DELETE FROM send.job".to_owned()).await;
    world.execute("UPDATE send.delivery SET state = 'retry_wait', next_attempt_at = now() + interval '1 minute'".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(job::wake_retries(&mut tx, now(), 100).await.unwrap(), 0);
    assert_eq!(job::wake_retries(&mut tx, now() + Duration::minutes(2), 100).await.unwrap(), 3);
    tx.commit().await.unwrap();
    let ids = world.delivery_ids(campaign).await;
    assert!(world.pass(campaign, WorkerId::new(), &ids, 10).await.wait.is_some(), "the pace starts from nothing");
    assert_eq!(world.count("state = 'queued'").await, 3);
}

#[tokio::test]
async fn dropping_takes_what_waits_and_leaves_what_is_held() {
    let world = World::new().await;
    let campaign = world.campaign(10, 1e6).await;
    world.expand(campaign, 100).await;
    world.execute("UPDATE send.delivery SET state = 'sending' WHERE address LIKE '%1'".to_owned()).await;
    world
        .execute("UPDATE send.delivery SET state = 'retry_wait', attempt = 1, next_attempt_at = now() WHERE address LIKE '%2'".to_owned())
        .await;
    let mut tx = world.db.begin().await.unwrap();
    let (jobs, some) = job::drop_some(&mut tx, campaign.run, State::Cancelled, now()).await.unwrap();
    assert_eq!((jobs, some.len()), (0, 0), "its campaign goes on");
    tx.commit().await.unwrap();
    world.execute("UPDATE core.campaign SET status = 'CANCELLED'".to_owned()).await;
    let (mut dropped, mut tried) = (0, 0);
    loop {
        let mut tx = world.db.begin().await.unwrap();
        let (jobs, some) = job::drop_some(&mut tx, campaign.run, State::Cancelled, now()).await.unwrap();
        tx.commit().await.unwrap();
        tried += some.iter().map(|dropped| dropped.tried.len()).sum::<usize>();
        dropped += some.iter().map(|dropped| dropped.untouched + dropped.tried.len() as i64).sum::<i64>();
        if jobs == 0 && some.is_empty() {
            break;
        }
    }
    assert_eq!(tried, 1, "what a worker held once is told one by one");
    assert_eq!((dropped, world.count("state = 'cancelled'").await, world.count("state = 'sending'").await), (9, 9, 1));
}
