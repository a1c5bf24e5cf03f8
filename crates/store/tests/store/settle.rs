//! Outcomes that come late, or never: who may still say something of a delivery, and what settles what is uncertain.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, DeliveryId, WorkerId, delivery::State, facts::Notice as Says};
use std::time::Duration;
use store::{
    notice,
    record::{self, Tried},
    settle::{self, Change, Due, NOT_FOUND},
};

const LEASE: Duration = Duration::from_secs(15);
const SETTLE_AFTER: Duration = Duration::from_secs(60);

/// Contacts whose deliveries are all held by one worker.
async fn held(world: &World, contacts: u32) -> (Campaign, WorkerId, Vec<i64>) {
    let campaign = world.campaign(contacts, 1e6).await;
    world.expand(campaign, 1_000).await;
    let (ids, worker) = (world.delivery_ids(campaign).await, WorkerId::new());
    let mut claimed = 0;
    while claimed < contacts as usize {
        claimed += world.pass(campaign, worker, &ids, 64).await.claimed.len();
    }
    (campaign, worker, ids)
}

async fn record(world: &World, worker: WorkerId, tried: Tried) -> usize {
    let mut tx = world.db.begin().await.unwrap();
    let recorded = record::record(&mut tx, worker, &[tried], now()).await.unwrap();
    tx.commit().await.unwrap();
    recorded.len()
}

fn tried(id: i64, state: State) -> Tried {
    Tried::new(DeliveryId(id), 1, state)
}

async fn release(world: &World) -> usize {
    let mut tx = world.db.begin().await.unwrap();
    let lost = settle::release_dead(&mut tx, Channel::Sms, LEASE, SETTLE_AFTER, 100, now()).await.unwrap();
    tx.commit().await.unwrap();
    lost.len()
}

async fn take_due(world: &World) -> Vec<Due> {
    let mut tx = world.db.begin().await.unwrap();
    let due = settle::take_due(&mut tx, Channel::Sms, LEASE, 100, now()).await.unwrap();
    tx.commit().await.unwrap();
    due
}

fn change(id: i64, was: State, state: State) -> Change {
    let next_attempt_at = (state == State::RetryWait).then(now);
    Change { next_attempt_at, verdict: "retry", ..Change::new(DeliveryId(id), 1, was, state, None, 0) }
}

async fn apply(world: &World, change: Change) -> usize {
    let mut tx = world.db.begin().await.unwrap();
    let changed = settle::change(&mut tx, &[change], now()).await.unwrap();
    tx.commit().await.unwrap();
    changed.len()
}

#[tokio::test]
async fn only_the_worker_that_holds_a_delivery_records_it() {
    let world = World::new().await;
    let (_, holder, ids) = held(&world, 1).await;
    assert_eq!(record(&world, WorkerId::new(), tried(ids[0], State::Accepted)).await, 0);
    assert_eq!(record(&world, holder, Tried { attempt: 2, ..tried(ids[0], State::Accepted) }).await, 0);
    assert_eq!(record(&world, holder, tried(ids[0], State::Accepted)).await, 1);
    assert_eq!(record(&world, holder, tried(ids[0], State::Rejected)).await, 0, "what was accepted stays so");
    assert_eq!(world.count("state = 'accepted'").await, 1);
}

