//! Messages that people send to look at them: who takes them, how fast, and what is written of them.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, SenderId, TestSendId, WorkerId};
use serde_json::json;
use store::{
    PgConnection,
    test_send::{
        self, Recipient, TestSend, TestState,
        dispatch::{self, Batch, Outcome},
    },
};

/// Writes a test to so many addresses.
async fn ask(world: &World, campaign: Campaign, addresses: u32) -> TestSendId {
    let test = TestSend {
        test_send_id: TestSendId::new(),
        workspace_id: campaign.workspace,
        template: None,
        campaign_id: Some(campaign.campaign),
        contact_id: None,
        sender_id: campaign.sender,
        channel: Channel::Sms,
        content: json!({"sms": {"text": "Look"}}),
        created_by: "test".to_owned(),
        created_at: now(),
    };
    let address = |n| format!("+97150100{n:04}");
    let recipients: Vec<_> = (0..addresses).map(|n| Recipient { address: address(n), key: address(n) }).collect();
    let mut tx = world.db.begin().await.unwrap();
    test_send::insert(&mut tx, &test, &recipients).await.unwrap();
    tx.commit().await.unwrap();
    test.test_send_id
}

async fn take_in(connection: &mut PgConnection, worker: WorkerId, passed: &[SenderId]) -> Option<Batch> {
    dispatch::take(connection, Channel::Sms, worker, passed, now()).await.unwrap()
}

async fn take(world: &World, worker: WorkerId, passed: &[SenderId]) -> Option<Batch> {
    let mut tx = world.db.begin().await.unwrap();
    let batch = take_in(&mut tx, worker, passed).await;
    tx.commit().await.unwrap();
    batch
}

/// How many are taken as soon as the pace lets any go.
async fn first(world: &World, worker: WorkerId) -> usize {
    let taking = async {
        loop {
            let taken = take(world, worker, &[]).await.map_or(0, |batch| batch.taken.len());
            if taken > 0 {
                return taken;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), taking).await.expect("nothing was taken")
}

#[tokio::test]
async fn the_senders_pace_holds_and_is_charged() {
    let world = World::new().await;
    let slow = world.campaign(0, 2.0).await;
    ask(&world, slow, 5).await;
    let worker = WorkerId::new();
    assert_eq!(first(&world, worker).await, 1, "two a second");
    let next = take(&world, worker, &[]).await.unwrap();
    assert_eq!((next.sender_id, next.taken.len()), (slow.sender, 0), "not at once");
    let quick = world.campaign(0, 1e6).await;
    ask(&world, quick, 5).await;
    assert_eq!(take(&world, worker, &[slow.sender]).await.unwrap().sender_id, quick.sender, "a slow one keeps nobody back");
    assert_eq!(take(&world, worker, &[slow.sender, quick.sender]).await, None);
}

#[tokio::test]
async fn two_workers_never_take_the_same() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1e6).await;
    ask(&world, campaign, 1).await;
    let (one, two) = (WorkerId::new(), WorkerId::new());
    assert_eq!(first(&world, one).await, 1);
    ask(&world, campaign, 5).await;
    let mut first_tx = world.db.begin().await.unwrap();
    assert_eq!(take_in(&mut first_tx, one, &[]).await.unwrap().taken.len(), 5);
    assert_eq!(take(&world, two, &[]).await, None, "they are being taken");
    first_tx.commit().await.unwrap();
    assert_eq!(take(&world, two, &[]).await, None, "they are taken");
}

#[tokio::test]
async fn only_its_holder_writes_an_outcome_and_only_once() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1e6).await;
    let id = ask(&world, campaign, 1).await;
    let worker = WorkerId::new();
    first(&world, worker).await;
    let message: i64 = world.text("SELECT test_message_id FROM send.test_message").await.parse().unwrap();
    let write = async |worker: WorkerId, state: TestState, detail: &str| {
        let mut connection = world.db.acquire().await.unwrap();
        let outcome = Outcome { detail: detail.to_owned(), ..Outcome::new(message, state) };
        dispatch::record(&mut connection, worker, &[outcome], now()).await.unwrap();
        let (_, messages) = test_send::get(&mut connection, campaign.workspace, id).await.unwrap().unwrap();
        (messages[0].state, messages[0].detail.clone())
    };
    assert_eq!(write(WorkerId::new(), TestState::Accepted, "").await.0, TestState::Sending);
    let long = "a\0".repeat(2_000);
    assert_eq!(write(worker, TestState::Refused, &long).await, (TestState::Refused, "a".repeat(1_000)), "without NULs, and cut");
    assert_eq!(write(worker, TestState::Accepted, "").await.0, TestState::Refused, "what is known stays");
}

#[tokio::test]
async fn whoever_opted_out_is_written_as_refused() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1e6).await;
    world.opt_out(campaign, "+971501000000", "sms").await;
    world.opt_out(campaign, "+971501000001", "all").await;
    world.opt_out(campaign, "+971501000002", "email").await;
    let id = ask(&world, campaign, 3).await;
    let mut connection = world.db.acquire().await.unwrap();
    let (_, messages) = test_send::get(&mut connection, campaign.workspace, id).await.unwrap().unwrap();
    let states: Vec<_> = messages.iter().map(|message| (message.state, message.code.as_str())).collect();
    assert_eq!(states, [(TestState::Refused, "opted_out"), (TestState::Refused, "opted_out"), (TestState::Queued, "")]);
}
