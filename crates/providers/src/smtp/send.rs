//! Hands one letter to the server, step by step.
//!
//! Until the letter's text begins to leave, whatever goes wrong is certain and the message may be tried again. From then on
//! only a reply makes it certain: a time-out or a broken connection leaves it open whether the server took it.

use super::{
    Config, errors,
    pool::{Lease, Pool},
    stream::Opener,
    wire::{self, Letter},
};
use crate::errors::{PERMANENT, RETRY};
use crate::{AccountError, Capability, Fault, FaultAction, Message, Outcome, Send};
use lettre::transport::smtp::{
    Error,
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt},
    extension::{Extension, MailBodyParameter, MailParameter},
};
use std::{
    error::Error as _,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use time::OffsetDateTime;
use tokio::time::timeout;
use tracing::{Dispatch, instrument::WithSubscriber};

#[derive(Debug)]
pub(super) struct Sender {
    pool: Pool,
    deadline: Duration,
}

/// How far the conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Greeting, TLS, signing in.
    Opening,
    /// Our own address.
    From,
    /// The recipient's address.
    To,
    /// The permission to begin with the text.
    Data,
    /// The text.
    Text,
}

/// A conversation that failed, and where.
type Broken = (Stage, Error);

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { pool: Pool::new(Opener::new(config)?), deadline })
    }

    async fn deliver(&self, letter: &Letter, text_left: &AtomicBool) -> Outcome {
        let mut lease = match self.pool.lease().await {
            Ok(lease) => lease,
            Err(fault) => return Outcome::Refused(fault),
        };
        let mut result = self.converse(&mut lease, letter, text_left).await;
        if lease.reused && matches!(&result, Err((Stage::From, error)) if went_away(error)) {
            // The server had closed the connection while it rested. Nothing has been said yet: begin anew.
            drop(lease);
            lease = match self.pool.lease_new().await {
                Ok(lease) => lease,
                Err(fault) => return Outcome::Refused(fault),
            };
            result = self.converse(&mut lease, letter, text_left).await;
        }
        match result {
            Ok(()) => {
                self.pool.give_back(lease, false);
                Outcome::accepted(letter.message_id.clone())
            }
            Err((stage, error)) => {
                if !went_away(&error) {
                    self.pool.give_back(lease, true);
                }
                stage.outcome(&error)
            }
        }
    }

    async fn converse(&self, lease: &mut Lease<'_>, letter: &Letter, text_left: &AtomicBool) -> Result<(), Broken> {
        let connection = &mut lease.connection;
        let at = |stage| move |error| (stage, error);
        let mail = Mail::new(Some(letter.from.clone()), mail_parameters(connection, letter));
        connection.command(mail).await.map_err(at(Stage::From))?;
        let rcpt = Rcpt::new(letter.to.clone(), Vec::new());
        connection.command(rcpt).await.map_err(at(Stage::To))?;
        connection.command(Data).await.map_err(at(Stage::Data))?;
        text_left.store(true, Ordering::Relaxed);
        connection.message(&letter.bytes).await.map_err(at(Stage::Text))?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let letter = match wire::letter(self.pool.opener().config(), message, OffsetDateTime::now_utc()) {
            Ok(letter) => letter,
            Err(fault) => return Outcome::Refused(fault),
        };
        let text_left = AtomicBool::new(false);
        // lettre logs every line that it writes at debug level, passwords and letters included: none of that may be seen.
        let delivery = self.deliver(&letter, &text_left).with_subscriber(Dispatch::none());
        match timeout(self.deadline, delivery).await {
            Ok(outcome) => outcome,
            Err(_) if text_left.load(Ordering::Relaxed) => Outcome::uncertain("timeout", "no answer in time"),
            Err(_) => Outcome::Refused(Fault::new("timeout", RETRY, "no answer before the message could be sent")),
        }
    }

    fn concurrency(&self) -> usize {
        self.pool.opener().config().max_connections
    }

    fn capability(&self) -> Capability {
        if self.pool.opener().config().drops_repetitions { Capability::Idempotent } else { Capability::None }
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}

/// Non-ASCII is named to servers that know it; a server that doesn't may still take it, or refuse it with a reason.
fn mail_parameters(connection: &AsyncSmtpConnection, letter: &Letter) -> Vec<MailParameter> {
    let offers = |extension| connection.server_info().supports_feature(extension);
    let mut parameters = Vec::new();
    let to: &str = letter.to.as_ref();
    if !to.is_ascii() && offers(Extension::SmtpUtfEight) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !letter.bytes.is_ascii() && offers(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    parameters
}

/// The connection ended, rather than the letter being refused: no reply, or 421 (RFC 5321, 3.8).
fn went_away(error: &Error) -> bool {
    error.status().is_none_or(|code| u16::from(code) == 421)
}

impl Stage {
    fn outcome(self, error: &Error) -> Outcome {
        if error.status().is_some() {
            return Outcome::Refused(self.refusal(error));
        }
        // lettre has no kind of its own for a connection that ends in the middle of a reply.
        let garbled = error.is_response() && !said(error).contains("incomplete response");
        let (code, detail) = if garbled { ("garbage", "the server's reply can't be read") } else { ("reset", "the connection broke") };
        match self {
            Self::Text => Outcome::uncertain(code, detail),
            _ => Outcome::Refused(Fault::new(code, RETRY, detail)),
        }
    }

    /// What a reply of the server means at this stage.
    pub(super) fn refusal(self, error: &Error) -> Fault {
        let Some(basic) = error.status().map(u16::from) else {
            return Fault::new("garbage", RETRY, "the server's reply can't be read");
        };
        let mut reply = errors::by_reply(basic, &said(error));
        match self {
            Self::Opening | Self::From => return fault(errors::before_recipient(reply)),
            Self::To => {}
            // 550 without an enhanced status is about the recipient only right after the recipient was named.
            Self::Data | Self::Text if !reply.code.contains('.') => {
                if reply.action == crate::errors::INVALID {
                    reply.action = PERMANENT;
                    reply.meaning = "refused by the receiving server";
                }
            }
            Self::Data | Self::Text => {}
        }
        // From here on the server knows where the letter goes.
        fault(errors::of_domain(reply, &said(error)))
    }
}

fn fault(reply: errors::Reply) -> Fault {
    Fault::new(reply.code, reply.action, reply.meaning)
}

/// The text of the server's reply, without the basic code.
fn said(error: &Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
