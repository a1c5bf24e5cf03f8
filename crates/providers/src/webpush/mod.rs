//! Web Push: notifications to browsers by whatever push service each belongs to.
//!
//! [`encrypt`] makes the body that only the browser can read (RFC 8188, 8291), [`vapid`] says who sends (RFC 8292), `send.rs` hands both to
//! the endpoint (RFC 8030). An endpoint is a URL that a stranger named: it is called by [`crate::public_net`] alone, and what it answers
//! counts for that one device, unless it is a push service that is known: a stranger's server can't pause or slow down the sender. There
//! are no delivery reports; the service worker tells them itself. Not here: message updates and receipts of RFC 8030, which no service has.
//! Source: RFC 8030, 8188, 8291, 8292. That 401 and 403 of Apple and Mozilla mean the VAPID token is what they are seen to do.

mod encrypt;
mod errors;
mod send;
mod vapid;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::registry::{Field, Provider};
use crate::{Account, AccountError, DeviceKind, Send};
use domain::Channel;
use std::{sync::Arc, time::Duration};
use vapid::Identity;

const SUBJECT: &str = "subject";
const SERVICES: &str = "push_services";
/// More than there are.
const MAX_SERVICES: usize = 20;

pub static PROVIDER: Provider = Provider {
    slug: "webpush",
    channels: &[Channel::Push],
    settings: &[
        Field::required(vapid::PUBLIC_KEY, "the application server key that browsers subscribe with (base64url, 65 bytes)"),
        Field::required(SUBJECT, "whom push services write to about trouble: mailto: or https://"),
        Field::optional(
            SERVICES,
            "hosts of push services besides those of Google, Mozilla, Apple and Microsoft, with commas between; of any other host an answer \
             counts for that one device only",
        ),
    ],
    secrets: &[Field::required(vapid::PRIVATE_KEY, "the private key that belongs to it (base64url, 32 bytes)")],
    sender: |account, channel| sender(account, channel, DEADLINE),
    devices: &[DeviceKind::WebPush],
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each call.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    if channel != Channel::Push {
        return Err(AccountError::new("channel", "Web Push carries push only"));
    }
    Ok(Arc::new(send::Sender::new(Config::read(account)?, deadline)?))
}

#[derive(Debug)]
struct Config {
    identity: Identity,
    /// Hosts whose word holds for the whole sender, besides the known ones.
    services: Vec<String>,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        let subject = account.required(SUBJECT, is_contact, "enter mailto: and an e-mail address, or a link that starts with https://")?;
        Ok(Self { identity: Identity::read(account, subject)?, services: services(account)? })
    }
}

fn is_contact(text: &str) -> bool {
    match text.strip_prefix("mailto:") {
        Some(address) => address.parse::<lettre::Address>().is_ok(),
        None => url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host()),
    }
}

fn services(account: &Account) -> Result<Vec<String>, AccountError> {
    let hosts = account.setting(SERVICES)?.unwrap_or_default().split(',');
    let hosts: Vec<_> = hosts.map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()).collect();
    let is_host = |host: &String| {
        host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    };
    if hosts.len() > MAX_SERVICES || !hosts.iter().all(is_host) {
        return Err(AccountError::new(SERVICES, "enter at most 20 names of hosts, such as push.example.com, with commas between"));
    }
    Ok(hosts)
}
