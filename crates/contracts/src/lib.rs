//! What the providers publish about their own APIs, as tests hold the adapters and the sandbox against it.
//!
//! [`files`] finds the published files and [`wire`] reads what went over the wire. An [`Operation`] of an OpenAPI description judges a request and an
//! answer: path, query, headers, credentials, body. [`broken`] makes of one good request those that must be refused. [`provider`] says which
//! files describe whom; what the descriptions are wrong or silent about is listed in [`exceptions`], each entry with its reason.
//! Test support alone: whatever is wrong panics, and no program may depend on it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod broken;
pub mod exceptions;
pub mod files;
pub mod openapi;
pub mod provider;
pub mod wire;

mod body;
mod document;
mod multipart;
mod path;
mod record;

#[cfg(test)]
mod tests;

pub use broken::{Broken, broken};
pub use files::{assert_valid, bytes, exists, json, samples, schema};
pub use openapi::{Fault, Operation};
pub use provider::{Verdict, assert_answer, assert_requests, judge};
pub use wire::{Answer, Call};
