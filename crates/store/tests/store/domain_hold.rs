//! Domains that take mail too slowly: how long they are held, and what the gate does with mail for them.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, SenderId, WorkerId};
use std::time::Duration as Wait;
use store::{
    bounce_mailbox::{self, Due, Visited},
    domain_hold::{self, Slow},
    gate::{self, Answer, Ask},
};
use time::{Duration, OffsetDateTime};

/// A campaign by e-mail to so many people at each of two domains; its deliveries wait.
async fn by_email(world: &World, each: u32) -> (Campaign, Vec<i64>) {
    let campaign = world.campaign(2 * each, 1e6).await;
    world.expand(campaign, 100).await;
    for sql in [
        format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 minute')", campaign.sender),
        format!("UPDATE core.sender SET channel = 'email', provider = 'smtp' WHERE sender_id = '{}'", campaign.sender),
        format!("UPDATE core.campaign_channel SET channel = 'email' WHERE campaign_id = '{}'", campaign.campaign),
        format!("UPDATE send.run_channel SET channel = 'email' WHERE run_id = '{}'", campaign.run),
        format!(
            "UPDATE send.delivery SET channel = 'email',
               address = 'p' || delivery_id || CASE WHEN delivery_id % 2 = 0 THEN '@Slow.example' ELSE '@fast.example' END
             WHERE run_id = '{}'",
            campaign.run
        ),
    ] {
        world.execute(sql).await;
    }
    let ids = world.delivery_ids(campaign).await;
    (campaign, ids)
}

async fn pass(world: &World, campaign: Campaign, ids: &[i64]) -> Answer {
    let ask = Ask {
        run_id: campaign.run,
        channel: Channel::Email,
        sender_id: campaign.sender,
        worker_id: WorkerId::new(),
        delivery_ids: ids,
        limit: 64,
    };
    let mut tx = world.db.begin().await.unwrap();
    let answer = gate::pass(&mut tx, ask, now()).await.unwrap();
    tx.commit().await.unwrap();
    answer
}

async fn hold(world: &World, sender: SenderId, domain: &str, after: Option<Wait>, at: OffsetDateTime) -> Option<OffsetDateTime> {
    let mut connection = world.db.acquire().await.unwrap();
    domain_hold::hold(&mut connection, sender, Slow { domain, after, code: "4.7.28" }, at).await.unwrap()
}

#[tokio::test]
async fn mail_for_a_held_domain_waits_and_the_rest_leaves() {
    let world = World::new().await;
    let (campaign, ids) = by_email(&world, 3).await;
    hold(&world, campaign.sender, "SLOW.example", None, now()).await.unwrap();
    let answer = pass(&world, campaign, &ids).await;
    assert_eq!(answer.claimed.len(), 3);
    assert!(answer.claimed.iter().all(|claimed| claimed.address.ends_with("@fast.example")));
    assert!(answer.stopped.is_empty());
    let waits = "state = 'retry_wait' AND reason = 'domain_held' AND attempt = 0 AND next_attempt_at > now() + interval '50 seconds'";
    assert_eq!(world.count(waits).await, 3);
    assert_eq!(world.text("SELECT count(*) FROM send.decision WHERE verdict = 'deferred' AND reason = 'domain_held'").await, "3");
}

#[tokio::test]
async fn a_hold_is_of_one_sender_and_ends() {
    let world = World::new().await;
    let (campaign, ids) = by_email(&world, 2).await;
    let (other, _) = by_email(&world, 1).await;
    hold(&world, other.sender, "slow.example", None, now()).await.unwrap();
    hold(&world, campaign.sender, "slow.example", None, now() - Duration::minutes(5)).await.unwrap();
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 4);
    assert_eq!(hold(&world, SenderId::new(), "slow.example", None, now()).await, None, "there is no such sender");
}

#[tokio::test]
async fn a_hold_doubles_when_it_comes_again_and_halves_in_peace() {
    let world = World::new().await;
    let (campaign, _) = by_email(&world, 1).await;
    // PostgreSQL keeps whole microseconds.
    let start = now().replace_nanosecond(0).unwrap();
    let at = |seconds: i64| start + Duration::seconds(seconds);
    // When the domain complains, for how long it asks, and until when it is held then, all in seconds.
    for (said, asked, until) in [
        (0, None, 60),
        // Of a message that had left before.
        (30, None, 90),
        (95, None, 95 + 120),
        (220, None, 220 + 240),
        // Twice as long as the last one without a complaint: a quarter, then twice that.
        (460 + 480, None, 940 + 120),
        (1_070, Some(900), 1_070 + 900),
        (1_975, None, 1_975 + 1_800),
        (3_780, None, 3_780 + 3_600),
        (7_390, Some(86_400), 7_390 + 3_600),
        (86_400, None, 86_400 + 60),
    ] {
        let held = hold(&world, campaign.sender, "slow.example", asked.map(Wait::from_secs), at(said)).await.unwrap();
        assert_eq!((held - start).whole_seconds(), until, "after {said} s");
    }
    hold(&world, campaign.sender, "fast.example", None, at(86_400 * 30)).await.unwrap();
    assert_eq!(world.text("SELECT string_agg(domain, ',') FROM send.domain_hold").await, "fast.example", "what is long over is forgotten");
}

#[tokio::test]
async fn a_mailbox_is_read_by_one_and_from_where_it_was_left() {
    let world = World::new().await;
    let (campaign, _) = by_email(&world, 1).await;
    let mut connection = world.db.acquire().await.unwrap();
    let lease = Wait::from_secs(60);
    assert_eq!(bounce_mailbox::plan(&mut connection, now()).await.unwrap(), 0, "no sender names one");
    world.execute(r#"UPDATE core.sender SET settings = '{"mailbox_host": "imap.example.com"}'"#.to_owned()).await;
    assert_eq!(bounce_mailbox::plan(&mut connection, now()).await.unwrap(), 1);
    assert_eq!(bounce_mailbox::plan(&mut connection, now()).await.unwrap(), 0);
    let due = bounce_mailbox::take(&mut connection, lease, now()).await.unwrap().unwrap();
    assert_eq!(due, Due { sender_id: campaign.sender, workspace_id: campaign.workspace, validity: 0, uid: 0, failures: 0 });
    assert_eq!(bounce_mailbox::take(&mut connection, lease, now()).await.unwrap(), None, "somebody is at it");
    let later = now() + Duration::minutes(2);
    assert!(bounce_mailbox::take(&mut connection, lease, later).await.unwrap().is_some(), "whoever was at it is gone");
    let visited = Visited { validity: u32::MAX, uid: 17, next_at: later, fault: "timeout" };
    bounce_mailbox::visited(&mut connection, campaign.sender, visited, later).await.unwrap();
    let again = bounce_mailbox::take(&mut connection, lease, later).await.unwrap().unwrap();
    assert_eq!((again.validity, again.uid, again.failures), (u32::MAX, 17, 1));
    bounce_mailbox::visited(&mut connection, campaign.sender, Visited { fault: "", ..visited }, later).await.unwrap();
    assert_eq!(bounce_mailbox::take(&mut connection, lease, later).await.unwrap().unwrap().failures, 0);
    bounce_mailbox::forget(&mut connection, campaign.sender).await.unwrap();
    assert_eq!(bounce_mailbox::take(&mut connection, lease, later).await.unwrap(), None);
}
