//! What every adapter says about an uncertain message: that it was taken, that it was not, or that it can't say.

use super::{Fixture, PATIENT, Protocol, Stub, Then};
use crate::{Capability, Lookup, LookupQuery, conformance::stub::http};
use std::time::Duration;
use time::OffsetDateTime;

/// How an account that can look messages up does it.
pub(crate) struct Case {
    pub query: LookupQuery,
    /// The provider's list with the message in it, and the message's id.
    pub found: (Vec<u8>, &'static str),
    /// A list without it.
    pub not_found: Vec<u8>,
}

/// Somebody's message of a minute in 2026.
pub(crate) fn query(to: &str, text: Option<&str>) -> LookupQuery {
    let sent_after = OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap();
    let sent_before = sent_after + Duration::from_secs(60);
    LookupQuery {
        to: to.to_owned(),
        sent_after,
        sent_before,
        text: text.map(str::to_owned),
        known: Vec::new(),
        progress: None,
        content: None,
    }
}

async fn look_up(f: &Fixture, query: &LookupQuery, then: Then, deadline: Duration) -> (Lookup, usize) {
    let stub = f.stub(then).await;
    let answer = (f.sender)(stub.addr, deadline).lookup(query).await;
    (answer, stub.connections())
}

pub(crate) async fn capability_is_what_the_account_can_do(f: Fixture) {
    let sender = (f.sender)(Stub::nobody().await, PATIENT);
    assert_eq!(sender.capability(), f.capability);
    assert_eq!(f.lookup.is_some(), f.capability == Capability::Lookup);
    if f.lookup.is_none() {
        let (answer, connections) = look_up(&f, &query(&f.message.to, None), Then::Hold, PATIENT).await;
        assert!(matches!(answer, Lookup::CantSay(_)) && connections == 0, "nobody is asked: {answer:?}");
    }
}

pub(crate) async fn lookup_finds_what_was_taken(f: Fixture) {
    let Some(case) = &f.lookup else { return };
    let (answer, _) = look_up(&f, &case.query, Then::Reply(case.found.0.clone()), PATIENT).await;
    assert!(matches!(&answer, Lookup::Found { provider_message_id, .. } if provider_message_id == case.found.1), "{answer:?}");
}

pub(crate) async fn lookup_of_what_was_never_taken_says_so(f: Fixture) {
    let Some(case) = &f.lookup else { return };
    let (answer, _) = look_up(&f, &case.query, Then::Reply(case.not_found.clone()), PATIENT).await;
    assert_eq!(answer, Lookup::NotFound);
    // The same list with the message in it, but that one is another delivery's.
    let query = LookupQuery { known: vec![case.found.1.to_owned()], ..case.query.clone() };
    let (answer, _) = look_up(&f, &query, Then::Reply(case.found.0.clone()), PATIENT).await;
    assert_eq!(answer, Lookup::NotFound);
}

pub(crate) async fn lookup_in_doubt_cannot_say(f: Fixture) {
    let Some(case) = &f.lookup else { return };
    assert!(matches!(f.protocol, Protocol::Http), "the doubtful answers below are of HTTP");
    let half = case.not_found.split_last().unwrap().1.to_vec();
    for (then, code) in [
        (Then::Hold, "timeout"),
        (Then::Reset, "reset"),
        (Then::Reply(half), "timeout"),
        (Then::Reply(http(500, &[], b"")), "http_500"),
        (Then::Reply(http(307, &[("Location", "http://127.0.0.1:1/")], b"")), "http_307"),
        (Then::Reply(http(200, &[], b"<html>welcome</html>")), "garbage"),
        (Then::Reply(http(200, &[], b"{}")), "garbage"),
        (Then::Reply(http(200, &[], b"[]")), "garbage"),
        (Then::Reply(http(401, &[], b"{}")), "http_401"),
        (Then::Reply(http(404, &[], b"{}")), "http_404"),
        (Then::Reply(http(429, &[], b"{}")), "http_429"),
    ] {
        let (answer, _) = look_up(&f, &case.query, then, Duration::from_millis(500)).await;
        assert!(matches!(&answer, Lookup::CantSay(fault) if fault.code == code), "{code}: {answer:?}");
    }
    let answer = (f.sender)(Stub::nobody().await, PATIENT).lookup(&case.query).await;
    assert!(matches!(&answer, Lookup::CantSay(fault) if fault.code == "connect"), "{answer:?}");
}
