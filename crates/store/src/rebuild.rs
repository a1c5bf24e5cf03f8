//! Folding a campaign's event log anew, by the functions that the fold uses, and comparing with what is stored.
//!
//! A [`Check`] reads one snapshot (see [`crate::recount::snapshot`]) a page of deliveries at a time, so that its memory is bounded
//! however large the campaign is. Three things are computed from that moment: what the log says, what the stored statuses come to,
//! and what the counters are. All three are equal when nothing is wrong. Repairing is [`Exclusive`]'s.

mod ledger;
mod page;
mod repair;

pub use repair::Exclusive;

use crate::{Result, fact::Count, stats::Counters};
use domain::{CampaignId, Channel, DeliveryId, WorkspaceId, facts::Tally};
use ledger::Ledger;
use page::Row;
use sqlx::{PgConnection, types::Json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use time::OffsetDateTime;
use uuid::Uuid;

/// Deliveries in one page.
pub const PAGE: i64 = 10_000;
/// Differences that are put into words at most.
pub const MAX_DIFFERENCES: usize = 100;

/// A check that is under way.
#[derive(Debug)]
pub struct Check {
    workspace: WorkspaceId,
    campaign: CampaignId,
    /// Runs whose deliveries are still to be read.
    runs: VecDeque<Uuid>,
    after: (String, Uuid),
    /// What the log comes to.
    logged: Counters,
    /// What the stored statuses come to.
    stored: Counters,
    ledger: Option<Ledger>,
    deliveries: u64,
    facts: u64,
    differing: u64,
}

/// How far a check is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    pub deliveries: u64,
    pub facts: u64,
    /// Those of this page of which something else is stored than the log says.
    pub differing: Vec<DeliveryId>,
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    pub deliveries: u64,
    pub facts: u64,
    /// Deliveries of which something else was stored than the log says.
    pub differing: u64,
    /// Figures that aren't what the log says, in words; at most [`MAX_DIFFERENCES`].
    pub differences: Vec<String>,
    /// What the ledger says and the figures don't, in words. Empty when the ledger was not looked at.
    pub ledger: Vec<String>,
    drift: Drift,
}

impl Report {
    /// Whether log, statuses and counters say the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing == 0 && self.differences.is_empty() && self.drift.0.is_empty()
    }
}

/// By how much the counters were not the sum of the statuses and counts.
#[derive(Debug)]
pub struct Drift(Counters);

impl Check {
    /// Begins. With `settled_before`, what the ledger has said since before that moment must be in the figures, too.
    ///
    /// # Errors
    /// When a statement fails, or something stored can't be read.
    pub async fn begin(
        connection: &mut PgConnection,
        workspace: WorkspaceId,
        campaign: CampaignId,
        settled_before: Option<OffsetDateTime>,
    ) -> Result<Self> {
        let runs = sqlx::query_scalar!(
            "SELECT run_id FROM send.run WHERE campaign_id = $1 AND workspace_id = $2 ORDER BY run_id",
            campaign.0,
            workspace.0
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut check = Self {
            workspace,
            campaign,
            runs: runs.into(),
            after: start(),
            logged: Counters::default(),
            stored: Counters::default(),
            ledger: settled_before.map(Ledger::new),
            deliveries: 0,
            facts: 0,
            differing: 0,
        };
        check.add_counts(connection).await?;
        Ok(check)
    }

    /// What was written or dropped in one statement; a few thousand rows for a million deliveries.
    async fn add_counts(&mut self, connection: &mut PgConnection) -> Result<()> {
        let counts = sqlx::query_scalar!(
            r#"SELECT count AS "count!: Json<Count>" FROM stats.fact WHERE count IS NOT NULL AND count ->> 'campaign_id' = $1"#,
            self.campaign.to_string()
        )
        .fetch_all(connection)
        .await?;
        self.facts += counts.len() as u64;
        for Json(count) in counts.iter().filter(|Json(count)| count.workspace_id == self.workspace) {
            self.logged.add_count(count);
            self.stored.add_count(count);
            if let Some(ledger) = &mut self.ledger {
                ledger.add_count(count);
            }
        }
        Ok(())
    }

    /// Reads and compares the next page; None after the last.
    ///
    /// # Errors
    /// When a statement fails, or something stored can't be read.
    pub async fn page(&mut self, connection: &mut PgConnection) -> Result<Option<Progress>> {
        let Some(run) = self.runs.front().copied() else { return Ok(None) };
        let rows = page::rows(&mut *connection, self.workspace, self.campaign, run, &self.after).await?;
        let log = page::log(connection, &rows).await?;
        let mut differing = Vec::new();
        for row in &rows {
            let mut known = log.known.get(&row.place.delivery_id.0).cloned().unwrap_or_default();
            known.cost_micros = row.place.own_cost(known.cost_micros);
            let code = known.code.as_ref().map(|(_, code)| code.as_str());
            self.logged.add_known(&row.place, known.bits, code, known.cost_micros, 1);
            if let Some(status) = &row.status {
                let code = status.code.as_ref().map(|(_, code)| code.as_str());
                self.stored.add_known(&row.place, status.bits, code, status.cost_micros, 1);
            }
            if let Some(ledger) = &mut self.ledger {
                ledger.add(row, known.bits, code);
            }
            if !row.is(&known) {
                differing.push(row.place.delivery_id);
            }
        }
        self.deliveries += rows.len() as u64;
        self.facts += log.facts;
        self.differing += differing.len() as u64;
        match rows.last() {
            Some(last) if rows.len() as i64 == PAGE => self.after = last.cursor(),
            _ => {
                self.runs.pop_front();
                self.after = start();
            }
        }
        Ok(Some(Progress { deliveries: self.deliveries, facts: self.facts, differing }))
    }

    /// Compares the counters, after the last page.
    ///
    /// # Errors
    /// When a statement fails, or a counter can't be read.
    pub async fn finish(self, connection: &mut PgConnection) -> Result<Report> {
        let counters = Counters::read(connection, self.workspace, self.campaign).await?;
        let mut differences = differences(&counters.tallies(), &self.logged.tallies());
        if differences.is_empty() && !counters.minus(&self.logged).is_empty() {
            differences.push("some deliveries are counted under another run or sender than the log says".to_owned());
        }
        let ledger = self.ledger.map(Ledger::complaints).unwrap_or_default();
        let drift = Drift(counters.minus(&self.stored));
        Ok(Report { deliveries: self.deliveries, facts: self.facts, differing: self.differing, differences, ledger, drift })
    }
}

fn start() -> (String, Uuid) {
    (String::new(), Uuid::nil())
}

/// Every figure that the log gives differently.
fn differences(counters: &BTreeMap<Channel, Tally>, logged: &BTreeMap<Channel, Tally>) -> Vec<String> {
    let nothing = Tally::default();
    let channels: BTreeSet<_> = counters.keys().chain(logged.keys()).collect();
    let mut words = Vec::new();
    for channel in channels {
        let (counted, said) = (counters.get(channel).unwrap_or(&nothing), logged.get(channel).unwrap_or(&nothing));
        for (metric, code, counter, log) in counted.differences(said) {
            let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
            words.push(format!("{channel} {}{code}: {counter}, the log says {log}", metric.as_str()));
        }
    }
    words.truncate(MAX_DIFFERENCES);
    words
}
