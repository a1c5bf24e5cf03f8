//! A walk over every RPC of the hub with everything that must not get in: no credential, bad ones, too little a role, and the ids of
//! another workspace.
//!
//! The RPCs come from the descriptors, so none can be forgotten. A new one needs a line in `services.rs` that says who may call it; its
//! requests are made from the descriptors too. When it takes the id of something new, `world.rs` needs one of that, and where a
//! request is refused before its ids are looked at, `cases.rs` gives it what it lacks. Each test gathers all that it finds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod cases;
mod credentials;
mod hub;
mod isolation;
mod request;
mod roles;
mod rpc;
mod services;
mod wire;
mod world;

/// Fails with all that was found.
fn none(found: &[String]) {
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}
