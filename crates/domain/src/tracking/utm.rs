//! The parameters by which web analytics tell where a visitor came from (Google Analytics, "Campaign URL Builder").

use super::Problem;
use crate::{CampaignId, Channel};
use serde::{Deserialize, Serialize};

/// Characters of one parameter at most.
const MAX_CHARACTERS: usize = 200;

/// Parameters of links; an empty one isn't put in. `{channel}`, `{campaign}` and `{campaign_id}` stand for what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Utm {
    pub source: String,
    pub medium: String,
    pub campaign: String,
    pub term: String,
    pub content: String,
}

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    pub campaign_id: CampaignId,
    pub campaign_name: &'a str,
    pub channel: Channel,
}

impl Utm {
    /// The names and values of the parameters.
    pub(super) fn parameters(&self) -> [(&'static str, &str); 5] {
        [
            ("utm_source", &self.source),
            ("utm_medium", &self.medium),
            ("utm_campaign", &self.campaign),
            ("utm_term", &self.term),
            ("utm_content", &self.content),
        ]
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters().iter().all(|(_, value)| value.is_empty())
    }

    fn each(&self, other: &Self, make: impl Fn(&str, &str) -> String) -> Self {
        Self {
            source: make(&self.source, &other.source),
            medium: make(&self.medium, &other.medium),
            campaign: make(&self.campaign, &other.campaign),
            term: make(&self.term, &other.term),
            content: make(&self.content, &other.content),
        }
    }

    /// These, and the others' where there is none.
    pub(super) fn or(&self, others: &Self) -> Self {
        self.each(others, |own, other| if own.is_empty() { other } else { own }.to_owned())
    }

    /// With what the placeholders stand for.
    pub(super) fn filled(&self, occasion: &Occasion<'_>) -> Self {
        let id = occasion.campaign_id.to_string();
        let values = [("{channel}", occasion.channel.as_str()), ("{campaign_id}", &id), ("{campaign}", occasion.campaign_name)];
        self.each(self, |text, _| fill(text, &values))
    }

    /// What is wrong, by fields such as `utm.source`.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let remedy = "must be at most 200 characters in one line; {channel}, {campaign} and {campaign_id} may stand in it";
        let is_wrong =
            |value: &str| value.chars().count() > MAX_CHARACTERS || value.chars().any(char::is_control) || !has_known_braces(value);
        let wrong = self.parameters().into_iter().filter(|(_, value)| is_wrong(value));
        wrong.map(|(name, _)| Problem { field: name.replacen('_', ".", 1), remedy }).collect()
    }
}

/// Each placeholder once, from left to right: what it stands for is not looked at again.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, value) = values.iter().find(|(name, _)| rest.starts_with(name)).copied().unwrap_or(("{", "{"));
        filled.push_str(value);
        rest = &rest[name.len()..];
    }
    filled.push_str(rest);
    filled
}

fn has_known_braces(text: &str) -> bool {
    let left = fill(text, &[("{channel}", ""), ("{campaign_id}", ""), ("{campaign}", "")]);
    !left.contains(['{', '}'])
}

/// Whether it can be the name of a parameter of ours.
pub(super) fn is_parameter(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !name.to_ascii_lowercase().starts_with("utm_")
}
