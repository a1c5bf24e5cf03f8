//! Work on senders: shared by all replicas, done for one workspace at a time.

use crate::fixture::{Campaign, World, now};
use domain::SenderId;
use std::time::Duration;
use store::{
    Db, Role,
    connection::{self, Connection, Posting, Status},
    sender_task::{self, Ended, Kind, Task},
};
use time::OffsetDateTime;

const HOLD: Duration = Duration::from_secs(60);

async fn put(db: &Db, of: Campaign, kind: Kind, at: OffsetDateTime) {
    let mut tx = db.tenant(of.workspace).await.unwrap();
    sender_task::put(&mut tx, of.workspace, of.sender, kind, at).await.unwrap();
    tx.commit().await.unwrap();
}

async fn take(db: &Db, at: OffsetDateTime) -> Vec<(SenderId, Kind)> {
    taken(db, at).await.into_iter().map(|task| (task.sender_id, task.kind)).collect()
}

async fn taken(db: &Db, at: OffsetDateTime) -> Vec<Task> {
    let mut tx = db.begin().await.unwrap();
    let tasks = sender_task::take(&mut tx, 10, HOLD, at).await.unwrap();
    tx.commit().await.unwrap();
    tasks
}

async fn end(db: &Db, task: &Task, ended: Ended, at: OffsetDateTime) {
    let mut tx = db.tenant(task.workspace_id).await.unwrap();
    sender_task::end(&mut tx, task, ended, at, at).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_taken_once_of_whatever_workspace() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let (db, at) = (world.connect_as(Role::Api).await, now());
    put(&db, ours, Kind::Check, at).await;
    put(&db, theirs, Kind::Templates, at).await;
    put(&db, theirs, Kind::OptOuts, at + HOLD).await;
    let (one, other) = tokio::join!(take(&db, at), take(&db, at));
    let mut all = [one, other].concat();
    all.sort_by_key(|(_, kind)| *kind);
    assert_eq!(all, [(ours.sender, Kind::Check), (theirs.sender, Kind::Templates)]);
    assert!(take(&db, at).await.is_empty());
    assert_eq!(take(&db, at + HOLD).await.len(), 3, "whoever took them has died");
    // What is in sight for taking is so in that transaction alone.
    let mut tx = db.tenant(ours.workspace).await.unwrap();
    let strange = Task { sender_id: theirs.sender, workspace_id: theirs.workspace, kind: Kind::Templates, failures: 0, since: None };
    sender_task::end(&mut tx, &strange, Ended::Over, at, at).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.text("SELECT count(*) FROM core.sender_task").await, "3");
}

#[tokio::test]
async fn work_that_is_done_comes_again_and_what_was_asked_for_meanwhile_at_once() {
    let world = World::new().await;
    let ours = world.campaign(0, 1.0).await;
    let (db, at) = (world.connect_as(Role::Api).await, now().replace_nanosecond(0).unwrap());
    put(&db, ours, Kind::OptOuts, at).await;
    let task = taken(&db, at).await.pop().unwrap();
    end(&db, &task, Ended::Failed { next_at: at + HOLD }, at).await;
    let task = taken(&db, at + HOLD).await.pop().unwrap();
    assert_eq!((task.failures, task.since), (1, None));
    let done = Ended::Done { next_at: at + 10 * HOLD, since: Some(at) };
    end(&db, &task, done, at + HOLD).await;
    assert!(take(&db, at + 2 * HOLD).await.is_empty());
    put(&db, ours, Kind::OptOuts, at + 3 * HOLD).await;
    let task = taken(&db, at + 3 * HOLD).await.pop().unwrap();
    assert_eq!((task.failures, task.since), (0, Some(at)), "it goes on where it was");
    // Asked for while it is being done.
    put(&db, ours, Kind::OptOuts, at + 4 * HOLD).await;
    end(&db, &task, done, at + 3 * HOLD).await;
    let task = taken(&db, at + 4 * HOLD).await.pop().unwrap();
    end(&db, &task, Ended::Over, at + 4 * HOLD).await;
    assert!(take(&db, at + 99 * HOLD).await.is_empty());
}

#[tokio::test]
async fn a_token_is_refreshed_once_and_then_it_is_a_persons_business() {
    let world = World::new().await;
    let ours = world.campaign(0, 1.0).await;
    let (api, dispatcher, at) = (world.connect_as(Role::Api).await, world.connect_as(Role::Dispatcher).await, now());
    let ask = async |at: OffsetDateTime| sender_task::ask_refresh(&mut dispatcher.acquire().await.unwrap(), ours.sender, at).await.unwrap();
    assert!(!ask(at).await, "nobody can refresh it");
    put(&api, ours, Kind::Refresh, at + 1_000 * HOLD).await;
    assert!(ask(at).await);
    let task = taken(&api, at).await.pop().unwrap();
    end(&api, &task, Ended::Done { next_at: at + 1_000 * HOLD, since: None }, at).await;
    assert!(ask(at + HOLD / 2).await, "tries with the old token are under way");
    assert!(take(&api, at + HOLD / 2).await.is_empty(), "and ask for nothing more");
    assert!(!ask(at + 2 * HOLD).await, "the new one isn't taken either");
    assert!(ask(at + 20 * HOLD).await);
    let task = taken(&api, at + 20 * HOLD).await.pop().unwrap();
    end(&api, &task, Ended::Failed { next_at: at + 21 * HOLD }, at + 20 * HOLD).await;
    assert!(!ask(at + 40 * HOLD).await, "it can't be refreshed");
}

#[tokio::test]
async fn a_connection_is_read_as_it_was_written_and_only_by_its_workspace() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let (db, at) = (world.connect_as(Role::Api).await, now().replace_nanosecond(0).unwrap());
    let known = Connection {
        handle: "@fanfare".to_owned(),
        external_id: "77".to_owned(),
        scopes: vec!["pages_manage_posts".to_owned()],
        token_expires_at: Some(at + HOLD),
        posting: Some(Posting { limit: 100, used: 3, resets_at: Some(at) }),
        ..Connection::new(Status::Connected, at)
    };
    let mut tx = db.tenant(ours.workspace).await.unwrap();
    for found in [&Connection::new(Status::Error, at), &known] {
        connection::put(&mut tx, ours.workspace, ours.sender, found).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = db.tenant(ours.workspace).await.unwrap();
    let found = connection::of(&mut tx, ours.workspace, &[ours.sender, theirs.sender]).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(ours.sender, known)]);
    drop(tx);
    let mut tx = db.tenant(theirs.workspace).await.unwrap();
    assert!(connection::of(&mut tx, theirs.workspace, &[ours.sender]).await.unwrap().is_empty());
}
