//! The one HTTP client, and the one place that says what a broken call means.
//!
//! A call that certainly never reached the provider is refused and may be tried again; one that may have reached it is
//! uncertain. Adapters see only complete answers, as a rule below 500.

use crate::errors::{PAUSE, PERMANENT, RETRY, Row, THROTTLE};
use crate::{AccountError, Fault, FaultAction, Outcome, message::is_message_id, public_net, tls};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, redirect::Policy};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

/// A whole call, connecting included, unless the caller says otherwise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than a provider's: a request on a connection that is just being closed would be uncertain.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const IDLE_CONNECTIONS_PER_HOST: usize = 64;
const ANSWER_MAX_BYTES: usize = 256 * 1024;
/// A provider that asks for more than a day is taken to mean a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What the provider said: any status below 500 but redirects.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The whole body; of a refusal perhaps only a part.
    pub body: Vec<u8>,
}

/// The process's client: its connections are kept warm for every account.
///
/// # Errors
/// When TLS can't be set up on this machine.
pub(crate) fn shared() -> Result<Client, AccountError> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    CLIENT
        .get_or_init(|| match build() {
            Ok(client) => Some(client),
            Err(error) => {
                tracing::error!(%error, "no HTTP client");
                None
            }
        })
        .clone()
        .ok_or_else(no_tls)
}

pub(crate) fn no_tls() -> AccountError {
    AccountError::new("tls", "TLS can't be set up on this machine: see the log")
}

/// A name in an account's settings may lead to a private network only where that is allowed.
fn build() -> reqwest::Result<Client> {
    build_with(|builder| builder.dns_resolver(Arc::new(public_net::Public)))
}

/// A client with our limits, and what `more` adds.
pub(crate) fn build_with(more: impl Fn(ClientBuilder) -> ClientBuilder) -> reqwest::Result<Client> {
    tls::install();
    let builder = || more(builder());
    builder().build().or_else(|error| {
        // A slim container has no certificates of its own; a first run against the sandbox needs none.
        tracing::warn!(%error, "using the built-in certificate authorities");
        match tls::bundled(&[]) {
            Ok(mut config) => {
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                builder().tls_backend_preconfigured(config).build()
            }
            Err(_) => Err(error),
        }
    })
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("fanfare/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
        // A redirect could carry the credentials to another host, or turn a POST into a GET.
        .redirect(Policy::none())
        .tcp_nodelay(true)
}

/// Makes the one call that sends a message, and reads the outcome with the provider's own eyes: `accepted` finds the message id in a
/// success (None: it can't be read), `refused` names the fault of a refusal.
pub(crate) async fn exchange(
    request: RequestBuilder,
    deadline: Duration,
    accepted: impl FnOnce(&Answer) -> Option<String>,
    refused: impl FnOnce(&Answer) -> Fault,
) -> Outcome {
    match call(request, deadline, |answer| accepted(answer).filter(|id| is_message_id(id)), refused).await {
        Ok(provider_message_id) => Outcome::accepted(provider_message_id),
        Err(outcome) => outcome,
    }
}

/// As [`exchange`], for a provider whose own codes count whatever the status is: `certain` tells of a fault in a 5xx whether it says for
/// sure that nothing was taken.
pub(crate) async fn exchange_by_code(
    request: RequestBuilder,
    deadline: Duration,
    accepted: impl FnOnce(&Answer) -> Option<String>,
    refused: impl FnOnce(&Answer) -> Fault,
    certain: impl FnOnce(&Fault) -> bool,
) -> Outcome {
    let answer = match answer(request, deadline).await {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    let status = answer.status;
    if status.is_success() {
        return accepted(&answer).filter(|id| is_message_id(id)).map_or_else(unreadable_yes, Outcome::accepted);
    }
    if status.is_redirection() {
        return sends_elsewhere(status);
    }
    let fault = refused(&answer);
    if is_own_error(status) && !certain(&fault) { own_error(status) } else { Outcome::Refused(fault) }
}

/// Whether a status alone leaves it open if the message was taken.
fn is_own_error(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

fn own_error(status: StatusCode) -> Outcome {
    Outcome::uncertain(http_code(status), "the provider had an error of its own")
}

fn sends_elsewhere(status: StatusCode) -> Outcome {
    Outcome::Refused(Fault::new(http_code(status), PAUSE, "the address in base_url sends elsewhere: correct it"))
}

fn unreadable_yes() -> Outcome {
    Outcome::uncertain("garbage", "the provider said yes in an unreadable way")
}

/// Makes one call of several: what `accepted` reads of a success.
///
/// # Errors
/// [`Outcome::Refused`] or [`Outcome::Uncertain`], as of [`exchange`]; see [`Outcome::of_harmless_step`] for a call that nobody sees.
pub(crate) async fn call<T>(
    request: RequestBuilder,
    deadline: Duration,
    accepted: impl FnOnce(&Answer) -> Option<T>,
    refused: impl FnOnce(&Answer) -> Fault,
) -> Result<T, Outcome> {
    let response = request.timeout(deadline).send().await.map_err(|error| transport_outcome(&error))?;
    let status = response.status();
    if is_own_error(status) {
        return Err(own_error(status));
    }
    if status.is_redirection() {
        return Err(sends_elsewhere(status));
    }
    match (read(response).await, status.is_success()) {
        (Ok(answer), true) => accepted(&answer).ok_or_else(unreadable_yes),
        (Err(fault), true) => Err(fault),
        (Ok(answer), false) => Err(Outcome::Refused(refused(&answer))),
        // The status alone is a refusal, whatever became of the explanation.
        (Err(_), false) => {
            Err(Outcome::Refused(Fault::new(http_code(status), by_status(status), "the provider refused without a readable reason")))
        }
    }
}

/// Makes one call and hands over whatever whole answer came, whatever its status: for who reads the provider's word in a 5xx too.
///
/// # Errors
/// The outcome of a call that has no whole answer.
pub(crate) async fn answer(request: RequestBuilder, deadline: Duration) -> Result<Answer, Outcome> {
    let response = request.timeout(deadline).send().await.map_err(|error| transport_outcome(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    match read(response).await {
        Ok(answer) => Ok(answer),
        // The status alone is a refusal, whatever became of the explanation.
        Err(_) if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => Ok(Answer { status, headers, body: Vec::new() }),
        Err(outcome) => Err(outcome),
    }
}

/// Asks the provider about something. Every answer but a whole and successful one is a fault, and proves nothing.
///
/// # Errors
/// Whatever keeps the question from being answered.
pub(crate) async fn ask(request: RequestBuilder, deadline: Duration, refused: impl FnOnce(&Answer) -> Fault) -> Result<Answer, Fault> {
    let fault_of = |outcome| match outcome {
        Outcome::Refused(fault) | Outcome::Uncertain(fault) => fault,
        Outcome::Accepted { .. } | Outcome::Pending { .. } => Fault::new("garbage", RETRY, "the provider's answer can't be read"),
    };
    let response = request.timeout(deadline).send().await.map_err(|error| fault_of(transport_outcome(&error)))?;
    let status = response.status();
    if status.is_server_error() || status.is_redirection() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(Fault::new(http_code(status), RETRY, "the provider gave no answer to the question"));
    }
    let answer = read(response).await.map_err(fault_of)?;
    if status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
}

async fn read(mut response: Response) -> Result<Answer, Outcome> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_MAX_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(Outcome::uncertain("garbage", "the provider's answer is far too long"));
            }
            Ok(None) => break,
            Err(error) => return Err(transport_outcome(&error)),
        }
    }
    Ok(Answer { status: response.status(), headers: response.headers().clone(), body })
}

