//! What must hold when all is over.

use crate::{evidence::Evidence, machines::Machines, watch::Wanted};
use domain::Channel;
use proto::{analytics::ChannelStats, convert::channel};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Faults of one kind that are shown.
const SHOWN: usize = 5;

/// Something that must hold, and what speaks against it.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub holds: String,
    pub faults: Vec<String>,
}

impl Check {
    pub fn new(holds: impl Into<String>, mut faults: Vec<String>) -> Self {
        let more = faults.len().saturating_sub(SHOWN);
        faults.truncate(SHOWN);
        if more > 0 {
            faults.push(format!("… and {more} more"));
        }
        Self { holds: holds.into(), faults }
    }

    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Counts for the report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    pub messages: usize,
    pub duplicates: usize,
    pub lost: usize,
    pub uncertain: u64,
    pub unknown: u64,
}

/// The delivery's words for "a provider took it".
const SENT: [&str; 4] = ["sent", "delivered", "read", "clicked"];
/// Its words for "not yet".
const OPEN: [&str; 3] = ["queued", "sending", "retry_wait"];
/// Its words for "it certainly was not sent".
const NEVER_SENT: [&str; 3] = ["suppressed", "cancelled", "expired"];

/// The checks that every scenario has, and the counts.
pub fn judge(evidence: &Evidence, wanted: &Wanted, machines: &Machines) -> (Counts, Vec<Check>) {
    let twice = twice(evidence);
    let lost = lost(evidence);
    let sum = |count: fn(&ChannelStats) -> u64| evidence.watched.last.channels.iter().map(count).sum();
    let counts = Counts {
        messages: evidence.arrived.len(),
        duplicates: twice.len(),
        lost: lost.len(),
        uncertain: sum(|part| part.uncertain),
        unknown: sum(|part| part.unknown),
    };
    let checks = vec![
        Check::new("every planned act was played", unplayed(machines)),
        Check::new("nobody got it twice", twice),
        Check::new("nobody was lost: every target has a message or a reason", lost),
        Check::new("what the ledger calls not sent did not arrive", untrue(evidence)),
        Check::new("nothing stays open", open(evidence, wanted)),
        Check::new("what can be found out is not left uncertain", left_uncertain(evidence, wanted)),
        Check::new("what was reported is not left uncertain", reported(evidence, wanted)),
        Check::new("no more is uncertain than was in flight at the kills", beyond_flight(evidence, wanted, machines)),
        Check::new("the figures are the sandbox's, and a recount's", evidence.watched.unsettled.clone().into_iter().collect()),
        Check::new("target = the sum of its parts, at every look", evidence.watched.broken_sums.clone()),
    ];
    (counts, checks)
}

/// For campaigns that only services were killed in: none may have fallen over.
pub fn none_fell(machines: &Machines) -> Check {
    Check::new("no process ended by itself", machines.fell.clone())
}

fn unplayed(machines: &Machines) -> Vec<String> {
    let done = |act: &str| machines.acts.get(act).copied().unwrap_or_default();
    let missing = machines.planned.iter().filter(|(act, planned)| done(act) < **planned);
    missing.map(|(act, planned)| format!("{act}: {} of {planned}", done(act))).collect()
}

fn twice(evidence: &Evidence) -> Vec<String> {
    let mut faults: Vec<_> = evidence
        .arrivals()
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|((channel, to), count)| format!("{channel} {to}: {count} messages; {}", story(evidence, channel, to)))
        .collect();
    if faults.is_empty() {
        faults.extend(evidence.repeated_deliveries().into_iter().map(|id| format!("delivery {id} was sent more than once")));
    }
    faults.sort();
    faults
}

fn story(evidence: &Evidence, channel: Channel, to: &str) -> String {
    let times: Vec<_> = evidence
        .arrived
        .iter()
        .filter(|message| message.channel == channel && message.to == to)
        .map(|message| message.at.to_string())
        .collect();
    let ledger = evidence.deliveries.iter().find(|row| row.channel == channel && row.address == to);
    let ledger = ledger.map(|row| format!("delivery {} is {} {}", row.id, row.status, row.reason)).unwrap_or_default();
    format!("{}; {ledger}", times.join(", "))
}

