//! The sandbox from the outside: over real HTTP and SMTP, started on free ports in the test's own process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod adapters;
mod admin;
mod callbacks;
mod contract;
mod durability;
mod faults;
mod inbound;
mod lookup;
mod mail;
mod meta;
mod page;
mod push;
mod sendgrid;
mod sms;
mod smtp;
mod social;
mod support;
mod twilio;
mod whatsapp;
