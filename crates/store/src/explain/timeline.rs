//! What happened with each delivery: our decisions and the providers' reports.

use super::{Delivery, Happening, Part};
use crate::Result;
use domain::{
    delivery::{State, reason},
    facts::Kind,
};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Decisions, and facts, of one contact's deliveries that are read at most; the oldest.
const MAX_ROWS: i64 = 500;

/// Facts that repeat what a decision says with more words.
const OF_OURS: [Kind; 6] = [Kind::Suppressed, Kind::Rejected, Kind::Uncertain, Kind::Unknown, Kind::Cancelled, Kind::Expired];

pub(super) async fn parts(connection: &mut PgConnection, deliveries: &[Delivery]) -> Result<Vec<Part>> {
    let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.delivery_id).collect();
    let mut decided = decisions(&mut *connection, &ids).await?;
    let mut told = facts(connection, &ids).await?;
    let parts = deliveries.iter().map(|delivery| {
        let decided = decided.remove(&delivery.delivery_id).unwrap_or_default();
        part(delivery, decided, told.remove(&delivery.delivery_id).unwrap_or_default())
    });
    Ok(parts.collect())
}

fn part(delivery: &Delivery, decided: Vec<Happening>, told: Vec<(Kind, Happening)>) -> Part {
    let rule = decided.iter().rev().map(|one| one.rule.clone()).find(|rule| !rule.is_empty());
    let status = delivery.status();
    let reason = delivery.code.clone().or_else(|| delivery.reason.clone()).unwrap_or_default();
    let said = |word: &str| decided.iter().any(|one| one.what == word);
    let told: Vec<_> = told.into_iter().filter(|(kind, one)| !OF_OURS.contains(kind) || !said(&one.what)).map(|(_, one)| one).collect();
    let happened = |word: &str| said(word) || told.iter().any(|one| one.what == word);
    // What was written or dropped together with others has no row of its own.
    let together = matches!(delivery.state, State::Suppressed | State::Cancelled | State::Expired) && !happened(delivery.state.as_str());
    let last = together.then(|| Happening {
        at: delivery.updated_at,
        what: delivery.state.to_string(),
        reason: delivery.reason.clone().unwrap_or_default(),
        rule: rule_of(delivery).to_owned(),
        attempt: 0,
    });
    let is_written = decided.iter().any(|one| one.what == "passed" && one.attempt == 1);
    let passed = delivery.passed_at.filter(|_| !is_written).map(|at| Happening {
        at,
        what: "passed".to_owned(),
        reason: String::new(),
        rule: String::new(),
        attempt: 1,
    });
    let rule = rule.or_else(|| last.as_ref().map(|last| last.rule.clone())).unwrap_or_default();
    let what = if delivery.rescue { "rescue" } else { "selected" };
    let selected = Happening { at: delivery.selected_at, what: what.to_owned(), reason: String::new(), rule: String::new(), attempt: 0 };
    let mut timeline: Vec<_> = passed.into_iter().chain(decided).chain(told).chain(last).collect();
    // Stable: at the same moment a decision stands before what followed from it.
    timeline.sort_by_key(|one| one.at);
    timeline.insert(0, selected);
    let delivery_id = Some(domain::DeliveryId(delivery.delivery_id));
    Part { channel: delivery.channel, delivery_id, status, reason, rule, timeline, content_version: delivery.content_version }
}

/// Why a delivery ended that no decision was written about.
fn rule_of(delivery: &Delivery) -> &'static str {
    match (delivery.state, delivery.reason.as_deref()) {
        (State::Cancelled, _) => "the campaign was cancelled before it left",
        (State::Expired, _) => "its time ran out before it left",
        (_, Some(reason::NO_ADDRESS)) => "the contact had no address for this channel",
        (_, Some(reason::INVALID_ADDRESS)) => "the address can't be messaged",
        (_, Some(reason::OPTED_OUT)) => "opt_out",
        (_, Some(reason::TOPIC_OPTED_OUT)) => "topic",
        (_, Some(reason::DUPLICATE)) => "another contact with the same address gets it",
        _ => "",
    }
}

async fn decisions(connection: &mut PgConnection, ids: &[i64]) -> Result<BTreeMap<i64, Vec<Happening>>> {
    let rows = sqlx::query!(
        "SELECT delivery_id, at, attempt, verdict, reason, rule FROM send.decision WHERE delivery_id = ANY($1) ORDER BY at LIMIT $2",
        ids,
        MAX_ROWS
    )
    .fetch_all(connection)
    .await?;
    let mut decided: BTreeMap<i64, Vec<Happening>> = BTreeMap::new();
    for row in rows {
        let attempt = u32::try_from(row.attempt).unwrap_or_default();
        let one = Happening { at: row.at, what: row.verdict, reason: row.reason, rule: row.rule, attempt };
        decided.entry(row.delivery_id).or_default().push(one);
    }
    Ok(decided)
}

async fn facts(connection: &mut PgConnection, ids: &[i64]) -> Result<BTreeMap<i64, Vec<(Kind, Happening)>>> {
    let rows = sqlx::query!(
        r#"SELECT f.delivery_id AS "delivery_id!", f.kind, f.occurred_at, coalesce(f.code, '') AS "code!" FROM stats.fact f
           WHERE f.delivery_id = ANY($1) AND NOT EXISTS (SELECT FROM stats.unmatched u WHERE u.fact_key = f.fact_key)
           ORDER BY f.occurred_at LIMIT $2"#,
        ids,
        MAX_ROWS
    )
    .fetch_all(connection)
    .await?;
    let mut told: BTreeMap<i64, Vec<(Kind, Happening)>> = BTreeMap::new();
    for row in rows {
        let kind = crate::delivery::kind(row.kind)?;
        let one = Happening { at: row.occurred_at, what: kind.word().to_owned(), reason: row.code, rule: String::new(), attempt: 0 };
        told.entry(row.delivery_id).or_default().push((kind, one));
    }
    Ok(told)
}
