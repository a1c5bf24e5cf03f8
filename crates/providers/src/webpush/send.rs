//! Sends one notification to one subscription: an encrypted POST to its endpoint.

use super::{Config, encrypt, errors, wire};
use crate::{AccountError, Fault, FaultAction, Message, Outcome, Send, http_client, public_net};
use http::{HeaderName, header};
use reqwest::{Client, RequestBuilder};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;
use url::Url;

const TTL: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");
/// Longer endpoints aren't called; those of the known services have some 200 characters.
const ENDPOINT_MAX_CHARS: usize = 2_048;
/// Microsoft's have many hosts.
const MAX_PROVED: usize = 1_000;
/// The push services of the browsers that there are, by the end of the host's name.
const KNOWN: [&str; 5] = ["fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com", "jmt17.google.com"];

#[derive(Debug)]
pub(super) struct Sender {
    config: Config,
    client: Client,
    deadline: Duration,
    /// Origins of known push services that have taken a message of this account.
    proved: Mutex<HashSet<String>>,
}

impl Sender {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { config, client: public_net::client()?, deadline, proved: Mutex::default() })
    }

    fn request(&self, message: &Message, endpoint: Url, now: OffsetDateTime) -> Result<RequestBuilder, Fault> {
        let push = wire::push(message)?;
        let keys = message.device.and_then(|device| device.keys).ok_or_else(|| Fault::content("the subscription has no keys"))?;
        // A key that is no point can never be written to.
        let unusable = |_| Fault::new("bad_keys", FaultAction::InvalidAddress, "the subscription's keys can't be used");
        let body = encrypt::encrypt(&wire::payload(message, push)?, &keys).map_err(unusable)?;
        let origin = endpoint.origin().ascii_serialization();
        let authorization = self.config.identity.authorization(&origin, now).ok_or_else(|| Fault::content("no VAPID token can be made"))?;
        let request = self
            .client
            .post(endpoint)
            .header(header::AUTHORIZATION, authorization.expose())
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(TTL, wire::ttl(push))
            .header(URGENCY, push.urgency.as_str())
            .body(body);
        Ok(if push.collapse_key.is_empty() { request } else { request.header(TOPIC, &push.collapse_key) })
    }

    /// What the answer of a known push service means.
    fn judged(&self, origin: String, outcome: Outcome) -> Outcome {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(outcome, Outcome::Accepted { .. }) {
            if proved.len() < MAX_PROVED {
                proved.insert(origin);
            }
            return outcome;
        }
        match proved.contains(&origin) {
            true => errors::of_proved(outcome),
            false if proved.is_empty() => outcome,
            false => errors::of_doubted(outcome),
        }
    }

    fn is_known(&self, endpoint: &Url) -> bool {
        let host = endpoint.host_str().unwrap_or_default().trim_end_matches('.');
        let ends = |service: &str| host.strip_suffix(service).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        KNOWN.iter().any(|service| ends(service)) || self.config.services.iter().any(|service| host == service)
    }
}

#[async_trait::async_trait]
impl Send for Sender {
    async fn send(&self, message: &Message) -> Outcome {
        let endpoint = match endpoint(&message.to) {
            Ok(endpoint) => endpoint,
            Err(fault) => return Outcome::Refused(fault),
        };
        let (known, origin) = (self.is_known(&endpoint), endpoint.origin().ascii_serialization());
        let request = match self.request(message, endpoint, OffsetDateTime::now_utc()) {
            Ok(request) => request,
            Err(fault) => return Outcome::Refused(fault),
        };
        let accepted = |answer: &_| wire::message_id(answer, message);
        let outcome = http_client::exchange(request, self.deadline, accepted, errors::fault).await;
        if known { self.judged(origin, outcome) } else { errors::of_stranger(outcome) }
    }

    fn report_action(&self, code: &str) -> Option<FaultAction> {
        errors::report_action(code)
    }
}

/// The endpoint as a URL that may be called. One that may not is none of a push service: the device is dropped.
fn endpoint(text: &str) -> Result<Url, Fault> {
    let no_endpoint = |code: String, detail: &str| Fault::new(code, FaultAction::InvalidAddress, detail);
    let url = (text.len() <= ENDPOINT_MAX_CHARS).then(|| Url::parse(text).ok()).flatten();
    let url = url.ok_or_else(|| no_endpoint("bad_url".to_owned(), "the endpoint is no URL"))?;
    public_net::check(&url).map_err(|fault| no_endpoint(fault.code, &fault.detail))?;
    Ok(url)
}
