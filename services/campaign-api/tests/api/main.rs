//! campaign-api over real gRPC, on a real PostgreSQL and broker, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod audience;
mod campaign_drafts;
mod campaign_moves;
mod campaign_send;
mod isolation;
mod mover;
mod scheduler;
mod sender;
mod support;
mod wiring;
mod workspace;
