//! Everybody selected is accounted for, once.

use crate::fixture::{World, now};
use store::expand;

#[tokio::test]
async fn those_who_cant_be_reached_are_written_with_the_reason() {
    let world = World::new().await;
    let campaign = world.campaign(3, 10.0).await;
    world.contact(campaign, "", None).await;
    world.contact(campaign, "05-not-a-phone", None).await;
    world.contact(campaign, "+971 50 000 0001", Some("+971500000001")).await;
    world.opt_out(campaign, "+971500000002", "all").await;
    world.expand(campaign, 100).await;
    for (reason, count) in [("no_address", 1), ("invalid_address", 1), ("duplicate", 1), ("opted_out", 1)] {
        assert_eq!(world.count(&format!("state = 'suppressed' AND reason = '{reason}'")).await, count, "{reason}");
    }
    assert_eq!(world.count("state = 'queued'").await, 2);
    assert_eq!(world.count("true").await, 6);
}

#[tokio::test]
async fn small_chunks_find_the_same_people_as_one_large_one() {
    let world = World::new().await;
    for chunk in [1, 3, 100] {
        let campaign = world.campaign(10, 10.0).await;
        for _ in 0..2 {
            // The same person as one of the ten, far enough away to fall into another chunk.
            world.contact(campaign, "+971500000003", Some("+971500000003")).await;
        }
        world.expand(campaign, chunk).await;
        let of_run = format!("run_id = '{}'", campaign.run);
        assert_eq!(world.count(&format!("{of_run} AND state = 'queued'")).await, 10, "chunks of {chunk}");
        assert_eq!(world.count(&format!("{of_run} AND reason = 'duplicate'")).await, 2, "chunks of {chunk}");
    }
}

#[tokio::test]
async fn a_chunk_that_was_not_committed_is_written_again_once() {
    let world = World::new().await;
    let campaign = world.campaign(10, 10.0).await;
    let mut tx = world.db.begin().await.unwrap();
    let run = expand::lock(&mut tx, campaign.run).await.unwrap().unwrap();
    expand::chunk(&mut tx, &run, 5, now()).await.unwrap();
    tx.rollback().await.unwrap();
    world.expand(campaign, 5).await;
    assert_eq!(world.count("state = 'queued'").await, 10);
}

#[tokio::test]
async fn two_schedulers_share_an_expansion_without_writing_twice() {
    let world = World::new().await;
    let campaign = world.campaign(40, 10.0).await;
    // Whoever finds the run locked leaves it to the other.
    tokio::join!(world.expand(campaign, 3), world.expand(campaign, 3));
    world.expand(campaign, 3).await;
    assert_eq!(world.count("state = 'queued'").await, 40);
}

#[tokio::test]
async fn excluded_lists_are_left_out_even_when_they_fill_a_chunk() {
    let world = World::new().await;
    let campaign = world.campaign(10, 10.0).await;
    let excluded = uuid::Uuid::now_v7();
    let (workspace, id) = (campaign.workspace, campaign.campaign);
    for sql in [
        format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{excluded}', '{workspace}', 'x', now())"),
        format!(
            "INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id) VALUES ('{id}', '{excluded}', true, '{workspace}')"
        ),
        format!(
            "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
                 SELECT '{excluded}', contact_id, workspace_id, now() FROM core.contact ORDER BY contact_id LIMIT 6"
        ),
    ] {
        world.execute(sql).await;
    }
    world.expand(campaign, 3).await;
    assert_eq!(world.count("true").await, 4);
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(store::run::recipients_and_limit(&mut tx, id).await.unwrap(), (4, 10_000));
}
