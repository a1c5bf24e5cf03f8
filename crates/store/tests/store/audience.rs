//! The preview counts exactly what the expansion of a run writes.

use crate::fixture::{Campaign, World};
use domain::Channel;
use store::audience::{self, Audience, Reach};
use uuid::Uuid;

async fn preview(world: &World, campaign: Campaign, include: &[Uuid], exclude: &[Uuid]) -> (u64, Reach) {
    let (include, exclude): (Vec<_>, Vec<_>) =
        (include.iter().map(|id| (*id).into()).collect(), exclude.iter().map(|id| (*id).into()).collect());
    let audience = Audience { workspace: campaign.workspace, include: &include, exclude: &exclude };
    let mut tx = world.db.begin().await.unwrap();
    let count = audience::count(&mut tx, audience).await.unwrap();
    (count, audience::preview(&mut tx, audience, Channel::Sms).await.unwrap())
}

#[tokio::test]
async fn the_preview_says_what_the_run_then_writes() {
    let world = World::new().await;
    let campaign = world.campaign(10, 10.0).await;
    world.contact(campaign, "", None).await;
    world.contact(campaign, "05-not-a-phone", None).await;
    for _ in 0..2 {
        world.contact(campaign, "+971500000001", Some("+971500000001")).await;
        // Opted out, and there twice: the opt-out is the reason for both.
        world.contact(campaign, "+971500000002", Some("+971500000002")).await;
    }
    world.opt_out(campaign, "+971500000002", "sms").await;
    world.opt_out(campaign, "+971500000002", "all").await;
    world.opt_out(campaign, "+971500000003", "whatsapp").await;
    let (contacts, reach) = preview(&world, campaign, &[campaign.list], &[]).await;
    assert_eq!((contacts, reach.target, reach.reachable), (16, 16, 9));
    world.expand(campaign, 4).await;
    assert_eq!(world.count("true").await, reach.target.cast_signed());
    assert_eq!(world.count("state = 'queued'").await, reach.reachable.cast_signed());
    let expected = [("duplicate", 2), ("invalid_address", 1), ("no_address", 1), ("opted_out", 3)];
    assert_eq!(reach.unreachable, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    for (reason, count) in &reach.unreachable {
        assert_eq!(world.count(&format!("reason = '{reason}'")).await, count.cast_signed(), "{reason}");
    }
}

#[tokio::test]
async fn somebody_on_two_lists_counts_once_and_on_an_excluded_one_not_at_all() {
    let world = World::new().await;
    let campaign = world.campaign(5, 10.0).await;
    let (second, excluded) = (Uuid::now_v7(), Uuid::now_v7());
    let workspace = campaign.workspace;
    for (list, members) in [(second, 5), (excluded, 2)] {
        world
            .execute(format!(
                "INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', '{list}', now())"
            ))
            .await;
        world
            .execute(format!(
                "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
                 SELECT '{list}', contact_id, workspace_id, now() FROM core.contact ORDER BY contact_id LIMIT {members}"
            ))
            .await;
    }
    let (contacts, reach) = preview(&world, campaign, &[campaign.list, second], &[excluded]).await;
    assert_eq!((contacts, reach.target, reach.reachable), (3, 3, 3));
    assert_eq!(preview(&world, campaign, &[], &[]).await, (0, Reach::default()));
}
