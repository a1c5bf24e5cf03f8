//! End-to-end scenarios, one file each.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bounce;
mod cancel;
mod conversation;
mod five_channels;
mod forged_callbacks;
mod import;
mod kill_services;
mod live_edit;
mod pause_resume;
mod push;
mod rolling_restart;
mod schedule;
mod segments;
mod sendgrid_batch;
mod social;
mod strangers;
mod test_send;
mod three_channels;
mod tracked_text;
