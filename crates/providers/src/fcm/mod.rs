//! Firebase Cloud Messaging, HTTP v1: one device a call.
//!
//! A device is named by its registration token, or by its Firebase installation id (`fid`), which is what Google wants from now on. The
//! service account signs for access tokens of an hour ([`access`]). The notification carries `send_id` and `receipt_url` in its data, by
//! which the app tells what became of it: Firebase itself posts no reports. Not here: topics, conditions, and messages without a
//! notification. Start with `send.rs`.
//! Source: the discovery document of FCM v1 (revision 20261023); the "FCM error codes" and "ErrorCode" pages.

mod access;
mod errors;
mod manage;
mod send;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Provider};
use crate::{Account, AccountError, DeviceKind, Manage, Send};
use domain::Channel;
use ring::signature::RsaKeyPair;
use serde::Deserialize;
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://fcm.googleapis.com";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const SERVICE_ACCOUNT: &str = "service_account";
/// More than any key file has.
const KEY_FILE_MAX_BYTES: usize = 16 << 10;

pub static PROVIDER: Provider = Provider {
    slug: "fcm",
    channels: &[Channel::Push],
    settings: &[
        Field::optional("project_id", "another Firebase project than the service account's own"),
        Field::optional("token_url", "another address for access tokens than the service account names"),
        Field::optional("base_url", "another address than https://fcm.googleapis.com"),
    ],
    secrets: &[Field::required(SERVICE_ACCOUNT, "the service account's key file, whole, as Google's console hands it out (JSON)")],
    sender: |account, channel| sender(account, channel, DEADLINE),
    manage: Some(|account, _| Ok(Arc::new(manage::Manager::new(Config::read(account)?, DEADLINE)?) as Arc<dyn Manage>)),
    devices: &[DeviceKind::Fid, DeviceKind::Token],
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    if channel != Channel::Push {
        return Err(AccountError::new("channel", "Firebase carries push only"));
    }
    Ok(Arc::new(send::Sender::new(Config::read(account)?, deadline)?))
}

/// What counts in a service account's key file.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    private_key_id: String,
    private_key: String,
    client_email: String,
    #[serde(default)]
    token_uri: String,
}

#[derive(Clone)]
struct Config {
    project_id: String,
    base_url: Url,
    token_url: Url,
    /// Who the tokens are for.
    client_email: String,
    key_id: String,
    key: Arc<RsaKeyPair>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("project_id", &self.project_id)
            .field("base_url", &self.base_url.as_str())
            .field("token_url", &self.token_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        let file = key_file(account)?;
        let key = Arc::new(private_key(&file.private_key)?);
        let own = Some(file.project_id).filter(|id| is_project(id));
        let remedy = "enter the Firebase project's id, such as my-shop-1a2b3";
        let project_id =
            account.optional("project_id", is_project, remedy)?.or(own).ok_or_else(|| AccountError::new("project_id", remedy))?;
        let token_uri = if file.token_uri.is_empty() { TOKEN_URL } else { &file.token_uri };
        Ok(Self {
            project_id,
            base_url: account.base_url(BASE_URL)?,
            token_url: account.url("token_url", token_uri)?,
            key,
            client_email: file.client_email,
            key_id: file.private_key_id,
        })
    }
}

fn key_file(account: &Account) -> Result<KeyFile, AccountError> {
    let remedy = "paste the whole JSON file with the service account's key, from Google's console";
    let is_short = account.secrets.get(SERVICE_ACCOUNT).is_none_or(|secret| secret.expose().len() <= KEY_FILE_MAX_BYTES);
    let file = if is_short { account.json::<KeyFile>(SERVICE_ACCOUNT, remedy)? } else { None };
    file.filter(|file| !file.client_email.is_empty() && !file.private_key.is_empty())
        .ok_or_else(|| AccountError::new(SERVICE_ACCOUNT, remedy))
}

fn is_project(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'.'))
}

/// Reads the key of a file: PKCS#8 in PEM.
fn private_key(pem: &str) -> Result<RsaKeyPair, AccountError> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let remedy = "has a private key that can't be read: make a new key for the service account, and paste its file as it is";
    let bad = || AccountError::new(SERVICE_ACCOUNT, remedy);
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"));
    let body: String = body.ok_or_else(bad)?.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(body).map_err(|_| bad())?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| bad())
}
