//! After its end: what is sent again, on the same channel or another, and the run that opens for it.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State, facts::Bits};
use store::{
    Role, job, notice,
    record::{self, Tried},
    reopen,
    requeue::{self, Place, Which},
    rescue, run,
};

const ALL: Which<'static> = Which { channel: None, codes: &[], delivery_ids: &[] };

/// A run that is over, with every delivery in `state`.
async fn over(world: &World, contacts: u32, state: &str) -> (Campaign, Vec<i64>) {
    let campaign = world.campaign(contacts, 1e6).await;
    world.expand(campaign, 1_000).await;
    world.execute("DELETE FROM send.job".to_owned()).await;
    world
        .execute(format!(
            "UPDATE send.delivery SET state = '{state}', attempt = 1, sent_at = now(), provider_message_id = 'SM' || delivery_id"
        ))
        .await;
    let mut tx = world.db.begin().await.unwrap();
    run::finish(&mut tx, campaign.run, "completed", now()).await.unwrap();
    tx.commit().await.unwrap();
    (campaign, world.delivery_ids(campaign).await)
}

/// Reports a failure of a delivery, as the fold keeps it.
async fn report_failed(world: &World, id: i64, message: &str, code: &str) {
    world
        .execute(format!(
            "INSERT INTO stats.fact (fact_key, kind, delivery_id, occurred_at, code, provider_message_id, received_at)
             VALUES (decode(md5(random()::text), 'hex'), 6, {id}, now(), '{code}', '{message}', now())"
        ))
        .await;
    world
        .execute(format!(
            "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at)
             SELECT delivery_id, workspace_id, {}, now() FROM send.delivery WHERE delivery_id = {id} ON CONFLICT DO NOTHING",
            Bits::ACCEPTED.and(Bits::FAILED).0
        ))
        .await;
}

async fn retry_failed(world: &World, campaign: Campaign, which: Which<'_>, page: i64) -> u64 {
    let db = world.connect_as(Role::Scheduler).await;
    let (mut count, mut place) = (0, Some(Place::default()));
    while let Some(from) = place {
        let mut tx = db.begin().await.unwrap();
        let run = requeue::lock_run(&mut tx, campaign.campaign).await.unwrap().unwrap();
        let (queued, next) = requeue::failed(&mut tx, &run, which, &from, page, "ann", now()).await.unwrap();
        requeue::extend(&mut tx, run.run_id, now()).await.unwrap();
        reopen::reopen(&mut tx, run.run_id, now()).await.unwrap();
        tx.commit().await.unwrap();
        count += queued;
        place = next;
    }
    count
}

#[tokio::test]
async fn what_failed_is_sent_again_by_code_and_only_while_it_is_failed() {
    let world = World::new().await;
    let (campaign, ids) = over(&world, 7, "accepted").await;
    world.execute(format!("UPDATE send.delivery SET state = 'rejected', reason = '30003' WHERE delivery_id = {}", ids[0])).await;
    world.execute(format!("UPDATE send.delivery SET state = 'rejected', reason = '21211' WHERE delivery_id = {}", ids[1])).await;
    report_failed(&world, ids[2], &format!("SM{}", ids[2]), "30003").await;
    // One of an earlier try, and one that was delivered after all.
    report_failed(&world, ids[3], "SM-earlier", "30003").await;
    report_failed(&world, ids[4], &format!("SM{}", ids[4]), "30003").await;
    world.execute(format!("UPDATE stats.delivery_status SET bits = bits | {} WHERE delivery_id = {}", Bits::DELIVERED.0, ids[4])).await;
    let codes = ["30003".to_owned()];
    assert_eq!(retry_failed(&world, campaign, Which { codes: &codes, ..ALL }, 2).await, 2);
    assert_eq!(world.count(&format!("state = 'queued' AND delivery_id IN ({}, {})", ids[0], ids[2])).await, 2);
    assert_eq!(retry_failed(&world, campaign, Which { codes: &codes, ..ALL }, 100).await, 0, "asked twice");
    assert_eq!(retry_failed(&world, campaign, Which { channel: Some(Channel::Email), ..ALL }, 100).await, 0);
    assert_eq!(retry_failed(&world, campaign, ALL, 100).await, 1);
    assert_eq!(world.text("SELECT status FROM core.campaign").await, "ACTIVE");
    assert_eq!(world.text("SELECT status FROM send.run").await, "sending");
    assert_eq!(world.text("SELECT sum(size) || ' in lane ' || min(lane) FROM send.job").await, "3 in lane 1");
    assert_eq!(world.text("SELECT count(*) FROM send.decision WHERE verdict = 'resent' AND rule LIKE '% by ann'").await, "3");
    // Sent again and accepted as another message: the old failure isn't this one's.
    let worker = WorkerId::new();
    while world.count("state = 'sending'").await < 3 {
        world.pass(campaign, worker, &ids, 10).await;
    }
    let mut tx = world.db.begin().await.unwrap();
    for id in &ids[..3] {
        let tried = Tried { provider_message_id: Some(format!("SM-again-{id}")), ..Tried::new(DeliveryId(*id), 2, State::Accepted) };
        assert_eq!(record::record(&mut tx, worker, &[tried], now()).await.unwrap().len(), 1);
    }
    tx.commit().await.unwrap();
    assert_eq!(retry_failed(&world, campaign, ALL, 100).await, 0);
}

