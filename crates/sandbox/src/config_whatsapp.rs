//! What WhatsApp's providers know of templates, in the configuration.

use serde::{Deserialize, Serialize};

/// Templates and the account that they belong to. What isn't said here is not known: every well-formed template is taken then, and lists are
/// refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Whatsapp {
    /// Meta's WhatsApp Business Account.
    pub waba_id: Option<String>,
    /// All of Meta's templates.
    pub templates: Option<Vec<Template>>,
    /// All of Twilio's Content templates.
    pub contents: Option<Vec<Content>>,
    /// Whether Meta takes marketing templates at its Marketing Messages API alone.
    pub marketing_only: bool,
}

/// A template at Meta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    pub name: String,
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`.
    pub status: String,
}

/// A Content template at Twilio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub sid: String,
    pub name: String,
    pub language: String,
    pub category: String,
    /// `approved`, `pending`, `rejected`, `paused`, `disabled`, `unsubmitted`.
    pub status: String,
}