fn transport_outcome(error: &reqwest::Error) -> Outcome {
    // Not the error's own text: it may hold the URL.
    if error.is_builder() {
        Outcome::Refused(Fault::content("the request can't be built"))
    } else if error.is_connect() {
        Outcome::Refused(Fault::new("connect", RETRY, "no connection to the provider"))
    } else if error.is_timeout() {
        Outcome::uncertain("timeout", "no answer in time")
    } else {
        Outcome::uncertain("reset", "the connection broke before the answer")
    }
}

pub(crate) fn http_code(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}

/// What a refusal's status says when the provider's code says nothing.
fn by_status(status: StatusCode) -> FaultAction {
    match status {
        StatusCode::TOO_MANY_REQUESTS => THROTTLE,
        StatusCode::UNAUTHORIZED
        | StatusCode::PAYMENT_REQUIRED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED => PAUSE,
        _ => PERMANENT,
    }
}

/// The fault of a refusal: by the provider's table if it knows the code, else by the status. `said` is the provider's text.
pub(crate) fn fault(answer: &Answer, code: Option<String>, known: Option<&Row>, said: &str) -> Fault {
    let action = match known {
        // 429 says to come again: the table may know whom that is about and for how long, but not that the message is lost.
        Some(row) if answer.status != StatusCode::TOO_MANY_REQUESTS || !row.action.gives_up(1) => row.action,
        _ => by_status(answer.status),
    };
    let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
    let action = match action {
        FaultAction::Retry { after, at_most } => FaultAction::Retry { after: asked.or(after), at_most },
        FaultAction::Throttle { after } => FaultAction::Throttle { after: asked.or(after) },
        FaultAction::SlowDomain { after } => FaultAction::SlowDomain { after: asked.or(after) },
        action => action,
    };
    let code = code.unwrap_or_else(|| http_code(answer.status));
    Fault::new(code, action, known.map_or(said, |row| row.meaning))
}

/// How long the provider asks us to wait: `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), else the reset
/// time in `X-RateLimit-Reset` (Unix seconds, as SendGrid gives it).
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let wait = match text(RETRY_AFTER.as_str()) {
        Some(asked) => match asked.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => until(http_date(asked)?, now),
        },
        None => {
            let reset = text("x-ratelimit-reset")?.parse().ok()?;
            until(OffsetDateTime::from_unix_timestamp(reset).ok()?, now)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

fn http_date(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    PrimitiveDateTime::parse(text, format).ok().map(PrimitiveDateTime::assume_utc)
}

fn until(moment: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::try_from(moment - now).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
#[path = "http_client_tests.rs"]
mod tests;
