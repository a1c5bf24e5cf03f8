//! The SQL against a real PostgreSQL: a database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audience;
mod campaign;
mod contact;
mod expand;
mod fixture;
mod fold;
mod gate;
mod jobs;
mod optout;
mod request;
mod tenant;
