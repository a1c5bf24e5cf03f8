//! The event log, and the fold that turns new facts into figures.
//!
//! [`fold`] takes a batch inside the caller's transaction: what the log has already is left out, deliveries are found, and the rest
//! goes to [`crate::stats`]. Locks are taken in one order everywhere (log by key, unmatched, status by delivery, counters), so that
//! replicas folding at once wait for each other but never in a circle. What can't be found yet is kept in `stats.unmatched`.

mod find;
mod unmatched;

pub use unmatched::retry as retry_unmatched;

use crate::{
    Result,
    stats::{self, Counters},
};
use domain::{
    CampaignId, Channel, DeliveryId, RunId, SenderId, WorkspaceId,
    facts::{KEY_BYTES, Kind},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// A fact about one delivery, or a count of many.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub key: [u8; KEY_BYTES],
    pub kind: Kind,
    pub occurred_at: OffsetDateTime,
    /// Reason of a suppression or the provider's code; may be empty.
    pub code: String,
    pub delivery_id: Option<DeliveryId>,
    /// The account that reported it. It may speak only of its own deliveries.
    pub sender_id: Option<SenderId>,
    pub provider_message_id: Option<String>,
    pub cost_micros: i64,
    /// For [`Kind::Expanded`] and [`Kind::Dropped`].
    pub count: Option<Count>,
}

/// Deliveries of one run and channel that were written or dropped together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub run_id: RunId,
    pub channel: Channel,
    pub sender_id: SenderId,
    pub target: i64,
    pub suppressed: BTreeMap<String, i64>,
    pub cancelled: i64,
    pub expired: i64,
    /// Of the target, those that make good a failure on another channel.
    #[serde(default)]
    pub rescued: i64,
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// Facts that the log didn't have.
    pub new: usize,
    /// Of those, how many have no delivery yet.
    pub unmatched: usize,
    /// Earlier unmatched facts whose delivery is known now.
    pub matched: usize,
    /// Whose figures it moved.
    pub campaigns: BTreeSet<(WorkspaceId, CampaignId)>,
}

/// Folds a batch. Folding it again, in part or in another order, changes nothing.
///
/// # Errors
/// When a statement fails; then the transaction must be rolled back.
pub async fn fold(connection: &mut PgConnection, facts: &[Fact], now: OffsetDateTime) -> Result<Folded> {
    if facts.is_empty() {
        return Ok(Folded::default());
    }
    let new = insert(&mut *connection, facts, now).await?;
    let mut counters = Counters::default();
    for fact in &new {
        if let Some(count) = &fact.count {
            counters.add_count(count);
        }
    }
    let about_one: Vec<&Fact> = new.iter().copied().filter(|fact| fact.kind.bit().is_some()).collect();
    let (mut findings, lost) = find::deliveries(&mut *connection, &about_one).await?;
    unmatched::keep(&mut *connection, &lost, now).await?;
    let waiting = unmatched::about_same(&mut *connection, &about_one).await?;
    let (matched, _) = unmatched::settle(&mut *connection, &waiting).await?;
    let (new, unmatched, late) = (new.len(), lost.len(), matched.len());
    findings.extend(matched);
    stats::learn(&mut *connection, findings, &mut counters, now).await?;
    let campaigns = counters.campaigns();
    stats::save(connection, counters).await?;
    Ok(Folded { new, unmatched, matched: late, campaigns })
}

/// Adds what the log doesn't have, and answers with it. In the order of keys, so that two folds never wait for each other in a circle.
async fn insert<'a>(connection: &mut PgConnection, facts: &'a [Fact], now: OffsetDateTime) -> Result<Vec<&'a Fact>> {
    let by_key: BTreeMap<_, _> = facts.iter().map(|fact| (fact.key, fact)).collect();
    let all: Vec<&Fact> = by_key.into_values().collect();
    let new = sqlx::query_scalar!(
        "INSERT INTO stats.fact (fact_key, kind, delivery_id, occurred_at, code, sender_id, provider_message_id, count, cost_micros, received_at)
         SELECT f.*, $10 FROM unnest($1::bytea[], $2::smallint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::uuid[], $7::text[],
                                     $8::jsonb[], $9::bigint[]) AS f
         ON CONFLICT DO NOTHING RETURNING fact_key",
        &all.iter().map(|fact| fact.key.to_vec()).collect::<Vec<_>>(),
        &all.iter().map(|fact| i16::from(fact.kind.number())).collect::<Vec<_>>(),
        &all.iter().map(|fact| fact.delivery_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &all.iter().map(|fact| fact.occurred_at).collect::<Vec<_>>(),
        &all.iter().map(|fact| Some(fact.code.clone()).filter(|code| !code.is_empty())).collect::<Vec<_>>() as _,
        &all.iter().map(|fact| fact.sender_id.map(|id| id.0)).collect::<Vec<_>>() as _,
        &all.iter().map(|fact| fact.provider_message_id.clone()).collect::<Vec<_>>() as _,
        &all.iter().map(|fact| fact.count.as_ref().map(Json)).collect::<Vec<_>>() as _,
        &all.iter().map(|fact| fact.cost_micros).collect::<Vec<_>>(),
        now
    )
    .fetch_all(connection)
    .await?;
    let new: BTreeSet<Vec<u8>> = new.into_iter().collect();
    Ok(all.into_iter().filter(|fact| new.contains(fact.key.as_slice())).collect())
}
