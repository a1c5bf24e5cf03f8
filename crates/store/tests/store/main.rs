//! The SQL against a real PostgreSQL: a database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod again;
mod audience;
mod campaign;
mod contact;
mod earlier;
mod expand;
mod explain;
mod fixture;
mod fold;
mod gate;
mod gate_rules;
mod jobs;
mod model;
mod model_ledger;
mod optout;
mod rebuild;
mod request;
mod sender_state;
mod settle;
mod tenant;
