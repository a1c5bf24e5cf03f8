//! Posts that were not understood: kept once, the newest of each sender, for a while, each workspace's for itself.

use crate::fixture::{Campaign, World, now};
use domain::SenderId;
use std::collections::BTreeSet;
use store::{
    PgConnection, Role,
    page::Page,
    unread_post::{self, KEPT_FOR, MAX_KEPT, New},
};
use time::{Duration, OffsetDateTime};

fn post(sender: SenderId, n: u8) -> New {
    New { sender_id: sender, key: [n; 16], parts: i32::from(n), sealed: vec![n], cut: n.is_multiple_of(2) }
}

async fn parts(connection: &mut PgConnection, of: Campaign, page: Page, at: OffsetDateTime) -> Vec<i32> {
    let found = unread_post::list(connection, of.workspace, of.sender, page, at).await.unwrap();
    found.into_iter().map(|post| post.parts).collect()
}

const ALL: Page = Page { size: 500, after: None };

#[tokio::test]
async fn a_post_is_kept_once_and_the_newest_of_each_sender_stay() {
    let world = World::new().await;
    let (one, other) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let ingest = world.connect_as(Role::Ingest).await;
    let mut connection = ingest.acquire().await.unwrap();
    let first = [post(one.sender, 1), post(other.sender, 2), post(one.sender, 1), post(SenderId::new(), 3)];
    unread_post::add(&mut connection, &first, now()).await.unwrap();
    unread_post::add(&mut connection, &[post(one.sender, 1)], now()).await.unwrap();
    assert_eq!(parts(&mut connection, one, ALL, now()).await, [1]);
    assert_eq!(parts(&mut connection, other, ALL, now()).await, [2]);

    let last = u8::try_from(MAX_KEPT).unwrap() + 10;
    let many: Vec<_> = (10..=last).map(|n| post(one.sender, n)).collect();
    unread_post::add(&mut connection, &many, now()).await.unwrap();
    let kept = parts(&mut connection, one, ALL, now()).await;
    assert_eq!(kept.len(), usize::try_from(MAX_KEPT).unwrap());
    assert_eq!((kept[0], kept.last().copied()), (i32::from(last), Some(11)), "newest first, the oldest two have gone");
    assert_eq!(parts(&mut connection, other, ALL, now()).await, [2], "another sender's stay");

    let mut found = unread_post::list(&mut connection, one.workspace, one.sender, Page { size: 60, after: None }, now()).await.unwrap();
    let token = Page { size: 60, after: None }.finish(&mut found, |post| post.unread_post_id);
    let rest = parts(&mut connection, one, Page::parse(60, &token).unwrap(), now()).await;
    let all: BTreeSet<_> = found.iter().map(|post| post.parts).chain(rest).collect();
    assert_eq!(all, kept.into_iter().collect());
}

#[tokio::test]
async fn what_is_old_is_not_shown_and_forgotten() {
    let world = World::new().await;
    let one = world.campaign(0, 1.0).await;
    let ingest = world.connect_as(Role::Ingest).await;
    let mut connection = ingest.acquire().await.unwrap();
    let (then, later) = (now(), now() + Duration::DAY);
    unread_post::add(&mut connection, &[post(one.sender, 1)], then).await.unwrap();
    unread_post::add(&mut connection, &[post(one.sender, 2)], later).await.unwrap();
    let over = then + KEPT_FOR + Duration::SECOND;
    assert_eq!(parts(&mut connection, one, ALL, over).await, [2]);
    assert!(!unread_post::forget(&mut connection, over).await.unwrap(), "there is no more");
    assert_eq!(parts(&mut connection, one, ALL, then).await, [2]);
}

#[tokio::test]
async fn a_workspace_reads_its_own_and_changes_none() {
    let world = World::new().await;
    let (one, other) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let ingest = world.connect_as(Role::Ingest).await;
    unread_post::add(&mut ingest.acquire().await.unwrap(), &[post(one.sender, 1)], now()).await.unwrap();
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(one.workspace).await.unwrap();
    assert_eq!(parts(&mut tx, one, ALL, now()).await, [1]);
    assert!(unread_post::add(&mut tx, &[post(one.sender, 2)], now()).await.is_err());
    let mut tx = api.tenant(other.workspace).await.unwrap();
    assert!(parts(&mut tx, one, ALL, now()).await.is_empty());
}
