//! What is frozen stays as it was; what isn't is what it is when it is asked for.

use crate::fixture::{Campaign, World, now};
use domain::{
    Channel, SegmentId,
    campaign::Freeze,
    filter::{Filter, ProfileField, TextTest},
};
use sqlx::types::Json;
use store::{
    Role,
    audience::{self, Terms},
    dry_run, freeze, run,
    segment::{self, Segment},
};
use uuid::Uuid;

fn in_city(city: &str) -> Filter {
    Filter::Profile { field: ProfileField::City, is: TextTest::Equals(city.to_owned()) }
}

/// A campaign that waits to be started, with one contact on its list and four others: two in Dubai, two in Oman, who also have a phone.
async fn waiting(world: &World, freeze: Freeze) -> Campaign {
    let campaign = world.campaign(5, 10.0).await;
    for sql in [
        format!("DELETE FROM send.run_channel WHERE run_id = '{}'", campaign.run),
        format!("DELETE FROM send.run WHERE run_id = '{}'", campaign.run),
        format!(
            "UPDATE core.campaign SET status = 'SCHEDULED', audience_freeze = '{freeze}', started_at = NULL WHERE campaign_id = '{}'",
            campaign.campaign
        ),
        format!("DELETE FROM core.list_member WHERE list_id = '{}'", campaign.list),
        format!(
            "UPDATE core.contact SET city = CASE WHEN phone IN ('+971500000001', '+971500000002') THEN 'Dubai'
                                                 WHEN phone IN ('+971500000003', '+971500000004') THEN 'Oman' ELSE '' END
             WHERE workspace_id = '{}'",
            campaign.workspace
        ),
    ] {
        world.execute(sql).await;
    }
    add(world, campaign, "+971500000000").await;
    campaign
}

async fn add(world: &World, campaign: Campaign, phone: &str) {
    let sql = format!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT '{}', contact_id, workspace_id, now() - interval '1 hour' FROM core.contact WHERE phone = '{phone}' AND workspace_id = '{}'",
        campaign.list, campaign.workspace
    );
    assert_eq!(world.execute(sql).await, 1);
}

async fn segment(world: &World, campaign: Campaign, filter: Filter, excluded: bool) -> SegmentId {
    let id = SegmentId::new();
    let segment = Segment {
        segment_id: id,
        name: format!("{id}"),
        description: String::new(),
        filter,
        revision: 1,
        archived_at: None,
        created_at: now(),
        updated_at: now(),
    };
    let mut connection = world.db.acquire().await.unwrap();
    segment::insert(&mut connection, campaign.workspace, &segment).await.unwrap();
    world
        .execute(format!(
            "INSERT INTO core.campaign_segment (campaign_id, segment_id, excluded, workspace_id) VALUES ('{}', '{id}', {excluded}, '{}')",
            campaign.campaign, campaign.workspace
        ))
        .await;
    id
}

/// What the scheduler does when a campaign is due.
async fn start(world: &World, campaign: Campaign) -> Option<(i64, i64)> {
    let scheduler = world.connect_as(Role::Scheduler).await;
    let now = now();
    let mut tx = scheduler.begin().await.unwrap();
    let revision = freeze::at_sending(&mut tx, campaign.campaign, now).await.unwrap()?;
    run::lock_scheduled(&mut tx, campaign.campaign).await.unwrap()?;
    assert!(freeze::is_current(&mut tx, campaign.campaign, revision).await.unwrap());
    let counted = run::recipients_and_limit(&mut tx, campaign.campaign).await.unwrap();
    run::create(&mut tx, campaign.campaign, "once", campaign.run, now).await.unwrap();
    freeze::mark(&mut tx, campaign.campaign, counted.0.unsigned_abs(), now).await.unwrap();
    tx.commit().await.unwrap();
    Some(counted)
}

