//! Which figures a delivery counts in.

use super::Bits;

/// One word of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Contacts selected, reachable or not. Counted when the audience is written, not from a delivery's facts.
    Target,
    Suppressed,
    /// The provider took it.
    Sent,
    Delivered,
    /// Refused for good, or reported failed and never delivered.
    Failed,
    /// The refused part of `Failed`.
    Rejected,
    /// Whether it left can't be known yet.
    Uncertain,
    /// Uncertain for so long that only a person decides.
    Unknown,
    Cancelled,
    Expired,
    /// Opened or read.
    Read,
    Clicked,
    Unsubscribed,
    Complained,
    /// Opened by machines only.
    MachineOpened,
    /// Links fetched by machines only.
    MachineClicked,
    Replied,
    Converted,
    /// Of the target, those that make good a failure on another channel. Counted when they are written, as `Target` is.
    Rescued,
    /// Millionths of the sender's currency, for what was sent.
    Cost,
}

impl Metric {
    /// The parts of the identity `target = pending + …`, of which each delivery counts in one at most.
    pub const OUTCOMES: [Self; 7] =
        [Self::Suppressed, Self::Sent, Self::Rejected, Self::Uncertain, Self::Unknown, Self::Cancelled, Self::Expired];

    pub const ALL: [Self; 20] = [
        Self::Target,
        Self::Suppressed,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Rejected,
        Self::Uncertain,
        Self::Unknown,
        Self::Cancelled,
        Self::Expired,
        Self::Read,
        Self::Clicked,
        Self::Unsubscribed,
        Self::Complained,
        Self::MachineOpened,
        Self::MachineClicked,
        Self::Replied,
        Self::Converted,
        Self::Rescued,
        Self::Cost,
    ];

    /// The name used in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Suppressed => "suppressed",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Uncertain => "uncertain",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Read => "read",
            Self::Clicked => "clicked",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::MachineOpened => "machine_opened",
            Self::MachineClicked => "machine_clicked",
            Self::Replied => "replied",
            Self::Converted => "converted",
            Self::Rescued => "rescued",
            Self::Cost => "cost",
        }
    }

    /// The metric of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }

    /// Whether it is counted by code or reason.
    #[must_use]
    pub const fn has_code(self) -> bool {
        matches!(self, Self::Suppressed | Self::Failed)
    }
}

/// What proves that the provider took a message: also that it reports a failure of it, or a complaint. An opt-out, a reply or a
/// conversion doesn't, because they are only guessed to be about this very delivery.
pub const PROVES_SENT: Bits = Bits::ACCEPTED.and(Bits::SENT).and(DELIVERED).and(Bits::FAILED).and(Bits::COMPLAINED);
/// What says that it arrived. What a machine does with it does, too, but nobody has read it then.
pub const DELIVERED: Bits = Bits::DELIVERED.and(Bits::MACHINE_OPENED).and(Bits::MACHINE_CLICKED).and(READ);
const READ: Bits = Bits::OPENED.and(Bits::CLICKED);
/// What says that nobody could tell, when it was tried, whether it left.
pub const DOUBTFUL: Bits = Bits::UNCERTAIN.and(Bits::UNKNOWN);

/// The one metric of the identity `target = pending + …` that a delivery counts in; None while it is pending. A positive report wins
/// over everything, and `unknown` and `uncertain` give way to everything.
fn outcome(bits: Bits) -> Option<Metric> {
    let ladder = [
        (PROVES_SENT, Metric::Sent),
        (Bits::REJECTED, Metric::Rejected),
        (Bits::SUPPRESSED, Metric::Suppressed),
        (Bits::CANCELLED, Metric::Cancelled),
        (Bits::EXPIRED, Metric::Expired),
        (Bits::UNKNOWN, Metric::Unknown),
        (Bits::UNCERTAIN, Metric::Uncertain),
    ];
    ladder.into_iter().find(|(proof, _)| bits.any(*proof)).map(|(_, metric)| metric)
}

/// Whether a delivery of which `bits` are known counts in `metric`. `Target`, `Rescued` and `Cost` are not counted by bits.
#[must_use]
pub fn counts(bits: Bits, metric: Metric) -> bool {
    match metric {
        Metric::Target | Metric::Rescued | Metric::Cost => false,
        Metric::Delivered => bits.any(DELIVERED),
        Metric::Read => bits.any(READ),
        Metric::Clicked => bits.any(Bits::CLICKED),
        Metric::Unsubscribed => bits.any(Bits::UNSUBSCRIBED),
        Metric::Complained => bits.any(Bits::COMPLAINED),
        Metric::MachineOpened => bits.any(Bits::MACHINE_OPENED) && !bits.any(READ),
        Metric::MachineClicked => bits.any(Bits::MACHINE_CLICKED) && !bits.any(Bits::CLICKED),
        Metric::Replied => bits.any(Bits::REPLIED),
        Metric::Converted => bits.any(Bits::CONVERTED),
        Metric::Failed => outcome(bits) == Some(Metric::Rejected) || (bits.any(Bits::FAILED) && !bits.any(DELIVERED)),
        Metric::Suppressed
        | Metric::Sent
        | Metric::Rejected
        | Metric::Uncertain
        | Metric::Unknown
        | Metric::Cancelled
        | Metric::Expired => outcome(bits) == Some(metric),
    }
}

/// The code under which a failure without one is counted.
const NO_CODE: &str = "unknown";

/// Every counter that this delivery adds one to: the metric, with the code where it is counted by code and else an empty text.
pub fn counted(bits: Bits, code: Option<&str>) -> impl Iterator<Item = (Metric, &str)> {
    let code = code.filter(|code| !code.is_empty()).unwrap_or(NO_CODE);
    Metric::ALL
        .into_iter()
        .filter(move |metric| counts(bits, *metric))
        .map(move |metric| (metric, if metric.has_code() { code } else { "" }))
}
