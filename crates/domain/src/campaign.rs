//! A campaign's life: which moves are legal, and what a campaign needs before anybody may approve it.
//!
//! Start at [`next`], the whole lifecycle. Who may ask for a move (the caller's role) is the services' business, and so is
//! storing it: they guard the write with the status that they moved from.

pub mod approval;
mod complete;
mod consent;
mod guards;
mod lifecycle;
mod settings;

pub use complete::{Facts, Gap, ListFacts, MAX_ALSO_SENDERS, SegmentFacts, SenderFacts, TemplateFacts, gaps};
pub use consent::{AskingFacts, ConsentFacts, TopicFacts};
pub use guards::{MAX_RULES, MAX_WINDOW_HOURS};
pub use lifecycle::{Action, IllegalMove, Status, UnknownStatus, next};
pub use settings::{ChannelSettings, EngagementRule, Freeze, Lane, ScheduleText, Settings, UnknownFreeze, UnknownLane};

#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod tests;