#[tokio::test]
async fn what_a_dead_worker_held_is_uncertain_and_its_late_word_still_counts() {
    let world = World::new().await;
    let (campaign, zombie, ids) = held(&world, 4).await;
    let mut tx = world.db.begin().await.unwrap();
    record::heartbeat(&mut tx, zombie, Channel::Sms).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(release(&world).await, 0, "it is alive");
    world.execute("UPDATE send.worker SET seen_at = now() - interval '16 seconds'".to_owned()).await;
    assert_eq!(release(&world).await, 4);
    assert!(take_due(&world).await.is_empty(), "not before its time");
    assert!(world.pass(campaign, WorkerId::new(), &ids, 10).await.claimed.is_empty(), "nobody sends it again");
    // Whatever was decided since, an acceptance is true as long as nobody else has tried.
    assert_eq!(apply(&world, change(ids[1], State::Uncertain, State::RetryWait)).await, 1);
    assert_eq!(apply(&world, change(ids[2], State::Uncertain, State::Unknown)).await, 1);
    for id in &ids[..3] {
        assert_eq!(record(&world, zombie, tried(*id, State::Accepted)).await, 1, "{id}");
    }
    assert_eq!(world.count("state = 'accepted' AND NOT doubtful").await, 3);
    assert_eq!(record(&world, zombie, tried(ids[3], State::RetryWait)).await, 1);
    assert_eq!(world.count("state = 'retry_wait' AND NOT doubtful").await, 1, "it knows that it didn't leave");
    assert_eq!(world.text("SELECT count(*) FROM send.reopen").await, "1", "its run may be over by now");
}

#[tokio::test]
async fn a_zombies_word_is_nothing_once_another_worker_has_tried() {
    let world = World::new().await;
    let (campaign, zombie, ids) = held(&world, 1).await;
    release(&world).await;
    apply(&world, change(ids[0], State::Uncertain, State::RetryWait)).await;
    world.execute("UPDATE send.delivery SET state = 'queued'".to_owned()).await;
    let answer = world.pass(campaign, WorkerId::new(), &ids, 10).await;
    assert_eq!(answer.claimed[0].attempt, 2);
    assert_eq!(record(&world, zombie, tried(ids[0], State::Accepted)).await, 0);
    assert_eq!(world.count("state = 'sending'").await, 1);
}

#[tokio::test]
async fn what_is_uncertain_is_taken_once_and_changed_only_as_it_was_read() {
    let world = World::new().await;
    let (campaign, worker, ids) = held(&world, 2).await;
    for id in &ids {
        let uncertain = Tried { reason: Some("timeout".to_owned()), settle_at: Some(now()), ..tried(*id, State::Uncertain) };
        record(&world, worker, uncertain).await;
    }
    let due = take_due(&world).await;
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|due| due.sendable && due.uncertain_at >= due.sent_at));
    assert!(take_due(&world).await.is_empty(), "somebody has it in hand");
    assert_eq!(apply(&world, change(ids[0], State::Uncertain, State::Accepted)).await, 1);
    assert_eq!(apply(&world, change(ids[0], State::Uncertain, State::RetryWait)).await, 0, "it isn't uncertain any more");
    world.set_status(campaign, "CANCELLED").await;
    world.execute("UPDATE send.delivery SET settle_at = now() WHERE state = 'uncertain'".to_owned()).await;
    assert!(!take_due(&world).await[0].sendable);
}

#[tokio::test]
async fn a_look_up_is_told_the_ids_of_all_other_messages_to_the_address() {
    let world = World::new().await;
    let (campaign, _, ids) = held(&world, 2).await;
    // The same number as another contact, which got messages of another run.
    let other = world.contact(campaign, "+971500000000", Some("+971500000000")).await;
    world
        .execute(
            "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content, created_at,
                                   expires_at)
             SELECT uuidv7(), workspace_id, campaign_id, 'twice', 'completed', template_id, template_version, content, now(), now()
             FROM send.run"
                .to_owned(),
        )
        .await;
    for (channel, message, when) in [("sms", "SM1", "now()"), ("whatsapp", "SM2", "now()"), ("push", "SM3", "now() - interval '1 week'")] {
        world
            .execute(format!(
                "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, address_key,
                                            provider_message_id, updated_at)
                 SELECT d.workspace_id, d.campaign_id, r.run_id, '{other}', d.sender_id, '{channel}', 'accepted', d.address, d.address_key,
                        '{message}', {when}
                 FROM send.delivery d, send.run r WHERE d.delivery_id = {} AND r.occurrence = 'twice'",
                ids[0]
            ))
            .await;
    }
    world.execute(format!("UPDATE send.delivery SET provider_message_id = 'of-a-stranger' WHERE delivery_id = {}", ids[1])).await;
    world.execute(format!("UPDATE send.delivery SET provider_message_id = 'of-an-earlier-try' WHERE delivery_id = {}", ids[0])).await;
    let mut tx = world.db.begin().await.unwrap();
    let known = settle::neighbours(&mut tx, &[DeliveryId(ids[0])], now()).await.unwrap();
    assert_eq!(known[&ids[0]], ["SM1", "of-an-earlier-try"]);
}

