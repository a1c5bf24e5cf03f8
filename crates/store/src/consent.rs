//! What people said about being messaged: the record of it ([`event`]), topics, lists that ask for confirmation, what a preference page
//! shows and changes ([`person`], [`prefer`]), bounces, and how a person is exported and erased.
//!
//! The register of addresses that must not be messaged is [`crate::optout`]; what is kept here beside says who said so, and how.

pub mod bounce;
pub mod erase;
pub mod event;
pub mod export;
pub mod list;
pub mod person;
pub mod prefer;
pub mod topic;

pub use event::{Event, note};
