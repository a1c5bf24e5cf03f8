//! A request id belongs to the first that claims it.

use crate::fixture::{World, now};
use domain::WorkspaceId;
use store::request::claim;
use uuid::Uuid;

#[tokio::test]
async fn a_claim_that_is_repeated_answers_with_the_first_object() {
    let world = World::new().await;
    let (workspace, other) = (world.campaign(0, 1.0).await.workspace, world.campaign(0, 1.0).await.workspace);
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(claim(&mut tx, workspace, "CreateList", "k", first, now()).await.unwrap(), None);
    assert_eq!(claim(&mut tx, workspace, "CreateList", "k", second, now()).await.unwrap(), Some(first));
    assert_eq!(claim(&mut tx, workspace, "CreateTemplate", "k", second, now()).await.unwrap(), None);
    assert_eq!(claim(&mut tx, other, "CreateList", "k", second, now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_claim_without_an_id_is_always_new() {
    let world = World::new().await;
    let mut tx = world.db.begin().await.unwrap();
    for _ in 0..2 {
        assert_eq!(claim(&mut tx, WorkspaceId::new(), "CreateList", "", Uuid::now_v7(), now()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn of_claims_at_the_same_time_one_wins_and_a_rolled_back_one_never_was() {
    let world = World::new().await;
    let workspace = world.campaign(0, 1.0).await.workspace;
    let mut abandoned = world.db.begin().await.unwrap();
    claim(&mut abandoned, workspace, "CreateList", "k", Uuid::now_v7(), now()).await.unwrap();
    let attempts = (0..4).map(|_| {
        let db = world.db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let id = Uuid::now_v7();
            let first = claim(&mut tx, workspace, "CreateList", "k", id, now()).await.unwrap();
            tx.commit().await.unwrap();
            (id, first)
        })
    });
    let attempts: Vec<_> = attempts.collect();
    abandoned.rollback().await.unwrap();
    let mut outcomes = Vec::new();
    for attempt in attempts {
        outcomes.push(attempt.await.unwrap());
    }
    let winners: Vec<_> = outcomes.iter().filter(|(_, first)| first.is_none()).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|(id, first)| first.unwrap_or(*id) == winners[0]), "{outcomes:?}");
}