#[tokio::test]
async fn a_person_sends_again_or_writes_off_what_cant_be_known() {
    let world = World::new().await;
    let (campaign, ids) = over(&world, 4, "unknown").await;
    world.execute("UPDATE send.delivery SET doubtful = true".to_owned()).await;
    let db = world.connect_as(Role::Scheduler).await;
    let mut tx = db.begin().await.unwrap();
    let run = requeue::lock_run(&mut tx, campaign.campaign).await.unwrap().unwrap();
    let one = Which { delivery_ids: &ids[..1], ..ALL };
    assert_eq!(requeue::write_off(&mut tx, &run, one, 100, "ann", now()).await.unwrap(), 1);
    assert_eq!(requeue::write_off(&mut tx, &run, one, 100, "ann", now()).await.unwrap(), 0);
    assert_eq!(requeue::unknown(&mut tx, &run, Which { delivery_ids: &ids[1..2], ..ALL }, 100, "bob", now()).await.unwrap(), 1);
    assert_eq!(requeue::unknown(&mut tx, &run, ALL, 100, "bob", now()).await.unwrap(), 2, "what was written off stays so");
    assert_eq!(requeue::unknown(&mut tx, &run, ALL, 100, "bob", now()).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(world.count("state = 'unknown' AND reason = 'written_off'").await, 1);
    assert_eq!(world.count("state = 'queued' AND doubtful").await, 3, "a report of the earlier try still counts");
    assert_eq!(world.text("SELECT count(*) FROM send.decision WHERE verdict = 'written_off' AND rule = 'written off by ann'").await, "1");
}

#[tokio::test]
async fn a_retry_in_a_run_that_is_over_opens_it_before_it_is_woken() {
    let world = World::new().await;
    let (campaign, _) = over(&world, 2, "retry_wait").await;
    world.execute("UPDATE send.delivery SET next_attempt_at = now()".to_owned()).await;
    let db = world.connect_as(Role::Scheduler).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(job::wake_retries(&mut tx, now(), 100).await.unwrap(), 2);
    assert_eq!(world.count("state = 'retry_wait'").await, 2, "its run is over");
    let waiting = reopen::take(&mut tx, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].run_id, waiting[0].expired), (1, campaign.run, false));
    assert!(reopen::reopen(&mut tx, campaign.run, now()).await.unwrap());
    assert_eq!(job::wake_retries(&mut tx, now(), 100).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(world.count("state = 'queued'").await, 2);
    assert_eq!(world.text("SELECT status FROM core.campaign").await, "ACTIVE");
}

#[tokio::test]
async fn what_may_have_left_is_unknown_when_its_campaign_is_cancelled() {
    let world = World::new().await;
    let (campaign, ids) = over(&world, 3, "retry_wait").await;
    world.execute("UPDATE send.delivery SET doubtful = true, reason = 'timeout'".to_owned()).await;
    world.execute(format!("UPDATE send.delivery SET reason = 'not_found' WHERE delivery_id = {}", ids[0])).await;
    world.execute("UPDATE core.campaign SET status = 'CANCELLED'".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    let (_, dropped) = job::drop_some(&mut tx, campaign.run, State::Cancelled, now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((dropped[0].tried.len(), dropped[0].unknown.len()), (1, 2));
    assert_eq!((world.count("state = 'cancelled'").await, world.count("state = 'unknown'").await), (1, 2));
}

#[tokio::test]
async fn a_failure_is_made_good_on_another_channel_once() {
    let world = World::new().await;
    let (campaign, ids) = over(&world, 3, "accepted").await;
    world
        .execute("UPDATE core.contact SET email = 'p' || phone || '@example.com', email_key = 'p' || phone || '@example.com'".to_owned())
        .await;
    world
        .execute(
            "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
             SELECT workspace_id, 'email', email_key, 'test', now() FROM core.contact WHERE phone LIKE '%2'"
                .to_owned(),
        )
        .await;
    world
        .execute(
            "INSERT INTO send.run_channel SELECT run_id, 'email', sender_id, 0, NULL, NULL, NULL, true FROM send.run_channel".to_owned(),
        )
        .await;
    let ask = async |ids: &[i64]| {
        let ids: Vec<_> = ids.iter().copied().map(DeliveryId).collect();
        let mut tx = world.db.begin().await.unwrap();
        let asked = notice::ask_rescue(&mut tx, &ids, now()).await.unwrap();
        tx.commit().await.unwrap();
        asked
    };
    assert_eq!(ask(&ids).await, 0, "the campaign names no channel for it");
    world.execute("UPDATE send.run_channel SET rescue_channel = 'email' WHERE channel = 'sms'".to_owned()).await;
    assert_eq!(ask(&ids[..1]).await, 1);
    assert_eq!(ask(&ids).await, 2);
    let db = world.connect_as(Role::Scheduler).await;
    let mut tx = db.begin().await.unwrap();
    assert!(run::has_pending(&mut tx, campaign.run).await.unwrap(), "a run with failures to be made good isn't over");
    let (taken, rescued) = rescue::take(&mut tx, 100, now()).await.unwrap();
    let counts: Vec<_> = rescued.iter().map(|part| (part.channel, part.reason.as_deref(), part.count)).collect();
    assert_eq!(taken, 3);
    assert!(counts.contains(&(Channel::Email, None, 2)) && counts.contains(&(Channel::Email, Some("opted_out"), 1)), "{counts:?}");
    assert_eq!(reopen::take(&mut tx, 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    assert_eq!(world.count("channel = 'email' AND state = 'queued' AND rescues IS NOT NULL AND address LIKE 'p%@example.com'").await, 2);
    assert_eq!(ask(&ids).await, 3);
    let mut tx = db.begin().await.unwrap();
    assert!(rescue::take(&mut tx, 100, now()).await.unwrap().1.is_empty(), "each has its message there already");
}
