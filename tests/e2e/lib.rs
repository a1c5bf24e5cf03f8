//! The stage for end-to-end scenarios: a hub of real processes, a sandbox that plays the providers and the recipients, and the
//! moves of a person. A scenario is a file beside this one: start, act, compare both sides' figures.

mod content;
mod desk;
mod look;
pub mod messy;
mod world;

pub use desk::{Campaign, Contact, Desk, accounted_for};
pub use world::World;
