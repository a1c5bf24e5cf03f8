use super::*;
use crate::conformance::{
    Fixture, conformance, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::contracts;
use crate::errors::{INVALID, PAUSE, PERMANENT, RETRY, retry_once, throttle_for};
use crate::{Capability, Device, FaultAction, Message, Outcome, Secret};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::content::{PushVariant, Rendered, Urgency};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use std::net::SocketAddr;

mod access;

conformance!(sending super::fixture);

const ACCESS: &str = "ya29.not-a-real-token";
const KEY: &str = include_str!("../smtp/fixtures/dkim_rsa.pem");
const TOKEN: &str = "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1";

fn account(more: &[(&str, &str)]) -> Account {
    let file = json!({
        "type": "service_account", "project_id": "myproject", "private_key_id": "k1", "private_key": KEY,
        "client_email": "push@myproject.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
    });
    let settings = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Account { settings, secrets: [(SERVICE_ACCOUNT.to_owned(), Secret::new(file.to_string()))].into() }
}

fn here(addr: SocketAddr) -> Account {
    account(&[("base_url", &format!("http://{addr}")), ("token_url", &format!("http://{addr}/token"))])
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&here(addr), Channel::Push, deadline).unwrap()
}

fn granted(token: &str) -> Vec<u8> {
    http(200, &[], json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}).to_string().as_bytes())
}

fn push() -> PushVariant {
    PushVariant { title: "Spring sale".into(), body: "25% off today".into(), ..PushVariant::default() }
}

fn to(kind: DeviceKind, target: &str, push: PushVariant) -> Message {
    Message { device: Some(Device { kind, keys: None }), ..message(target, Rendered::Push(push)) }
}

fn sample(name: &str) -> Vec<u8> {
    contracts::bytes(&format!("fcm/samples/{name}.json"))
}

fn fixture() -> Fixture {
    let config = Config::read(&account(&[])).unwrap();
    let sender = send::Sender::new(config.clone(), DEADLINE).unwrap().with_token(ACCESS, Duration::from_secs(900));
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to(DeviceKind::Token, TOKEN, push()),
        before: vec![("POST /token", granted(ACCESS))],
        accepted: (http(200, &[], &sample("send_response_200")), "projects/myproject/messages/0:1500415314455276%31bd1c9631bd1c96"),
        refused: (http(404, &[], &sample("error_404_unregistered")), "UNREGISTERED", INVALID),
        throttled: (
            http(429, &[("Retry-After", "2")], &sample("error_429_quota")),
            FaultAction::Throttle { after: Some(Duration::from_secs(2)) },
        ),
        server_error: Some((http(500, &[], b"oops"), "http_500")),
        garbage: http(200, &[], b"<html>welcome to the hotel's network</html>"),
        debug: format!("{:?} {config:?} {sender:?}", account(&[])),
        secrets: vec![ACCESS, "MIIE"],
        capability: Capability::None,
        lookup: None,
        hooks: None,
    }
}

/// The request that goes out for a message.
async fn posted(message: &Message) -> Value {
    let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(fixture().accepted.0)).await;
    let outcome = at(stub.addr, DEADLINE).send(message).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let calls: Vec<_> = stub.requests().iter().map(|request| contracts::Call::read(request)).collect();
    contracts::assert_requests("fcm", &calls);
    assert_eq!(calls[0].header("authorization"), Some(format!("Bearer {ACCESS}").as_str()));
    serde_json::from_slice(body(&stub.requests()[0])).unwrap()
}

