//! A mailbox read by IMAP (RFC 9051; servers of RFC 3501 do as well): as much of the protocol as that takes.
//!
//! Each call has a connection of its own, so that nothing is kept open between visits a minute apart. Letters are read without marking
//! them; what was stored is marked afterwards. Not here: STARTTLS (mail servers offer port 993), other ways to sign in than a password.

mod wire;

use super::{Letter, Mailbox, Place, Read};
use crate::errors::{PAUSE, RETRY};
use crate::http_client::CONNECT_TIMEOUT;
use crate::settings::is_private_host;
use crate::{Account, AccountError, Fault, Secret, dsn, tls};
use rustls::pki_types::{CertificateDer, ServerName};
use std::{fmt, io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use wire::{Connection, Response, Stream};

const HOST: &str = "mailbox_host";
const PORT: &str = "mailbox_port";
const TLS: &str = "mailbox_tls";
const FOLDER: &str = "mailbox_folder";
const USERNAME: &str = "mailbox_username";
const PASSWORD: &str = "mailbox_password";
/// All of one call.
const DEADLINE: Duration = Duration::from_secs(60);
/// Numbers that are asked for at once: not all of them have a letter.
const WINDOW: u32 = 1_000;
/// Such windows of one call: a mailbox from which many letters were deleted is got over quickly.
const WINDOWS: u32 = 50;

/// One account's mailbox.
pub(crate) struct Imap {
    host: String,
    port: u16,
    /// None: in plain text, on a private network.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    folder: String,
    username: Secret,
    password: Secret,
}

impl fmt::Debug for Imap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("host", &self.host).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Imap {
    /// The mailbox that an account names; None when it names none.
    pub(crate) fn read_account(account: &Account, authorities: &[CertificateDer<'static>]) -> Result<Option<Self>, AccountError> {
        let remedy = "enter the mail server's name, without a port";
        let Some(host) = account.optional(HOST, |host| ServerName::try_from(host).is_ok(), remedy)? else { return Ok(None) };
        let implicit = match account.setting(TLS)? {
            None | Some("implicit") => true,
            Some("none") if is_private_host(&host) => false,
            Some("none") => return Err(AccountError::new(TLS, "choose implicit: without, the password could be read on the way")),
            Some(_) => return Err(AccountError::new(TLS, "choose implicit or none")),
        };
        let port = account.number(PORT, 1..=u64::from(u16::MAX))?.and_then(|port| u16::try_from(port).ok());
        let secret = |name: &str| match account.secrets.get(name).filter(|secret| !secret.expose().is_empty()) {
            Some(secret) if is_quotable(secret.expose()) => Ok(secret.clone()),
            Some(_) => Err(AccountError::new(name, "has characters that IMAP's login can't carry: use letters, digits and ASCII signs")),
            None => Err(AccountError::new(name, "enter it, to read the mailbox")),
        };
        let folder = account.optional(FOLDER, is_quotable, "enter the folder's name in ASCII characters")?;
        let tls = if implicit {
            let config = tls::bundled(authorities).map_err(|_| AccountError::new("ca_pem", "the certificate can't be used"))?;
            let name = ServerName::try_from(host.clone()).map_err(|_| AccountError::new(HOST, remedy))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Some(Self {
            port: port.unwrap_or(if implicit { 993 } else { 143 }),
            tls,
            folder: folder.unwrap_or_else(|| "INBOX".to_owned()),
            username: secret(USERNAME)?,
            password: secret(PASSWORD)?,
            host,
        }))
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
            None => Box::new(tcp),
        })
    }

    /// A connection that is signed in and has the folder open, with the folder's validity and the number that its next letter gets.
    async fn open(&self, verb: &str) -> Result<(Connection, u32, u32), Fault> {
        let stream = timeout(CONNECT_TIMEOUT, self.connect()).await.ok().and_then(Result::ok);
        let stream = stream.ok_or_else(|| Fault::new("connect", RETRY, "no connection to the mailbox's server"))?;
        let mut connection = Connection::new(stream);
        connection.greeting().await?;
        let login = format!("LOGIN {} {}", quoted(self.username.expose()), quoted(self.password.expose()));
        connection.command(&login).await.map_err(|fault| match fault.code.as_str() {
            "NO" => Fault::new("NO", PAUSE, "the mailbox's username or password is refused"),
            _ => fault,
        })?;
        let answers = connection.command(&format!("{verb} {}", quoted(&self.folder))).await?;
        let number = |name: &str| answers.iter().find_map(|answer| number_after(&answer.text, name));
        let validity = number("[UIDVALIDITY ").ok_or_else(wire::garbled)?;
        Ok((connection, validity, number("[UIDNEXT ").unwrap_or(u32::MAX)))
    }

    async fn read_from(&self, after: Place, limit: usize) -> Result<Read, Fault> {
        let (mut connection, validity, next) = self.open("EXAMINE").await?;
        let last = next.saturating_sub(1);
        let mut read_to = if after.validity == validity { after.uid } else { 0 };
        let mut uids = Vec::new();
        for _ in 0..WINDOWS {
            if read_to >= last || !uids.is_empty() {
                break;
            }
            let end = read_to.saturating_add(WINDOW).min(last);
            let answers = connection.command(&format!("UID SEARCH UID {}:{end}", read_to.saturating_add(1))).await?;
            uids = answers.iter().flat_map(|answer| found(&answer.text)).filter(|uid| *uid > read_to && *uid <= end).collect();
            uids.sort_unstable();
            read_to = if uids.len() > limit { uids.get(limit - 1).copied().unwrap_or(end) } else { end };
            uids.truncate(limit);
        }
        let mut letters = Vec::with_capacity(uids.len());
        if !uids.is_empty() {
            let fetch = format!("UID FETCH {} (UID BODY.PEEK[]<0.{}>)", set(&uids), dsn::MAX_BYTES);
            let answers = connection.command(&fetch).await?;
            letters.extend(answers.into_iter().filter_map(letter).filter(|letter| uids.contains(&letter.uid)));
            letters.sort_unstable_by_key(|letter| letter.uid);
        }
        connection.logout().await;
        // A server that doesn't tell the next number has nothing more when a window is empty.
        let more = read_to < last && (next != u32::MAX || !letters.is_empty());
        let uid = if next == u32::MAX { letters.last().map_or(after_of(after, validity), |letter| letter.uid) } else { read_to };
        Ok(Read { place: Place { validity, uid }, letters, more })
    }

    async fn mark(&self, place: Place, uids: &[u32]) -> Result<(), Fault> {
        let (mut connection, validity, _) = self.open("SELECT").await?;
        if validity == place.validity {
            connection.command(&format!("UID STORE {} +FLAGS.SILENT (\\Seen)", set(uids))).await?;
        }
        connection.logout().await;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Mailbox for Imap {
    async fn read(&self, after: Place, limit: usize) -> Result<Read, Fault> {
        let late = |_| Fault::new("timeout", RETRY, "the mailbox's server didn't answer in time");
        timeout(DEADLINE, self.read_from(after, limit.max(1))).await.map_err(late)?
    }

    async fn seen(&self, place: Place, uids: &[u32]) -> Result<(), Fault> {
        if uids.is_empty() {
            return Ok(());
        }
        let late = |_| Fault::new("timeout", RETRY, "the mailbox's server didn't answer in time");
        timeout(DEADLINE, self.mark(place, uids)).await.map_err(late)?
    }
}

const fn after_of(after: Place, validity: u32) -> u32 {
    if after.validity == validity { after.uid } else { 0 }
}

/// Whether a text can stand in a quoted string (RFC 9051, 4.3).
fn is_quotable(text: &str) -> bool {
    text.len() <= 500 && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn set(uids: &[u32]) -> String {
    uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn number_after(text: &str, name: &str) -> Option<u32> {
    let (_, rest) = text.split_once(name)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The numbers of `* SEARCH 2 84 882`.
fn found(answer: &str) -> Vec<u32> {
    let numbers = answer.strip_prefix("* SEARCH");
    numbers.map(|numbers| numbers.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()).unwrap_or_default()
}

/// The letter of `* 12 FETCH (UID 84 BODY[]<0> {342}…)`.
fn letter(answer: Response) -> Option<Letter> {
    let uid = answer.text.contains(" FETCH ").then(|| number_after(&answer.text, "UID ")).flatten()?;
    let bytes = answer.literals.into_iter().next()?;
    Some(Letter { uid, bytes })
}

#[cfg(test)]
mod tests;
