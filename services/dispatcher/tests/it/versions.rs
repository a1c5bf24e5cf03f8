//! A run's content is changed while it is sent.

use crate::{desk::Desk, world::World};
use std::collections::BTreeMap;
use store::run_content::{self, New};
use time::OffsetDateTime;

#[tokio::test]
async fn what_has_not_left_yet_is_of_the_new_version() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let campaign = world.campaign(desk.address, 40, 1e6, "bulk").await;
    let later = "SELECT delivery_id FROM send.delivery ORDER BY delivery_id OFFSET 15";
    let wait = "UPDATE send.delivery SET state = 'retry_wait', next_attempt_at = now() + interval '1 hour' WHERE delivery_id IN";
    world.execute(format!("{wait} ({later})")).await;
    let _running = world.dispatch(|_| ());
    world.until(15, "state = 'accepted'").await;

    world
        .execute(
            r#"INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
               SELECT template_id, 2, workspace_id, '{"sms": {"text": "Hello again"}}', now(), 'test' FROM core.template"#,
        )
        .await;
    let mut tx = world.db.begin().await.unwrap();
    let run = run_content::current(&mut tx, campaign.run).await.unwrap();
    let workspace_id = store::run::owner(&mut tx, campaign.run).await.unwrap().workspace_id;
    let new = New { workspace_id, run_id: campaign.run, template_id: run.template_id, template_version: 2, created_by: "ann" };
    run_content::add(&mut tx, new, OffsetDateTime::now_utc()).await.unwrap();
    tx.commit().await.unwrap();
    world.execute("UPDATE send.delivery SET next_attempt_at = now() WHERE state = 'retry_wait'").await;
    world.until(40, "state = 'accepted'").await;

    let mut counts = BTreeMap::new();
    for (to, body) in desk.bodies() {
        let version = if body == "Hello" { 1 } else { 2 };
        assert_eq!(world.deliveries(&format!("address = '{to}' AND content_version = {version}")).await, 1, "{to} got {body:?}");
        *counts.entry(body).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([("Hello".to_owned(), 15), ("Hello again".to_owned(), 25)]));
}
