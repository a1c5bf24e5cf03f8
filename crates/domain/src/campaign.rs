//! A campaign's life: which moves are legal, and what a campaign needs before anybody may approve it.
//!
//! Start at [`next`], the whole lifecycle. Who may ask for a move (the caller's role) is the services' business, and so is
//! storing it: they guard the write with the status that they moved from.

mod complete;
mod lifecycle;

pub use complete::{Facts, Gap, ListFacts, ScheduleText, SenderFacts, Settings, TemplateFacts, gaps};
pub use lifecycle::{Action, IllegalMove, Status, UnknownStatus, next};

#[cfg(test)]
mod tests;