fn lost(evidence: &Evidence) -> Vec<String> {
    let arrivals = evidence.arrivals();
    let mut rows = HashMap::<Channel, usize>::new();
    let mut faults = Vec::new();
    for row in &evidence.deliveries {
        *rows.entry(row.channel).or_default() += 1;
        let arrived = arrivals.contains_key(&(row.channel, row.address.as_str()));
        if !arrived && SENT.contains(&row.status.as_str()) {
            faults.push(format!("{} {} (delivery {}) is {} but nothing arrived", row.channel, row.address, row.id, row.status));
        }
    }
    for channel in &evidence.channels {
        let found = rows.get(channel).copied().unwrap_or_default();
        for _ in found..evidence.people {
            faults.push(format!("{channel}: only {found} of {} people have a delivery", evidence.people));
        }
    }
    faults
}

fn untrue(evidence: &Evidence) -> Vec<String> {
    let arrivals = evidence.arrivals();
    let arrived = |row: &&crate::evidence::Ledger| arrivals.contains_key(&(row.channel, row.address.as_str()));
    let never = evidence.deliveries.iter().filter(|row| NEVER_SENT.contains(&row.status.as_str()));
    never.filter(arrived).map(|row| format!("{} {} is {} {}", row.channel, row.address, row.status, row.reason)).collect()
}

fn open(evidence: &Evidence, wanted: &Wanted) -> Vec<String> {
    let status = &evidence.watched.last.campaign_status;
    let mut faults = Vec::new();
    if status != wanted.status {
        faults.push(format!("the campaign is {status}, not {}", wanted.status));
    }
    let mut open = BTreeMap::<_, (usize, i64)>::new();
    for row in evidence.deliveries.iter().filter(|row| OPEN.contains(&row.status.as_str())) {
        let (count, example) = open.entry((row.channel, &row.status, &row.reason)).or_default();
        (*count, *example) = (*count + 1, row.id);
    }
    for ((channel, status, reason), (count, id)) in open {
        faults.push(format!("{channel}: {count} are {status} {reason}, such as delivery {id}"));
    }
    faults
}

/// To find it out it would be sent again, which its provider drops if it is the second one. Who has opted out meanwhile isn't sent to for that.
fn left_uncertain(evidence: &Evidence, wanted: &Wanted) -> Vec<String> {
    let rows = evidence.deliveries.iter().filter(|row| is_uncertain(&row.status) && wanted.certain.contains(&row.channel));
    let rows = rows.filter(|row| row.status == "uncertain" || !evidence.is_opted_out(row));
    rows.map(|row| format!("{} {} (delivery {}) is {} {}", row.channel, row.address, row.id, row.status, row.reason)).collect()
}

fn reported(evidence: &Evidence, wanted: &Wanted) -> Vec<String> {
    let arrivals = evidence.arrivals();
    let rows = evidence.deliveries.iter().filter(|row| is_uncertain(&row.status) && !wanted.silent.contains(&row.channel));
    let arrived = rows.filter(|row| arrivals.contains_key(&(row.channel, row.address.as_str())));
    arrived
        .map(|row| format!("{} {} (delivery {}) is {} {} though it arrived", row.channel, row.address, row.id, row.status, row.reason))
        .collect()
}

fn beyond_flight(evidence: &Evidence, wanted: &Wanted, machines: &Machines) -> Vec<String> {
    let mut faults = Vec::new();
    if wanted.doubtful {
        return faults;
    }
    for part in &evidence.watched.last.channels {
        let Some(channel) = channel(part.channel).filter(|channel| !wanted.certain.contains(channel)) else { continue };
        let (left, bound) = (part.uncertain + part.unknown, machines.in_flight.get(&channel).copied().unwrap_or_default());
        if left > bound {
            faults.push(format!("{channel}: {left} uncertain, {bound} were in flight"));
        }
    }
    faults
}

fn is_uncertain(status: &str) -> bool {
    matches!(status, "uncertain" | "unknown")
}
