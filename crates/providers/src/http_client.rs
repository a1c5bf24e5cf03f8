//! The one HTTP client, and the one place that says what a broken call means.
//!
//! A call that certainly never reached the provider is refused and may be tried again; one that may have reached it is
//! uncertain. Adapters see only complete answers below 500.

use crate::errors::{PAUSE, PERMANENT, RETRY, Row, THROTTLE};
use crate::{AccountError, Fault, FaultAction, Outcome, tls};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, redirect::Policy};
use std::{sync::OnceLock, time::Duration};
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
        .ok_or_else(|| AccountError::new("tls", "TLS can't be set up on this machine: see the log"))
}

fn build() -> reqwest::Result<Client> {
    tls::install();
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

/// Makes one call and reads the outcome with the provider's own eyes: `accepted` finds the message id in a success (None:
/// it can't be read), `refused` names the fault of a refusal.
pub(crate) async fn exchange(
    request: RequestBuilder,
    deadline: Duration,
    accepted: impl FnOnce(&Answer) -> Option<String>,
    refused: impl FnOnce(&Answer) -> Fault,
) -> Outcome {
    let response = match request.timeout(deadline).send().await {
        Ok(response) => response,
        Err(error) => return transport_outcome(&error),
    };
    let status = response.status();
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Outcome::uncertain(http_code(status), "the provider had an error of its own");
    }
    if status.is_redirection() {
        let detail = "the address in base_url sends elsewhere: correct it";
        return Outcome::Refused(Fault::new(http_code(status), PAUSE, detail));
    }
    match (read(response).await, status.is_success()) {
        (Ok(answer), true) => match accepted(&answer) {
            Some(provider_message_id) => Outcome::Accepted { provider_message_id },
            None => Outcome::uncertain("garbage", "the provider said yes in an unreadable way"),
        },
        (Err(fault), true) => fault,
        (Ok(answer), false) => Outcome::Refused(refused(&answer)),
        // The status alone is a refusal, whatever became of the explanation.
        (Err(_), false) => {
            Outcome::Refused(Fault::new(http_code(status), by_status(status), "the provider refused without a readable reason"))
        }
    }
}

/// Asks the provider about something. Every answer but a whole and successful one is a fault, and proves nothing.
///
/// # Errors
/// Whatever keeps the question from being answered.
pub(crate) async fn ask(request: RequestBuilder, deadline: Duration, refused: impl FnOnce(&Answer) -> Fault) -> Result<Answer, Fault> {
    let fault_of = |outcome| match outcome {
        Outcome::Refused(fault) | Outcome::Uncertain(fault) => fault,
        Outcome::Accepted { .. } => Fault::new("garbage", RETRY, "the provider's answer can't be read"),
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

fn http_code(status: StatusCode) -> String {
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
        // 429 is a wish to slow down, whatever else is said; the table may know for how long.
        Some(row) if answer.status != StatusCode::TOO_MANY_REQUESTS || matches!(row.action, FaultAction::Throttle { .. }) => row.action,
        _ => by_status(answer.status),
    };
    let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
    let action = match action {
        FaultAction::Retry { after, at_most } => FaultAction::Retry { after: asked.or(after), at_most },
        FaultAction::Throttle { after } => FaultAction::Throttle { after: asked.or(after) },
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
mod tests {
    use super::*;
    use crate::conformance::stub::{Protocol, Stub, Then, http};

    fn asked(name: &'static str, value: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), http::HeaderValue::from_static(value))]);
        // Sun, 06 Nov 1994 08:49:37 GMT: RFC 9110's own example.
        retry_after(&headers, OffsetDateTime::from_unix_timestamp(784_111_777).unwrap())
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(asked("retry-after", "7"), seconds(7));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), seconds(60));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), seconds(0));
        assert_eq!(asked("retry-after", "999999999"), seconds(86_400));
        assert_eq!(asked("retry-after", "soon"), None);
        assert_eq!(asked("retry-after", "-1"), None);
        assert_eq!(asked("x-ratelimit-reset", "784111787"), seconds(10));
    }

    async fn outcome(answer: Vec<u8>) -> Outcome {
        let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
        let request = shared().unwrap().post(format!("http://{}", stub.addr));
        let accepted = |answer: &Answer| Some(answer.body.len().to_string());
        exchange(request, Duration::from_secs(1), accepted, |answer| fault(answer, None, None, "no")).await
    }

    fn fault_in(outcome: &Outcome) -> (bool, &str, FaultAction) {
        match outcome {
            Outcome::Refused(fault) => (true, fault.code.as_str(), fault.action),
            Outcome::Uncertain(fault) => (false, fault.code.as_str(), fault.action),
            Outcome::Accepted { .. } => panic!("accepted"),
        }
    }

    #[tokio::test]
    async fn redirect_is_not_followed() {
        let elsewhere = outcome(http(307, &[("Location", "http://127.0.0.1:1/")], b"")).await;
        assert_eq!(fault_in(&elsewhere), (true, "http_307", PAUSE));
    }

    #[tokio::test]
    async fn far_too_long_answer_is_uncertain() {
        let most = outcome(http(200, &[], &vec![b'x'; ANSWER_MAX_BYTES])).await;
        assert!(matches!(most, Outcome::Accepted { .. }));
        let more = outcome(http(200, &[], &vec![b'x'; ANSWER_MAX_BYTES + 1])).await;
        assert_eq!(fault_in(&more), (false, "garbage", RETRY));
    }

    #[tokio::test]
    async fn answer_that_stops_halfway_is_uncertain_unless_it_is_a_no() {
        let half = |status| http(status, &[], b"halfway").strip_suffix(b"way").unwrap().to_vec();
        assert_eq!(fault_in(&outcome(half(200)).await), (false, "timeout", RETRY));
        assert_eq!(fault_in(&outcome(half(400)).await), (true, "http_400", PERMANENT));
    }

    #[tokio::test]
    async fn every_server_error_is_uncertain() {
        for status in [408, 500, 502, 503, 504, 599] {
            let code = format!("http_{status}");
            assert_eq!(fault_in(&outcome(http(status, &[], b"")).await), (false, code.as_str(), RETRY));
        }
    }

    #[tokio::test]
    async fn bare_refusals_are_read_by_status() {
        for (status, action) in [(400, PERMANENT), (401, PAUSE), (403, PAUSE), (404, PAUSE), (413, PERMANENT), (429, THROTTLE)] {
            assert_eq!(fault_in(&outcome(http(status, &[], b"")).await).2, action, "{status}");
        }
    }
}
