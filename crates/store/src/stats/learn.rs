//! What facts say of their deliveries: bits, first times, and what the ledger must hear of it.

use super::{Counters, Place};
use crate::{Result, fact::Fact};
use domain::facts::{Bits, Known, Notice, notices};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// A fact and the delivery that it is about.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub fact: &'a Fact,
    pub place: Place,
}

/// What a batch says of one delivery.
struct Learned<'a> {
    place: Place,
    known: Known,
    facts: Vec<&'a Fact>,
}

/// Sets what the findings say of their deliveries, takes the difference between what was and what is known, and leaves notices for
/// the dispatchers.
pub(crate) async fn learn(
    connection: &mut PgConnection,
    findings: Vec<Finding<'_>>,
    counters: &mut Counters,
    now: OffsetDateTime,
) -> Result<()> {
    let mut learned: BTreeMap<i64, Learned<'_>> = BTreeMap::new();
    for Finding { fact, place } in findings {
        let about = learned.entry(place.delivery_id.0).or_insert_with(|| Learned { place, known: Known::default(), facts: Vec::new() });
        about.known.learn(fact.kind, fact.occurred_at, &fact.code);
        about.known.learn_cost(place.own_cost(fact.cost_micros));
        about.facts.push(fact);
    }
    if learned.is_empty() {
        return Ok(());
    }
    let mut told = BTreeSet::new();
    for change in set(&mut *connection, &learned).await? {
        let Some(Learned { place, facts, .. }) = learned.get(&change.delivery_id) else { continue };
        let place = Place { sender_id: change.sender_id.map_or(place.sender_id, Into::into), ..*place };
        let (before, after) = (Bits(change.old_bits.unwrap_or_default().cast_unsigned()), Bits(change.new_bits.cast_unsigned()));
        counters.add_known(&place, before, change.old_code.as_deref(), change.old_cost.unwrap_or_default(), -1);
        counters.add_known(&place, after, change.new_code.as_deref(), change.new_cost, 1);
        for fact in facts {
            for notice in notices(fact.kind, before, after) {
                let message = fact.provider_message_id.as_deref();
                told.insert(Told { delivery_id: change.delivery_id, notice, channel: place.channel.as_str(), code: &fact.code, message });
            }
        }
    }
    tell(connection, &told, now).await
}

/// What a delivery's facts changed.
struct Change {
    delivery_id: i64,
    /// Under whom it counts; None in a row of before senders were kept.
    sender_id: Option<uuid::Uuid>,
    old_bits: Option<i32>,
    new_bits: i32,
    old_code: Option<String>,
    new_code: Option<String>,
    old_cost: Option<i64>,
    new_cost: i64,
}

async fn set(connection: &mut PgConnection, learned: &BTreeMap<i64, Learned<'_>>) -> Result<Vec<Change>> {
    let all = || learned.values();
    let engaged =
        |pick: fn(&domain::facts::Engaged) -> Option<OffsetDateTime>| all().map(|one| pick(&one.known.engaged)).collect::<Vec<_>>();
    Ok(sqlx::query_as!(
        Change,
        r#"INSERT INTO stats.delivery_status AS s (delivery_id, workspace_id, sender_id, bits, code_at, code, updated_at,
                                                  opened_at, clicked_at, replied_at, converted_at, cost_micros)
           SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::int[], $5::timestamptz[], $6::text[], $7::timestamptz[],
                                $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::bigint[])
           ON CONFLICT (delivery_id) DO UPDATE SET
             bits = s.bits | EXCLUDED.bits,
             sender_id = coalesce(s.sender_id, EXCLUDED.sender_id),
             (code_at, code) = (SELECT c.* FROM (VALUES (s.code_at, s.code), (EXCLUDED.code_at, EXCLUDED.code)) AS c(code_at, code)
                                ORDER BY c.code_at, c.code LIMIT 1),
             updated_at = greatest(s.updated_at, EXCLUDED.updated_at),
             opened_at = least(s.opened_at, EXCLUDED.opened_at),
             clicked_at = least(s.clicked_at, EXCLUDED.clicked_at),
             replied_at = least(s.replied_at, EXCLUDED.replied_at),
             converted_at = least(s.converted_at, EXCLUDED.converted_at),
             cost_micros = greatest(s.cost_micros, EXCLUDED.cost_micros)
           RETURNING new.delivery_id AS "delivery_id!", new.sender_id AS "sender_id?", old.bits AS "old_bits?", new.bits AS "new_bits!",
                     old.code AS "old_code?", new.code AS "new_code?", old.cost_micros AS "old_cost?", new.cost_micros AS "new_cost!""#,
        &learned.keys().copied().collect::<Vec<_>>(),
        &all().map(|one| one.place.workspace_id.0).collect::<Vec<_>>(),
        &all().map(|one| one.place.sender_id.0).collect::<Vec<_>>(),
        &all().map(|one| one.known.bits.0.cast_signed()).collect::<Vec<_>>(),
        &all().map(|one| one.known.code.as_ref().map(|code| code.0)).collect::<Vec<_>>() as _,
        &all().map(|one| one.known.code.as_ref().map(|code| code.1.clone())).collect::<Vec<_>>() as _,
        &all().filter_map(|one| one.known.at).collect::<Vec<_>>(),
        &engaged(|engaged| engaged.opened) as _,
        &engaged(|engaged| engaged.clicked) as _,
        &engaged(|engaged| engaged.replied) as _,
        &engaged(|engaged| engaged.converted) as _,
        &all().map(|one| one.known.cost_micros).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?)
}

/// One notice; the same one is written once a batch.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Told<'a> {
    delivery_id: i64,
    notice: Notice,
    channel: &'static str,
    code: &'a str,
    message: Option<&'a str>,
}

async fn tell(connection: &mut PgConnection, told: &BTreeSet<Told<'_>>, now: OffsetDateTime) -> Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO stats.notice (delivery_id, channel, kind, code, provider_message_id, created_at)
         SELECT n.*, $6 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS n",
        &told.iter().map(|one| one.delivery_id).collect::<Vec<_>>(),
        &told.iter().map(|one| one.channel.to_owned()).collect::<Vec<_>>(),
        &told.iter().map(|one| one.notice.as_str().to_owned()).collect::<Vec<_>>(),
        &told.iter().map(|one| one.code.to_owned()).collect::<Vec<_>>(),
        &told.iter().map(|one| one.message.map(str::to_owned)).collect::<Vec<_>>() as _,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
