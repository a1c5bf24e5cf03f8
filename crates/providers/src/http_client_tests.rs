//! What broken, odd and late answers come to.

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
        Outcome::Accepted { .. } | Outcome::Pending { .. } => panic!("no fault: {outcome:?}"),
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
async fn what_is_no_id_is_an_unreadable_yes() {
    let with_id = async |id: &'static str| {
        let stub = Stub::start(Protocol::Http, Then::Reply(http(200, &[], b"{}"))).await;
        let request = shared().unwrap().post(format!("http://{}", stub.addr));
        exchange(request, Duration::from_secs(1), |_| Some(id.to_owned()), |answer| fault(answer, None, None, "no")).await
    };
    assert_eq!(with_id("SM1").await, Outcome::accepted("SM1"));
    let long: &'static str = Box::leak("x".repeat(2_000).into_boxed_str());
    for id in [long, "a\0b", "a\nb"] {
        assert_eq!(fault_in(&with_id(id).await), (false, "garbage", RETRY));
    }
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
