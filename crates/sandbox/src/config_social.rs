//! The social networks' sections of the configuration: an account each, and the app by which people connect it.

use serde::{Deserialize, Serialize};

/// The app that a workspace has registered at a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OauthApp {
    pub client_id: String,
    pub client_secret: String,
    /// How long a token lives.
    pub token_seconds: u32,
    /// Whether a refresh token comes along, which works once.
    pub refreshes: bool,
}

impl Default for OauthApp {
    fn default() -> Self {
        OauthApp { client_id: "app".into(), client_secret: "app-secret".into(), token_seconds: 7_200, refreshes: true }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facebook {
    /// The page's own.
    pub access_token: String,
    pub page_id: String,
    #[serde(default)]
    pub page_name: String,
    #[serde(default)]
    pub app: OauthApp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instagram {
    pub access_token: String,
    pub ig_user_id: String,
    #[serde(default)]
    pub username: String,
    /// Posts in a moving day.
    #[serde(default = "quota")]
    pub quota_total: u32,
    #[serde(default)]
    pub app: OauthApp,
}

fn quota() -> u32 {
    50
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X {
    /// None: only tokens that were given out here.
    #[serde(default)]
    pub access_token: Option<String>,
    pub user_id: String,
    pub username: String,
    #[serde(default = "characters")]
    pub max_characters: u32,
    #[serde(default)]
    pub app: OauthApp,
}

/// The sandbox counts characters, not X's weights: links are longer here.
fn characters() -> u32 {
    1_000
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linkedin {
    /// None: only tokens that were given out here.
    #[serde(default)]
    pub access_token: Option<String>,
    /// `urn:li:organization:…` or `urn:li:person:…`.
    pub author: String,
    pub name: String,
    /// Versions before it are answered 426.
    #[serde(default = "oldest")]
    pub oldest_version: String,
    #[serde(default)]
    pub app: OauthApp,
}

fn oldest() -> String {
    "202509".into()
}
