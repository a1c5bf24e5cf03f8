//! PostgreSQL, nats-server and the whole hub as child processes, for a local run and for tests.
//!
//! Start at [`Stack::start`] (the two servers, migrated), then [`Hub::start`] (sandbox and services). Tests take
//! [`testing::TestServers::shared`] and [`testing::test_database`]. Everything lives below one state folder (see [`dirs`]),
//! every child dies with its parent (see [`watched`]), and a second copy in the same folder is refused (see [`state`]).
//! It neither seeds data nor calls a service: that is for the command line and for each test.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod dirs;
pub mod endpoints;
pub mod hub;
mod identity;
mod nats;
pub mod ports;
mod postgres;
pub mod process;
pub mod secrets;
mod small_disk;
pub mod stack;
pub mod state;
pub mod testing;
pub mod tools;
pub mod watched;

pub use endpoints::Endpoints;
pub use hub::{Hub, HubOptions};
pub use ports::free_port;
pub use process::{Process, Ready, Spec};
pub use secrets::Secrets;
pub use small_disk::SmallDisk;
pub use stack::{Options, Stack};
pub use state::StateDir;
pub use testing::{TestDatabase, TestServers, subject_prefix, test_database};
