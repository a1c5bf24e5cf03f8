//! The variant for social networks: one text for all, or one of its own for a network.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// A post, on each of its networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SocialVariant {
    pub text: String,
    /// http(s) links to pictures or videos, in their order.
    pub media_urls: Vec<String>,
    /// Where it is posted; none means everywhere that the workspace has an account.
    pub networks: Vec<Network>,
    /// Instead of `text` on these networks.
    pub texts: BTreeMap<Network, String>,
    /// What is said of the pictures to who can't see them, in the order of `media_urls`; may be fewer, or empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alt_texts: Vec<String>,
    /// A page that is shown with a post without pictures: http(s), or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// That page's title, for networks that don't read it themselves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub link_title: String,
}

/// Whether a link leads to a video, as far as the end of its path says.
#[must_use]
pub fn is_video(url: &str) -> bool {
    const ENDINGS: [&str; 4] = [".mp4", ".mov", ".m4v", ".webm"];
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// A social network that posts go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    Facebook,
    Instagram,
    X,
    Linkedin,
}

/// The text is not the name of a network.
#[derive(Debug, thiserror::Error)]
#[error("unknown network {0:?}: use facebook, instagram, x or linkedin")]
pub struct UnknownNetwork(String);

impl Network {
    pub const ALL: [Self; 4] = [Self::Facebook, Self::Instagram, Self::X, Self::Linkedin];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Facebook => "facebook",
            Self::Instagram => "instagram",
            Self::X => "x",
            Self::Linkedin => "linkedin",
        }
    }
}

impl SocialVariant {
    /// The networks that it is for.
    #[must_use]
    pub fn targets(&self) -> Vec<Network> {
        if self.networks.is_empty() { Network::ALL.to_vec() } else { self.networks.clone() }
    }

    /// What is posted on a network.
    #[must_use]
    pub fn text_on(&self, network: Network) -> &str {
        self.texts.get(&network).unwrap_or(&self.text)
    }

    pub(super) fn overlay(&mut self, from: &Self) {
        if !from.text.is_empty() {
            self.text.clone_from(&from.text);
            // Texts of the other language must not win over this one.
            self.texts.clear();
        }
        self.texts.extend(from.texts.clone());
        if !from.media_urls.is_empty() {
            self.media_urls.clone_from(&from.media_urls);
        }
        if !from.networks.is_empty() {
            self.networks.clone_from(&from.networks);
        }
        if !from.alt_texts.is_empty() {
            self.alt_texts.clone_from(&from.alt_texts);
        }
        for (to, from) in [(&mut self.link, &from.link), (&mut self.link_title, &from.link_title)] {
            if !from.is_empty() {
                to.clone_from(from);
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|network| network.as_str() == text).ok_or_else(|| UnknownNetwork(text.to_owned()))
    }
}