#[tokio::test]
async fn requests_fit_the_contract() {
    let whole = PushVariant {
        image_url: "https://cdn.example.com/a.png".into(),
        link: "https://shop.example/offers".into(),
        data: [("screen".into(), "offers".into())].into(),
        ttl_seconds: 3_600,
        urgency: Urgency::High,
        collapse_key: "offers".into(),
        ..push()
    };
    let message =
        Message { receipt_url: Some("https://hub.example/r/token".into()), ..to(DeviceKind::Fid, "cIBVrLH0QSa1XUV9q0GeLz", whole) };
    let request = posted(&message).await["message"].clone();
    assert_eq!(request["fid"], "cIBVrLH0QSa1XUV9q0GeLz");
    assert!(request.get("token").is_none());
    let notification = json!({"title": "Spring sale", "body": "25% off today", "image": "https://cdn.example.com/a.png"});
    assert_eq!(request["notification"], notification);
    let data = json!({
        "screen": "offers", "send_id": "d1-key", "link": "https://shop.example/offers", "receipt_url": "https://hub.example/r/token",
    });
    assert_eq!(request["data"], data);
    let android = json!({"priority": "HIGH", "ttl": "3600s", "collapseKey": "offers", "notification": {"tag": "offers"}});
    assert_eq!(request["android"], android);
    assert_eq!(
        (&request["apns"]["headers"]["apns-priority"], &request["apns"]["headers"]["apns-collapse-id"]),
        (&json!("10"), &json!("offers"))
    );
    let webpush = json!({"headers": {"TTL": "3600", "Urgency": "high"}, "fcmOptions": {"link": "https://shop.example/offers"}});
    assert_eq!(request["webpush"], webpush);
    let plain = posted(&to(DeviceKind::Token, TOKEN, push())).await["message"].clone();
    assert_eq!((&plain["token"], &plain["android"]["ttl"]), (&json!(TOKEN), &json!("86400s")));
    assert_eq!(plain["android"]["notification"]["tag"], "d1-key", "a second copy takes the place of the first");
}

#[tokio::test]
async fn what_firebase_cannot_carry_never_leaves() {
    let too_long = to(DeviceKind::Token, TOKEN, PushVariant { body: "x".repeat(4_100), ..push() });
    let without_device = message(TOKEN, Rendered::Push(push()));
    let of_a_browser = to(DeviceKind::WebPush, "https://push.example.net/x", push());
    for message in [too_long, without_device, of_a_browser] {
        let Outcome::Refused(fault) = at(Stub::nobody().await, DEADLINE).send(&message).await else { panic!("must be refused") };
        assert_eq!((fault.code.as_str(), fault.action), ("content", PERMANENT));
    }
}

/// What comes of an answer to a send.
async fn outcome_of(status: u16, headers: &[(&str, &str)], answer: &[u8]) -> Outcome {
    let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(http(status, headers, answer))).await;
    at(stub.addr, DEADLINE).send(&fixture().message).await
}

async fn refused(status: u16, answer: &[u8]) -> (String, FaultAction) {
    match outcome_of(status, &[], answer).await {
        Outcome::Refused(fault) => (fault.code, fault.action),
        other => panic!("must be refused: {other:?}"),
    }
}

