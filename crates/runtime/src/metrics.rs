//! Instruments of the one meter "fanfare". Made before [`crate::init_process`] they count nothing, so make them in a
//! service's `run` and keep them.

pub use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, UpDownCounter},
};
use opentelemetry::{global, metrics::Meter};

/// Seconds, for the duration of calls from 1 ms to 30 s.
pub const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

fn meter() -> Meter {
    global::meter("fanfare")
}

/// A sum that only grows.
#[must_use]
pub fn counter(name: &'static str, description: &'static str) -> Counter<u64> {
    meter().u64_counter(name).with_description(description).build()
}

/// A distribution, for example of [`SECONDS`]; `bounds` are the upper bounds of its buckets.
#[must_use]
pub fn histogram(name: &'static str, unit: &'static str, description: &'static str, bounds: &[f64]) -> Histogram<f64> {
    meter().f64_histogram(name).with_unit(unit).with_description(description).with_boundaries(bounds.to_vec()).build()
}

/// A last value: a lag, a queue's length.
#[must_use]
pub fn gauge(name: &'static str, unit: &'static str, description: &'static str) -> Gauge<f64> {
    meter().f64_gauge(name).with_unit(unit).with_description(description).build()
}

/// A sum that grows and shrinks: what is under way.
#[must_use]
pub fn up_down(name: &'static str, description: &'static str) -> UpDownCounter<i64> {
    meter().i64_up_down_counter(name).with_description(description).build()
}
