//! Meta's WhatsApp Cloud API: template messages.
//!
//! A 200 means accepted, not sent: what becomes of a message comes to the app's webhook, with our correlation in
//! `biz_opaque_callback_data`. One webhook serves all the numbers of an app, and one post may hold many reports.
//! Not here: free text inside a conversation, media uploads, managing templates, the Marketing Messages API.
//! Start with `send.rs` and `webhook.rs`. Source: Meta's OpenAPI description v23.0 and its webhook reference.

mod challenge;
mod errors;
mod send;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

pub use challenge::challenge;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Provider};
use crate::settings::MARKETING_LIMIT;
use crate::{Account, AccountError, Secret, Send, Waits, Webhook};
use domain::Channel;
use std::{sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://graph.facebook.com";
const VERSION: &str = "v23.0";

pub static PROVIDER: Provider = Provider {
    slug: "meta",
    channels: &[Channel::Whatsapp],
    settings: &[
        Field::required("phone_number_id", "the sending number's id (digits), from the app's API setup"),
        Field::optional("version", "the Graph API's version; v23.0 unless set"),
        MARKETING_LIMIT,
        Field::optional("base_url", "another address than https://graph.facebook.com"),
    ],
    secrets: &[
        Field::required("access_token", "a system user's token with whatsapp_business_messaging"),
        Field::required("app_secret", "the app's secret, which signs webhooks"),
        Field::required("verify_token", "any text of yours, entered again where the webhook is set up at Meta"),
    ],
    sender: |account, channel| sender(account, channel, DEADLINE),
    webhook: Some(|account| Ok(Arc::new(webhook::Receiver::new(&Config::read(account)?)) as Arc<dyn Webhook>)),
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "Meta carries whatsapp only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    phone_number_id: String,
    version: String,
    base_url: Url,
    access_token: Secret,
    app_secret: Secret,
    verify_token: Secret,
    marketing_waits: Option<Waits>,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        let is_version = |text: &str| {
            text.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(major, minor)| is_digits(major) && is_digits(minor))
        };
        Ok(Self {
            phone_number_id: account.required(
                "phone_number_id",
                is_digits,
                "enter the phone number's id: digits only, and not the number itself",
            )?,
            version: account.optional("version", is_version, "enter a version such as v23.0")?.unwrap_or_else(|| VERSION.to_owned()),
            base_url: account.base_url(BASE_URL)?,
            access_token: account.token("access_token", "enter a system user's access token")?,
            app_secret: account.token("app_secret", "enter the app secret")?,
            verify_token: account.token("verify_token", "choose a verify token and enter it")?,
            marketing_waits: account.marketing_waits()?,
        })
    }
}

fn is_digits(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
