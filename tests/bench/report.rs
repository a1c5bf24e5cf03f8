//! The table and the file.

use serde_json::{Value, json};
use std::fmt::Write as _;

/// One measurement beside its limit. Rates are per second.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub rate: f64,
    pub limit: f64,
    /// What the limit is.
    pub against: &'static str,
    /// The ratio that we want at least.
    pub aim: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.rate / self.limit
    }
}

#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    pub import: Option<Value>,
    pub whole: Option<Value>,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn table(&self) -> String {
        let mut text = format!("{:<34} {:>7} {:>6}  {:>12} {:>12}  limit\n", "what", "ratio", "aim", "ours /s", "limit /s");
        for row in &self.rows {
            let missed = if row.ratio() < row.aim { " (missed)" } else { "" };
            let _infallible = writeln!(
                text,
                "{:<34} {:>7.3} {:>6.2}  {:>12.0} {:>12.0}  {} of {}{missed}",
                row.name,
                row.ratio(),
                row.aim,
                row.rate,
                row.limit,
                row.unit,
                row.against
            );
        }
        if let Some(import) = &self.import {
            let _infallible = writeln!(text, "\nan import: {import:#}");
        }
        if let Some(whole) = &self.whole {
            let _infallible = writeln!(text, "\nthe whole path: {whole:#}");
        }
        text
    }

    pub fn write(&self) -> anyhow::Result<()> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({"name": row.name, "unit": row.unit, "ratio": row.ratio(), "aim": row.aim, "rate_per_second": row.rate,
                       "limit_per_second": row.limit, "limit": row.against})
            })
            .collect();
        let path = devstack::dirs::state_dir()?.join("bench.json");
        devstack::dirs::write_private(
            &path,
            &serde_json::to_vec_pretty(&json!({"measurements": rows, "import": self.import, "whole_path": self.whole}))?,
        )
    }
}
