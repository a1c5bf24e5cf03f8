//! The one suite that every adapter passes: it describes itself in a [`Fixture`] and calls [`conformance!`].

pub(crate) mod lookups;
pub(crate) mod stub;
mod unknowns;

use crate::{Capability, Fault, FaultAction, Message, Outcome, Refused, Send, Webhook, WebhookRequest};
pub(crate) use lookups::{
    capability_is_what_the_account_can_do, lookup_finds_what_was_taken, lookup_in_doubt_cannot_say, lookup_of_what_was_never_taken_says_so,
};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};
use stub::{Protocol, Stub, Then};
use time::OffsetDateTime;
pub(crate) use unknowns::{
    batch_keeps_order_and_length, secrets_are_absent_from_urls, unknown_code_is_kept, unknown_fields_change_nothing,
    unknown_fields_of_a_post_change_nothing,
};

const PATIENT: Duration = Duration::from_secs(5);
const HASTY: Duration = Duration::from_secs(1);

/// An adapter as the suite sees it.
pub(crate) struct Fixture {
    pub protocol: Protocol,
    pub sender: fn(SocketAddr, Duration) -> Arc<dyn Send>,
    pub message: Message,
    /// What is asked before the sending request, by the beginning of the request, and how it is answered: a token, an upload.
    pub before: Vec<(&'static str, Vec<u8>)>,
    /// The provider's yes, and the id in it.
    pub accepted: (Vec<u8>, &'static str),
    /// A no for good: the answer, the code in it, what follows.
    pub refused: (Vec<u8>, &'static str, FaultAction),
    /// Too fast; asks for two seconds where the protocol can.
    pub throttled: (Vec<u8>, FaultAction),
    /// An error of the provider's own; none where every reply is a clear no.
    pub server_error: Option<(Vec<u8>, &'static str)>,
    /// A yes that can't be read.
    pub garbage: Vec<u8>,
    /// Everything that has a Debug form and knows a secret.
    pub debug: String,
    pub secrets: Vec<&'static str>,
    /// What the account can do about an uncertain message; with `Lookup`, how it is looked up.
    pub capability: Capability,
    pub lookup: Option<lookups::Case>,
    pub hooks: Option<Hooks>,
}

impl Fixture {
    /// The provider, who does so with the sending request.
    async fn stub(&self, then: Then) -> Stub {
        Stub::stepped(self.protocol, self.before.clone(), then).await
    }
}

/// The receiving half.
pub(crate) struct Hooks {
    pub receiver: Arc<dyn Webhook>,
    pub url: &'static str,
    pub now: OffsetDateTime,
    pub known: Vec<u8>,
    pub unknown: Vec<u8>,
    /// The headers that the provider would send with this body.
    pub sign: fn(&[u8]) -> BTreeMap<String, String>,
    pub signature_header: &'static str,
    /// From the header to the signature's bytes, and back.
    pub bytes: fn(&str) -> Vec<u8>,
    pub text: fn(&[u8]) -> String,
}

impl Hooks {
    fn request<'a>(&'a self, headers: &'a BTreeMap<String, String>, body: &'a [u8]) -> WebhookRequest<'a> {
        WebhookRequest { url: self.url, headers, body, now: self.now }
    }

    fn verify(&self, headers: &BTreeMap<String, String>, body: &[u8]) -> Result<(), Refused> {
        self.receiver.verify(&self.request(headers, body))
    }
}

async fn answer(fixture: &Fixture, then: Then, deadline: Duration) -> Outcome {
    let stub = fixture.stub(then).await;
    let outcome = (fixture.sender)(stub.addr, deadline).send(&fixture.message).await;
    assert_eq!(stub.requests().len(), 1, "each send is one request");
    outcome
}

fn uncertain_code(outcome: Outcome) -> String {
    match outcome {
        Outcome::Uncertain(fault) => {
            assert!(fault.says_down(), "the breaker hears of {fault:?}");
            fault.code
        }
        other => panic!("must be uncertain: {other:?}"),
    }
}

pub(crate) async fn accepted_message_has_an_id(f: Fixture) {
    let outcome = answer(&f, Then::Reply(f.accepted.0.clone()), PATIENT).await;
    let Outcome::Accepted { provider_message_id, .. } = outcome else { panic!("must be accepted: {outcome:?}") };
    assert_eq!(provider_message_id, f.accepted.1);
}

pub(crate) async fn refusal_has_code_and_action(f: Fixture) {
    let (reply, code, action) = f.refused.clone();
    let Outcome::Refused(fault) = answer(&f, Then::Reply(reply), PATIENT).await else {
        panic!("must be refused");
    };
    assert_eq!((fault.code.as_str(), fault.action), (code, action));
    assert!(answered(&fault));
    assert!(!fault.detail.is_empty() && !fault.detail.contains(&f.message.to));
}

pub(crate) async fn throttle_says_how_long(f: Fixture) {
    let (reply, action) = f.throttled.clone();
    let Outcome::Refused(fault) = answer(&f, Then::Reply(reply), PATIENT).await else {
        panic!("must be refused");
    };
    assert_eq!(fault.action, action);
    assert!(answered(&fault));
}

/// A no is an answer: the breaker takes it for a sign of life.
fn answered(fault: &Fault) -> bool {
    !fault.says_down()
}

pub(crate) async fn time_out_after_the_request_is_uncertain(f: Fixture) {
    assert_eq!(uncertain_code(answer(&f, Then::Hold, HASTY).await), "timeout");
}

pub(crate) async fn reset_after_the_request_is_uncertain(f: Fixture) {
    assert_eq!(uncertain_code(answer(&f, Then::Reset, PATIENT).await), "reset");
}

pub(crate) async fn refused_connection_may_be_tried_again(f: Fixture) {
    let sender = (f.sender)(Stub::nobody().await, PATIENT);
    let Outcome::Refused(fault) = sender.send(&f.message).await else {
        panic!("must be refused");
    };
    assert_eq!((fault.code.as_str(), fault.action), ("connect", crate::errors::RETRY));
    assert!(fault.says_down());
}

pub(crate) async fn server_error_is_uncertain(f: Fixture) {
    if let Some((reply, code)) = f.server_error.clone() {
        assert_eq!(uncertain_code(answer(&f, Then::Reply(reply), PATIENT).await), code);
    }
}

pub(crate) async fn unreadable_success_is_uncertain(f: Fixture) {
    let outcome = answer(&f, Then::Reply(f.garbage.clone()), PATIENT).await;
    assert_eq!(uncertain_code(outcome), "garbage");
}

pub(crate) async fn secrets_are_absent_from_debug(f: Fixture) {
    assert!(f.debug.len() > 20, "there is something to look at: {}", f.debug);
    for secret in &f.secrets {
        assert!(!f.debug.contains(secret), "{secret} is in {}", f.debug);
    }
}

pub(crate) async fn forged_posts_are_refused(f: Fixture) {
    let hooks = f.hooks.unwrap();
    let genuine = (hooks.sign)(&hooks.known);
    assert_eq!(hooks.verify(&genuine, &hooks.known), Ok(()));
    assert_eq!(hooks.verify(&BTreeMap::new(), &hooks.known), Err(Refused::Missing));
    assert_eq!(hooks.verify(&genuine, &hooks.unknown), Err(Refused::Mismatch));
    for junk in ["", "=", "sha256=", "not a signature", "\u{e9}"] {
        let mut headers = genuine.clone();
        headers.insert(hooks.signature_header.to_owned(), junk.to_owned());
        assert_eq!(hooks.verify(&headers, &hooks.known), Err(Refused::Mismatch), "{junk}");
    }
}

pub(crate) async fn every_flipped_bit_is_noticed(f: Fixture) {
    let hooks = f.hooks.unwrap();
    let genuine = (hooks.sign)(&hooks.known);
    let header = &genuine[hooks.signature_header];
    let with = |text: String| {
        let mut headers = genuine.clone();
        headers.insert(hooks.signature_header.to_owned(), text);
        hooks.verify(&headers, &hooks.known)
    };
    let bytes = (hooks.bytes)(header);
    assert_eq!(with((hooks.text)(&bytes)), Ok(()));
    for forged in flipped(&bytes) {
        assert_eq!(with((hooks.text)(&forged)), Err(Refused::Mismatch));
    }
    for forged in flipped(header.as_bytes()).filter_map(|bytes| String::from_utf8(bytes).ok()) {
        assert_eq!(with(forged.clone()), Err(Refused::Mismatch), "{forged}");
    }
    for forged in flipped(&hooks.known) {
        assert_eq!(hooks.verify(&genuine, &forged), Err(Refused::Mismatch));
    }
}

fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

pub(crate) async fn replayed_post_has_the_same_keys(f: Fixture) {
    let hooks = f.hooks.unwrap();
    let headers = BTreeMap::new();
    let mut keys = Vec::new();
    for hours in [0, 20] {
        let mut request = hooks.request(&headers, &hooks.known);
        request.now += Duration::from_secs(hours * 3_600);
        let decoded = hooks.receiver.decode(&request).unwrap();
        assert_eq!(decoded.unknown, 0);
        let events = decoded.events.into_iter().map(|event| event.key);
        let inbound = decoded.inbound.into_iter().map(|inbound| inbound.key);
        keys.push(events.chain(inbound).collect::<Vec<_>>());
    }
    assert!(!keys[0].is_empty());
    assert_eq!(keys[0], keys[1]);
}

pub(crate) async fn unknown_event_is_harmless(f: Fixture) {
    let hooks = f.hooks.unwrap();
    let headers = BTreeMap::new();
    let decoded = hooks.receiver.decode(&hooks.request(&headers, &hooks.unknown)).unwrap();
    assert!(decoded.events.is_empty() && decoded.inbound.is_empty());
    assert_eq!(decoded.unknown, 1);
    // Not the format at all: an error, or nothing; never a panic.
    for junk in [&b""[..], b"{", b"[]", b"\xff\xfe\x00", b"null", b"[1,null,[]]"] {
        if let Ok(decoded) = hooks.receiver.decode(&hooks.request(&headers, junk)) {
            assert!(decoded.events.is_empty() && decoded.inbound.is_empty());
        }
    }
}

/// Makes a test of each case, for the adapter that `$fixture` (a function) describes; `sending` for one without a webhook.
macro_rules! conformance {
    ($fixture:path) => {
        crate::conformance::conformance!(sending $fixture);
        crate::conformance::conformance!(receives $fixture:
            forged_posts_are_refused, every_flipped_bit_is_noticed,
            replayed_post_has_the_same_keys, unknown_event_is_harmless,
            unknown_fields_of_a_post_change_nothing);
    };
    (sending $fixture:path) => {
        crate::conformance::conformance!(sends $fixture:
            accepted_message_has_an_id, refusal_has_code_and_action, throttle_says_how_long,
            time_out_after_the_request_is_uncertain, reset_after_the_request_is_uncertain,
            refused_connection_may_be_tried_again, server_error_is_uncertain,
            unreadable_success_is_uncertain, unknown_fields_change_nothing, unknown_code_is_kept,
            batch_keeps_order_and_length, secrets_are_absent_from_debug, secrets_are_absent_from_urls,
            capability_is_what_the_account_can_do, lookup_finds_what_was_taken,
            lookup_of_what_was_never_taken_says_so, lookup_in_doubt_cannot_say);
    };
    ($part:ident $fixture:path: $($case:ident),+) => {
        mod $part {
            $(#[tokio::test]
            async fn $case() {
                crate::conformance::$case($fixture()).await;
            })+
        }
    };
}
pub(crate) use conformance;

/// A message to somebody; the adapter's tests fill in the content.
pub(crate) fn message(to: &str, content: domain::content::Rendered) -> Message {
    Message { to_name: Some("Ann Example".to_owned()), ..Message::new(to, content, "d1.017-Ab_c", "d1-key") }
}
