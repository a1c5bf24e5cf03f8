//! End-to-end scenarios, one file each.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod cancel;
mod forged_callbacks;
mod import;
mod kill_services;
mod live_edit;
mod pause_resume;
mod rolling_restart;
mod schedule;
mod segments;
mod strangers;
mod test_send;
mod three_channels;
mod tracked_text;
