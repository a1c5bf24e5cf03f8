//! The providers that carry messages, each in a folder of its own behind two narrow traits.
//!
//! [`Send`] hands one message to a provider and says what became of it (or looks it up afterwards); [`Webhook`] verifies and decodes what the provider
//! posts back. Adapters only translate: retries, rate limits and metrics live once, in the dispatcher; the deadline of a
//! call, the limits on an answer and the meaning of a broken connection live once, in `http_client`.
//! To add a provider, copy the shape of the nearest folder and add one line to [`registry`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod fault;
pub mod message;
pub mod registry;
pub mod webhook;

pub mod meta;
pub mod sendgrid;
pub mod smtp;
pub mod twilio;

mod errors;
mod http_client;
mod settings;
mod signature;
mod tls;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contracts;

pub use account::{Account, AccountError, Secret};
pub use fault::{Fault, FaultAction, Waits};
pub use message::{Capability, Lookup, LookupQuery, Message, Outcome, Send};
pub use registry::{Provider, find};
pub use webhook::{DecodeError, Decoded, Event, EventKind, Inbound, Preference, Refused, Webhook, WebhookRequest};
