use super::*;
use crate::conformance::{
    Fixture, Hooks, conformance, lookups, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::contracts;
use crate::errors::{INVALID, OPT_OUT, PERMANENT, RETRY, retry_once};
use crate::{Capability, Decoded, EventKind, FaultAction, Message, Outcome, Preference, Refused, WebhookRequest};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::content::{Rendered, SmsVariant, TwilioContent, WhatsappVariant};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};
use time::OffsetDateTime;
use url::form_urlencoded;

mod lookup;
mod sms;

conformance!(super::fixture);

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "not-a-real-auth-token";
const STATUS_URL: &str = "https://hub.example.com/webhooks/twilio/7/status?d=d1.017-Ab_c";

fn account(token: &str, more: &[(&str, &str)]) -> Account {
    let settings = [("account_sid", SID), ("from", "+15017250604")];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Account { settings: settings.iter().chain(more).map(text).collect(), secrets: [("auth_token".to_owned(), Secret::new(token))].into() }
}

fn at(addr: SocketAddr) -> Account {
    account(TOKEN, &[("base_url", &format!("http://{addr}"))])
}

fn sms(text: &str) -> Message {
    let text = text.to_owned();
    message("+15558675310", Rendered::Sms(SmsVariant { text, ..SmsVariant::default() }))
}

fn whatsapp(variables: &[(&str, &str)]) -> Message {
    let pair = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let twilio = Some(TwilioContent {
        content_sid: "HX0123456789abcdef0123456789abcdef".to_owned(),
        variables: variables.iter().map(pair).collect(),
        ..TwilioContent::default()
    });
    let variant = WhatsappVariant { twilio, ..WhatsappVariant::default() };
    message("+15558675310", Rendered::Whatsapp(variant))
}

fn receiver(token: &str) -> Arc<dyn Webhook> {
    (PROVIDER.webhook.unwrap())(&account(token, &[])).unwrap()
}

/// Signs as Twilio does, written apart from the code under test.
fn sign(url: &str, body: &[u8]) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    pairs.sort();
    pairs.dedup();
    let params: String = pairs.into_iter().map(|(key, value)| key + &value).collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    BASE64_STANDARD.encode(ring::hmac::sign(&key, format!("{url}{params}").as_bytes()))
}

