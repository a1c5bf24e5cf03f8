//! A run's content may be changed while it is sent: what leaves afterwards is of the new version, what may have left keeps its own.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, TemplateId, WorkerId, facts::Metric};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{Role, recount, run_content, stats};

/// A next version of the campaign's template, and of what its run sends.
async fn amend(world: &World, campaign: Campaign, text: &str) -> i32 {
    let id = campaign.campaign;
    world
        .execute(format!(
            r#"INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
               SELECT template_id, (SELECT max(version) + 1 FROM core.template_version v WHERE v.template_id = c.template_id), workspace_id,
                      '{{"sms": {{"text": "{text}"}}}}', now(), 'test' FROM core.campaign c WHERE campaign_id = '{id}'"#
        ))
        .await;
    let template: TemplateId =
        world.text(&format!("SELECT template_id FROM core.campaign WHERE campaign_id = '{id}'")).await.parse().unwrap();
    let newest = world.text(&format!("SELECT max(version) FROM core.template_version WHERE template_id = '{template}'")).await;
    // As campaign-api does it, with its rights.
    let mut tx = world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap();
    run_content::lock(&mut tx, campaign.workspace, id).await.unwrap();
    let new = run_content::New {
        workspace_id: campaign.workspace,
        run_id: campaign.run,
        template_id: template,
        template_version: newest.parse().unwrap(),
        created_by: "ann",
    };
    let version = run_content::add(&mut tx, new, now()).await.unwrap();
    tx.commit().await.unwrap();
    version
}

async fn read(world: &World, campaign: Campaign, version: i32) -> Option<Value> {
    let mut connection = world.db.acquire().await.unwrap();
    run_content::read(&mut connection, campaign.run, version).await.unwrap()
}

#[tokio::test]
async fn what_leaves_after_a_change_is_of_the_new_version_and_each_can_be_read() {
    let world = World::new().await;
    let campaign = world.campaign(6, 1e6).await;
    world.expand(campaign, 50).await;
    let (ids, worker) = (world.delivery_ids(campaign).await, WorkerId::new());
    let mut first = Vec::new();
    while first.len() < 2 {
        first.extend(world.pass(campaign, worker, &ids, 2 - first.len() as u32).await.claimed);
    }
    assert_eq!(amend(&world, campaign, "corrected").await, 2);
    let mut later = Vec::new();
    while later.len() < 3 {
        later.extend(world.pass(campaign, worker, &ids, 3 - later.len() as u32).await.claimed);
    }
    assert!(first.iter().all(|claimed| claimed.content_version == 1) && later.iter().all(|claimed| claimed.content_version == 2));
    for (version, count) in [("= 1", 2), ("= 2", 3), ("IS NULL", 1)] {
        assert_eq!(world.count(&format!("content_version {version}")).await, count, "{version}");
    }
    assert_eq!(read(&world, campaign, 1).await, Some(json!({})));
    assert_eq!(read(&world, campaign, 2).await, Some(json!({"sms": {"text": "corrected"}})));
    assert_eq!(read(&world, campaign, 3).await, None);

    let mut connection = world.db.acquire().await.unwrap();
    let versions = run_content::versions(&mut connection, campaign.workspace, campaign.campaign).await.unwrap();
    let told: Vec<_> = versions.iter().map(|one| (one.version, one.template_version, one.created_by.as_str())).collect();
    assert_eq!(told, [(1, 1, ""), (2, 2, "ann")]);
}

