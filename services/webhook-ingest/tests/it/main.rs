//! webhook-ingest over real HTTP, on a real PostgreSQL and broker, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bounces;
mod conversions;
mod durable;
mod limits;
mod links;
mod preferences;
mod proxy;
mod push;
mod redirects;
mod reports;
mod signed;
mod support;
mod unread;
mod unsubscribe;
