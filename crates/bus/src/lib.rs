//! NATS JetStream: the streams, their subjects, typed publishing and consuming.
//!
//! The broker carries hints (send jobs) and facts (delivery events, inbound messages); PostgreSQL holds the truth. A publish
//! returns after the broker's ack; a handler answers with a [`Verdict`], and only this crate turns that into an ack. A broker that
//! comes back without its store is given its streams again by whoever notices first.
//! Start at [`Bus`]; [`Bus::consume`] is how a service works off a stream, `dead.rs` what is done with what nobody could handle.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod connect;
mod consume;
mod dead;
mod pull;
mod settle;
mod streams;
mod subject;

#[cfg(test)]
mod tests;

pub use connect::{Bus, Error, Outgoing};
pub use consume::{Consumer, Delivered, Verdict};
pub use dead::{DeadLetter, Extent, Letters};
pub use streams::Held;
pub use subject::Subject;

/// Headers of ours; what travels in them is said where they are written.
mod header {
    pub const TRACEPARENT: &str = "traceparent";
    pub const OUTBOX: &str = "fanfare-outbox";
    pub const REASON: &str = "fanfare-reason";
    pub const SUBJECT: &str = "fanfare-subject";
    pub const DELIVERIES: &str = "fanfare-deliveries";
}
