//! SendGrid's v3 Mail Send, one recipient a call.
//!
//! SendGrid rewrites no link and adds no pixel or footer: Fanfare's own are in the content already, and its
//! List-Unsubscribe headers lead to the hub. The correlation travels in `custom_args.fanfare` and comes back with every event.
//! Not here: SendGrid's templates, unsubscribe groups, categories, scheduled sending. Start with `send.rs` and `webhook.rs`.
//! Source: SendGrid's OpenAPI description (`tsg_mail_v3`) and its event webhook reference.

mod errors;
mod send;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Provider};
use crate::{Account, AccountError, Secret, Send, Webhook};
use domain::Channel;
use std::{sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://api.sendgrid.com";

pub static PROVIDER: Provider = Provider {
    slug: "sendgrid",
    channels: &[Channel::Email],
    settings: &[
        Field::required("from", "the sending address, verified at SendGrid"),
        Field::optional("from_name", "the sender's name as people see it"),
        Field::optional(
            "webhook_public_key",
            "the event webhook's verification key, as SendGrid shows it; without it no event is believed",
        ),
        Field::optional("base_url", "another address than https://api.sendgrid.com (EU: https://api.eu.sendgrid.com)"),
    ],
    secrets: &[Field::required("api_key", "an API key with the Mail Send permission")],
    sender: |account, channel| sender(account, channel, DEADLINE),
    webhook: Some(|account| Ok(Arc::new(webhook::Receiver::new(Config::read(account)?)) as Arc<dyn Webhook>)),
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "SendGrid carries email only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    from: String,
    from_name: Option<String>,
    base_url: Url,
    api_key: Secret,
    /// The point of the P-256 key that events are signed with, uncompressed.
    webhook_key: Option<Vec<u8>>,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        const KEY: &str = "webhook_public_key";
        let webhook_key = match account.setting(KEY)? {
            None => None,
            Some(text) => Some(webhook::public_key(text).ok_or_else(|| {
                let remedy = "paste the verification key from SendGrid's event webhook settings (base64)";
                AccountError::new(KEY, remedy)
            })?),
        };
        Ok(Self {
            from: account.required(
                "from",
                |text| text.parse::<lettre::Address>().is_ok(),
                "enter an e-mail address that is verified at SendGrid",
            )?,
            from_name: account.setting("from_name")?.map(str::to_owned),
            base_url: account.base_url(BASE_URL)?,
            api_key: account.token("api_key", "enter an API key")?,
            webhook_key,
        })
    }
}
