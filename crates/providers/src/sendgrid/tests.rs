use super::*;
use crate::conformance::{
    Fixture, Hooks, conformance, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::contracts;
use crate::errors::{INVALID, OPT_OUT, PAUSE, PERMANENT, retry_once};
use crate::{Capability, Decoded, EventKind, FaultAction, Message, Outcome, Refused, WebhookRequest};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::content::{EmailVariant, Rendered};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr, sync::LazyLock};
use time::OffsetDateTime;

conformance!(super::fixture);

const API_KEY: &str = "SG.not-a-real-key";
const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";
const STAMP: i64 = 1_760_000_000;

/// The provider's key, made anew for each run.
static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
});

fn public_key() -> String {
    // The 26 bytes before the point, and the point's first, which comes again with the point.
    let mut der = BASE64_STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
    der.pop();
    der.extend_from_slice(KEY.public_key().as_ref());
    BASE64_STANDARD.encode(der)
}

fn account(more: &[(&str, &str)]) -> Account {
    let settings = [("from", "news@example.com"), ("from_name", "Example Store")];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Account { settings: settings.iter().chain(more).map(text).collect(), secrets: [("api_key".to_owned(), Secret::new(API_KEY))].into() }
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    let account = account(&[("base_url", &format!("http://{addr}"))]);
    sender(&account, Channel::Email, deadline).unwrap()
}

fn email(subject: &str, text: &str, html: &str) -> Message {
    let (subject, text, html) = (subject.to_owned(), text.to_owned(), html.to_owned());
    message("ann@example.net", Rendered::Email(EmailVariant { subject, html, text, ..EmailVariant::default() }))
}

fn receiver(key: &str) -> Arc<dyn Webhook> {
    (PROVIDER.webhook.unwrap())(&account(&[("webhook_public_key", key)])).unwrap()
}

fn sign_at(stamp: &str, body: &[u8]) -> BTreeMap<String, String> {
    let signed = [stamp.as_bytes(), body].concat();
    let signature = KEY.sign(&SystemRandom::new(), &signed).unwrap();
    [(SIGNATURE.to_owned(), BASE64_STANDARD.encode(signature)), (TIMESTAMP.to_owned(), stamp.to_owned())].into()
}

fn fixture() -> Fixture {
    let error =
        |message: &str, field: Value| json!({"errors": [{"message": message, "field": field, "help": null}]}).to_string().into_bytes();
    let event =
        |event: &str| json!([{"event": event, "sg_event_id": "e1", "timestamp": STAMP, "fanfare": "d1.017-Ab_c"}]).to_string().into_bytes();
    let config = Config::read(&account(&[])).unwrap();
    let sender = send::Sender::new(config.clone(), DEADLINE).unwrap();
    let debug = format!("{:?} {config:?} {sender:?} {:?}", account(&[]), webhook::Receiver::new(config.clone()));
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: email("Hello", "Hi", "<p>Hi</p>"),
        before: Vec::new(),
        accepted: (http(202, &[("X-Message-Id", "abc123")], b""), "abc123"),
        refused: (http(400, &[], &error("Does not contain a valid address.", json!("personalizations.0.to.0.email"))), "http_400", INVALID),
        throttled: (
            http(429, &[("Retry-After", "2")], &error("too many requests", json!(null))),
            FaultAction::Throttle { after: Some(Duration::from_secs(2)) },
        ),
        server_error: Some((http(500, &[], b"oops"), "http_500")),
        garbage: http(200, &[], b"<html>welcome to the hotel's network</html>"),
        debug,
        secrets: vec![API_KEY],
        capability: Capability::None,
        lookup: None,
        hooks: Some(Hooks {
            receiver: receiver(&public_key()),
            url: "https://hub.example.com/webhooks/sendgrid/7",
            now: OffsetDateTime::from_unix_timestamp(STAMP).unwrap(),
            known: event("delivered"),
            unknown: event("teleported"),
            sign: |body| sign_at(&STAMP.to_string(), body),
            signature_header: SIGNATURE,
            bytes: |text| BASE64_STANDARD.decode(text).unwrap(),
            text: |bytes| BASE64_STANDARD.encode(bytes),
        }),
    }
}

async fn posted(message: &Message) -> (String, Value) {
    let accepted = http(202, &[("X-Message-Id", "abc123")], b"");
    let stub = Stub::start(Protocol::Http, Then::Reply(accepted)).await;
    let outcome = at(stub.addr, DEADLINE).send(message).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let request = stub.requests().remove(0);
    let head = String::from_utf8(request[..request.len() - body(&request).len()].to_vec()).unwrap();
    (head, serde_json::from_slice(body(&request)).unwrap())
}

