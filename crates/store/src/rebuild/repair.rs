//! Writing what the log says over what is stored.
//!
//! The fold goes on meanwhile. Every transaction of it keeps one thing as it was: the *drift*, that is counters − (sum over the stored
//! statuses + counts), because it moves the counters by exactly what it changes. Correcting a status in the way that the fold does,
//! under the lock of its row and with the counters moved by the difference, keeps it, too. So the drift that a check measured in its
//! snapshot is still the drift when the last status is corrected, and taking it from the counters makes them right, whatever was
//! folded in between. What must not happen is that it is taken twice: one repair at a time, which a lock of the session ensures.

use super::{Drift, Report, page};
use crate::{
    Db, Result,
    stats::{Counters, Place, Prices, save},
};
use domain::{
    CampaignId, DeliveryId, WorkspaceId,
    facts::{Bits, Known},
};
use sqlx::{Connection, PgConnection, Postgres, pool::PoolConnection};
use time::OffsetDateTime;

/// Deliveries that are corrected in one transaction.
const CHUNK: usize = 1_000;

/// The right to repair one campaign, until it is dropped.
#[derive(Debug)]
pub struct Exclusive {
    connection: PoolConnection<Postgres>,
    workspace: WorkspaceId,
    campaign: CampaignId,
}

impl Exclusive {
    /// Takes it; None while somebody else has it. Must be had before the check begins.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(db: &Db, workspace: WorkspaceId, campaign: CampaignId) -> Result<Option<Self>> {
        let mut connection = db.acquire().await?;
        // Closing gives the lock back, also when the caller is cancelled.
        connection.close_on_drop();
        let taken = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_lock(hashtextextended('rebuild/' || $1::text, 0)) AS "taken!""#,
            campaign.to_string()
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(taken.then_some(Self { connection, workspace, campaign }))
    }

    /// Makes the statuses of these deliveries what the log says.
    ///
    /// # Errors
    /// When a statement fails; the chunk that it belongs to isn't written then.
    pub async fn correct(&mut self, deliveries: &[DeliveryId], now: OffsetDateTime) -> Result<()> {
        let (workspace, campaign) = (self.workspace, self.campaign);
        for chunk in deliveries.chunks(CHUNK) {
            let ids: Vec<i64> = chunk.iter().map(|id| id.0).collect();
            let mut tx = self.connection.begin().await?;
            let stored = lock(&mut tx, workspace, campaign, &ids, now).await?;
            let log = page::read_log(&mut tx, &ids).await?;
            let mut counters = Counters::default();
            let mut right = Vec::with_capacity(stored.len());
            for (place, was) in stored {
                let mut known = log.known.get(&place.delivery_id.0).cloned().unwrap_or_default();
                known.cost_micros = place.own_cost(known.cost_micros);
                counters.add_known(&place, was.bits, was.code.as_ref().map(|(_, code)| code.as_str()), was.cost_micros, -1);
                counters.add_known(&place, known.bits, known.code.as_ref().map(|(_, code)| code.as_str()), known.cost_micros, 1);
                right.push((place.delivery_id.0, known));
            }
            write(&mut tx, &right, now).await?;
            save(&mut tx, counters).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Takes the drift from the counters, after the statuses are right.
    ///
    /// # Errors
    /// When a statement fails; nothing is written then.
    pub async fn settle(mut self, report: &Report) -> Result<()> {
        let Drift(drift) = &report.drift;
        let mut tx = self.connection.begin().await?;
        save(&mut tx, Counters::default().minus(drift)).await?;
        Ok(tx.commit().await?)
    }
}

/// Locks the statuses of deliveries, in the order that the fold locks them in, and reads them as they are now. Who has none gets one
/// that knows nothing, so that there is something to lock.
async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    ids: &[i64],
    now: OffsetDateTime,
) -> Result<Vec<(Place, Known)>> {
    sqlx::query!(
        "INSERT INTO stats.delivery_status (delivery_id, workspace_id, sender_id, bits, updated_at)
         SELECT delivery_id, workspace_id, sender_id, 0, $2 FROM send.delivery WHERE delivery_id = ANY($1) ORDER BY delivery_id
         ON CONFLICT DO NOTHING",
        ids,
        now
    )
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT s.delivery_id, s.bits, s.code_at, s.code, coalesce(s.sender_id, d.sender_id) AS "sender_id!", d.run_id, d.channel,
                  coalesce(rs.price_micros, c.price_micros, 0) AS "price_micros!", c.fallback_sender_id AS "fallback_sender_id?",
                  coalesce(c.fallback_price_micros, c.price_micros, 0) AS "fallback_micros!",
                  d.channel = 'sms' AND EXISTS (SELECT FROM send.run_price rp WHERE rp.run_id = d.run_id AND rp.channel = d.channel
                                                 AND rp.reserve_micros IS NOT NULL) AS "costs_its_own!", s.cost_micros
           FROM stats.delivery_status s JOIN send.delivery d USING (delivery_id) LEFT JOIN send.run_channel c USING (run_id, channel)
           LEFT JOIN send.run_sender rs ON rs.run_id = d.run_id AND rs.channel = d.channel AND rs.sender_id = d.sender_id
           WHERE s.delivery_id = ANY($1) ORDER BY s.delivery_id FOR UPDATE OF s"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let place = Place {
                delivery_id: DeliveryId(row.delivery_id),
                workspace_id: workspace,
                campaign_id: campaign,
                run_id: row.run_id.into(),
                channel: crate::delivery::channel(&row.channel)?,
                sender_id: row.sender_id.into(),
                prices: Prices { usual: row.price_micros, fallback: row.fallback_sender_id.map(|id| (id.into(), row.fallback_micros)) },
                costs_its_own: row.costs_its_own,
            };
            let was = Known {
                bits: Bits(row.bits.cast_unsigned()),
                code: row.code_at.zip(row.code),
                cost_micros: row.cost_micros,
                ..Known::default()
            };
            Ok((place, was))
        })
        .collect()
}

async fn write(connection: &mut PgConnection, right: &[(i64, Known)], now: OffsetDateTime) -> Result<()> {
    let known = || right.iter().map(|(_, known)| known);
    sqlx::query!(
        "UPDATE stats.delivery_status s
         SET bits = r.bits, code_at = r.code_at, code = r.code, updated_at = r.updated_at, opened_at = r.opened_at,
             clicked_at = r.clicked_at, replied_at = r.replied_at, converted_at = r.converted_at,
             cost_micros = r.cost_micros
         FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
                     $8::timestamptz[], $9::timestamptz[], $10::bigint[])
           AS r(delivery_id, bits, code_at, code, updated_at, opened_at, clicked_at, replied_at, converted_at, cost_micros)
         WHERE s.delivery_id = r.delivery_id",
        &right.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        &known().map(|known| known.bits.0.cast_signed()).collect::<Vec<_>>(),
        &known().map(|known| known.code.as_ref().map(|code| code.0)).collect::<Vec<_>>() as _,
        &known().map(|known| known.code.as_ref().map(|code| code.1.clone())).collect::<Vec<_>>() as _,
        &known().map(|known| known.at.unwrap_or(now)).collect::<Vec<_>>(),
        &known().map(|known| known.engaged.opened).collect::<Vec<_>>() as _,
        &known().map(|known| known.engaged.clicked).collect::<Vec<_>>() as _,
        &known().map(|known| known.engaged.replied).collect::<Vec<_>>() as _,
        &known().map(|known| known.engaged.converted).collect::<Vec<_>>() as _,
        &known().map(|known| known.cost_micros).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
