//! A sender's settings as the workspace entered them: what may be shown, and what is sealed.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A text that must never reach a log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One provider account of a workspace.
#[derive(Debug, Clone)]
pub struct Account {
    /// Settings that may be shown: numbers, from-address, base URL. Keys are each provider's `Descriptor::settings`.
    pub settings: BTreeMap<String, String>,
    /// Credentials, opened from their seal.
    pub secrets: BTreeMap<String, Secret>,
}

/// The account can't be used as entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {remedy}")]
pub struct AccountError {
    /// The setting or secret at fault.
    pub field: String,
    pub remedy: String,
}
