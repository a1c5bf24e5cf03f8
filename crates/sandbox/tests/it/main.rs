//! The sandbox from the outside: over real HTTP and SMTP, started on free ports in the test's own process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod admin;
mod callbacks;
mod durability;
mod faults;
mod lookup;
mod meta;
mod page;
mod sendgrid;
mod smtp;
mod support;
mod twilio;
