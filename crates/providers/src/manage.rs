//! What a provider can be asked about an account: whether it works, which templates it has, who opted out there.

use crate::Fault;
use std::fmt;
use time::OffsetDateTime;

/// Asks about one account. Nothing here changes anything at the provider; each call returns within the account's deadline.
#[async_trait::async_trait]
pub trait Manage: Sync + Send {
    /// Tests the connection: whether the credentials are taken, and for whom.
    ///
    /// # Errors
    /// Why the account can't be used, or can't be asked now: its action tells which.
    async fn check(&self) -> Result<Checked, Fault>;

    /// The templates that the provider keeps for the account, all of them. None: it keeps none.
    ///
    /// # Errors
    /// When the list can't be read to its end.
    async fn templates(&self) -> Result<Option<Vec<RemoteTemplate>>, Fault> {
        Ok(None)
    }

    /// Who opted out at the provider since then. None: it doesn't tell.
    ///
    /// # Errors
    /// When the list can't be read to its end.
    async fn opt_outs(&self, _since: OffsetDateTime) -> Result<Option<Vec<RemoteOptOut>>, Fault> {
        Ok(None)
    }
}

/// What a test of a connection found out; what the provider doesn't tell is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// As people know the account: `@fanfare`, `Fanfare Ltd`.
    pub handle: String,
    /// The provider's id of the account.
    pub external_id: String,
    /// What the token may do.
    pub scopes: Vec<String>,
    pub token_expires_at: Option<OffsetDateTime>,
    /// How much may still be posted.
    pub posting: Option<Quota>,
}

/// A limit that the provider counts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub used: u32,
    pub resets_at: Option<OffsetDateTime>,
}

/// A template that the provider keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteTemplate {
    pub provider_id: String,
    pub name: String,
    pub language: String,
    /// In the provider's own words, in capital letters: `MARKETING`; empty where it has none.
    pub category: String,
    /// In the provider's own words, in capital letters: `APPROVED`.
    pub status: String,
    /// Empty where the provider doesn't say.
    pub quality: String,
    /// Its parts as the provider gives them.
    pub components: serde_json::Value,
    /// Why it isn't approved; empty when it is.
    pub reason: String,
}

/// Somebody who opted out at the provider, or whose address it gave up.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteOptOut {
    /// As the provider writes it: an e-mail address, or a phone number in E.164.
    pub address: String,
    pub kind: RemoteOptOutKind,
    /// What the provider calls the list or the reason, for the evidence: `bounces`, `21610`.
    pub source: String,
    pub since: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteOptOutKind {
    /// The person doesn't want to be written to.
    OptedOut,
    /// The person complained.
    Complained,
    /// The address is none any more.
    Invalid,
}

// Addresses are people's.
impl fmt::Debug for RemoteOptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptOut").field("kind", &self.kind).field("source", &self.source).finish_non_exhaustive()
    }
}
