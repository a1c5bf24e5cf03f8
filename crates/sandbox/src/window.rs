//! Who has written to which of our senders within 24 hours: only they can be sent free text on WhatsApp.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const OPEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// People kept at most.
const MAX_KEPT: usize = 1_000_000;

/// Forgotten when the process ends.
#[derive(Debug, Default)]
pub struct Window {
    /// By the person, and the sender that they wrote to: a number, or Meta's id of one.
    written: Mutex<HashMap<(String, String), Instant>>,
}

impl Window {
    /// A person (`+E164`, or a user id) has written to one of our senders.
    pub fn open(&self, person: &str, sender: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= MAX_KEPT {
            written.clear();
        }
        written.insert((person.to_owned(), sender.to_owned()), Instant::now());
    }

    pub fn is_open(&self, person: &str, sender: &str) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(&(person.to_owned(), sender.to_owned())).is_some_and(|at| at.elapsed() < OPEN_FOR)
    }

    pub fn clear(&self) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_for_whom_wrote_to_whom() {
        let window = Window::default();
        window.open("+15558675310", "+15017250604");
        assert!(window.is_open("+15558675310", "+15017250604"));
        assert!(!window.is_open("+15558675310", "+15017250605"));
        window.clear();
        assert!(!window.is_open("+15558675310", "+15017250604"));
    }
}
