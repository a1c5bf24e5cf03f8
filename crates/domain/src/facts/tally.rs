//! Figures added up.

use super::{Bits, Metric, counted, counts};
use std::collections::{BTreeMap, BTreeSet};

/// Counters of one channel (or of anything else that is counted together). Two tallies are equal when all their figures are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally(BTreeMap<(Metric, String), i64>);

impl Tally {
    /// Moves one counter.
    pub fn add(&mut self, metric: Metric, code: &str, by: i64) {
        let slot = self.0.entry((metric, code.to_owned())).or_default();
        *slot += by;
        if *slot == 0 {
            self.0.remove(&(metric, code.to_owned()));
        }
    }

    /// Counts a number of deliveries of which the same is known, at `price_micros` each.
    pub fn add_deliveries(&mut self, bits: Bits, code: Option<&str>, price_micros: i64, count: i64) {
        self.add(Metric::Target, "", count);
        for (metric, code) in counted(bits, code) {
            self.add(metric, code, count);
        }
        if counts(bits, Metric::Sent) {
            self.add(Metric::Cost, "", price_micros * count);
        }
    }

    /// Every figure in which the two differ, with both values, in the order of metrics and codes.
    #[must_use]
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(Metric, &'a str, i64, i64)> {
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let value = |tally: &Self, key| tally.0.get(key).copied().unwrap_or_default();
        keys.into_iter()
            .map(|key| (key.0, key.1.as_str(), value(self, key), value(other, key)))
            .filter(|(_, _, mine, others)| mine != others)
            .collect()
    }

    /// A metric's sum over all codes.
    #[must_use]
    pub fn get(&self, metric: Metric) -> i64 {
        self.of(metric).map(|(_, value)| value).sum()
    }

    /// A metric by code.
    #[must_use]
    pub fn by_code(&self, metric: Metric) -> BTreeMap<&str, i64> {
        self.of(metric).collect()
    }

    /// Selected, and nothing decided yet.
    #[must_use]
    pub fn pending(&self) -> i64 {
        self.get(Metric::Target) - Metric::OUTCOMES.into_iter().map(|metric| self.get(metric)).sum::<i64>()
    }

    fn of(&self, metric: Metric) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().filter(move |((of, _), _)| *of == metric).map(|((_, code), value)| (code.as_str(), *value))
    }
}

/// Part of a whole; None when there is no whole.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of messages stay far below 2^52")]
pub fn rate(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