/// What SendCampaign does.
async fn schedule(world: &World, campaign: Campaign, point: Freeze) {
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(campaign.workspace).await.unwrap();
    freeze::at_scheduling(&mut tx, campaign.workspace, campaign.campaign, point, now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn phones(world: &World) -> String {
    world.text("SELECT string_agg(right(address, 1), '' ORDER BY address) FROM send.delivery WHERE state = 'queued'").await
}

async fn move_to(world: &World, campaign: Campaign, phone: &str, city: &str) {
    let workspace = campaign.workspace;
    world.execute(format!("UPDATE core.contact SET city = '{city}' WHERE phone = '{phone}' AND workspace_id = '{workspace}'")).await;
}

#[tokio::test]
async fn an_audience_frozen_at_sending_is_what_it_is_when_the_run_starts() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Sending).await;
    segment(&world, campaign, in_city("dubai"), false).await;
    segment(&world, campaign, in_city("oman"), true).await;
    schedule(&world, campaign, Freeze::Sending).await;
    // After it was scheduled, and before it starts.
    move_to(&world, campaign, "+971500000003", "Dubai").await;
    add(&world, campaign, "+971500000004").await;
    assert_eq!(start(&world, campaign).await, Some((4, 10_000)));
    // Once it has started.
    move_to(&world, campaign, "+971500000001", "Oman").await;
    move_to(&world, campaign, "+971500000004", "Dubai").await;
    world.expand(campaign, 2).await;
    assert_eq!(phones(&world).await, "0123");
    let frozen = world.text(&format!("SELECT audience_contacts FROM core.campaign WHERE campaign_id = '{}'", campaign.campaign)).await;
    assert_eq!(frozen, "4");
}

#[tokio::test]
async fn an_audience_frozen_at_scheduling_stays_what_it_was_then_but_for_lists_to_leave_out() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Scheduling).await;
    segment(&world, campaign, in_city("dubai"), false).await;
    let (staff, workspace) = (Uuid::now_v7(), campaign.workspace);
    world
        .execute(format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{staff}', '{workspace}', 's', now())"))
        .await;
    world
        .execute(format!(
            "INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id) VALUES ('{}', '{staff}', true, '{workspace}')",
            campaign.campaign
        ))
        .await;
    schedule(&world, campaign, Freeze::Scheduling).await;
    let frozen = format!("SELECT audience_contacts FROM core.campaign WHERE campaign_id = '{}'", campaign.campaign);
    assert_eq!(world.text(&frozen).await, "3");
    move_to(&world, campaign, "+971500000003", "Dubai").await;
    move_to(&world, campaign, "+971500000001", "Oman").await;
    add(&world, campaign, "+971500000004").await;
    world.execute(format!("DELETE FROM core.list_member WHERE list_id = '{}'", campaign.list)).await;
    add(&world, Campaign { list: staff, ..campaign }, "+971500000002").await;
    assert_eq!(start(&world, campaign).await, Some((2, 10_000)));
    world.expand(campaign, 100).await;
    assert_eq!(phones(&world).await, "01");
    assert_eq!(world.text(&frozen).await, "3", "as it was noted when it was frozen");
}

#[tokio::test]
async fn a_segment_means_what_it_meant_when_the_campaign_was_sent() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Sending).await;
    let id = segment(&world, campaign, in_city("dubai"), false).await;
    schedule(&world, campaign, Freeze::Sending).await;
    let mut connection = world.db.acquire().await.unwrap();
    let sql = "UPDATE core.segment SET filter = $2 WHERE segment_id = $1";
    sqlx::query(sql).bind(id.0).bind(Json(in_city("oman"))).execute(&mut *connection).await.unwrap();
    start(&world, campaign).await.unwrap();
    world.expand(campaign, 100).await;
    assert_eq!(phones(&world).await, "012");
}

