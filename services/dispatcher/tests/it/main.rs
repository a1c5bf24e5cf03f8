//! A dispatcher against a real database, a real broker, and a provider that does as it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod desk;
mod email;
mod health;
mod lanes;
mod post_office;
mod push;
mod reply;
mod settle;
mod short_links;
mod shutdown;
mod sms;
mod test_send;
mod turns;
mod versions;
mod whatsapp;
mod world;
