//! A stack, from outside: kept data, killed servers, and two copies in one folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use devstack::{Options, Stack, StateDir};
use store::admin;

fn kept_in(folder: &StateDir) -> Options {
    Options { state_dir: folder.path().join("kept"), migrate: false, ..Options::kept().unwrap().own_servers() }
}

/// Fails unless the server has a database of that name already.
async fn assert_kept(stack: &Stack, name: &str) {
    let refused = admin::create_database(&stack.database_url, name, None).await.expect_err("the database was lost").to_string();
    assert!(refused.contains("already exists"), "{refused}");
}

#[tokio::test]
async fn a_kept_stack_finds_its_data_again_and_refuses_a_second_copy() {
    let folder = StateDir::scratch_blocking().unwrap();
    let first = Stack::start(kept_in(&folder)).await.unwrap();
    admin::create_database(&first.database_url, "kept_over_a_restart", None).await.unwrap();
    let message = Stack::start(kept_in(&folder)).await.unwrap_err().to_string();
    assert!(message.contains("another copy is running"), "{message}");
    first.stop().await.unwrap();
    let second = Stack::start(kept_in(&folder)).await.unwrap();
    assert_kept(&second, "kept_over_a_restart").await;
    second.stop().await.unwrap();
}

#[tokio::test]
async fn one_that_was_abandoned_is_waited_for_by_the_next() {
    let folder = StateDir::scratch_blocking().unwrap();
    let mut first = Stack::start(kept_in(&folder)).await.unwrap();
    let pids: Vec<_> = first.processes().filter_map(|process| process.pid()).collect();
    drop(first);
    let mut second = Stack::start(kept_in(&folder)).await.unwrap();
    assert!(second.processes().all(|process| !pids.contains(&process.pid().unwrap())));
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_comes_back_at_the_same_address_with_what_was_committed() {
    let folder = StateDir::scratch_blocking().unwrap();
    let mut stack = Stack::start(kept_in(&folder)).await.unwrap();
    admin::create_database(&stack.database_url, "committed", None).await.unwrap();
    for process in stack.processes() {
        process.kill9().await.unwrap();
    }
    assert!(admin::drop_database(&stack.database_url, "nothing").await.is_err(), "the server is gone");
    for process in stack.processes() {
        process.restart().await.unwrap();
    }
    assert_kept(&stack, "committed").await;
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_loss_of_power_takes_a_servers_children_along() {
    let folder = StateDir::scratch_blocking().unwrap();
    let mut stack = Stack::start(kept_in(&folder)).await.unwrap();
    admin::create_database(&stack.database_url, "committed", None).await.unwrap();
    let postgres = stack.postgres().unwrap();
    postgres.kill9_with_children().await.unwrap();
    postgres.restart().await.unwrap();
    stack.lose_streams().await.unwrap();
    assert_kept(&stack, "committed").await;
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn any_number_of_throw_away_stacks_run_at_once_and_leave_nothing() {
    let folder = StateDir::scratch_blocking().unwrap();
    let options = || Options { ephemeral: true, ..kept_in(&folder) };
    let (one, two) = tokio::join!(Stack::start(options()), Stack::start(options()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.database_url, two.database_url);
    assert_ne!(one.nats_url, two.nats_url);
    one.stop().await.unwrap();
    two.stop().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("kept/ephemeral")).unwrap().count(), 0);
}
