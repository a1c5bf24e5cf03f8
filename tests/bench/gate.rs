//! What the gate costs beside the least that any claim costs: one UPDATE of the same rows in a transaction of its own.
//!
//! Both take turns on one connection, 64 deliveries a time, so that whatever slows the machine slows both.

use crate::{
    report::Row,
    stage::{Campaign, Stage, now},
};
use anyhow::Result;
use domain::{Channel, WorkerId};
use std::time::{Duration, Instant};
use store::{
    Db, Role,
    admin::minimal_claim,
    gate::{self, Ask},
};

/// Deliveries for each of the two.
const COUNT: usize = 12_800;
const SUB_BATCH: usize = 64;
/// Turns that aren't timed: until statements are prepared and planned.
const WARM_UP: usize = 10;

/// The gate without optional rules, and with all of them.
pub async fn against_minimal_claim() -> Result<Vec<Row>> {
    let bare = measure("gate, only what always holds", false).await?;
    let whole = measure("gate, every rule on", true).await?;
    Ok(vec![bare, whole])
}

async fn measure(name: &'static str, every_rule: bool) -> Result<Row> {
    let stage = Stage::new(2 * COUNT).await?;
    let campaign = stage.campaign("sms", "twilio", "{}", "{}").await?;
    stage.expand(campaign).await?;
    if every_rule {
        add_rules(&stage, campaign).await?;
    }
    stage.raw("VACUUM ANALYZE").await?;
    let ids = stage.delivery_ids(campaign).await?;
    let db = Db::connect(&stage.database.url, Role::Owner, 1).await?;
    let (mut minimal, mut ours, mut passed) = (Duration::ZERO, Duration::ZERO, 0);
    for (turn, pair) in ids.chunks_exact(2 * SUB_BATCH).enumerate() {
        let (left, right) = pair.split_at(SUB_BATCH);
        // Each goes first every other time.
        let (first, second) = if turn % 2 == 0 { (left, right) } else { (right, left) };
        let claim_time = claim(&db, first).await?;
        let (gate_time, count) = pass(&db, campaign, second).await?;
        if turn >= WARM_UP {
            minimal += claim_time;
            ours += gate_time;
            passed += count;
        }
    }
    let expected = (ids.len() / (2 * SUB_BATCH) - WARM_UP) * SUB_BATCH;
    anyhow::ensure!(passed == expected, "the gate let {passed} of {expected} through");
    let rate = |time: Duration| passed as f64 / time.as_secs_f64();
    Ok(Row { name, unit: "deliveries", rate: rate(ours), limit: rate(minimal), against: "a minimal claim of 64", aim: 0.5 })
}

async fn claim(db: &Db, part: &[i64]) -> Result<Duration> {
    let started = Instant::now();
    let mut tx = db.begin().await?;
    let claimed = minimal_claim(&mut tx, WorkerId::new(), part).await?;
    tx.commit().await?;
    let time = started.elapsed();
    anyhow::ensure!(claimed == part.len(), "the minimal claim found {claimed} of {}", part.len());
    Ok(time)
}

async fn pass(db: &Db, campaign: Campaign, part: &[i64]) -> Result<(Duration, usize)> {
    let ask = Ask {
        run_id: campaign.run,
        channel: Channel::Sms,
        sender_id: campaign.sender,
        worker_id: WorkerId::new(),
        delivery_ids: part,
        limit: SUB_BATCH as u32,
    };
    let started = Instant::now();
    let mut tx = db.begin().await?;
    let answer = gate::pass(&mut tx, ask, now()).await?;
    tx.commit().await?;
    Ok((started.elapsed(), answer.claimed.len()))
}

/// Caps, quiet hours, a rule across channels, a budget; and for each contact three older messages, and one of this campaign by e-mail.
async fn add_rules(stage: &Stage, campaign: Campaign) -> Result<()> {
    let (workspace, id, run) = (stage.workspace, campaign.id, campaign.run);
    let older = stage.campaign("sms", "twilio", "{}", "{}").await?;
    let copy = |of: domain::CampaignId, run: domain::RunId, channel: &str, hours: &str| {
        format!(
            "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, address_key, sent_at,
                                        updated_at)
             SELECT workspace_id, '{of}', '{run}', contact_id, sender_id, '{channel}', 'accepted', address, address_key,
                    now() - interval '{hours} hours', now() FROM send.delivery WHERE run_id = '{}' AND channel = 'sms'",
            campaign.run
        )
    };
    for sql in [
        format!("INSERT INTO core.frequency_cap VALUES ('{workspace}', 'all', 9, 168), ('{workspace}', 'sms', 3, 24)"),
        "UPDATE core.workspace SET quiet_start = now()::time + interval '5 hours', quiet_end = now()::time + interval '6 hours',
                timezone = 'UTC'"
            .to_owned(),
        "UPDATE core.contact SET timezone = 'Etc/UTC'".to_owned(),
        format!("INSERT INTO core.campaign_rule VALUES ('{id}', '{workspace}', 0, 'email', 'opened', 1, 'sms')"),
        format!("UPDATE core.campaign SET budget_micros = 1000000000 WHERE campaign_id = '{id}'"),
        "UPDATE send.run_channel SET price_micros = 7".to_owned(),
        copy(older.id, older.run, "sms", "30"),
        copy(older.id, older.run, "email", "40"),
        copy(older.id, older.run, "whatsapp", "200"),
        copy(id, run, "email", "2"),
        "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, opened_at)
         SELECT delivery_id, workspace_id, 9, now(), now() - interval '2 hours' FROM send.delivery WHERE state = 'accepted'"
            .to_owned(),
    ] {
        stage.raw(&sql).await?;
    }
    Ok(())
}
