//! End-to-end scenarios, one file each.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod cancel;
mod forged_callbacks;
mod kill_services;
mod pause_resume;
mod rolling_restart;
mod schedule;
mod strangers;
mod three_channels;
