//! Mailgun's Messages API, up to 1,000 recipients a call.
//!
//! A call is a form. Where it carries several messages each recipient gets a mail of their own, whose words are that recipient's variables
//! (`recipient-variables`). Mailgun rewrites no link and adds no pixel: tracking is off, Fanfare's own is in the content already. The
//! correlation travels as the variable `fanfare` and comes back with every event.
//!
//! **Webhooks:** Mailgun signs a time and a token of each post and not what the post says, so a signed post proves that Mailgun was there and
//! no more. An event is believed only with a correlation of ours, which nobody else can make, and only for [`webhook`]'s window of hours.
//! Not here: Mailgun's templates, mailing lists, routes for inbound mail, looking a message up. Start with `send.rs` and `webhook.rs`.
//! Source: Mailgun's documentation, "Messages", "Batch sending", "Events" and "Securing webhooks".

mod errors;
mod form;
mod manage;
mod send;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Hook, Provider};
use crate::{Account, AccountError, Manage, Secret, Send, Webhook};
use domain::Channel;
use std::{sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://api.mailgun.net";
/// Recipients of one call (Mailgun, "Batch sending").
const BATCH_MAX: u64 = 1_000;

pub static PROVIDER: Provider = Provider {
    slug: "mailgun",
    channels: &[Channel::Email],
    settings: &[
        Field::required("domain", "the sending domain as Mailgun shows it, such as mg.example.com"),
        Field::required("from", "the sending address"),
        Field::optional("from_name", "the sender's name as people see it"),
        Field::optional("batch_size", "how many messages one call may carry: 1 to 1000; 1000 unless set"),
        Field::optional("base_url", "another address than https://api.mailgun.net (EU: https://api.eu.mailgun.net)"),
    ],
    secrets: &[
        Field::required("api_key", "a sending key of the domain, or an account key where opt-outs are to be taken over"),
        Field::optional("webhook_signing_key", "the HTTP webhook signing key; without it no event is believed"),
    ],
    sender: |account, channel| sender(account, channel, DEADLINE),
    webhook: Some(|account| Ok(Arc::new(webhook::Receiver::new(&Config::read(account)?)) as Arc<dyn Webhook>)),
    hooks: &[Hook::ONLY],
    manage: Some(|account, _| Ok(Arc::new(manage::Manager::new(Config::read(account)?, DEADLINE)?) as Arc<dyn Manage>)),
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "Mailgun carries email only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    domain: String,
    from: lettre::Address,
    from_name: Option<String>,
    batch_size: usize,
    base_url: Url,
    api_key: Secret,
    signing_key: Option<Secret>,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        const FROM: &str = "enter the sending address, such as hello@mg.example.com";
        let from = account.required("from", |text| text.parse::<lettre::Address>().is_ok(), FROM)?;
        let signing_key = match account.secrets.get("webhook_signing_key") {
            Some(key) if !key.expose().is_empty() => Some(account.token("webhook_signing_key", "enter the webhook signing key")?),
            _ => None,
        };
        Ok(Self {
            domain: account.required("domain", is_domain, "enter the domain alone, such as mg.example.com")?,
            from: from.parse().map_err(|_| AccountError::new("from", FROM))?,
            from_name: account.setting("from_name")?.map(str::to_owned),
            batch_size: account.number("batch_size", 1..=BATCH_MAX)?.and_then(|most| usize::try_from(most).ok()).unwrap_or(1_000),
            base_url: account.base_url(BASE_URL)?,
            api_key: account.token("api_key", "enter an API key")?,
            signing_key,
        })
    }
}

/// A host name with a dot in it: it becomes a part of URLs.
fn is_domain(text: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.contains('.') && text.len() <= 253 && text.split('.').all(label)
}
