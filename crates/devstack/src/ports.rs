//! Free TCP ports on the loopback interface that a server can come back to after a restart.
//!
//! They are taken from below the range that systems hand out for outgoing connections (32768 and up on Linux, 49152 on
//! macOS): a port from that range could be gone by the time a killed server wants it back.

use anyhow::{Context, Result};
use std::{collections::HashSet, net::TcpListener, sync::Mutex};

const RANGE: std::ops::Range<u16> = 15_000..32_000;
const ATTEMPTS: usize = 1_000;

static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nobody listens on, never the same twice in a process. Drawn at random, so that copies that start at the
/// same moment don't meet.
///
/// # Errors
/// When none is found in a thousand attempts.
pub fn free_port() -> Result<u16> {
    let mut guard = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let taken = guard.get_or_insert_default();
    (0..ATTEMPTS)
        .map(|_| rand::random_range(RANGE))
        .find(|port| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .inspect(|port| {
            taken.insert(*port);
        })
        .context("no free port between 15000 and 32000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports: HashSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }
}