#[tokio::test]
async fn what_certainly_did_not_leave_gives_its_budget_back() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    world.execute("UPDATE core.sender SET price_micros = 100".to_owned()).await;
    world.execute("UPDATE send.run_channel SET price_micros = 100".to_owned()).await;
    world.execute("UPDATE core.campaign SET budget_micros = 1000".to_owned()).await;
    world.expand(campaign, 100).await;
    let (ids, worker) = (world.delivery_ids(campaign).await, WorkerId::new());
    while world.count("state = 'sending'").await < 3 {
        world.pass(campaign, worker, &ids, 10).await;
    }
    let spent = "SELECT reserved_micros FROM send.spend WHERE channel = ''";
    assert_eq!(world.text(spent).await, "300");
    record(&world, worker, tried(ids[0], State::Rejected)).await;
    assert_eq!(world.text(spent).await, "200");
    record(&world, worker, tried(ids[1], State::Uncertain)).await;
    assert_eq!(world.text(spent).await, "200", "it may have left");
    let not_found = Change { reason: Some(NOT_FOUND.to_owned()), ..change(ids[1], State::Uncertain, State::RetryWait) };
    apply(&world, not_found).await;
    assert_eq!(world.text(spent).await, "200", "the next try takes what it holds");
    record(&world, worker, tried(ids[2], State::Accepted)).await;
    world.execute(format!("UPDATE send.delivery SET state = 'queued' WHERE delivery_id = {}", ids[1])).await;
    assert_eq!(world.pass(campaign, worker, &ids, 10).await.claimed.len(), 1);
    assert_eq!(world.text(spent).await, "200");
    record(&world, worker, Tried { attempt: 2, ..tried(ids[1], State::Rejected) }).await;
    assert_eq!(world.text(spent).await, "100");
}

#[tokio::test]
async fn a_notice_is_taken_once_and_knows_which_try_it_is_about() {
    let world = World::new().await;
    let (_, worker, ids) = held(&world, 3).await;
    let message = |id: i64| format!("SM{id}");
    for id in &ids[..2] {
        record(&world, worker, Tried { provider_message_id: Some(message(*id)), ..tried(*id, State::Accepted) }).await;
    }
    for (id, about) in [(ids[0], message(ids[0])), (ids[1], "of an earlier try".to_owned()), (ids[2], String::new())] {
        world
            .execute(format!(
                "INSERT INTO stats.notice (delivery_id, channel, kind, code, provider_message_id, created_at)
                 VALUES ({id}, 'sms', 'failed', '30003', nullif('{about}', ''), now())"
            ))
            .await;
    }
    let db = world.connect_as(store::Role::Dispatcher).await;
    let mut tx = db.begin().await.unwrap();
    let notices = notice::take(&mut tx, Channel::Sms, 100).await.unwrap();
    tx.commit().await.unwrap();
    let seen: Vec<_> = notices.iter().map(|notice| (notice.delivery_id.0, notice.says, notice.of_last_try)).collect();
    assert_eq!(seen, [(ids[0], Says::Failed, true), (ids[1], Says::Failed, false)], "what is being sent is left for later");
    let mut tx = db.begin().await.unwrap();
    assert!(notice::take(&mut tx, Channel::Sms, 100).await.unwrap().is_empty());
    record(&world, worker, tried(ids[2], State::Accepted)).await;
    assert!(notice::take(&mut tx, Channel::Sms, 100).await.unwrap()[0].of_last_try);
}
