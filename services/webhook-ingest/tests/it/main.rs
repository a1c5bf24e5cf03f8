//! webhook-ingest over real HTTP, on a real PostgreSQL and broker, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod durable;
mod limits;
mod links;
mod proxy;
mod reports;
mod signed;
mod support;
mod unsubscribe;
