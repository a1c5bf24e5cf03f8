//! The SQL against a real PostgreSQL: a database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod again;
mod approval;
mod audience;
mod campaign;
mod consent;
mod contact;
mod contact_import;
mod earlier;
mod erase;
mod expand;
mod explain;
mod fences;
mod fixture;
mod fold;
mod freeze;
mod gate;
mod gate_rules;
mod jobs;
mod model;
mod model_ledger;
mod optout;
mod rebuild;
mod request;
mod segment;
mod sender_state;
mod settle;
mod tenant;
mod test_send;
mod tracking;
mod versions;
