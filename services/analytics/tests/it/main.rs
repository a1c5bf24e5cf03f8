//! analytics over real gRPC, on a real PostgreSQL and broker, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod alarm;
mod campaign;
mod figures;
mod support;
mod versions;
mod watch;
