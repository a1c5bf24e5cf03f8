//! What is done to the links of a message so that it is known who followed them: settings of a workspace and of a campaign, and what
//! comes of both for one run and channel ([`Tracking`]).
//!
//! Which links a message has is the renderer's business, who follows them webhook-ingest's, and what leads back to a delivery is
//! [`crate::link`]'s. Start at [`Tracking::of`].

mod destination;
mod host;
mod utm;

pub use host::{BadBase, base_url};
pub use utm::{Occasion, Utm};

use serde::{Deserialize, Serialize};

/// Hours for which what a person did with a message counts as the cause of what they do next, unless the workspace says otherwise.
pub const DEFAULT_ATTRIBUTION_HOURS: u32 = 7 * 24;
/// The most that a workspace may say: a leap year.
pub const MAX_ATTRIBUTION_HOURS: u32 = 366 * 24;
/// Hosts that a workspace may name at most.
pub const MAX_LINK_HOSTS: usize = 100;
/// Bytes of the longest link that is led through the hub. Some mail programs cut links at 2,083 characters, and a token is a third
/// longer than what it carries; a longer link stays as it is, and isn't counted.
pub const MAX_TRACKED_BYTES: usize = 1_400;

/// What a workspace sets, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceTracking {
    /// Where its links lead through, without a slash at the end; empty: the hub's own public URL.
    pub base_url: String,
    /// Whether e-mails carry a pixel.
    pub opens: bool,
    /// Whether links are led through the hub.
    pub clicks: bool,
    pub utm: Utm,
    /// Where links get parameters: these hosts and what is below them; empty: everywhere.
    pub link_hosts: Vec<String>,
    /// The query parameter by which a site learns which click brought a visitor; empty: none.
    pub conversion_parameter: String,
    /// Hours back from a conversion within which its cause is looked for.
    pub attribution_hours: u32,
}

impl Default for WorkspaceTracking {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            opens: true,
            clicks: true,
            utm: Utm::default(),
            link_hosts: Vec::new(),
            conversion_parameter: String::new(),
            attribution_hours: DEFAULT_ATTRIBUTION_HOURS,
        }
    }
}

/// What a campaign does differently, as it is stored. The default does nothing differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CampaignTracking {
    pub opens: Option<bool>,
    pub clicks: Option<bool>,
    /// No parameters at all, whatever the workspace sets.
    pub without_utm: bool,
    /// Wins over the workspace's, word by word.
    pub utm: Utm,
}

/// What is wrong with a setting, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Such as `utm.source`.
    pub field: String,
    pub remedy: &'static str,
}

impl WorkspaceTracking {
    /// These settings with their texts in the form in which they are used, and everything that is wrong with them.
    #[must_use]
    pub fn checked(mut self) -> (Self, Vec<Problem>) {
        let mut problems = self.utm.problems();
        let mut wrong = |field: &str, remedy| problems.push(Problem { field: field.to_owned(), remedy });
        match base_url(&self.base_url) {
            Ok(base) => self.base_url = base,
            Err(BadBase) => wrong("base_url", "must be a host name of yours such as links.example.com, by https and without a path"),
        }
        if self.link_hosts.len() > MAX_LINK_HOSTS {
            wrong("link_hosts", "must be at most 100");
        }
        for (index, name) in self.link_hosts.iter_mut().enumerate().take(MAX_LINK_HOSTS) {
            match host::read(name) {
                Some(read) => *name = read,
                None => wrong(&format!("link_hosts[{index}]"), "must be a host name such as example.com"),
            }
        }
        self.link_hosts.sort_unstable();
        self.link_hosts.dedup();
        if !self.conversion_parameter.is_empty() && !utm::is_parameter(&self.conversion_parameter) {
            wrong("conversion_parameter", "must be a letter and up to 31 letters, digits, - or _, and no utm_ parameter");
        }
        if !(1..=MAX_ATTRIBUTION_HOURS).contains(&self.attribution_hours) {
            wrong("attribution_hours", "must be 1 to 8784");
        }
        (self, problems)
    }
}

/// What is done to the links of one run's messages on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    base_url: String,
    pub opens: bool,
    pub clicks: bool,
    utm: Utm,
    link_hosts: Vec<String>,
    conversion_parameter: String,
}

/// A link of a message, as it is followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    pub url: String,
    /// The query parameter by which the site learns which click it was; empty: none.
    pub conversion_parameter: String,
}

impl Tracking {
    /// What the campaign says, else its workspace. `hub_url` is where links lead through in a workspace without a domain of its own.
    #[must_use]
    pub fn of(workspace: &WorkspaceTracking, campaign: &CampaignTracking, occasion: &Occasion<'_>, hub_url: &str) -> Self {
        let utm = if campaign.without_utm { Utm::default() } else { campaign.utm.or(&workspace.utm) };
        let base_url = if workspace.base_url.is_empty() { hub_url } else { &workspace.base_url };
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            opens: campaign.opens.unwrap_or(workspace.opens),
            clicks: campaign.clicks.unwrap_or(workspace.clicks),
            utm: utm.filled(occasion),
            link_hosts: workspace.link_hosts.clone(),
            conversion_parameter: workspace.conversion_parameter.clone(),
        }
    }

    /// Where links lead through, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A web link of the message with its parameters; None for one of the hub's own, which stays as it is.
    #[must_use]
    pub fn destination(&self, link: &str) -> Option<Destination> {
        if self.is_own(link) {
            return None;
        }
        let ours = host::is_below(link, &self.link_hosts);
        let url = if ours { destination::with_parameters(link, &self.utm) } else { link.to_owned() };
        let conversion_parameter = if ours { self.conversion_parameter.clone() } else { String::new() };
        Some(Destination { url, conversion_parameter })
    }

    fn is_own(&self, link: &str) -> bool {
        link.strip_prefix(&self.base_url).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Destination {
    /// Whether it may be led through the hub: not too long for a token, and nothing in it that a token or a header could be confused by.
    #[must_use]
    pub fn is_trackable(&self) -> bool {
        self.url.len() <= MAX_TRACKED_BYTES && crate::render::email::is_web_link(&self.url) && !self.url.chars().any(char::is_control)
    }

    /// The URL with a click's own token in it, if its site is to learn of it.
    #[must_use]
    pub fn told(&self, token: &str) -> String {
        match self.conversion_parameter.as_str() {
            "" => self.url.clone(),
            name => destination::with(&self.url, &[(name, token)]),
        }
    }
}

#[cfg(test)]
mod tests;
