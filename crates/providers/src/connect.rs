//! Connecting an account by OAuth 2.0 (RFC 6749, authorisation code with PKCE, RFC 7636).

use crate::{Fault, Secret};
use std::fmt;
use time::OffsetDateTime;
use url::Url;

/// Connects accounts of one app at one network. The app's own id and secret are the sender's settings and secrets.
#[async_trait::async_trait]
pub trait Connect: Sync + Send {
    /// Where the person is sent to say yes. `state` and `challenge` (S256) come back or are checked later; `redirect` is where the network
    /// sends the person then.
    fn authorize_url(&self, state: &str, challenge: &str, redirect: &str) -> Url;

    /// Trades the code of the redirect for tokens. A code works once.
    ///
    /// # Errors
    /// When the network refuses it, or can't be reached.
    async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Tokens, Fault>;

    /// Trades a refresh token for new tokens. Where it works once, the answer has the next one, and the old one is worth nothing.
    ///
    /// # Errors
    /// When the network refuses it, or can't be reached.
    async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, Fault>;

    /// The accounts that these tokens may post as.
    ///
    /// # Errors
    /// When the network refuses it, or can't be reached.
    async fn accounts(&self, tokens: &Tokens) -> Result<Vec<RemoteAccount>, Fault>;
}

/// What the network gives for a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    pub access_token: Secret,
    /// None: the access token can't be refreshed.
    pub refresh_token: Option<Secret>,
    pub expires_at: Option<OffsetDateTime>,
    pub scopes: Vec<String>,
}

/// An account that a person may post as.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteAccount {
    /// The network's id of the account.
    pub external_id: String,
    /// As people know it: `@fanfare`.
    pub handle: String,
    /// What the sender's settings get when this one is chosen, by name (`page_id`).
    pub settings: Vec<(&'static str, String)>,
    /// The account's own token, where it has one besides the person's (a page's).
    pub access_token: Option<Secret>,
}

impl fmt::Debug for RemoteAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAccount").field("external_id", &self.external_id).field("handle", &self.handle).finish_non_exhaustive()
    }
}
