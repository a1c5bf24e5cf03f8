//! Consent: what people said about being messaged, how it came about, and what of it they may take back.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How an entry of the opt-out register, or any other word of a person, came to us.
pub mod source {
    /// A person of ours, or their program.
    pub const API: &str = "api";
    /// A suppression list of another system.
    pub const IMPORT: &str = "import";
    /// The person wrote a word of the register.
    pub const KEYWORD: &str = "keyword";
    /// The unsubscribe link, or the mail program's button (RFC 8058).
    pub const ONE_CLICK: &str = "one_click";
    pub const PREFERENCE_PAGE: &str = "preference_page";
    pub const CONFIRMATION_PAGE: &str = "confirmation_page";
    /// The provider blocks the address.
    pub const PROVIDER: &str = "provider";
    pub const COMPLAINT: &str = "complaint";
    /// Hard bounces.
    pub const BOUNCE: &str = "bounce";
    /// The number was taken from whoever had it: who has it next never asked for anything.
    pub const DEACTIVATED: &str = "deactivated";
}

/// Sources whose opt-outs a person may take back themselves by a later word: what they asked for themselves. A provider goes on blocking
/// until it is told itself; a complaint, a bounce and what one of ours registered are for an admin to remove.
pub const REVOCABLE: [&str; 3] = [source::KEYWORD, source::ONE_CLICK, source::PREFERENCE_PAGE];

/// What a person's word did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    OptedOut,
    /// The person took an opt-out back.
    OptedIn,
    /// One of ours took it out of the register.
    OptOutRemoved,
    TopicLeft,
    TopicJoined,
    /// Was asked to confirm a list.
    ListRequested,
    ListConfirmed,
}

/// The text is not the name of a kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of consent event {0:?}")]
pub struct UnknownKind(String);

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::OptedOut, Self::OptedIn, Self::OptOutRemoved, Self::TopicLeft, Self::TopicJoined, Self::ListRequested, Self::ListConfirmed];

    /// The name used in SQL, JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::OptedIn => "opted_in",
            Self::OptOutRemoved => "opt_out_removed",
            Self::TopicLeft => "topic_left",
            Self::TopicJoined => "topic_joined",
            Self::ListRequested => "list_requested",
            Self::ListConfirmed => "list_confirmed",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// How it came about. What isn't known is left out; what is serialised is what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Of the request that a page's form made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// What the person wrote, or what was noted about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The provider's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The message that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<i64>,
    /// The language in which it was asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// The version of the list's wording that was shown; 0: the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wording_version: Option<u32>,
}

/// Characters of a field of evidence at most.
const MAX_CHARACTERS: usize = 1_000;

impl Evidence {
    /// Nothing but a note.
    #[must_use]
    pub fn note(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }.bounded()
    }

    /// The same with no field longer than 1,000 characters, and without what no text column takes: it comes from strangers.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.ip, &mut self.user_agent, &mut self.text, &mut self.code, &mut self.language] {
            *text = text.chars().filter(|c| *c != '\0').take(MAX_CHARACTERS).collect();
        }
        self
    }
}

/// An address as a page may show it to whoever has the link: enough to know one's own by, too little to learn another's.
#[must_use]
pub fn masked(address: &str) -> String {
    const HIDDEN: &str = "•••";
    match address.split_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}{HIDDEN}@{domain}")
        }
        None => {
            let digits: Vec<char> = address.chars().collect();
            let shown = if digits.len() > 6 { 2 } else { 0 };
            let (start, end): (String, String) = (digits.iter().take(shown).collect(), digits.iter().rev().take(2).rev().collect());
            format!("{start}{HIDDEN}{end}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("stopped".parse::<Kind>().is_err());
    }

    #[test]
    fn evidence_from_strangers_is_bounded_and_storable() {
        let evidence = Evidence { user_agent: "x\0".repeat(5_000), ..Evidence::note("nul\0") }.bounded();
        assert_eq!((evidence.user_agent.chars().count(), evidence.text.as_str()), (1_000, "nul"));
        assert!(!evidence.user_agent.contains('\0'));
        let stored = serde_json::to_value(Evidence { delivery_id: Some(7), ..Evidence::default() }).unwrap();
        assert_eq!(stored, serde_json::json!({"delivery_id": 7}), "what isn't known takes no room");
        assert_eq!(serde_json::from_value::<Evidence>(serde_json::json!({})).unwrap(), Evidence::default());
    }

    #[test]
    fn a_masked_address_is_known_by_its_owner_alone() {
        assert_eq!(masked("sara@example.com"), "s•••@example.com");
        assert_eq!(masked("+971501234567"), "+9•••67");
        assert_eq!(masked("12345"), "•••45");
        assert_eq!(masked(""), "•••");
    }
}
