//! What an operator watches of a dispatcher.

use domain::Channel;
use runtime::metrics::{self, Counter, Histogram, KeyValue};
use std::time::Duration;
use store::{record::Tried, settle::Change};

pub(crate) struct Meters {
    tries: Counter<u64>,
    settled: Counter<u64>,
    calls: Histogram<f64>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            tries: metrics::counter("fanfare.deliveries.tried", "Tries, by channel, provider and what became of them"),
            settled: metrics::counter(
                "fanfare.deliveries.settled",
                "Deliveries that look-ups or reports changed, by channel and new state",
            ),
            calls: metrics::histogram("fanfare.provider.call.duration", "s", "Time of one call to a provider", &metrics::SECONDS),
        }
    }

    pub(crate) fn called(&self, provider: &'static str, time: Duration) {
        self.calls.record(time.as_secs_f64(), &[KeyValue::new("provider", provider)]);
    }

    pub(crate) fn recorded(&self, channel: Channel, provider: &'static str, tried: &[Tried]) {
        for one in tried {
            let labels = [
                KeyValue::new("channel", channel.as_str()),
                KeyValue::new("provider", provider),
                KeyValue::new("state", one.state.as_str()),
            ];
            self.tries.add(1, &labels);
        }
    }

    pub(crate) fn settled(&self, channel: Channel, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.state != change.was) {
            self.settled.add(1, &[KeyValue::new("channel", channel.as_str()), KeyValue::new("state", change.state.as_str())]);
        }
    }
}