#[tokio::test]
async fn every_sample_of_an_error_has_its_action() {
    for (name, status, code, action) in [
        ("error_400_invalid_token", 400, "INVALID_ARGUMENT", INVALID),
        ("error_400_invalid_value", 400, "INVALID_ARGUMENT", PERMANENT),
        ("error_403_sender_id_mismatch", 403, "SENDER_ID_MISMATCH", INVALID),
        ("error_404_unregistered", 404, "UNREGISTERED", INVALID),
        ("error_429_quota", 429, "QUOTA_EXCEEDED", throttle_for(60)),
        ("error_503_unavailable", 503, "UNAVAILABLE", RETRY),
    ] {
        assert_eq!(refused(status, &sample(name)).await, (code.to_owned(), action), "{name}");
    }
    let waits = outcome_of(503, &[("Retry-After", "7")], &sample("error_503_unavailable")).await;
    assert!(matches!(waits, Outcome::Refused(fault) if fault.action.wait(1) == Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn every_code_of_the_contract_has_its_action() {
    let contract = contracts::json("fcm/error-codes.json");
    let codes = contract["codes"].as_array().unwrap();
    assert_eq!(codes.len(), errors::CODES.len(), "a code is missing from the table, or from the contract");
    assert!(errors::CODES.is_sorted_by_key(|(code, _)| *code));
    for row in codes {
        let (code, status) = (row["errorCode"].as_str().unwrap(), row["http"].as_u64().unwrap_or(400) as u16);
        let expected = match row["action"].as_str().unwrap() {
            "retry" => RETRY,
            "retry_once_then_permanent" => retry_once(60),
            "fix_request_or_drop_endpoint" | "drop_endpoint" | "drop_endpoint_or_fix_project" => INVALID,
            "throttle" => throttle_for(60),
            "pause_account" => PAUSE,
            other => panic!("a new action: {other}"),
        };
        let error = json!({"error": {"code": status, "message": "about the token", "status": "X", "details": [
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]}});
        match outcome_of(status, &[], error.to_string().as_bytes()).await {
            Outcome::Refused(fault) => assert_eq!((fault.code.as_str(), fault.action), (code, expected)),
            // An error of its own may have let the message through, whatever it calls itself.
            Outcome::Uncertain(fault) => assert_eq!((status, fault.action), (500, RETRY), "{code}"),
            other => panic!("{code}: {other:?}"),
        }
        assert_eq!(errors::report_action(code), Some(expected));
    }
}

#[tokio::test]
async fn a_refusal_costs_a_device_only_when_it_is_about_the_device() {
    let error = |status: &str, message: &str, details: Value| json!({"error": {"status": status, "message": message, "details": details}});
    let fcm = json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT"});
    let field = |field: &str| json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]});
    for (answer, status, action) in [
        (error("INVALID_ARGUMENT", "Android message is too big", json!([fcm])), 400, PERMANENT),
        (error("INVALID_ARGUMENT", "Invalid registration token", json!([fcm, field("message.token")])), 400, INVALID),
        (error("INVALID_ARGUMENT", "Invalid value of the token", json!([fcm, field("message.data[0].value")])), 400, PERMANENT),
        (error("NOT_FOUND", "no such project", json!([])), 404, PAUSE),
        (error("PERMISSION_DENIED", "", json!([])), 403, PAUSE),
        (error("SOMETHING_NEW", "", json!([{"@type": "x", "errorCode": "NEW"}])), 400, PERMANENT),
        (json!({"error": "not an object"}), 400, PERMANENT),
    ] {
        assert_eq!(refused(status, answer.to_string().as_bytes()).await.1, action, "{answer}");
    }
}

#[tokio::test]
async fn a_test_of_the_account_sends_to_nobody() {
    let check = async |status: u16, answer: Vec<u8>| {
        let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(http(status, &[], &answer))).await;
        let manager = (PROVIDER.manage.unwrap())(&here(stub.addr), Channel::Push).unwrap();
        let checked = manager.check().await;
        let calls: Vec<_> = stub.requests().iter().map(|request| contracts::Call::read(request)).collect();
        contracts::assert_requests("fcm", &calls);
        assert!(calls.iter().all(|call| call.json()["validateOnly"] == true));
        checked
    };
    assert_eq!(check(400, sample("error_400_invalid_token")).await.unwrap().handle, "myproject");
    let denied = json!({"error": {"status": "PERMISSION_DENIED", "message": "no"}}).to_string().into_bytes();
    assert_eq!(check(403, denied).await.unwrap_err().action, PAUSE);
    assert_eq!(check(503, sample("error_503_unavailable")).await.unwrap_err().action, RETRY);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account, channel| match sender(account, channel, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    assert_eq!(field(&account(&[]), Channel::Push), "");
    assert_eq!(field(&account(&[]), Channel::Sms), "channel");
    assert_eq!(field(&account(&[("project_id", "my project")]), Channel::Push), "project_id");
    assert_eq!(field(&account(&[("token_url", "http://oauth2.example.com/token")]), Channel::Push), "token_url");
    assert_eq!(field(&account(&[("base_url", "http://fcm.googleapis.com")]), Channel::Push), "base_url");
    let with = |file: &str| Account { settings: [].into(), secrets: [(SERVICE_ACCOUNT.to_owned(), Secret::new(file))].into() };
    for bad in ["", "{", "{}", r#"{"client_email":"a@b","private_key":"no key"}"#, &"x".repeat(KEY_FILE_MAX_BYTES + 1)] {
        let error = sender(&with(bad), Channel::Push, DEADLINE).err().unwrap();
        assert_eq!(error.field, SERVICE_ACCOUNT);
        assert!(!error.remedy.contains("no key"), "{error}");
    }
}
