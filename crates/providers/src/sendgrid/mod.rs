//! SendGrid's v3 Mail Send, up to 1,000 recipients a call.
//!
//! Messages of one template go together ([`batch`]): what they have in common is the content, and what differs are substitutions of each
//! recipient's own ([`frame`]). Each has a personalisation of its own, so that nobody sees the others. SendGrid rewrites no link and adds
//! no pixel or footer: Fanfare's own are in the content already, and its List-Unsubscribe headers lead to the hub. The correlation
//! travels in `custom_args.fanfare` and comes back with every event.
//! Who is on SendGrid's suppression lists is read now and then ([`suppressions`]). Not here: SendGrid's templates, the lists of its
//! unsubscribe groups, categories, scheduled sending. Start with `send.rs` and `webhook.rs`.
//! Source: SendGrid's OpenAPI description (`tsg_mail_v3`) and its event webhook reference.

mod batch;
mod errors;
mod frame;
mod send;
mod suppressions;
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
        Field::optional("batch_size", "how many messages one call may carry: 1 to 1000; 1000 unless set"),
        Field::optional("unsubscribe_group", "number of the SendGrid unsubscribe group that messages belong to"),
        Field::optional("base_url", "another address than https://api.sendgrid.com (EU: https://api.eu.sendgrid.com)"),
    ],
    secrets: &[Field::required(
        "api_key",
        "an API key with the Mail Send permission, and to read suppressions where those are to be taken over",
    )],
    sender: |account, channel| sender(account, channel, DEADLINE),
    webhook: Some(|account| Ok(Arc::new(webhook::Receiver::new(Config::read(account)?)) as Arc<dyn Webhook>)),
    hooks: &[Hook::ONLY],
    manage: Some(|account, _| Ok(Arc::new(suppressions::Lists::new(Config::read(account)?, DEADLINE)?) as Arc<dyn Manage>)),
    ..Provider::BASE
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
    batch_size: usize,
    unsubscribe_group: Option<u32>,
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
            batch_size: account.number("batch_size", 1..=1_000)?.and_then(|most| usize::try_from(most).ok()).unwrap_or(1_000),
            unsubscribe_group: account.number("unsubscribe_group", 1..=u64::from(u32::MAX))?.and_then(|id| u32::try_from(id).ok()),
            base_url: account.base_url(BASE_URL)?,
            api_key: account.token("api_key", "enter an API key")?,
            webhook_key,
        })
    }
}
