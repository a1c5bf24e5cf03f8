//! What answers of unknown servers and of one bad subscription may do to the sender.

use super::*;

#[tokio::test]
async fn a_strangers_server_can_neither_stop_nor_slow_down_the_sender() {
    for status in [400, 401, 403, 429, 500, 503, 302, 200] {
        let (_, code, action) = told(stranger, status).await;
        assert!(code.starts_with("endpoint_"), "the breaker must not hear of it: {code}");
        assert!(matches!(action, FaultAction::Permanent | FaultAction::Retry { .. }), "{status}: {action:?}");
    }
    assert_eq!(told(stranger, 410).await, (true, "endpoint_http_410".to_owned(), INVALID));
}

#[tokio::test]
async fn a_subscription_made_with_another_key_does_not_stop_a_sender_that_works() {
    let sender = sender(&account(&[]), Channel::Push, DEADLINE).unwrap();
    let stub = Stub::stepped(Protocol::Http, vec![("POST /push/good", fixture().accepted.0)], Then::Reply(http(403, &[], b""))).await;
    let to = |path: &str| Message { to: format!("http://{}/push/{path}", stub.addr), ..fixture().message };
    assert!(matches!(sender.send(&to("bad")).await, Outcome::Refused(fault) if fault.action == PAUSE));
    assert!(matches!(sender.send(&to("good")).await, Outcome::Accepted { .. }));
    assert!(matches!(sender.send(&to("bad")).await, Outcome::Refused(fault) if fault.action == INVALID));
}

#[tokio::test]
async fn a_service_that_nobody_else_uses_cannot_stop_a_sender_that_works_elsewhere() {
    let sender = sender(&account(&[]), Channel::Push, DEADLINE).unwrap();
    let well = Stub::start(Protocol::Http, Then::Reply(fixture().accepted.0)).await;
    let odd = Stub::start(Protocol::Http, Then::Reply(http(401, &[], b""))).await;
    let to = |stub: &Stub| Message { to: format!("http://{}/push/x", stub.addr), ..fixture().message };
    assert!(matches!(sender.send(&to(&odd)).await, Outcome::Refused(fault) if fault.action == PAUSE), "the keys may be wrong");
    assert!(matches!(sender.send(&to(&well)).await, Outcome::Accepted { .. }));
    assert!(matches!(sender.send(&to(&odd)).await, Outcome::Refused(fault) if fault.action == PERMANENT));
}
