//! NATS JetStream: the streams, their subjects, typed publishing and consuming.
//!
//! The broker carries hints (send jobs) and facts (delivery events, inbound messages); PostgreSQL holds the truth. A publish
//! returns after the broker's ack; a handler answers with a [`Verdict`], and only this crate turns that into an ack.
//! Start at [`Bus`]; [`Bus::consume`] is how a service works off a stream.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod connect;
mod consume;
mod streams;
mod subject;

#[cfg(test)]
mod tests;

pub use connect::{Bus, Error};
pub use consume::{Consumer, Delivered, Verdict};
pub use subject::Subject;
