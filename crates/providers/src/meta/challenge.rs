//! The question Meta asks when a webhook is set up: a GET that must be answered with its own challenge.

use super::Config;
use crate::signature::same;
use crate::{Account, AccountError, Refused};
use std::collections::HashMap;
use url::form_urlencoded;

const CHALLENGE_MAX_CHARS: usize = 256;

/// What to answer (200, as plain text) to a GET with this query string, or why to refuse it (403).
///
/// # Errors
/// The outer one when the account can't be used as entered; [`Refused`] when the question isn't Meta's.
pub(super) fn challenge(account: &Account, query: &str) -> Result<Result<String, Refused>, AccountError> {
    let config = Config::read(account)?;
    Ok(answer(&config, query))
}

fn answer(config: &Config, query: &str) -> Result<String, Refused> {
    let pairs: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let value = |name: &str| pairs.get(name).map(AsRef::as_ref).unwrap_or_default();
    let token: &str = pairs.get("hub.verify_token").ok_or(Refused::Missing)?;
    let challenge: &str = value("hub.challenge");
    // We say the challenge back to whoever asks: nothing in it may mean something to a browser.
    let harmless =
        (1..=CHALLENGE_MAX_CHARS).contains(&challenge.len()) && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let known = same(token.as_bytes(), config.verify_token.expose().as_bytes());
    if known && harmless && value("hub.mode") == "subscribe" { Ok(challenge.to_owned()) } else { Err(Refused::Mismatch) }
}