#[tokio::test]
async fn preview_and_dry_run_say_what_the_run_then_writes_frozen_or_not() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Sending).await;
    segment(&world, campaign, in_city("dubai"), false).await;
    segment(&world, campaign, Filter::Profile { field: ProfileField::Phone, is: TextTest::Contains("0002".to_owned()) }, true).await;
    // A duplicate of somebody in the segment, by way of the list; and of somebody who is left out.
    for phone in ["+971500000001", "+971500000002"] {
        world.contact(campaign, phone, Some(phone)).await;
    }
    let says = async || {
        let mut tx = world.db.begin().await.unwrap();
        let audience = audience::of_campaign(&mut tx, campaign.workspace, campaign.campaign, now()).await.unwrap();
        let terms = Terms { channels: &[Channel::Sms], ..Terms::default() };
        let reach = audience::preview(&mut tx, &audience, terms).await.unwrap().channels.remove(&Channel::Sms).unwrap();
        assert_eq!(audience::count(&mut tx, &audience).await.unwrap(), reach.target);
        let (mut suppressed, mut judged, mut after) = (0, 0, None);
        loop {
            let page = dry_run::page(&mut tx, &audience, (&[Channel::Sms], &[]), after, 2).await.unwrap();
            judged += page.candidates.len() as u64;
            suppressed += page.candidates.iter().filter(|one| one.unreachable.as_deref() == Some("duplicate")).count() as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((judged, suppressed), (reach.target, reach.unreachable.get("duplicate").copied().unwrap_or_default()));
        reach
    };
    let before = says().await;
    assert_eq!((before.target, before.reachable), (3, 2));
    start(&world, campaign).await.unwrap();
    assert_eq!(says().await, before);
    world.expand(campaign, 2).await;
    assert_eq!(world.count("state = 'queued'").await, 2);
    assert_eq!(world.count("reason = 'duplicate'").await, 1);
}

#[tokio::test]
async fn only_one_scheduler_freezes_and_what_was_edited_meanwhile_is_not_started() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Sending).await;
    segment(&world, campaign, in_city("dubai"), false).await;
    let mut first = world.db.begin().await.unwrap();
    let revision = freeze::at_sending(&mut first, campaign.campaign, now()).await.unwrap().unwrap();
    let mut second = world.db.begin().await.unwrap();
    assert_eq!(freeze::at_sending(&mut second, campaign.campaign, now()).await.unwrap(), None);
    second.rollback().await.unwrap();
    segment(&world, campaign, in_city("oman"), false).await;
    run::lock_scheduled(&mut first, campaign.campaign).await.unwrap().unwrap();
    assert!(!freeze::is_current(&mut first, campaign.campaign, revision).await.unwrap());
    first.rollback().await.unwrap();
    assert_eq!(start(&world, campaign).await, Some((5, 10_000)));
}

#[tokio::test]
async fn snapshots_that_nobody_needs_are_swept_away() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Scheduling).await;
    segment(&world, campaign, in_city("dubai"), false).await;
    // Twice: the first ones are given up.
    for _ in 0..2 {
        schedule(&world, campaign, Freeze::Scheduling).await;
    }
    let hidden = "SELECT count(*) FROM core.list WHERE kind = 'snapshot'";
    assert_eq!(world.text(hidden).await, "4");
    let scheduler = world.connect_as(Role::Scheduler).await;
    let sweep = async |at| {
        let mut connection = scheduler.acquire().await.unwrap();
        while freeze::sweep(&mut connection, at).await.unwrap() {}
    };
    sweep(now()).await;
    assert_eq!(world.text(hidden).await, "2");
    start(&world, campaign).await.unwrap();
    world.expand(campaign, 100).await;
    let of_campaign = format!("WHERE campaign_id = '{}'", campaign.campaign);
    world.execute(format!("UPDATE core.campaign SET status = 'COMPLETED', completed_at = now() {of_campaign}")).await;
    sweep(now()).await;
    assert_eq!(world.text(hidden).await, "2", "explanations still need them");
    sweep(now() + time::Duration::days(31)).await;
    assert_eq!(world.text(hidden).await, "0");
    let people = "SELECT count(*) FROM core.list WHERE kind = 'list'";
    assert_eq!(world.text(people).await, "1");
}

#[tokio::test]
async fn the_scheduler_touches_no_list_that_people_manage() {
    let world = World::new().await;
    let campaign = waiting(&world, Freeze::Sending).await;
    let scheduler = world.connect_as(Role::Scheduler).await;
    let mut connection = scheduler.acquire().await.unwrap();
    let deleted = sqlx::query("DELETE FROM core.list WHERE list_id = $1").bind(campaign.list).execute(&mut *connection).await.unwrap();
    assert_eq!(deleted.rows_affected(), 0);
    let sql = "INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ($1, $2, 'mine', now())";
    assert!(sqlx::query(sql).bind(Uuid::now_v7()).bind(campaign.workspace.0).execute(&mut *connection).await.is_err());
}
