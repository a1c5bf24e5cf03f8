//! What is known of each delivery, and the counters that follow it.
//!
//! Written by the fold only ([`crate::fact`]): [`learn`] sets bits and takes the difference that they make, [`save`] adds the
//! differences up. Read by tenants: every reading names its workspace, because this role isn't fenced by the database.

mod deliveries;

pub use deliveries::{Cursor, Delivery, Filter, deliveries};

use crate::{
    Error, Result,
    fact::{Count, Fact},
};
use domain::{
    CampaignId, Channel, DeliveryId, RunId, SenderId, WorkspaceId,
    facts::{Bits, Known, Metric, Tally, counted, counts},
};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Where a delivery counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub delivery_id: DeliveryId,
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub run_id: RunId,
    pub channel: Channel,
    pub sender_id: SenderId,
    pub price_micros: i64,
}

/// A fact and the delivery that it is about.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub fact: &'a Fact,
    pub place: Place,
}

/// Which counter. Replicas lock them in this order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    campaign_id: CampaignId,
    run_id: RunId,
    channel: Channel,
    sender_id: SenderId,
    metric: Metric,
    code: String,
}

/// Differences that are waiting to be added to the counters of workspaces.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<Counter, (WorkspaceId, i64)>);

impl Counters {
    /// Adds what was written or dropped in one statement.
    pub fn add_count(&mut self, count: &Count) {
        let place = Place {
            delivery_id: DeliveryId(0),
            workspace_id: count.workspace_id,
            campaign_id: count.campaign_id,
            run_id: count.run_id,
            channel: count.channel,
            sender_id: count.sender_id,
            price_micros: 0,
        };
        self.add(&place, Metric::Target, "", count.target);
        self.add(&place, Metric::Cancelled, "", count.cancelled);
        self.add(&place, Metric::Expired, "", count.expired);
        for (reason, value) in &count.suppressed {
            self.add(&place, Metric::Suppressed, reason, *value);
        }
    }

    fn add(&mut self, place: &Place, metric: Metric, code: &str, by: i64) {
        if by != 0 {
            let counter = Counter {
                campaign_id: place.campaign_id,
                run_id: place.run_id,
                channel: place.channel,
                sender_id: place.sender_id,
                metric,
                code: code.to_owned(),
            };
            self.0.entry(counter).or_insert((place.workspace_id, 0)).1 += by;
        }
    }

    /// Takes `by` for every counter that a delivery of which this is known counts in.
    fn add_known(&mut self, place: &Place, bits: Bits, code: Option<&str>, by: i64) {
        for (metric, code) in counted(bits, code) {
            self.add(place, metric, code, by);
        }
        if counts(bits, Metric::Sent) {
            self.add(place, Metric::Cost, "", place.price_micros * by);
        }
    }
}

/// Sets what the findings say of their deliveries, and takes the difference between what was and what is known.
pub(crate) async fn learn(connection: &mut PgConnection, findings: Vec<Finding<'_>>, counters: &mut Counters) -> Result<()> {
    let mut known: BTreeMap<i64, (Place, Known)> = BTreeMap::new();
    for Finding { fact, place } in findings {
        let (_, known) = known.entry(place.delivery_id.0).or_insert_with(|| (place, Known::default()));
        known.learn(fact.kind, fact.occurred_at, &fact.code);
    }
    if known.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"INSERT INTO stats.delivery_status AS s (delivery_id, workspace_id, bits, code_at, code, updated_at)
           SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::int[], $4::timestamptz[], $5::text[], $6::timestamptz[])
           ON CONFLICT (delivery_id) DO UPDATE SET
             bits = s.bits | EXCLUDED.bits,
             (code_at, code) = (SELECT c.* FROM (VALUES (s.code_at, s.code), (EXCLUDED.code_at, EXCLUDED.code)) AS c(code_at, code)
                                ORDER BY c.code_at, c.code LIMIT 1),
             updated_at = greatest(s.updated_at, EXCLUDED.updated_at)
           RETURNING new.delivery_id AS "delivery_id!", old.bits AS "old_bits?", new.bits AS "new_bits!",
                     old.code AS "old_code?", new.code AS "new_code?""#,
        &known.keys().copied().collect::<Vec<_>>(),
        &known.values().map(|(place, _)| place.workspace_id.0).collect::<Vec<_>>(),
        &known.values().map(|(_, known)| known.bits.0.cast_signed()).collect::<Vec<_>>(),
        &known.values().map(|(_, known)| known.code.as_ref().map(|code| code.0)).collect::<Vec<_>>() as _,
        &known.values().map(|(_, known)| known.code.as_ref().map(|code| code.1.clone())).collect::<Vec<_>>() as _,
        &known.values().filter_map(|(_, known)| known.at).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let Some((place, _)) = known.get(&row.delivery_id) else { continue };
        if let Some(bits) = row.old_bits {
            counters.add_known(place, Bits(bits.cast_unsigned()), row.old_code.as_deref(), -1);
        }
        counters.add_known(place, Bits(row.new_bits.cast_unsigned()), row.new_code.as_deref(), 1);
    }
    Ok(())
}

