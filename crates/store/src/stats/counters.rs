//! Counters, and differences on their way to them.

use crate::{Result, fact::Count};
use domain::{
    CampaignId, Channel, DeliveryId, RunId, SenderId, WorkspaceId,
    facts::{Bits, Metric, Tally, counted, counts},
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

impl Count {
    /// What it adds to, and how much.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (Metric, &str, i64)> {
        let numbers = [
            (Metric::Target, "", self.target),
            (Metric::Cancelled, "", self.cancelled),
            (Metric::Expired, "", self.expired),
            (Metric::Rescued, "", self.rescued),
        ];
        let suppressed = self.suppressed.iter().map(|(reason, value)| (Metric::Suppressed, reason.as_str(), *value));
        numbers.into_iter().chain(suppressed)
    }
}

/// What a message costs, by who sends it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prices {
    pub usual: i64,
    /// The sender that steps in, and its price.
    pub fallback: Option<(SenderId, i64)>,
}

impl Prices {
    pub fn of(&self, sender: SenderId) -> i64 {
        self.fallback.filter(|(fallback, _)| *fallback == sender).map_or(self.usual, |(_, price)| price)
    }
}

/// Where a delivery counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub delivery_id: DeliveryId,
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub run_id: RunId,
    pub channel: Channel,
    /// The sender that has it now; it counts under the one of its first fact.
    pub sender_id: SenderId,
    pub prices: Prices,
    /// What it costs depends on the message itself: its facts say how much.
    pub costs_its_own: bool,
}

impl Place {
    /// What its facts say that it cost; nothing where its sender's price says it.
    pub fn own_cost(&self, micros: i64) -> i64 {
        if self.costs_its_own { micros } else { 0 }
    }
}

/// Which counter. Replicas lock them in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    campaign_id: CampaignId,
    run_id: RunId,
    channel: Channel,
    sender_id: SenderId,
    metric: Metric,
    code: String,
}

/// Values of counters, or differences that are waiting to be added to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(BTreeMap<Counter, (WorkspaceId, i64)>);

impl Counters {
    /// The counters of a campaign as they are stored.
    pub async fn read(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Self> {
        let rows = sqlx::query!(
            "SELECT run_id, channel, sender_id, metric, code, value FROM stats.counter WHERE campaign_id = $1 AND workspace_id = $2",
            campaign.0,
            workspace.0
        )
        .fetch_all(connection)
        .await?;
        let mut counters = Self::default();
        for row in rows {
            let counter = Counter {
                campaign_id: campaign,
                run_id: row.run_id.into(),
                channel: crate::delivery::channel(&row.channel)?,
                sender_id: row.sender_id.into(),
                metric: super::metric(&row.metric)?,
                code: row.code,
            };
            counters.0.insert(counter, (workspace, row.value));
        }
        Ok(counters)
    }

    /// Adds what was written or dropped in one statement.
    pub fn add_count(&mut self, count: &Count) {
        let place = Place {
            delivery_id: DeliveryId(0),
            workspace_id: count.workspace_id,
            campaign_id: count.campaign_id,
            run_id: count.run_id,
            channel: count.channel,
            sender_id: count.sender_id,
            prices: Prices::default(),
            costs_its_own: false,
        };
        for (metric, code, value) in count.figures() {
            self.add(&place, metric, code, value);
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

    /// Takes `by` for every counter that a delivery of which this is known counts in, under the sender that the place names.
    /// `cost_micros` is its own; 0: its sender's price.
    pub fn add_known(&mut self, place: &Place, bits: Bits, code: Option<&str>, cost_micros: i64, by: i64) {
        for (metric, code) in counted(bits, code) {
            self.add(place, metric, code, by);
        }
        if counts(bits, Metric::Sent) {
            let cost_micros = if cost_micros > 0 { cost_micros } else { place.prices.of(place.sender_id) };
            self.add(place, Metric::Cost, "", cost_micros * by);
        }
    }

    /// What must be added to `other` to get these.
    pub fn minus(&self, other: &Self) -> Self {
        let mut difference = self.clone();
        for (counter, (workspace, value)) in &other.0 {
            difference.0.entry(counter.clone()).or_insert((*workspace, 0)).1 -= value;
        }
        difference.0.retain(|_, (_, by)| *by != 0);
        difference
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(|(_, by)| *by == 0)
    }

    /// Whose figures they are.
    pub fn campaigns(&self) -> BTreeSet<(WorkspaceId, CampaignId)> {
        self.0.iter().map(|(counter, (workspace, _))| (*workspace, counter.campaign_id)).collect()
    }

    /// Added up by channel.
    pub fn tallies(&self) -> BTreeMap<Channel, Tally> {
        let mut tallies: BTreeMap<Channel, Tally> = BTreeMap::new();
        for (counter, (_, value)) in &self.0 {
            tallies.entry(counter.channel).or_default().add(counter.metric, &counter.code, *value);
        }
        tallies
    }
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
