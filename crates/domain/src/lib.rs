//! Fanfare's rules, pure: ids, states, lifecycle, addresses, rendering, figures, time.
//!
//! Nothing here does I/O, reads a clock or draws a random number; all of that comes in as parameters.
//! Start reading at [`delivery`] (the unit that is sent once) and [`campaign`] (what a person moves along).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod address;
pub mod breaker;
pub mod campaign;
pub mod cell;
pub mod channel;
pub mod consent;
pub mod content;
pub mod conversation;
pub mod conversion;
pub mod delivery;
pub mod facts;
pub mod filter;
pub mod gate;
pub mod ids;
pub mod keyword;
pub mod link;
pub mod money;
pub mod rate;
pub mod render;
pub mod role;
pub mod schedule;
pub mod sms;
pub mod tracking;

pub use channel::Channel;
pub use ids::*;
