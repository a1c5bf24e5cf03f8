//! Any mail server that speaks SMTP: a relay of one's own, or a provider's.
//!
//! lettre speaks the protocol; the connections are ours: opened without Nagle's delay (which costs 40 ms a message), at
//! most `max_connections` at once, kept for a while and checked before they are used again. The conversation is led step by
//! step, because only what happens after the message has left is uncertain.
//! Letters are signed with DKIM where the account has a key ([`dkim`]), and carry the files of their content. Bounces come back by mail,
//! to an address that names the delivery: [`crate::dsn`] reads them.
//! Not here: finding a domain's MX (letters go to a relay), and publishing keys.
//! Start with `send.rs`; `pool.rs` and `stream.rs` are the connections.

mod dkim;
pub(crate) mod errors;
mod pool;
mod send;
mod stream;
mod wire;

#[cfg(test)]
mod tests;

use crate::http_client::DEADLINE;
use crate::mailbox::imap::Imap;
use crate::registry::{Field, Provider};
use crate::settings::is_private_host;
use crate::{Account, AccountError, Mailbox, Secret, Send};
use domain::{Channel, link::BOUNCE_TOKEN_CHARS};
use lettre::Address;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::{sync::Arc, time::Duration};

const CONNECTIONS_DEFAULT: usize = 16;
const CONNECTIONS_MAX: usize = 256;

pub static PROVIDER: Provider = Provider {
    slug: "smtp",
    channels: &[Channel::Email],
    settings: &[
        Field::required("host", "the mail server's name"),
        Field::optional("port", "25, 587 or 465 unless set, as tls is none, starttls or implicit"),
        Field::required("tls", "none (private networks only, if there is a password), starttls or implicit"),
        Field::required("from", "the sending address"),
        Field::optional("from_name", "the sender's name as people see it"),
        Field::optional("max_connections", "how many connections at once; 16 unless set"),
        Field::optional(
            "duplicate_suppression",
            "true if the server drops a second message with the same Message-ID (Cyrus, Exchange, Sieve's duplicate): then a message whose \
             outcome is uncertain is sent again; false unless set",
        ),
        Field::optional("ca_pem", "a private certificate authority to trust besides the public ones, as PEM"),
        Field::optional(
            "bounce_address",
            "where letters that can't be delivered come back to, such as bounces@mail.example.com: its mail must reach the hub's bounce \
             listener or be kept in the mailbox below; the delivery's token is put between + and @",
        ),
        Field::optional("mailbox_host", "the IMAP server of the mailbox that bounces are kept in; leave it out for the hub's own listener"),
        Field::optional("mailbox_port", "993 unless set"),
        Field::optional("mailbox_tls", "implicit, or none on a private network; implicit unless set"),
        Field::optional("mailbox_folder", "the folder that bounces are in; INBOX unless set"),
        Field::optional("dkim_selector", "the name that the DKIM key is published under, such as s1; without it the relay must sign"),
        Field::optional("dkim_domain", "the domain that signs; the sending address's unless set"),
    ],
    secrets: &[
        Field::optional("username", "for a server that wants one"),
        Field::optional("password", "for a server that wants one"),
        Field::optional("mailbox_username", "to read the mailbox of bounces"),
        Field::optional("mailbox_password", "to read the mailbox of bounces"),
        Field::optional("dkim_private_key", "RSA (2,048 bits or more) or Ed25519, as PEM"),
    ],
    sender: |account, channel| sender(account, channel, DEADLINE),
    mailbox: Some(|account| {
        let mailbox = Imap::read_account(account, &authorities(account)?)?;
        Ok(mailbox.map(|mailbox| Arc::new(mailbox) as Arc<dyn Mailbox>))
    }),
    ..Provider::BASE
};

/// The sending half, with a deadline of the caller's choosing for each message.
///
/// # Errors
/// [`AccountError`] names the field at fault.
pub fn sender(account: &Account, channel: Channel, deadline: Duration) -> Result<Arc<dyn Send>, AccountError> {
    let config = Config::read(account)?;
    if !PROVIDER.channels.contains(&channel) {
        return Err(AccountError::new("channel", "SMTP carries email only"));
    }
    Ok(Arc::new(send::Sender::new(config, deadline)?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    None,
    /// By STARTTLS.
    Upgraded,
    Implicit,
}

impl Tls {
    const fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Upgraded => 587,
            Self::Implicit => 465,
        }
    }
}