/// Adds the differences to the counters.
pub(crate) async fn save(connection: &mut PgConnection, counters: Counters) -> Result<()> {
    let changed: Vec<_> = counters.0.into_iter().filter(|(_, (_, by))| *by != 0).collect();
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO stats.counter AS c (campaign_id, run_id, channel, sender_id, metric, code, workspace_id, value)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::bigint[])
         ON CONFLICT (campaign_id, run_id, channel, sender_id, metric, code) DO UPDATE SET value = c.value + EXCLUDED.value",
        &changed.iter().map(|(counter, _)| counter.campaign_id.0).collect::<Vec<_>>(),
        &changed.iter().map(|(counter, _)| counter.run_id.0).collect::<Vec<_>>(),
        &changed.iter().map(|(counter, _)| counter.channel.as_str().to_owned()).collect::<Vec<_>>(),
        &changed.iter().map(|(counter, _)| counter.sender_id.0).collect::<Vec<_>>(),
        &changed.iter().map(|(counter, _)| counter.metric.as_str().to_owned()).collect::<Vec<_>>(),
        &changed.iter().map(|(counter, _)| counter.code.clone()).collect::<Vec<_>>(),
        &changed.iter().map(|(_, (workspace, _))| workspace.0).collect::<Vec<_>>(),
        &changed.iter().map(|(_, (_, by))| *by).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the figures need to know of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// "ACTIVE", …
    pub status: String,
    pub channels: Vec<Channel>,
}

/// A campaign of the workspace; None when it has no such campaign.
///
/// # Errors
/// When the statement fails.
pub async fn head(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Option<Head>> {
    let row = sqlx::query!(
        r#"SELECT status, array(SELECT channel FROM core.campaign_channel h WHERE h.campaign_id = c.campaign_id ORDER BY channel) AS "channels!"
           FROM core.campaign c WHERE campaign_id = $1 AND workspace_id = $2"#,
        campaign.0,
        workspace.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let channels = row.channels.iter().map(|channel| crate::delivery::channel(channel)).collect::<Result<_>>()?;
    Ok(Some(Head { status: row.status, channels }))
}

/// The counters of a campaign, by channel.
///
/// # Errors
/// When the statement fails, or a counter can't be read.
pub async fn tallies(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<BTreeMap<Channel, Tally>> {
    let rows = sqlx::query!(
        r#"SELECT channel, metric, code, sum(value)::bigint AS "value!" FROM stats.counter
           WHERE campaign_id = $1 AND workspace_id = $2 GROUP BY channel, metric, code"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?;
    let mut tallies: BTreeMap<Channel, Tally> = BTreeMap::new();
    for row in rows {
        let metric = Metric::from_name(&row.metric).ok_or_else(|| Error::Corrupt { what: "metric", reason: row.metric.clone() })?;
        tallies.entry(crate::delivery::channel(&row.channel)?).or_default().add(metric, &row.code, row.value);
    }
    Ok(tallies)
}