#[tokio::test]
async fn requests_fit_the_contract() {
    let pointer = "/components/requestBodies/PostMailSend/content/application~1json/schema";
    let validator = contracts::schema("sendgrid/openapi.json", pointer);
    let names = contracts::json("sendgrid/openapi.json").pointer(pointer).unwrap()["properties"].clone();
    contracts::assert_valid(&validator, &contracts::json("sendgrid/samples/mail_send_request.json"));
    let mut marketing = email("Grüße\r\nBcc: x@example.com", "Hi", "<p>Hi</p>");
    marketing.unsubscribe_url = Some("https://hub.example.com/u/opaque".to_owned());
    let mut anonymous = email("Hello", "Hi", "");
    anonymous.to_name = None;
    let requests = [posted(&marketing).await, posted(&anonymous).await, posted(&email("Hello", "", "<p>Hi</p>")).await];
    for (head, json) in &requests {
        contracts::assert_valid(&validator, json);
        for name in json.as_object().unwrap().keys() {
            assert!(names.get(name).is_some(), "{name} is not in the contract");
        }
        assert!(head.starts_with("POST /v3/mail/send "), "{head}");
        assert!(head.contains(&format!("Bearer {API_KEY}\r\n")), "{head}");
        assert_eq!(json["personalizations"].as_array().unwrap().len(), 1);
        assert_eq!(json["personalizations"][0]["custom_args"], json!({"fanfare": "d1.017-Ab_c"}));
        for tracking in ["click_tracking", "open_tracking", "subscription_tracking"] {
            assert_eq!(json["tracking_settings"][tracking]["enable"], false, "{tracking}");
        }
    }
    let json = &requests[0].1;
    assert_eq!(json["subject"], "Grüße Bcc: x@example.com");
    assert_eq!(json["from"], json!({"email": "news@example.com", "name": "Example Store"}));
    assert_eq!(json["content"][0]["type"], "text/plain");
    assert_eq!(json["headers"]["List-Unsubscribe"], "<https://hub.example.com/u/opaque>");
    assert_eq!(json["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    assert_eq!(requests[1].1.get("headers"), None);
    assert_eq!(requests[1].1["personalizations"][0]["to"], json!([{"email": "ann@example.net"}]));
}

async fn outcome(answer: Vec<u8>) -> Outcome {
    let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
    at(stub.addr, DEADLINE).send(&email("Hello", "Hi", "")).await
}

#[tokio::test]
async fn success_without_the_header_has_our_own_id() {
    let provider_message_id = "d1.017-Ab_c".to_owned();
    assert_eq!(outcome(http(202, &[], b"")).await, Outcome::accepted(provider_message_id));
    assert!(matches!(outcome(http(202, &[], b"<html>")).await, Outcome::Uncertain(_)));
}

#[tokio::test]
async fn refusals_are_told_apart_by_status_and_field() {
    let body = |field: &str| json!({"errors": [{"message": "no", "field": field}]}).to_string().into_bytes();
    for (status, field, action) in [
        (400, "from.email", PAUSE),
        (400, "content.0.value", PERMANENT),
        (400, "personalizations.0.to", INVALID),
        (401, "", PAUSE),
        (403, "from", PAUSE),
        (404, "", PAUSE),
        (413, "", PERMANENT),
        (418, "", PERMANENT),
    ] {
        let Outcome::Refused(fault) = outcome(http(status, &[], &body(field))).await else { panic!() };
        assert_eq!((fault.code, fault.action), (format!("http_{status}"), action), "{field}");
    }
    // 413 may come as a page.
    let page = outcome(http(413, &[], b"<html>too large</html>")).await;
    assert!(matches!(page, Outcome::Refused(fault) if fault.action == PERMANENT));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_without_a_call() {
    let sender = at(Stub::nobody().await, DEADLINE);
    for message in [email("", "Hi", ""), email("Hello", "", "")] {
        let Outcome::Refused(fault) = sender.send(&message).await else { panic!() };
        assert_eq!(fault.code, "content");
    }
}

#[test]
fn vectors_verify_as_stated() {
    let vectors = contracts::json("sendgrid/vectors.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 5);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let stamp = text("timestamp_header");
        let headers = [(SIGNATURE.to_owned(), text("signature_header").to_owned()), (TIMESTAMP.to_owned(), stamp.to_owned())].into();
        let body = BASE64_STANDARD.decode(text("payload_base64")).unwrap();
        let receiver = receiver(text("public_key_spki_der_base64"));
        let verified = |seconds: i64| {
            let now = OffsetDateTime::from_unix_timestamp(stamp.parse::<i64>().unwrap() + seconds).unwrap();
            receiver.verify(&WebhookRequest { url: "", headers: &headers, body: &body, now })
        };
        let valid = vector["valid"].as_bool().unwrap();
        assert_eq!(verified(1).is_ok(), valid, "{}", text("name"));
        if valid {
            assert_eq!(verified(27 * 3_600), Err(Refused::Stale));
        }
    }
}

#[test]
fn old_and_future_stamps_are_stale() {
    let receiver = receiver(&public_key());
    let headers = sign_at(&STAMP.to_string(), b"[]");
    let verify = |seconds: i64| {
        let now = OffsetDateTime::from_unix_timestamp(STAMP + seconds).unwrap();
        receiver.verify(&WebhookRequest { url: "", headers: &headers, body: b"[]", now })
    };
    for good in [-299, 0, 25 * 3_600] {
        assert_eq!(verify(good), Ok(()), "{good}");
    }
    for stale in [-301, 26 * 3_600 + 1] {
        assert_eq!(verify(stale), Err(Refused::Stale), "{stale}");
    }
    let now = OffsetDateTime::from_unix_timestamp(STAMP).unwrap();
    let headers = sign_at("soon", b"[]");
    let odd = receiver.verify(&WebhookRequest { url: "", headers: &headers, body: b"[]", now });
    assert_eq!(odd, Err(Refused::Mismatch));
}

#[test]
fn without_a_key_nothing_is_believed() {
    let receiver = (PROVIDER.webhook.unwrap())(&account(&[])).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(STAMP).unwrap();
    let headers = sign_at(&STAMP.to_string(), b"[]");
    let verified = receiver.verify(&WebhookRequest { url: "", headers: &headers, body: b"[]", now });
    assert_eq!(verified, Err(Refused::Mismatch));
}

fn decode(body: &[u8]) -> Decoded {
    let (headers, now) = (BTreeMap::new(), OffsetDateTime::UNIX_EPOCH);
    receiver(&public_key()).decode(&WebhookRequest { url: "", headers: &headers, body, now }).unwrap()
}

#[test]
fn a_report_names_its_message_as_the_answer_to_a_batch_did() {
    let event = |more: Value| {
        let mut event = json!({"event": "delivered", "sg_event_id": "e", "sg_message_id": "abc.recvd-1-2-3.0", "fanfare": "d1"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        decode(json!([event]).to_string().as_bytes()).events.remove(0).provider_message_id.unwrap()
    };
    assert_eq!(event(json!({"fanfare_n": "7"})), wire::id_of("abc", "7"));
    assert_eq!(event(json!({})), "abc");
}

#[test]
fn published_events_decode() {
    use EventKind::{Clicked, Complained, Delivered, Failed, Opened, Sent, Unsubscribed};
    for (name, body) in contracts::samples("sendgrid", "event_", ".json") {
        let decoded = decode(&body);
        assert_eq!(decoded.unknown, 0, "{name}");
        let event = decoded.events.first().map(|event| (event.kind, event.action));
        let expected = match name.as_str() {
            "event_blocked.json" | "event_bounce.json" => Some((Failed, Some(PERMANENT))),
            "event_click.json" | "event_click_full.json" => Some((Clicked, None)),
            "event_custom_args_reserved_keys.json" | "event_processed.json" => Some((Sent, None)),
            "event_delivered.json" => Some((Delivered, None)),
            "event_dropped.json" => Some((Failed, Some(INVALID))),
            "event_groupunsubscribe.json" | "event_unsubscribe.json" => Some((Unsubscribed, Some(OPT_OUT))),
            "event_open.json" => Some((Opened, None)),
            "event_spamreport.json" => Some((Complained, Some(OPT_OUT))),
            "event_deferred.json" | "event_groupresubscribe.json" => None,
            other => panic!("a new sample: {other}"),
        };
        assert_eq!(event, expected, "{name}");
    }
    let all = decode(&contracts::bytes("sendgrid/samples/events_all_types.json"));
    assert_eq!((all.events.len(), all.unknown), (9, 0));
    let one = decode(&contracts::bytes("sendgrid/samples/webhook_body_single.raw.txt"));
    assert_eq!((one.events.len(), one.unknown), (1, 0));
    let two = decode(&contracts::bytes("sendgrid/samples/webhook_body_two_events.raw.txt"));
    assert_eq!(two.events[1].action, Some(retry_once(86_400)), "a full mailbox");
    assert_eq!(two.events[1].code.as_deref(), Some("blocked:5.2.2"));
    assert_eq!(two.events[1].provider_message_id.as_deref(), Some("qNwBLgPQQjW6DJvKQwSAbw"));
    assert_eq!(two.events[1].occurred_at.unix_timestamp(), 1_619_651_147);
}

#[test]
fn bounces_are_read_by_enhanced_status() {
    for (blocked, status, reason, code, action) in [
        (false, "5.1.1", "550 5.1.1 no such user", "5.1.1", INVALID),
        (true, "5.1.1", "550 5.1.1 no such user", "blocked:5.1.1", PERMANENT),
        (true, "5.7.1", "550 5.7.1 spam", "blocked:5.7.1", PERMANENT),
        (true, "5.2.2", "552 5.2.2 full", "blocked:5.2.2", retry_once(86_400)),
        (false, "4.4.1", "", "4.4.1", retry_once(86_400)),
        (false, "", "550 5.7.26 unauthenticated", "5.7.26", PAUSE),
        (false, "", "550 unknown recipient", "550", INVALID),
        (false, "", "", "bounce", PERMANENT),
        (true, "", "", "blocked", PERMANENT),
        (false, "", "élan", "bounce", PERMANENT),
    ] {
        assert_eq!(errors::of_bounce(blocked, status, reason), (code.to_owned(), action), "{status} {reason}");
        assert_eq!(errors::report_action(code), Some(action), "the code alone says as much: {code}");
    }
}

#[test]
fn drops_are_read_by_reason() {
    for (reason, code, action) in [
        ("Bounced Address", "dropped:bounced_address", INVALID),
        ("Invalid", "dropped:invalid", INVALID),
        ("Invalid SMTPAPI header", "dropped:invalid_smtpapi", PERMANENT),
        ("Unsubscribed Address", "dropped:unsubscribed_address", OPT_OUT),
        ("Spam Reporting Address", "dropped:spam_reporting_address", OPT_OUT),
        ("Spam Content (if Spam Checker app is enabled)", "dropped:spam_content", PERMANENT),
        ("Recipient List over Package Quota", "dropped:recipient_list_over_package_quota", PAUSE),
        ("something new", "dropped", PERMANENT),
    ] {
        assert_eq!(errors::of_drop(reason), (code.to_owned(), action), "{reason}");
        assert_eq!(errors::report_action(code), Some(action), "{code}");
    }
    assert_eq!(["delivered", "open", ""].map(errors::report_action), [None; 3]);
}

#[test]
fn a_machine_that_opens_is_no_person() {
    let kind = |machine: Value| decode(json!([{"event": "open", "sg_machine_open": machine}]).to_string().as_bytes()).events[0].kind;
    assert_eq!([json!(true), json!("true")].map(kind), [EventKind::MachineOpened; 2]);
    assert_eq!([json!(false), json!(null), json!("false")].map(kind), [EventKind::Opened; 3]);
}

#[test]
fn milliseconds_and_missing_ids_are_coped_with() {
    let body = json!([{"event": "open", "timestamp": "1750030073123"}, {"event": "open"}]);
    let decoded = decode(body.to_string().as_bytes());
    assert_eq!(decoded.events[0].occurred_at.unix_timestamp(), 1_750_030_073);
    assert_eq!(decoded.events[1].occurred_at, OffsetDateTime::UNIX_EPOCH);
    assert_ne!(decoded.events[0].key, decoded.events[1].key);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account, channel| match sender(account, channel, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    let with = |name: &str, value: &str| account(&[(name, value)]);
    assert_eq!(field(&account(&[]), Channel::Email), "");
    assert_eq!(field(&account(&[]), Channel::Sms), "channel");
    assert_eq!(field(&with("from", "nobody"), Channel::Email), "from");
    assert_eq!(field(&with("base_url", "http://api.sendgrid.com"), Channel::Email), "base_url");
    assert_eq!(field(&with("webhook_public_key", "MFkw"), Channel::Email), "webhook_public_key");
    let broken = public_key().replacen('M', "N", 1);
    assert_eq!(field(&with("webhook_public_key", &broken), Channel::Email), "webhook_public_key");
    let mut keyless = account(&[]);
    keyless.secrets.clear();
    assert_eq!(field(&keyless, Channel::Email), "api_key");
}
