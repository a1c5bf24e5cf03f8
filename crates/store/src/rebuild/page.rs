//! One page of deliveries: what is stored of each, and what the log says.

use super::PAGE;
use crate::{
    Result, delivery,
    stats::{Place, Prices},
};
use domain::{
    CampaignId, DeliveryId, RunId, WorkspaceId,
    delivery::State,
    facts::{Bits, Engaged, Known},
};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A delivery in the ledger, and its status.
#[derive(Debug)]
pub(super) struct Row {
    /// With the sender under which it counts.
    pub place: Place,
    pub contact_id: Uuid,
    pub state: State,
    pub reason: Option<String>,
    /// When the ledger last changed it.
    pub updated_at: OffsetDateTime,
    pub rescue: bool,
    pub status: Option<Known>,
}

impl Row {
    pub fn cursor(&self) -> (String, Uuid) {
        (self.place.channel.as_str().to_owned(), self.contact_id)
    }

    /// Whether this is what is stored of it. No row is as good as one that knows nothing.
    pub fn is(&self, known: &Known) -> bool {
        match &self.status {
            None => *known == Known::default(),
            Some(status) if *known == Known::default() => Known { at: None, ..status.clone() } == *known,
            Some(status) => status == known,
        }
    }
}

/// The next deliveries of a run, in the order of the index that keeps a contact from being written twice.
pub(super) async fn rows(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    run: Uuid,
    after: &(String, Uuid),
) -> Result<Vec<Row>> {
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, d.contact_id, d.channel, d.state, d.reason, d.updated_at, d.rescues IS NOT NULL AS "rescue!",
                  coalesce(s.sender_id, d.sender_id) AS "sender_id!", coalesce(rs.price_micros, c.price_micros, 0) AS "price_micros!",
                  c.fallback_sender_id AS "fallback_sender_id?", coalesce(c.fallback_price_micros, c.price_micros, 0) AS "fallback_micros!",
                  d.channel = 'sms' AND EXISTS (SELECT FROM send.run_price rp WHERE rp.run_id = d.run_id AND rp.channel = d.channel
                                                 AND rp.reserve_micros IS NOT NULL) AS "costs_its_own!", s.cost_micros AS "cost_micros?",
                  s.bits AS "bits?", s.code_at AS "code_at?", s.code AS "code?", s.updated_at AS "status_at?",
                  s.opened_at AS "opened_at?", s.clicked_at AS "clicked_at?", s.replied_at AS "replied_at?", s.converted_at AS "converted_at?"
           FROM send.delivery d LEFT JOIN send.run_channel c USING (run_id, channel) LEFT JOIN stats.delivery_status s USING (delivery_id)
           LEFT JOIN send.run_sender rs ON rs.run_id = d.run_id AND rs.channel = d.channel AND rs.sender_id = d.sender_id
           WHERE d.run_id = $1 AND (d.channel, d.contact_id) > ($2, $3)
           ORDER BY d.channel, d.contact_id LIMIT $4"#,
        run,
        after.0,
        after.1,
        PAGE
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let engaged = Engaged { opened: row.opened_at, clicked: row.clicked_at, replied: row.replied_at, converted: row.converted_at };
            Ok(Row {
                place: Place {
                    delivery_id: DeliveryId(row.delivery_id),
                    workspace_id: workspace,
                    campaign_id: campaign,
                    run_id: RunId(run),
                    channel: delivery::channel(&row.channel)?,
                    sender_id: row.sender_id.into(),
                    prices: Prices { usual: row.price_micros, fallback: row.fallback_sender_id.map(|id| (id.into(), row.fallback_micros)) },
                    costs_its_own: row.costs_its_own,
                },
                contact_id: row.contact_id,
                state: delivery::state(&row.state)?,
                reason: row.reason,
                updated_at: row.updated_at,
                rescue: row.rescue,
                status: row.bits.map(|bits| Known {
                    bits: Bits(bits.cast_unsigned()),
                    code: row.code_at.zip(row.code),
                    at: row.status_at,
                    engaged,
                    cost_micros: row.cost_micros.unwrap_or_default(),
                }),
            })
        })
        .collect()
}

/// What the log says of some deliveries.
pub(super) struct Log {
    /// Costs as told, of every delivery: those that count are [`Place::own_cost`].
    pub known: BTreeMap<i64, Known>,
    /// Facts that it was folded from.
    pub facts: u64,
}

pub(super) async fn log(connection: &mut PgConnection, rows: &[Row]) -> Result<Log> {
    read_log(connection, &rows.iter().map(|row| row.place.delivery_id.0).collect::<Vec<_>>()).await
}

/// Folds the log of these deliveries. Of facts that differ in nothing but their time only the first and the last matter. What a fact
/// claims to be about counts only when it was found to be so: the others are unmatched.
pub(super) async fn read_log(connection: &mut PgConnection, delivery_ids: &[i64]) -> Result<Log> {
    let rows = sqlx::query!(
        r#"SELECT f.delivery_id AS "delivery_id!", f.kind, coalesce(f.code, '') AS "code!", min(f.occurred_at) AS "first!",
                  max(f.occurred_at) AS "last!", max(f.cost_micros) AS "cost_micros!", count(*) AS "facts!"
           FROM stats.fact f
           WHERE f.delivery_id = ANY($1) AND NOT EXISTS (SELECT FROM stats.unmatched u WHERE u.fact_key = f.fact_key)
           GROUP BY 1, 2, 3"#,
        delivery_ids
    )
    .fetch_all(connection)
    .await?;
    let mut log = Log { known: BTreeMap::new(), facts: 0 };
    for row in rows {
        let kind = delivery::kind(row.kind)?;
        let known = log.known.entry(row.delivery_id).or_default();
        known.learn(kind, row.first, &row.code);
        known.learn(kind, row.last, &row.code);
        known.learn_cost(row.cost_micros);
        log.facts += row.facts.unsigned_abs();
    }
    Ok(log)
}
