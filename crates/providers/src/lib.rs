//! The providers that carry messages, each in a folder of its own behind two narrow traits.
//!
//! [`Send`] hands one message to a provider and says what became of it (or looks it up afterwards); [`Webhook`] verifies and decodes what
//! the provider posts back. [`Manage`], [`Connect`] and [`Mailbox`] are for what only some have: tests and templates, OAuth, bounces by
//! mail. URLs that come from strangers are fetched by [`public_net`] alone. Adapters only translate: retries, rate limits and metrics live once, in the dispatcher; the deadline of a
//! call, the limits on an answer and the meaning of a broken connection live once, in `http_client`.
//! To add a provider, copy the shape of the nearest folder and add one line to [`registry`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod connect;
pub mod device;
pub mod dsn;
pub mod fault;
pub mod mailbox;
pub mod manage;
pub mod message;
pub mod oauth;
pub mod public_net;
pub mod registration;
pub mod registry;
pub mod webhook;

pub mod facebook;
pub mod fcm;
pub mod instagram;
pub mod linkedin;
pub mod mailgun;
pub mod meta;
pub mod sendgrid;
pub mod smtp;
pub mod twilio;
pub mod webpush;
pub mod x;

mod errors;
mod graph;
mod http_client;
mod jwt;
mod posts;
mod settings;
mod signature;
mod tls;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contract_tests;
// The tests say `crate::contracts`.
#[cfg(test)]
use ::contracts;

pub use account::{Account, AccountError, Secret};
pub use connect::{Connect, RemoteAccount, Tokens};
pub use device::{Device, DeviceKind, PushKeys};
pub use fault::{Fault, FaultAction, Waits};
pub use mailbox::Mailbox;
pub use manage::{Checked, Manage, Quota, RemoteOptOut, RemoteOptOutKind, RemoteTemplate};
pub use message::{Attachment, Capability, Cost, Lookup, LookupQuery, Message, NOT_TRIED, Outcome, Send};
pub use registry::{Hook, Provider, find};
pub use webhook::{
    AccountNews, AccountNewsKind, DecodeError, Decoded, Event, EventKind, Inbound, Media, Preference, Refused, TemplateNews, Webhook,
    WebhookRequest,
};
