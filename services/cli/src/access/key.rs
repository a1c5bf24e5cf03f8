//! `fanfare access key`.

use super::{role_name, role_number, shown, when};
use crate::{
    args::Role,
    paging,
    session::{Session, request_id},
};
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use proto::{
    convert::timestamp,
    workspace::{ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ListApiKeysRequest, RevokeApiKeyRequest},
};
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a key; it is shown once
    Create {
        name: String,
        /// What it may do
        #[arg(long = "as", value_enum, value_name = "ROLE")]
        may: Role,
        /// When it ends, such as 90d or 2027-01-01T00:00:00Z; left out: never
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Show the keys, never their secrets
    List {
        /// Also those that are revoked
        #[arg(long)]
        revoked: bool,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Revoke a key for good
    Revoke {
        /// Name or id
        key: String,
    },
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { name, may, expires } => {
            let now = OffsetDateTime::now_utc();
            let end = expires.map(|text| when(&text, now, 1)).transpose().map_err(|error| anyhow!(error))?;
            let request = CreateApiKeyRequest { name, role: role_number(may), expires_at: end.map(timestamp), request_id: request_id() };
            let answer = session.api_keys().create_api_key(request).await?.into_inner();
            session.output.message(&answer, describe)
        }
        Verb::List { revoked, limit } => {
            session.output.rows(["id", "name", "role", "expires", "last used", "state"], &all(session, revoked, limit).await?, row)
        }
        Verb::Revoke { key } => {
            let id = find(session, &key).await?;
            let answer = session.api_keys().revoke_api_key(RevokeApiKeyRequest { id }).await?.into_inner();
            let key = answer.api_key.context("the hub's answer has no key")?;
            session.output.message(&key, |key| format!("revoked: {}", key.name))
        }
    }
}

fn describe(answer: &CreateApiKeyResponse) -> String {
    format!(
        "{}\n\nKeep it now: it is never shown again. Calls carry it as `authorization: Bearer ffk_…` or `x-api-key: ffk_…`.",
        answer.key
    )
}

async fn all(session: &Session, include_revoked: bool, limit: usize) -> Result<Vec<ApiKey>> {
    let keys = paging::collect(limit, |page_size, page_token| async move {
        let request = ListApiKeysRequest { page_size, page_token, include_revoked };
        let page = session.api_keys().list_api_keys(request).await?.into_inner();
        Ok((page.api_keys, page.next_page_token))
    });
    Ok(keys.await?)
}

async fn find(session: &Session, text: &str) -> Result<String> {
    if Uuid::parse_str(text).is_ok() {
        return Ok(text.to_owned());
    }
    match all(session, false, 0).await?.into_iter().find(|key| key.name == text) {
        Some(key) => Ok(key.id),
        None => bail!("there is no API key {text:?}: `fanfare access key list` shows them"),
    }
}

fn row(key: &ApiKey) -> [String; 6] {
    let state = match &key.revoked_at {
        Some(at) => format!("revoked {} by {}", shown(Some(at)), key.revoked_by),
        None => "in use".to_owned(),
    };
    let (expires, used) = (shown(key.expires_at.as_ref()), shown(key.last_used_at.as_ref()));
    [key.id.clone(), key.name.clone(), role_name(key.role).to_owned(), expires, used, state]
}
