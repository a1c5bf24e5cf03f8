//! What PostgreSQL does for us, beside what it could do bare.

use crate::{
    report::Row,
    stage::{Campaign, Stage, now, rate},
};
use anyhow::Result;
use domain::{
    Channel, DeliveryId, WorkerId,
    delivery::State,
    facts::{self, Kind},
};
use std::time::Instant;
use store::{
    fact::{self, Fact},
    gate::{self, Ask},
    record::{self, Tried},
};

const AUDIENCE: usize = 50_000;
const SUB_BATCH: usize = 64;

/// Expansion in chunks against one bare `INSERT … SELECT` into the same table with the same indexes. Twice each, in turn.
pub async fn expansion() -> Result<Row> {
    let stage = Stage::new(AUDIENCE).await?;
    let (mut ours, mut limit) = (0.0_f64, 0.0_f64);
    for _ in 0..2 {
        let bare = stage.campaign("sms", "twilio", "{}", "{}").await?;
        let started = Instant::now();
        let rows = stage.raw(&bare_insert(&stage, bare)).await?;
        limit = limit.max(rate(rows as usize, started));
        let campaign = stage.campaign("sms", "twilio", "{}", "{}").await?;
        let started = Instant::now();
        let written = stage.expand(campaign).await?;
        ours = ours.max(rate(written, started));
    }
    Ok(Row { name: "expansion", unit: "deliveries", rate: ours, limit, against: "a bare INSERT … SELECT … ON CONFLICT", aim: 0.5 })
}

fn bare_insert(stage: &Stage, campaign: Campaign) -> String {
    let (workspace, id, run, sender) = (stage.workspace, campaign.id, campaign.run, campaign.sender);
    format!(
        "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, address_key, updated_at)
         SELECT '{workspace}', '{id}', '{run}', contact_id, '{sender}', 'sms', 'queued', phone, phone_key, now()
         FROM core.contact WHERE workspace_id = '{workspace}' ON CONFLICT DO NOTHING"
    )
}

/// The gate and the record of 64 at a time, two committed transactions, against one bare `UPDATE … FROM unnest` of 500.
pub async fn gate_and_record() -> Result<Row> {
    const COUNT: usize = 20_000;
    let stage = Stage::new(2 * COUNT).await?;
    let campaign = stage.campaign("sms", "twilio", "{}", "{}").await?;
    stage.expand(campaign).await?;
    let ids = stage.delivery_ids(campaign).await?;
    let (bare, ours) = ids.split_at(COUNT);
    let started = Instant::now();
    for part in bare.chunks(500) {
        let list = part.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        stage
            .raw(&format!(
                "UPDATE send.delivery d SET state = 'accepted', updated_at = now() FROM unnest(ARRAY[{list}]::bigint[]) AS u (id)
                 WHERE d.delivery_id = u.id"
            ))
            .await?;
    }
    let limit = rate(bare.len(), started);
    let worker = WorkerId::new();
    let started = Instant::now();
    let mut done = 0;
    for part in ours.chunks(SUB_BATCH) {
        done += gate_then_record(&stage, campaign, worker, part).await?;
    }
    anyhow::ensure!(done == COUNT, "the gate let {done} of {COUNT} through");
    Ok(Row {
        name: "gate + record",
        unit: "deliveries",
        rate: rate(done, started),
        limit,
        against: "a bare UPDATE … FROM unnest of 500",
        aim: 0.25,
    })
}

async fn gate_then_record(stage: &Stage, campaign: Campaign, worker: WorkerId, part: &[i64]) -> Result<usize> {
    let ask = Ask {
        run_id: campaign.run,
        channel: Channel::Sms,
        sender_id: campaign.sender,
        worker_id: worker,
        delivery_ids: part,
        limit: SUB_BATCH as u32,
    };
    let mut tx = stage.db.begin().await?;
    let answer = gate::pass(&mut tx, ask, now()).await?;
    tx.commit().await?;
    let tried: Vec<_> = answer
        .claimed
        .iter()
        .map(|claimed| Tried {
            provider_message_id: Some(format!("SM{:032x}", claimed.delivery_id.0)),
            ..Tried::new(claimed.delivery_id, claimed.attempt, State::Accepted)
        })
        .collect();
    let mut tx = stage.db.begin().await?;
    let recorded = record::record(&mut tx, worker, &tried, now()).await?;
    tx.commit().await?;
    Ok(recorded.len())
}

/// The fold of facts about deliveries, against a bare batched insert into the log and update of the status.
pub async fn fold() -> Result<Row> {
    const COUNT: usize = 50_000;
    const BATCH: usize = 5_000;
    let stage = Stage::new(COUNT).await?;
    let campaign = stage.campaign("sms", "twilio", "{}", "{}").await?;
    stage.expand(campaign).await?;
    let ids = stage.delivery_ids(campaign).await?;
    for kind in [Kind::Accepted, Kind::Delivered] {
        fold_all(&stage, &ids, kind, BATCH).await?;
    }
    let started = Instant::now();
    fold_all(&stage, &ids, Kind::Opened, BATCH).await?;
    let ours = rate(ids.len(), started);
    let started = Instant::now();
    for part in ids.chunks(BATCH) {
        let list = part.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut tx = stage.db.begin().await?;
        store::admin::raw(
            &mut tx,
            &format!(
                "INSERT INTO stats.fact (fact_key, kind, delivery_id, occurred_at, received_at)
                 SELECT substr(sha256(('bare' || id)::bytea), 1, 16), 4, id, now(), now() FROM unnest(ARRAY[{list}]::bigint[]) AS id"
            ),
        )
        .await?;
        store::admin::raw(
            &mut tx,
            &format!(
                "UPDATE stats.delivery_status s SET bits = bits | 16, updated_at = now() FROM unnest(ARRAY[{list}]::bigint[]) AS u (id)
                 WHERE s.delivery_id = u.id"
            ),
        )
        .await?;
        tx.commit().await?;
    }
    Ok(Row {
        name: "fold",
        unit: "facts",
        rate: ours,
        limit: rate(ids.len(), started),
        against: "a bare batched INSERT + UPDATE",
        aim: 0.5,
    })
}

async fn fold_all(stage: &Stage, ids: &[i64], kind: Kind, batch: usize) -> Result<()> {
    for part in ids.chunks(batch) {
        let facts: Vec<_> = part
            .iter()
            .map(|id| Fact {
                key: facts::key(&format!("{kind:?}:{id}")),
                kind,
                occurred_at: now(),
                delivery_id: Some(DeliveryId(*id)),
                code: String::new(),
                sender_id: None,
                provider_message_id: None,
                cost_micros: 0,
                count: None,
            })
            .collect();
        let mut tx = stage.db.begin().await?;
        fact::fold(&mut tx, &facts, now()).await?;
        tx.commit().await?;
    }
    Ok(())
}
