//! Sends e-mails: a form POST with basic authentication, for one of them or for many.

use super::{
    Config, errors, form,
    wire::{self, Letter},
};
use crate::errors::RETRY;
use crate::settings::endpoint;
use crate::{AccountError, Attachment, Fault, FaultAction, Message, NOT_TRIED, Outcome, Send, http_client};
use http::header::CONTENT_TYPE;
use reqwest::Client;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use url::Url;

/// Of one call; Mailgun takes 25 MB.
const CALL_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Of the deadline, what must be left for a further call: one that is cut short would be uncertain.
const LEAST_LEFT: u32 = 3;

#[derive(Debug)]
pub(super) struct Sender {
    config: Config,
    endpoint: Url,
    client: Client,
    deadline: Duration,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        let endpoint = endpoint(&config.base_url, &["v3", &config.domain, "messages"])?;
        Ok(Self { endpoint, client: http_client::shared()?, config, deadline })
    }

    /// Makes the call that carries these, all with the same files.
    async fn call(&self, letters: &[&Letter<'_>], within: Duration) -> Outcome {
        let (fields, files) = match letters {
            [] => return Outcome::Refused(Fault::content("there is nothing to send")),
            [letter] => (wire::single(&self.config, letter), letter.files()),
            [first, ..] => (wire::together(&self.config, letters), first.files()),
        };
        let body = form::body(&fields, files);
        let request = self.client.post(self.endpoint.clone()).basic_auth("api", Some(self.config.api_key.expose()));
        let request = request.header(CONTENT_TYPE, body.media_type).body(body.bytes);
        http_client::exchange(request, within, wire::message_id, errors::fault).await
    }

    /// Sends these by one call. Refused for what one of them holds, none has left: each half is then sent by itself, so that it costs no
    /// other.
    async fn together(&self, letters: &[&Letter<'_>]) -> Vec<Outcome> {
        let until = Instant::now() + self.deadline;
        let no_time = || Outcome::Refused(Fault::new(NOT_TRIED, RETRY, "there was no time left to send it"));
        let mut outcomes: Vec<Outcome> = letters.iter().map(|_| no_time()).collect();
        let mut waiting: Vec<_> = std::iter::once(0..letters.len()).collect();
        while let Some(part) = waiting.pop() {
            let left = until.saturating_duration_since(Instant::now());
            if left < self.deadline / LEAST_LEFT {
                break;
            }
            match self.call(&letters[part.clone()], left).await {
                Outcome::Refused(fault) if part.len() > 1 && is_about_content(&fault) => {
                    let middle = part.start + part.len() / 2;
                    waiting.extend([middle..part.end, part.start..middle]);
                }
                outcome => {
                    let several = part.len() > 1;
                    for (n, place) in part.enumerate() {
                        outcomes[place] = if several { of_one(&outcome, n) } else { outcome.clone() };
                    }
                }
            }
        }
        outcomes
    }
}

/// What became of one message of a call that carried several.
fn of_one(outcome: &Outcome, n: usize) -> Outcome {
    match outcome {
        Outcome::Accepted { provider_message_id, .. } => Outcome::accepted(wire::id_of(provider_message_id, &n.to_string())),
        outcome => outcome.clone(),
    }
}

/// Whether another message might be taken: neither the account nor its pace is at fault, nor the network.
const fn is_about_content(fault: &Fault) -> bool {
    matches!(fault.action, FaultAction::Permanent | FaultAction::InvalidAddress)
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        match Letter::of(message) {
            Ok(letter) => self.call(&[&letter], self.deadline).await,
            Err(fault) => Outcome::Refused(fault),
        }
    }

    fn batch(&self) -> usize {
        self.config.batch_size
    }

    async fn send_batch(&self, messages: &[Message]) -> Vec<Outcome> {
        let letters: Vec<Result<Letter<'_>, Fault>> = messages.iter().map(Letter::of).collect();
        let mut outcomes: Vec<Option<Outcome>> =
            letters.iter().map(|made| made.as_ref().err().map(|fault| Outcome::Refused(fault.clone()))).collect();
        for call in calls(&letters, self.config.batch_size) {
            let together: Vec<&Letter<'_>> = call.iter().filter_map(|place| letters.get(*place)?.as_ref().ok()).collect();
            let sent = self.together(&together).await;
            for (place, outcome) in call.into_iter().zip(sent) {
                outcomes[place] = Some(outcome);
            }
        }
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Outcome::uncertain("no_outcome", "the call said nothing of it")))
            .collect()
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}

/// The places of the messages of each call: no address twice in one, which its variables are named by, the same files, and no call too
/// large.
fn calls(letters: &[Result<Letter<'_>, Fault>], most: usize) -> Vec<Vec<usize>> {
    let mut calls: Vec<Vec<usize>> = Vec::new();
    let (mut open, mut bytes, mut addresses) = (Vec::new(), 0, BTreeSet::new());
    let mut files: &[Attachment] = &[];
    for (place, letter) in letters.iter().enumerate().filter_map(|(place, made)| Some((place, made.as_ref().ok()?))) {
        if !letter.can_share() {
            calls.push(vec![place]);
            continue;
        }
        let full = open.len() >= most || bytes + letter.size() > CALL_MAX_BYTES || addresses.contains(&letter.address.to_string());
        if (full || files != letter.files()) && !open.is_empty() {
            calls.push(std::mem::take(&mut open));
            addresses = BTreeSet::new();
        }
        if open.is_empty() {
            files = letter.files();
            bytes = files.iter().map(|file| file.bytes.len()).sum::<usize>();
        }
        open.push(place);
        bytes += letter.size();
        addresses.insert(letter.address.to_string());
    }
    if !open.is_empty() {
        calls.push(open);
    }
    calls
}