#[tokio::test]
async fn what_may_have_left_keeps_its_version_and_what_never_did_gets_the_new_one() {
    let world = World::new().await;
    let campaign = world.campaign(5, 1e6).await;
    world.expand(campaign, 50).await;
    let (ids, worker) = (world.delivery_ids(campaign).await, WorkerId::new());
    let mut claimed = 0;
    while claimed < 5 {
        claimed += world.pass(campaign, worker, &ids, 5).await.claimed.len();
    }
    amend(&world, campaign, "corrected").await;
    // Refused and tried again; timed out; found never to have left; sent again by a person though it may have left; of before there were
    // versions.
    for (id, doubtful, reason, version) in [
        (ids[0], false, "'429'", "1"),
        (ids[1], true, "'timeout'", "1"),
        (ids[2], true, "'not_found'", "1"),
        (ids[3], true, "'resent'", "1"),
        (ids[4], true, "NULL", "NULL"),
    ] {
        world
            .execute(format!(
                "UPDATE send.delivery SET state = 'queued', doubtful = {doubtful}, reason = {reason}, content_version = {version}
                 WHERE delivery_id = {id}"
            ))
            .await;
    }
    let mut versions = BTreeMap::new();
    while versions.len() < 5 {
        let answer = world.pass(campaign, worker, &ids, 5).await;
        versions.extend(answer.claimed.iter().map(|claimed| (claimed.delivery_id.0, claimed.content_version)));
    }
    assert_eq!(ids.iter().map(|id| versions[id]).collect::<Vec<_>>(), [2, 1, 2, 1, 1]);
    for (id, version) in versions {
        assert_eq!(world.count(&format!("delivery_id = {id} AND content_version = {version} AND attempt = 2")).await, 1);
    }
}

#[tokio::test]
async fn figures_by_version_add_up_to_all() {
    let world = World::new().await;
    let campaign = world.campaign(6, 1e6).await;
    world.opt_out(campaign, "+971500000005", "sms").await;
    world.expand(campaign, 50).await;
    world
        .execute(
            "UPDATE send.delivery d SET state = v.state, attempt = v.attempt, content_version = v.version
             FROM (SELECT delivery_id, row_number() OVER (ORDER BY delivery_id) AS n FROM send.delivery WHERE state = 'queued') AS o
             JOIN (VALUES (1, 'accepted', 1, 1), (2, 'accepted', 1, NULL), (3, 'accepted', 1, 2), (4, 'rejected', 2, 2))
                  AS v (n, state, attempt, version) USING (n)
             WHERE d.delivery_id = o.delivery_id"
                .to_owned(),
        )
        .await;
    let mut connection = world.db.acquire().await.unwrap();
    let versions = recount::by_version(&mut connection, campaign.workspace, campaign.campaign).await.unwrap();
    let of = |version: i32, metric| versions[&(campaign.run, version)][&Channel::Sms].get(metric);
    assert_eq!((of(1, Metric::Target), of(1, Metric::Sent)), (2, 2), "what was tried before there were versions was of the first");
    assert_eq!((of(2, Metric::Target), of(2, Metric::Sent), of(2, Metric::Rejected)), (2, 1, 1));
    assert_eq!((of(0, Metric::Target), of(0, Metric::Suppressed)), (2, 1));
    let all = recount::tallies(&mut connection, campaign.workspace, campaign.campaign).await.unwrap();
    for metric in Metric::ALL {
        assert_eq!((0..3).map(|version| of(version, metric)).sum::<i64>(), all[&Channel::Sms].get(metric), "{metric:?}");
    }
    let filter = stats::Filter::default();
    let listed = stats::deliveries(&mut connection, campaign.workspace, campaign.campaign, &filter, None, 10).await.unwrap();
    let mut versions: Vec<_> = listed.iter().map(|delivery| delivery.content_version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [0, 0, 1, 1, 2, 2]);
}

#[tokio::test]
async fn another_workspaces_run_is_not_changed() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let template: TemplateId =
        world.text(&format!("SELECT template_id FROM core.campaign WHERE campaign_id = '{}'", ours.campaign)).await.parse().unwrap();
    let mut tx = world.connect_as(Role::Api).await.tenant(ours.workspace).await.unwrap();
    let new = run_content::New {
        workspace_id: theirs.workspace,
        run_id: theirs.run,
        template_id: template,
        template_version: 1,
        created_by: "ann",
    };
    assert!(run_content::add(&mut tx, new, now()).await.is_err());
}
