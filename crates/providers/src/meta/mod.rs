//! Meta's WhatsApp Cloud API: registered templates, and free text within 24 hours of a person's last message.
//!
//! A 200 means accepted, not sent: what becomes of a message comes to the app's webhook, with our correlation in
//! `biz_opaque_callback_data`. One webhook serves all the numbers of an app, and one post may hold many reports.
//! Templates of the category MARKETING go to the Marketing Messages API where the account allows it, and back to `/messages` where Meta
//! says so (`route`). Files are left with Meta once and sent by id (`media`); templates, their state and the number's are read (`manage`)
//! and heard of (`news`). Not here: registering templates.
//! Start with `send.rs` and `webhook.rs`. Source: Meta's OpenAPI description v23.0 and its webhook reference.

mod challenge;
mod errors;
mod manage;
mod media;
mod news;
mod parameters;
mod people;
mod route;
mod send;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Hook, Provider};
use crate::settings::MARKETING_LIMIT;
use crate::{Account, AccountError, Manage, Secret, Send, Waits, Webhook};
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
        Field::optional("waba_id", "the WhatsApp Business Account's id (digits): needed to read its templates and to test the connection"),
        Field::optional(
            "marketing_api",
            "whether marketing templates go to the Marketing Messages API: off; auto (the default), only where Meta refuses them elsewhere; \
             on, with Meta's and our own fallback to the Cloud API; strict, without one",
        ),
        Field::optional(
            "marketing_correlation",
            "true sends our reference with marketing messages too: Meta's description has no such field there, and without it a message \
             whose answer was lost can only be settled by a person",
        ),
        Field::optional("message_activity_sharing", "true or false, with marketing messages; Meta's own default unless set"),
        Field::optional(
            "media_by_id",
            "true leaves pictures, videos and documents with Meta once and sends them by id; otherwise Meta fetches each link",
        ),
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
    hooks: &[Hook::ONLY],
    challenge: Some(challenge::challenge),
    manage: Some(|account, _| Ok(Arc::new(manage::Desk::new(Config::read(account)?, DEADLINE)?) as Arc<dyn Manage>)),
    ..Provider::BASE
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
    waba_id: Option<String>,
    marketing: Marketing,
    marketing_correlation: bool,
    activity_sharing: Option<bool>,
    media_by_id: bool,
}

/// How the account uses the Marketing Messages API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marketing {
    Off,
    Auto,
    On,
    Strict,
}

impl Marketing {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "off" => Self::Off,
            "auto" => Self::Auto,
            "on" => Self::On,
            "strict" => Self::Strict,
            _ => return None,
        })
    }

    /// What Meta itself does with a message that its Marketing Messages API can't take.
    const fn policy(self) -> &'static str {
        match self {
            Self::Strict => "STRICT",
            Self::Off | Self::Auto | Self::On => "CLOUD_API_FALLBACK",
        }
    }
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
            waba_id: account.optional("waba_id", is_digits, "enter the WhatsApp Business Account's id: digits only")?,
            marketing: account
                .optional("marketing_api", |text| Marketing::parse(text).is_some(), "enter off, auto, on or strict")?
                .and_then(|text| Marketing::parse(&text))
                .unwrap_or(Marketing::Auto),
            marketing_correlation: account.flag("marketing_correlation")?,
            activity_sharing: match account.setting("message_activity_sharing")? {
                None => None,
                Some(_) => Some(account.flag("message_activity_sharing")?),
            },
            media_by_id: account.flag("media_by_id")?,
        })
    }
}

fn is_digits(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
