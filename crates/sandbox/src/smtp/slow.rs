//! Domains that take mail slowly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::config::Active;

/// Letters that domains have put off.
#[derive(Default)]
pub struct Slow(Mutex<HashMap<String, u32>>);

impl Slow {
    /// Whether the domain puts this letter off, as configured.
    pub fn puts_off(&self, active: &Active, to: &str) -> bool {
        let Some((domain, most)) = to.rsplit_once('@').and_then(|(_, domain)| active.config.mail.slow_domains.get_key_value(domain)) else {
            return false;
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(domain.clone()).or_default();
        *count = count.saturating_add(1);
        *count <= *most
    }
}
