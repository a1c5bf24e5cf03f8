//! Access tokens: fetched with an assertion that the service account signs, kept for almost their whole life.
//!
//! Source: RFC 7523 as Google documents it ("Using OAuth 2.0 for server to server applications").

use super::Config;
use crate::errors::{PAUSE, RETRY, THROTTLE};
use crate::{Fault, FaultAction, Secret, http_client, jwt};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use std::{
    sync::{Mutex as Lock, PoisonError},
    time::{Duration, Instant},
};
use time::OffsetDateTime;
use tokio::sync::Mutex;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good for; Google takes an hour at most.
const ASSERTION_LIFE: i64 = 3_600;
/// So long before its end a token is renewed.
const EARLY: Duration = Duration::from_secs(300);
/// So long before its end a token isn't used any more, even while a new one is on its way.
const TOO_LATE: Duration = Duration::from_secs(30);
/// Tokens that say they live longer are asked for again after this.
const LONGEST: Duration = Duration::from_secs(3_600);

#[derive(Clone)]
struct Token {
    secret: Secret,
    until: Instant,
}

/// The account's access, shared by all its calls.
pub(super) struct Access {
    config: Config,
    client: Client,
    deadline: Duration,
    current: Lock<Option<Token>>,
    /// Held by the one call that renews.
    renewing: Mutex<()>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Denied {
    error: String,
}

impl Access {
    pub(super) fn new(config: Config, client: Client, deadline: Duration) -> Self {
        Self { config, client, deadline, current: Lock::default(), renewing: Mutex::default() }
    }

    /// A token that is good for a call now.
    ///
    /// # Errors
    /// Whatever keeps Google from giving one. No message has left then.
    pub(super) async fn token(&self) -> Result<Secret, Fault> {
        let current = self.current();
        if let Some(fresh) = current.as_ref().filter(|token| token.lives(EARLY)) {
            return Ok(fresh.secret.clone());
        }
        let usable = current.filter(|token| token.lives(TOO_LATE)).map(|token| token.secret);
        let _renewing = match (self.renewing.try_lock(), &usable) {
            (Ok(lock), _) => lock,
            // Somebody is at it.
            (Err(_), Some(usable)) => return Ok(usable.clone()),
            (Err(_), None) => self.renewing.lock().await,
        };
        if let Some(fresh) = self.current().filter(|token| token.lives(EARLY)) {
            return Ok(fresh.secret);
        }
        match (self.fetch().await, usable) {
            (Ok(token), _) => {
                let secret = token.secret.clone();
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
                Ok(secret)
            }
            (Err(fault), Some(usable)) => {
                tracing::warn!(code = fault.code, "no new access token yet; the old one is still good");
                Ok(usable)
            }
            (Err(fault), None) => Err(fault),
        }
    }

    /// Forgets a token that was refused, unless there is a newer one.
    pub(super) fn forget(&self, refused: &Secret) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|token| token.secret == *refused) {
            *current = None;
        }
    }

    fn current(&self) -> Option<Token> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self) -> Result<Token, Fault> {
        let asked = Instant::now();
        let assertion =
            self.assertion(OffsetDateTime::now_utc()).ok_or_else(|| Fault::new("token", RETRY, "this machine has no randomness"))?;
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let request = self.client.post(self.config.token_url.clone()).form(&form);
        let answer = http_client::ask(request, self.deadline, refused).await?;
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| Fault::new("garbage", RETRY, "the answer to the request for an access token can't be read"))?;
        if granted.access_token.is_empty() || granted.access_token.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Fault::new("garbage", RETRY, "the access token can't be read"));
        }
        let life = if granted.expires_in == 0 { LONGEST } else { Duration::from_secs(granted.expires_in).min(LONGEST) };
        Ok(Token { secret: Secret::new(granted.access_token), until: asked + life })
    }

    fn assertion(&self, now: OffsetDateTime) -> Option<String> {
        let now = now.unix_timestamp();
        let claims = json!({
            "iss": self.config.client_email,
            "scope": SCOPE,
            "aud": self.config.token_url.as_str(),
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        });
        jwt::rs256(&self.config.key, &self.config.key_id, &claims)
    }

    /// As if this token had just been fetched.
    #[cfg(test)]
    pub(super) fn with(self, token: &str, life: Duration) -> Self {
        *self.current.lock().unwrap() = Some(Token { secret: Secret::new(token), until: Instant::now() + life });
        self
    }
}

impl Token {
    fn lives(&self, longer_than: Duration) -> bool {
        self.until.saturating_duration_since(Instant::now()) > longer_than
    }
}

/// Google names its reason in `error` (RFC 6749, 5.2).
fn refused(answer: &http_client::Answer) -> Fault {
    let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let action = match answer.status.as_u16() {
        429 => THROTTLE,
        400 | 401 | 403 | 404 => PAUSE,
        _ => RETRY,
    };
    let code = if is_code(&denied.error) { format!("token_{}", denied.error) } else { format!("token_http_{}", answer.status.as_u16()) };
    let said = match action {
        FaultAction::PauseSender => "Google refuses the service account: make a new key for it, or give it the Firebase messaging role",
        _ => "Google gives no access token at the moment",
    };
    Fault::new(code, action, said)
}

fn is_code(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
