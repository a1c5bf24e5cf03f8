//! Twilio's Messages API, for SMS and WhatsApp.
//!
//! One request carries one message; WhatsApp differs only in the `whatsapp:` prefix of the numbers and in naming a
//! registered template (`ContentSid`) instead of a text. Status reports come to the callback URL that each message names,
//! and the correlation is that URL's query parameter `d`, which Twilio's signature covers.
//! Not here: scheduling at Twilio, registering templates. Start with `send.rs`, `lookup.rs` and `webhook.rs`.
//! Source: Twilio's OpenAPI description (`api_v2010`) and its guides to status callbacks and webhook security.

mod errors;
mod lookup;
mod manage;
mod opt_outs;
mod send;
mod sms;
mod templates;
mod webhook;
mod whatsapp;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Hook, Provider};
use crate::settings::{MARKETING_LIMIT, is_e164};
use crate::{Account, AccountError, Manage, Secret, Send, Waits, Webhook};
use domain::Channel;
use std::{sync::Arc, time::Duration};
use url::Url;

const BASE_URL: &str = "https://api.twilio.com";
const MESSAGING_URL: &str = "https://messaging.twilio.com";
const CONTENT_URL: &str = "https://content.twilio.com";

pub static PROVIDER: Provider = Provider {
    slug: "twilio",
    channels: &[Channel::Sms, Channel::Whatsapp],
    settings: &[
        Field::required("account_sid", "AC and 32 hexadecimal digits, from the console"),
        Field::optional(
            "from",
            "the sending number as +15551234567 (SMS also takes a short code or a sender name); this or messaging_service_sid",
        ),
        Field::optional("messaging_service_sid", "MG and 32 hexadecimal digits"),
        sms::ALPHA_SENDER,
        sms::ALPHA_COUNTRIES,
        sms::MMS,
        sms::SMART_ENCODING,
        MARKETING_LIMIT,
        Field::optional("base_url", "another address than https://api.twilio.com"),
        Field::optional("messaging_url", "another address than https://messaging.twilio.com; that of base_url where that is set"),
        Field::optional("content_url", "another address than https://content.twilio.com; that of base_url where that is set"),
    ],
    secrets: &[Field::required("auth_token", "the account's auth token, which also signs webhooks")],
    sender: |account, channel| sender(account, channel, DEADLINE),
    manage: Some(|account, channel| {
        let config = Config::read(account)?;
        config.fits(channel)?;
        Ok(Arc::new(manage::Manager::new(config, channel, DEADLINE)?) as Arc<dyn Manage>)
    }),
    webhook: Some(|account| Ok(Arc::new(webhook::Receiver::new(&Config::read(account)?)) as Arc<dyn Webhook>)),
    hooks: &[
        Hook { name: "status", end: "/status", status: 204, ..Hook::ONLY },
        // Anything but an empty answer in TwiML would be sent to the person as a reply.
        Hook { name: "inbound", end: "/inbound", status: 200, content_type: "text/xml", body: "<Response/>" },
    ],
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    config.fits(channel)?;
    Ok(Arc::new(send::Sender::new(config, channel, deadline)?))
}

#[derive(Debug, Clone)]
struct Config {
    account_sid: String,
    auth_token: Secret,
    from: Option<String>,
    messaging_service_sid: Option<String>,
    base_url: Url,
    messaging_url: Url,
    content_url: Url,
    sms: sms::Settings,
    marketing_waits: Option<Waits>,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        let base_url = account.base_url(BASE_URL)?;
        // Whoever stands in for one of Twilio's hosts stands in for all of them.
        let stand_in = account.setting("base_url")?.is_some();
        let or_stand_in = |own: &'static str| if stand_in { base_url.as_str().to_owned() } else { own.to_owned() };
        let config = Self {
            account_sid: account.required("account_sid", |sid| is_sid(sid, "AC"), "enter the Account SID: AC and 32 hexadecimal digits")?,
            auth_token: account.token("auth_token", "enter the account's auth token")?,
            from: account.optional("from", is_sms_sender, "enter the number as +15551234567, without a whatsapp: prefix")?,
            messaging_service_sid: account.optional(
                "messaging_service_sid",
                |sid| is_sid(sid, "MG"),
                "enter the Messaging Service SID: MG and 32 hexadecimal digits",
            )?,
            messaging_url: account.url("messaging_url", &or_stand_in(MESSAGING_URL))?,
            content_url: account.url("content_url", &or_stand_in(CONTENT_URL))?,
            base_url: base_url.clone(),
            sms: sms::Settings::read(account)?,
            marketing_waits: account.marketing_waits()?,
        };
        if config.from.is_none() && config.messaging_service_sid.is_none() {
            let remedy = "enter a sending number here, or a messaging_service_sid";
            return Err(AccountError::new("from", remedy));
        }
        Ok(config)
    }

    fn fits(&self, channel: Channel) -> Result<(), AccountError> {
        if !PROVIDER.channels.contains(&channel) {
            return Err(AccountError::new("channel", "Twilio carries sms and whatsapp here"));
        }
        let needs_number = channel == Channel::Whatsapp;
        if needs_number && self.from.as_deref().is_some_and(|from| !is_e164(from)) {
            let remedy = "WhatsApp needs a number in full, such as +15551234567";
            return Err(AccountError::new("from", remedy));
        }
        Ok(())
    }
}

/// Twilio's identifiers: two letters and 32 hexadecimal digits.
fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A number, a short code, or a name of up to 11 letters, digits and blanks with a letter in it.
fn is_sms_sender(text: &str) -> bool {
    let short_code = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_e164(text) || short_code || sms::is_name(text)
}
