//! campaign-api over real gRPC, on a real PostgreSQL and broker, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod alerts;
mod audience;
mod campaign_drafts;
mod campaign_moves;
mod campaign_send;
mod contact;
mod conversion;
mod dry_run;
mod guards;
mod import;
mod inbound;
mod isolation;
mod list;
mod mover;
mod optout;
mod requeue;
mod scheduler;
mod sender;
mod support;
mod template;
mod wiring;
mod workspace;