#[derive(Debug, Clone)]
struct Config {
    host: String,
    port: u16,
    tls: Tls,
    from: Address,
    from_name: Option<String>,
    login: Option<Login>,
    max_connections: usize,
    /// The server drops a second message with the same Message-ID.
    drops_repetitions: bool,
    authorities: Vec<CertificateDer<'static>>,
    signer: Option<Arc<dkim::Signer>>,
}

#[derive(Debug, Clone)]
struct Login {
    username: Secret,
    password: Secret,
}

impl Config {
    fn read(account: &Account) -> Result<Self, AccountError> {
        let host = account.required("host", |host| ServerName::try_from(host).is_ok(), "enter the mail server's name, without a port")?;
        let tls = match account.setting("tls")? {
            Some("none") => Tls::None,
            Some("starttls") => Tls::Upgraded,
            Some("implicit") => Tls::Implicit,
            _ => return Err(AccountError::new("tls", "choose none, starttls or implicit")),
        };
        let login = login(account)?;
        if login.is_some() && tls == Tls::None && !is_private_host(&host) {
            let remedy = "choose starttls or implicit: without, the password could be read on the way";
            return Err(AccountError::new("tls", remedy));
        }
        let port = number(account, "port", 1, usize::from(u16::MAX), "enter a port such as 587")?;
        let most = number(account, "max_connections", 1, CONNECTIONS_MAX, "enter a number from 1 to 256")?;
        let remedy = "enter the address that mail is sent from";
        let from = account.required("from", |text| text.parse::<Address>().is_ok(), remedy)?;
        let from: Address = from.parse().map_err(|_| AccountError::new("from", remedy))?;
        Imap::read_account(account, &authorities(account)?)?;
        account.optional("bounce_address", takes_token, "enter an address without a +, with at most 34 characters before the @")?;
        Ok(Self {
            signer: dkim::Signer::read(account, from.domain())?.map(Arc::new),
            host,
            port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(tls.default_port()),
            tls,
            from,
            from_name: account.setting("from_name")?.map(str::to_owned),
            login,
            max_connections: most.unwrap_or(CONNECTIONS_DEFAULT),
            drops_repetitions: switch(account, "duplicate_suppression")?,
            authorities: authorities(account)?,
        })
    }
}

/// Whether a token fits into the local part, which has 64 characters at most (RFC 5321, 4.5.3.1.1).
fn takes_token(address: &str) -> bool {
    let plain = |local: &str| local.is_ascii() && !local.contains(['+', '"']) && local.len() < 64 - BOUNCE_TOKEN_CHARS;
    address.parse::<Address>().is_ok_and(|address| plain(address.user()))
}

fn login(account: &Account) -> Result<Option<Login>, AccountError> {
    let secret = |name: &str| account.secrets.get(name).filter(|s| !s.expose().is_empty());
    for name in ["username", "password"] {
        // Such characters would end the line in the middle of signing in; a password may well hold blanks.
        if secret(name).is_some_and(|s| s.expose().chars().any(char::is_control)) {
            return Err(AccountError::new(name, "has a line break in it: paste it again without"));
        }
    }
    match (secret("username"), secret("password")) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Login { username: username.clone(), password: password.clone() })),
        (None, _) => Err(AccountError::new("username", "enter it too, or leave out the password")),
        (_, None) => Err(AccountError::new("password", "enter it too, or leave out the username")),
    }
}

fn switch(account: &Account, name: &str) -> Result<bool, AccountError> {
    match account.setting(name)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(AccountError::new(name, "enter true or false")),
    }
}

fn number(account: &Account, name: &str, least: usize, most: usize, remedy: &str) -> Result<Option<usize>, AccountError> {
    let Some(text) = account.setting(name)? else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| AccountError::new(name, remedy))
}

/// Read apart from the other settings: a PEM has many lines.
fn authorities(account: &Account) -> Result<Vec<CertificateDer<'static>>, AccountError> {
    const FIELD: &str = "ca_pem";
    const PEM_MAX_BYTES: usize = 64 * 1024;
    let Some(pem) = account.settings.get(FIELD).filter(|pem| !pem.trim().is_empty()) else {
        return Ok(Vec::new());
    };
    let fault = || AccountError::new(FIELD, "paste the certificate, from BEGIN to END");
    if pem.len() > PEM_MAX_BYTES {
        return Err(fault());
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    certificates.ok().filter(|all| !all.is_empty()).ok_or_else(fault)
}