fn fixture() -> Fixture {
    let error = |code| json!({"code": code, "message": "no: +15558675310", "status": 400});
    let error = |code| error(code).to_string().into_bytes();
    let config = Config::read(&account(TOKEN, &[])).unwrap();
    let sender = send::Sender::new(config.clone(), Channel::Sms, DEADLINE).unwrap();
    let debug = format!("{:?} {config:?} {sender:?} {:?}", account(TOKEN, &[]), webhook::Receiver::new(&config));
    Fixture {
        protocol: Protocol::Http,
        sender: |addr, deadline| sender_at(&at(addr), deadline),
        message: sms("Hello"),
        before: Vec::new(),
        accepted: (http(201, &[], br#"{"sid":"SM77","status":"queued"}"#), "SM77"),
        refused: (http(400, &[], &error(21610)), "21610", OPT_OUT),
        throttled: (http(429, &[("Retry-After", "2")], &error(20429)), FaultAction::Throttle { after: Some(Duration::from_secs(2)) }),
        server_error: Some((http(500, &[], &error(20500)), "http_500")),
        garbage: http(201, &[], b"<html>welcome to the hotel's network</html>"),
        debug,
        secrets: vec![TOKEN],
        capability: Capability::Lookup,
        lookup: Some(lookup::case()),
        hooks: Some(Hooks {
            receiver: receiver(TOKEN),
            url: STATUS_URL,
            now: OffsetDateTime::UNIX_EPOCH,
            known: b"MessageSid=SM1&MessageStatus=delivered&AccountSid=AC1".to_vec(),
            unknown: b"MessageSid=SM1&MessageStatus=teleported&AccountSid=AC1".to_vec(),
            sign: |body| [("x-twilio-signature".to_owned(), sign(STATUS_URL, body))].into(),
            signature_header: "x-twilio-signature",
            bytes: |text| BASE64_STANDARD.decode(text).unwrap(),
            text: |bytes| BASE64_STANDARD.encode(bytes),
        }),
    }
}

fn sender_at(account: &Account, deadline: Duration) -> Arc<dyn Send> {
    sender(account, Channel::Sms, deadline).unwrap()
}

/// What one send puts on the wire.
async fn posted(channel: Channel, more: &[(&str, &str)], message: &Message) -> (String, Value) {
    let created = contracts::bytes("twilio/samples/create_message_201.json");
    let stub = Stub::start(Protocol::Http, Then::Reply(http(201, &[], &created))).await;
    let base = format!("http://{}", stub.addr);
    let more: Vec<_> = more.iter().copied().chain([("base_url", base.as_str())]).collect();
    let sender = (PROVIDER.sender)(&account(TOKEN, &more), channel).unwrap();
    let outcome = sender.send(message).await;
    let provider_message_id = "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned();
    assert_eq!(outcome, Outcome::accepted(provider_message_id));
    let request = stub.requests().remove(0);
    let head = String::from_utf8(request[..request.len() - body(&request).len()].to_vec()).unwrap();
    let form: BTreeMap<_, _> = form_urlencoded::parse(body(&request)).into_owned().collect();
    (head, json!(form))
}

#[tokio::test]
async fn requests_fit_the_contract() {
    let path = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post";
    let schema = format!("{path}/requestBody/content/application~1x-www-form-urlencoded/schema");
    let validator = contracts::schema("twilio/openapi.json", &schema);
    let names = contracts::json("twilio/openapi.json").pointer(&schema).unwrap()["properties"].clone();
    let service = [("messaging_service_sid", "MG0123456789abcdef0123456789abcdef")];
    let mut called_back = sms("Grüße & 👋 100%+");
    called_back.status_callback = Some(STATUS_URL.to_owned());
    let requests = [
        posted(Channel::Sms, &[], &sms("Hello")).await,
        posted(Channel::Sms, &service, &called_back).await,
        posted(Channel::Whatsapp, &[], &whatsapp(&[])).await,
        posted(Channel::Whatsapp, &service, &whatsapp(&[("1", "Ann \"A\""), ("2", "25%")])).await,
    ];
    for (head, form) in &requests {
        contracts::assert_valid(&validator, form);
        for name in form.as_object().unwrap().keys() {
            assert!(names.get(name).is_some(), "{name} is not in the contract");
        }
        assert!(form.get("From").or(form.get("MessagingServiceSid")).is_some());
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with(&format!("post /2010-04-01/accounts/{SID}/messages.json ").to_lowercase()));
        assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"), "{head}");
        assert!(head.contains("user-agent: fanfare/"), "{head}");
    }
    let basic = BASE64_STANDARD.encode(format!("{SID}:{TOKEN}"));
    assert!(requests[0].0.contains(&format!("Basic {basic}")));
    assert_eq!(requests[1].1["Body"], "Grüße & 👋 100%+");
    assert_eq!(requests[1].1["StatusCallback"], format!("{STATUS_URL}#rc=3&rp=all"), "a report that isn't taken comes again");
    assert_eq!(requests[2].1["To"], "whatsapp:+15558675310");
    assert_eq!(requests[2].1["From"], "whatsapp:+15017250604");
    assert_eq!(requests[2].1.get("ContentVariables"), None);
    assert_eq!(requests[3].1["ContentVariables"], r#"{"1":"Ann \"A\"","2":"25%"}"#);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_without_a_call() {
    let nobody = at(Stub::nobody().await);
    let mut bad_number = sms("Hello");
    bad_number.to = "5558675310".to_owned();
    let cases = [
        (Channel::Sms, sms(""), "content"),
        (Channel::Sms, whatsapp(&[]), "content"),
        (Channel::Whatsapp, sms("Hello"), "content"),
        (Channel::Sms, bad_number, "21211"),
    ];
    for (channel, message, code) in cases {
        let sender = sender(&nobody, channel, DEADLINE).unwrap();
        let Outcome::Refused(fault) = sender.send(&message).await else { panic!() };
        assert_eq!(fault.code, code);
    }
}

#[tokio::test]
async fn carrier_time_out_is_uncertain() {
    let answer = http(400, &[], br#"{"code":30410,"message":"Provider Timeout Error"}"#);
    let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
    let outcome = sender_at(&at(stub.addr), DEADLINE).send(&sms("Hello")).await;
    assert!(matches!(outcome, Outcome::Uncertain(fault) if fault.code == "30410"));
}

#[tokio::test]
async fn published_errors_are_understood() {
    for (sample, status, code, action) in [
        ("error_400_21211", 400, "21211", INVALID),
        ("error_400_21610", 400, "21610", OPT_OUT),
        ("error_429_20429", 429, "20429", FaultAction::Throttle { after: None }),
    ] {
        let answer = contracts::bytes(&format!("twilio/samples/{sample}.json"));
        let stub = Stub::start(Protocol::Http, Then::Reply(http(status, &[], &answer))).await;
        let outcome = sender_at(&at(stub.addr), DEADLINE).send(&sms("Hello")).await;
        let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
        assert_eq!((fault.code.as_str(), fault.action), (code, action));
    }
}

/// What our few actions may stand for the contract's many.
fn fits(action: FaultAction, contract: &str) -> bool {
    use FaultAction::{FixAccount, InvalidAddress, Ladder, OptOut, PauseSender, PauseTemplate, Permanent, Retry, Throttle};
    let at_most_once = |action| matches!(action, Retry { after: Some(_), at_most: Some(1) });
    match contract {
        "pause_account" | "pause_sender" => action == PauseSender,
        "pause_template" => action == PauseTemplate,
        // A fault of the sender's or the template's set-up stops that; a fault of the message loses the message.
        "fix_request" => matches!(action, PauseSender | PauseTemplate | Permanent),
        "fix_account" => action == FixAccount,
        "permanent" | "use_template" | "filtered_alert" => action == Permanent,
        "unknown_do_not_resend" => action == Permanent,
        "invalid_address" => action == InvalidAddress,
        "opt_out" | "block_or_opt_out" => action == OptOut,
        "throttle" | "warning_only" => matches!(action, Throttle { .. }),
        "retry" => action == RETRY,
        "soft_bounce" => at_most_once(action),
        "retry_in_allowed_hours" => matches!(action, Retry { after: Some(_), at_most: None }),
        // The ladder ends with the day that Meta asks for.
        "defer_24h" => matches!(action, Ladder { waits } if waits.after(3) == Some(Duration::from_secs(86_400))),
        "next_day" => action.wait(1) == Some(Duration::from_secs(86_400)) && !action.gives_up(1),
        other => panic!("the contract has a new action: {other}"),
    }
}

#[test]
fn error_table_agrees_with_the_contract() {
    assert!(errors::TABLE.is_sorted_by(|a, b| a.code < b.code));
    let contract = contracts::json("twilio/error-codes.json");
    let rows = contract["codes"].as_array().unwrap();
    assert!(rows.len() > 100);
    for row in rows {
        let code = u32::try_from(row["code"].as_u64().unwrap()).unwrap();
        let ours = errors::find(code).unwrap_or_else(|| panic!("{code} is missing"));
        let action = row["action"].as_str().unwrap();
        assert!(fits(ours.action, action), "{code}: {:?} for {action}", ours.action);
        assert_eq!(errors::report_action(&code.to_string()), Some(ours.action));
    }
    for code in ["21606", "21607", "21659"] {
        assert_eq!(errors::report_action(code), Some(FaultAction::PauseSender), "{code}");
    }
    for code in ["99999", "undelivered", "failed", "canceled", ""] {
        assert_eq!(errors::report_action(code), None, "{code}");
    }
}

#[test]
fn the_account_may_have_a_ladder_of_its_own() {
    let own = account(TOKEN, &[("marketing_limit_retry_hours", "24,24")]);
    let waits = Waits::parse("24,24").unwrap();
    let sender = sender(&own, Channel::Whatsapp, DEADLINE).unwrap();
    assert_eq!(sender.report_action("63049"), Some(FaultAction::Ladder { waits }));
    assert_eq!(sender.report_action("30003"), Some(retry_once(3_600)));
    let receiver = (PROVIDER.webhook.unwrap())(&own).unwrap();
    let headers = BTreeMap::new();
    let body = b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=63049";
    let decoded = receiver.decode(&WebhookRequest { url: STATUS_URL, headers: &headers, body, now: OffsetDateTime::UNIX_EPOCH }).unwrap();
    assert_eq!(decoded.events[0].action, Some(FaultAction::Ladder { waits }));
}

fn verify(token: &str, url: &str, signature: &str, body: &[u8]) -> Result<(), Refused> {
    let headers = [("x-twilio-signature".to_owned(), signature.to_owned())].into();
    let now = OffsetDateTime::UNIX_EPOCH;
    receiver(token).verify(&WebhookRequest { url, headers: &headers, body, now })
}

fn encoded(pairs: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for pair in pairs.as_array().unwrap() {
        form.append_pair(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    }
    form.finish().into_bytes()
}

#[test]
fn vectors_verify_as_stated() {
    let mut checked = 0;
    for vector in contracts::json("twilio/vectors.json")["vectors"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str();
        let body = match (text("body_file"), text("raw_body")) {
            // Some of the bodies that were signed are not published with the vectors.
            (Some(file), _) if !contracts::exists(&format!("twilio/{file}")) => continue,
            (Some(file), _) => contracts::bytes(&format!("twilio/{file}")),
            (None, Some(body)) => body.as_bytes().to_vec(),
            (None, None) => encoded(&vector["params"]),
        };
        let (token, url) = (text("auth_token").unwrap(), text("url").unwrap());
        let signature = text("signature").unwrap();
        let valid = vector["valid"].as_bool().unwrap();
        let name = &vector["name"];
        assert_eq!(verify(token, url, signature, &body).is_ok(), valid, "{name}");
        assert!(verify("another", url, signature, &body).is_err(), "{name}");
        assert!(verify(token, &format!("{url}x"), signature, &body).is_err(), "{name}");
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} vectors");
}

#[test]
fn signature_survives_a_port_a_fragment_and_nothing_else() {
    let check = |signed: &str, received: &str| verify(TOKEN, received, &sign(signed, b"A=b"), b"A=b");
    for (signed, received) in [
        ("https://a.example/x?d=1", "https://a.example:443/x?d=1"),
        ("https://a.example:443/x?d=1", "https://a.example/x?d=1"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("https://a.example/x", "https://a.example/x#rc=3"),
        ("https://[::1]/x", "https://[::1]:8443/x"),
        ("https://a.example:443", "https://a.example"),
    ] {
        assert_eq!(check(signed, received), Ok(()), "{signed} {received}");
    }
    for (signed, received) in [
        ("https://a.example/x", "http://a.example/x"),
        ("https://a.example/x", "https://b.example/x"),
        ("https://a.example/x?d=1", "https://a.example/x?d=2"),
        ("https://a.example/x", "https://a.example/x/"),
    ] {
        assert_eq!(check(signed, received), Err(Refused::Mismatch), "{signed} {received}");
    }
}

#[test]
fn json_body_must_have_the_signed_hash() {
    let url = "https://a.example/x?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let body = br#"{"property": "value", "boolean": true}"#;
    let signature = sign(url, b"");
    assert_eq!(verify(TOKEN, url, &signature, body), Ok(()));
    assert_eq!(verify(TOKEN, url, &signature, b"{}"), Err(Refused::Mismatch));
}

fn decode(url: &str, body: &[u8]) -> Decoded {
    let headers = BTreeMap::new();
    let now = OffsetDateTime::UNIX_EPOCH;
    receiver(TOKEN).decode(&WebhookRequest { url, headers: &headers, body, now }).unwrap()
}

#[test]
fn published_status_posts_decode() {
    for (name, body) in contracts::samples("twilio", "status_", ".txt") {
        let decoded = decode(STATUS_URL, &body);
        assert_eq!((decoded.events.len(), decoded.inbound.len(), decoded.unknown), (1, 0, 0), "{name}");
        let event = &decoded.events[0];
        assert_eq!(event.correlation.as_deref(), Some("d1.017-Ab_c"));
        assert_eq!(event.provider_message_id.as_deref(), Some("SM1342fe1b2c904d1ab04f0fc7a58abca9"));
        let (kind, code, action) = match name.rsplit_once('_').unwrap().1 {
            "delivered.txt" => (EventKind::Delivered, "delivered", None),
            "read.txt" => (EventKind::Opened, "read", None),
            "sent.txt" => (EventKind::Sent, "sent", None),
            "30007.txt" | "63016.txt" => (EventKind::Failed, &name[name.len() - 9..name.len() - 4], Some(PERMANENT)),
            "30003.txt" => (EventKind::Failed, "30003", Some(retry_once(3_600))),
            other => panic!("a new sample: {other}"),
        };
        assert_eq!((event.kind, event.code.as_deref(), event.action), (kind, Some(code), action), "{name}");
    }
}

#[test]
fn published_inbound_posts_decode() {
    for (name, body) in contracts::samples("twilio", "inbound_", ".txt") {
        let decoded = decode("https://hub.example.com/webhooks/twilio/7/inbound", &body);
        assert_eq!((decoded.events.len(), decoded.inbound.len(), decoded.unknown), (0, 1, 0), "{name}");
        let inbound = &decoded.inbound[0];
        assert_eq!(inbound.from.as_deref(), Some("+15558675310"), "{name}");
        let whatsapp = name.contains("whatsapp");
        assert_eq!(inbound.channel == Channel::Whatsapp, whatsapp, "{name}");
        let stop = name.contains("advanced").then_some(Preference::Stop);
        assert_eq!(inbound.preference, stop, "{name}");
    }
    let sms = decode("https://a.example", &contracts::bytes("twilio/samples/inbound_sms.txt"));
    assert_eq!(sms.inbound[0].text, "Hello + café 👋");
    assert_eq!(sms.inbound[0].key, "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

#[test]
fn button_payload_is_what_was_said() {
    let body = b"MessageSid=SM2&From=whatsapp%3A%2B15558675310&Body=No+thanks&ButtonPayload=STOP_PROMO";
    let decoded = decode("https://a.example", body);
    assert_eq!(decoded.inbound[0].text, "STOP_PROMO");
}

#[test]
fn initial_statuses_are_known_and_say_nothing() {
    for status in ["queued", "accepted", "scheduled", "sending"] {
        let decoded = decode(STATUS_URL, format!("MessageSid=SM1&MessageStatus={status}").as_bytes());
        assert_eq!(decoded, Decoded::default(), "{status}");
    }
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account, channel| match sender(account, channel, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    let with = |name: &str, value: &str| account(TOKEN, &[(name, value)]);
    assert_eq!(field(&account(TOKEN, &[]), Channel::Sms), "");
    assert_eq!(field(&account(TOKEN, &[]), Channel::Email), "channel");
    assert_eq!(field(&account("", &[]), Channel::Sms), "auth_token");
    assert_eq!(field(&with("account_sid", "AC12"), Channel::Sms), "account_sid");
    assert_eq!(field(&with("from", "whatsapp:+15017250604"), Channel::Sms), "from");
    assert_eq!(field(&with("from", "Fanfare"), Channel::Sms), "");
    assert_eq!(field(&with("from", "Fanfare"), Channel::Whatsapp), "from");
    assert_eq!(field(&with("from", ""), Channel::Sms), "from");
    assert_eq!(field(&with("messaging_service_sid", "MG1"), Channel::Sms), "messaging_service_sid");
    assert_eq!(field(&with("base_url", "http://api.twilio.com"), Channel::Sms), "base_url");
    assert_eq!(field(&with("marketing_limit_retry_hours", "2h"), Channel::Whatsapp), "marketing_limit_retry_hours");
}
