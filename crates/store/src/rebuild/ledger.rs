//! What the ledger has said for a while must be in the figures: a fact that is neither folded nor on its way is lost.

use super::Row;
use crate::fact::Count;
use domain::{
    Channel,
    delivery::State,
    facts::{Bits, Metric, Tally, counted},
};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What was found in the ledger so far.
#[derive(Debug)]
pub(super) struct Ledger {
    settled_before: OffsetDateTime,
    /// Deliveries that changed later: their facts may be on their way.
    fresh: u64,
    /// What the figures lack of single deliveries.
    lacking: BTreeMap<(Channel, &'static str), u64>,
    /// Rows of which the ledger says what no fact of their own does, because they were written or dropped together.
    rows: BTreeMap<Channel, Tally>,
    /// What the counts of those say.
    counts: BTreeMap<Channel, Tally>,
}

impl Ledger {
    pub fn new(settled_before: OffsetDateTime) -> Self {
        Self { settled_before, fresh: 0, lacking: BTreeMap::new(), rows: BTreeMap::new(), counts: BTreeMap::new() }
    }

    pub fn add_count(&mut self, count: &Count) {
        let tally = self.counts.entry(count.channel).or_default();
        for (metric, code, value) in count.figures() {
            tally.add(metric, code, value);
        }
    }

    /// A delivery, and what the log knows of it.
    pub fn add(&mut self, row: &Row, bits: Bits, code: Option<&str>) {
        if row.updated_at >= self.settled_before {
            self.fresh += 1;
            return;
        }
        let channel = row.place.channel;
        let tally = self.rows.entry(channel).or_default();
        tally.add(Metric::Target, "", 1);
        tally.add(Metric::Rescued, "", i64::from(row.rescue));
        let own = Bits::of_state(row.state);
        let figures = |bits: Bits| counted(bits, code).collect::<Vec<_>>();
        if figures(bits) == figures(bits | own) {
            return;
        }
        let together = match row.state {
            State::Suppressed => Some((Metric::Suppressed, row.reason.as_deref().unwrap_or_default())),
            State::Cancelled => Some((Metric::Cancelled, "")),
            State::Expired => Some((Metric::Expired, "")),
            _ => None,
        };
        match together {
            Some((metric, reason)) if figures(bits).iter().all(|(metric, _)| !Metric::OUTCOMES.contains(metric)) => {
                tally.add(metric, reason, 1)
            }
            _ => *self.lacking.entry((channel, row.state.as_str())).or_default() += 1,
        }
    }

    /// What doesn't fit, in words.
    pub fn complaints(self) -> Vec<String> {
        let lacking =
            self.lacking.iter().map(|((channel, state), count)| format!("{channel}: {count} {state} deliveries are not in the figures"));
        let mut complaints: Vec<String> = lacking.collect();
        let channels: std::collections::BTreeSet<_> = self.rows.keys().chain(self.counts.keys()).copied().collect();
        for channel in channels {
            let rows = self.rows.get(&channel).cloned().unwrap_or_default();
            let counts = self.counts.get(&channel).cloned().unwrap_or_default();
            if self.fresh > 0 {
                // Counts may be on their way, and rows have changed since: only what is there for long must have been counted.
                let (written, told) = (rows.get(Metric::Target), counts.get(Metric::Target));
                if written > told {
                    complaints.push(format!("{channel}: of {written} deliveries only {told} are in the target"));
                }
                continue;
            }
            for (metric, code, row, count) in rows.differences(&counts) {
                let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
                complaints.push(format!("{channel} {}{code}: {row} in the ledger, {count} were told", metric.as_str()));
            }
        }
        complaints.truncate(super::MAX_DIFFERENCES);
        complaints
    }
}
