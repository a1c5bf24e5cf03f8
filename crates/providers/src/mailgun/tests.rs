use super::*;
use crate::conformance::{
    Fixture, Hooks, conformance, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::errors::{INVALID, OPT_OUT, PAUSE, PERMANENT, RETRY};
use crate::{Attachment, Capability, Decoded, EventKind, FaultAction, Message, Outcome, Refused, RemoteOptOutKind, WebhookRequest};
use domain::content::{EmailVariant, FreeMessage, Rendered};
use ring::hmac;
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};
use time::OffsetDateTime;
use url::form_urlencoded;

conformance!(sending super::fixture);
// Mailgun signs nothing but a time and a token, both in the body: what the suite asks of a signature is asked below.
conformance!(receives super::fixture: replayed_post_has_the_same_keys, unknown_event_is_harmless, unknown_fields_of_a_post_change_nothing);

const API_KEY: &str = "key-not-a-real-one";
const SIGNING_KEY: &str = "not-a-real-signing-key";
const URL: &str = "https://hub.example.com/webhooks/mailgun/7";
const STAMP: i64 = 1_760_000_000;

fn account(more: &[(&str, &str)]) -> Account {
    let settings = [("domain", "mg.example.com"), ("from", "news@mg.example.com"), ("from_name", "Example Store")];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let secret = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let secrets = [secret("api_key", API_KEY), secret("webhook_signing_key", SIGNING_KEY)].into();
    Account { settings: settings.iter().chain(more).map(text).collect(), secrets }
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&account(&[("base_url", &format!("http://{addr}"))]), Channel::Email, deadline).unwrap()
}

fn email(to: &str, text: &str) -> Message {
    let variant =
        EmailVariant { subject: "Hello".to_owned(), html: format!("<p>{text}</p>"), text: text.to_owned(), ..EmailVariant::default() };
    let link = format!("https://hub.example.com/u/{}", to.len());
    Message { unsubscribe_url: Some(link), ..message(to, Rendered::Email(variant)) }
}

fn receiver() -> Arc<dyn Webhook> {
    (PROVIDER.webhook.unwrap())(&account(&[])).unwrap()
}

fn queued() -> Vec<u8> {
    http(200, &[], br#"{"id":"<20260528.1.ABC@mg.example.com>","message":"Queued. Thank you."}"#)
}

fn post(stamp: i64, data: &Value) -> Value {
    let token = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_KEY.as_bytes());
    let signature = crate::signature::hex(hmac::sign(&key, format!("{stamp}{token}").as_bytes()).as_ref());
    json!({"signature": {"timestamp": stamp.to_string(), "token": token, "signature": signature}, "event-data": data})
}

fn data(event: &str, more: Value) -> Value {
    let mut data = json!({
        "event": event, "id": "e1", "timestamp": 1_760_000_001.25,
        "user-variables": {"fanfare": "d1.017-Ab_c"},
        "message": {"headers": {"message-id": "20260528.1.ABC@mg.example.com"}},
    });
    let (Some(all), Value::Object(more)) = (data.as_object_mut(), more) else { panic!() };
    all.extend(more);
    data
}

fn fixture() -> Fixture {
    let said = |message: &str| json!({"message": message}).to_string().into_bytes();
    let config = Config::read(&account(&[])).unwrap();
    let sending = send::Sender::new(config.clone(), DEADLINE).unwrap();
    let manager = manage::Manager::new(config.clone(), DEADLINE).unwrap();
    let debug = format!("{:?} {config:?} {sending:?} {manager:?} {:?}", account(&[]), webhook::Receiver::new(&config));
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: email("ann@example.net", "Hi"),
        before: Vec::new(),
        accepted: (queued(), "20260528.1.ABC@mg.example.com"),
        refused: (http(400, &[], &said("to parameter is not a valid address. please check documentation")), "http_400", INVALID),
        throttled: (
            http(429, &[("Retry-After", "2")], &said("Too many requests")),
            FaultAction::Throttle { after: Some(Duration::from_secs(2)) },
        ),
        server_error: Some((http(500, &[], b"oops"), "http_500")),
        garbage: http(200, &[], b"<html>welcome to the hotel's network</html>"),
        debug,
        secrets: vec![API_KEY, SIGNING_KEY],
        capability: Capability::None,
        lookup: None,
        hooks: Some(Hooks {
            receiver: receiver(),
            url: URL,
            now: OffsetDateTime::from_unix_timestamp(STAMP).unwrap(),
            known: post(STAMP, &data("delivered", json!({}))).to_string().into_bytes(),
            unknown: post(STAMP, &data("teleported", json!({}))).to_string().into_bytes(),
            sign: |_| BTreeMap::new(),
            signature_header: "",
            bytes: |text| text.as_bytes().to_vec(),
            text: |bytes| String::from_utf8_lossy(bytes).into_owned(),
        }),
    }
}

fn form(request: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut form: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body(request)).into_owned() {
        form.entry(name).or_default().push(value);
    }
    form
}

#[tokio::test]
async fn one_message_is_a_form() {
    let stub = Stub::start(Protocol::Http, Then::Reply(queued())).await;
    let outcome = at(stub.addr, DEADLINE).send(&email("ann@example.net", "Hi & bye %recipient.x%")).await;
    assert_eq!(outcome, Outcome::accepted("20260528.1.ABC@mg.example.com"));
    let request = stub.requests().remove(0);
    let head = String::from_utf8_lossy(&request).into_owned();
    assert!(head.starts_with("POST /v3/mg.example.com/messages HTTP/1.1\r\n"), "{head}");
    let form = form(&request);
    for (name, value) in [
        ("from", "Example Store <news@mg.example.com>"),
        ("to", "Ann Example <ann@example.net>"),
        ("subject", "Hello"),
        ("text", "Hi & bye %recipient.x%"),
        ("v:fanfare", "d1.017-Ab_c"),
        ("h:Message-Id", "<d1-key@mg.example.com>"),
        ("h:List-Unsubscribe", "<https://hub.example.com/u/15>"),
        ("h:List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("o:tracking", "no"),
    ] {
        assert_eq!(form[name], [value], "{name}");
    }
    assert!(!form.contains_key("recipient-variables"));
}

#[tokio::test]
async fn several_share_a_call_and_differ_in_their_variables() {
    let stub = Stub::start(Protocol::Http, Then::Reply(queued())).await;
    let sending = at(stub.addr, DEADLINE);
    let messages = [email("ann@example.net", "Hi Ann"), email("bob@example.org", "Hi Bob"), email("not an address", "Hi")];
    let outcomes = sending.send_batch(&messages).await;
    let ids = ["20260528.1.ABC@mg.example.com#0", "20260528.1.ABC@mg.example.com#1"];
    assert_eq!(outcomes[..2], ids.map(Outcome::accepted));
    assert!(matches!(&outcomes[2], Outcome::Refused(fault) if fault.action == INVALID));
    let requests = stub.requests();
    assert_eq!(requests.len(), 1);
    let form = form(&requests[0]);
    assert_eq!(form["to"], ["Ann Example <ann@example.net>", "Ann Example <bob@example.org>"]);
    assert_eq!(
        (form["subject"][0].as_str(), form["text"][0].as_str()),
        ("Hello", "%recipient.text%"),
        "what is the same stands there once"
    );
    let variables: Value = serde_json::from_str(&form["recipient-variables"][0]).unwrap();
    assert_eq!((&variables["ann@example.net"]["text"], &variables["bob@example.org"]["text"]), (&json!("Hi Ann"), &json!("Hi Bob")));
    assert_eq!(variables["bob@example.org"]["n"], "1");
    assert_eq!(form["v:fanfare"], ["d1.017-Ab_c"]);
    assert_eq!(form["h:List-Unsubscribe-Post"], ["List-Unsubscribe=One-Click"]);
}

#[tokio::test]
async fn what_cannot_share_a_call_gets_one_of_its_own() {
    let stub = Stub::start(Protocol::Http, Then::Reply(queued())).await;
    let file = Attachment {
        name: "a \"b\".pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        content_id: None,
        bytes: b"%PDF"[..].into(),
    };
    let picture = Attachment {
        name: "x".to_owned(),
        media_type: "image/png".to_owned(),
        content_id: Some("logo".to_owned()),
        bytes: b"PNG"[..].into(),
    };
    let with_files = Message { attachments: vec![file, picture], ..email("bob@example.org", "Hi") };
    let messages =
        [email("ann@example.net", "Hi"), with_files, email("ann@example.net", "Again"), email("cy@example.org", "{{%recipient.n%}}")];
    let outcomes = at(stub.addr, DEADLINE).send_batch(&messages).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })), "{outcomes:?}");
    let requests = stub.requests();
    assert_eq!(requests.len(), 4, "a file, an address that is there already, words that look like a variable");
    let multipart =
        requests.iter().map(|request| String::from_utf8_lossy(request).into_owned()).find(|text| text.contains("multipart")).unwrap();
    assert!(
        multipart.contains("name=\"attachment\"; filename=\"a %22b%22.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n"),
        "{multipart}"
    );
    assert!(multipart.contains("name=\"inline\"; filename=\"logo\"\r\n"), "{multipart}");
    assert!(multipart.trim_end().ends_with("--"));
}

#[tokio::test]
async fn messages_with_the_same_files_share_them() {
    let stub = Stub::start(Protocol::Http, Then::Reply(queued())).await;
    let file = |bytes: &[u8]| Attachment {
        name: "offer.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        content_id: None,
        bytes: bytes.into(),
    };
    let with = |to: &str, bytes: &[u8]| Message { attachments: vec![file(bytes)], ..email(to, &format!("Hi {to}")) };
    let messages = [with("ann@example.net", b"%PDF-1"), with("bob@example.org", b"%PDF-1"), with("cy@example.org", b"%PDF-2")];
    let outcomes = at(stub.addr, DEADLINE).send_batch(&messages).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })), "{outcomes:?}");
    let requests: Vec<_> = stub.requests().iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect();
    assert_eq!(requests.len(), 2, "a call of its own only for the other file");
    assert!(requests[0].matches("%PDF-1").count() == 1 && requests[0].contains("recipient-variables"), "{requests:?}");
    assert!(requests[1].contains("%PDF-2") && !requests[1].contains("recipient-variables"), "{requests:?}");
}

#[tokio::test]
async fn a_call_that_is_refused_for_one_of_them_is_made_again_for_each() {
    let no = json!({"message": "to parameter is not a valid address"}).to_string();
    let stub = Stub::start(Protocol::Http, Then::Reply(http(400, &[], no.as_bytes()))).await;
    let outcomes = at(stub.addr, DEADLINE).send_batch(&[email("ann@example.net", "a"), email("bob@example.org", "b")]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(fault) if fault.action == INVALID)));
    assert_eq!(stub.requests().len(), 3);
    let stub = Stub::start(Protocol::Http, Then::Reply(http(401, &[], b"Forbidden"))).await;
    let outcomes = at(stub.addr, DEADLINE).send_batch(&[email("ann@example.net", "a"), email("bob@example.org", "b")]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(fault) if fault.action == PAUSE)));
    assert_eq!(stub.requests().len(), 1, "no other message would fare better");
}

#[tokio::test]
async fn an_answer_in_a_conversation_names_what_it_answers() {
    let stub = Stub::start(Protocol::Http, Then::Reply(queued())).await;
    let answer = FreeMessage {
        text: "Yes".to_owned(),
        subject: "Re: Hello".to_owned(),
        in_reply_to: "<m1@example.net>".to_owned(),
        ..FreeMessage::default()
    };
    at(stub.addr, DEADLINE).send(&message("ann@example.net", Rendered::Free(answer))).await;
    let form = form(&stub.requests()[0]);
    assert_eq!((form["h:In-Reply-To"][0].as_str(), form["subject"][0].as_str()), ("<m1@example.net>", "Re: Hello"));
}

fn verify(post: &Value, now: i64) -> Result<(), Refused> {
    let (headers, body) = (BTreeMap::new(), post.to_string().into_bytes());
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
    receiver().verify(&WebhookRequest { url: URL, headers: &headers, body: &body, now })
}

#[test]
fn only_a_signed_time_and_token_are_believed_and_not_for_long() {
    let good = post(STAMP, &data("delivered", json!({})));
    assert_eq!(verify(&good, STAMP), Ok(()));
    for (name, forged) in [("timestamp", "1760000001"), ("token", "b8ce"), ("signature", "00"), ("signature", "not hexadecimal")] {
        let mut post = good.clone();
        post["signature"][name] = json!(forged);
        assert_eq!(verify(&post, STAMP), Err(Refused::Mismatch), "{name}");
    }
    let signature = good["signature"]["signature"].as_str().unwrap();
    for place in 0..signature.len() {
        let mut flipped = signature.as_bytes().to_vec();
        flipped[place] ^= 1;
        let mut post = good.clone();
        post["signature"]["signature"] = json!(String::from_utf8(flipped).unwrap());
        assert_eq!(verify(&post, STAMP), Err(Refused::Mismatch));
    }
    assert_eq!(verify(&json!({"event-data": {}}), STAMP), Err(Refused::Missing));
    assert_eq!(verify(&good, STAMP + 13 * 3_600), Err(Refused::Stale));
    assert_eq!(verify(&good, STAMP - 600), Err(Refused::Stale));
    let mut without = account(&[]);
    without.secrets.remove("webhook_signing_key");
    let receiver = (PROVIDER.webhook.unwrap())(&without).unwrap();
    let (headers, body) = (BTreeMap::new(), good.to_string().into_bytes());
    let now = OffsetDateTime::from_unix_timestamp(STAMP).unwrap();
    assert_eq!(receiver.verify(&WebhookRequest { url: URL, headers: &headers, body: &body, now }), Err(Refused::Mismatch));
}

fn decode(data: &Value) -> Decoded {
    let (headers, body) = (BTreeMap::new(), post(STAMP, data).to_string().into_bytes());
    receiver().decode(&WebhookRequest { url: URL, headers: &headers, body: &body, now: OffsetDateTime::UNIX_EPOCH }).unwrap()
}

#[test]
fn events_are_read() {
    let status = |code: u64, enhanced: &str, message: &str| json!({"severity": "permanent", "reason": "bounce", "delivery-status": {"code": code, "enhanced-code": enhanced, "message": message}});
    let listed = |reason: &str, code: u64| json!({"severity": "permanent", "reason": reason, "delivery-status": {"code": code}});
    for (event, more, kind, code, action) in [
        ("accepted", json!({}), EventKind::Sent, "accepted", None),
        ("delivered", json!({}), EventKind::Delivered, "delivered", None),
        ("opened", json!({}), EventKind::Opened, "opened", None),
        ("opened", json!({"client-info": {"bot": "apple"}}), EventKind::MachineOpened, "opened", None),
        ("clicked", json!({}), EventKind::Clicked, "clicked", None),
        ("complained", json!({}), EventKind::Complained, "complained", Some(OPT_OUT)),
        ("unsubscribed", json!({}), EventKind::Unsubscribed, "unsubscribed", Some(OPT_OUT)),
        ("rejected", json!({}), EventKind::Failed, "rejected", Some(PERMANENT)),
        ("failed", status(550, "5.1.1", "no such user"), EventKind::Failed, "5.1.1", Some(INVALID)),
        ("failed", status(550, "", "5.7.1 blocked"), EventKind::Failed, "5.7.1", Some(PERMANENT)),
        ("failed", listed("suppress-bounce", 605), EventKind::Failed, "suppress-bounce", Some(INVALID)),
        ("failed", listed("suppress-unsubscribe", 606), EventKind::Failed, "suppress-unsubscribe", Some(OPT_OUT)),
    ] {
        let decoded = decode(&data(event, more));
        assert_eq!((decoded.events.len(), decoded.unknown), (1, 0), "{event}");
        let told = &decoded.events[0];
        assert_eq!((told.kind, told.code.as_deref(), told.action), (kind, Some(code), action), "{event}");
        assert_eq!(told.correlation.as_deref(), Some("d1.017-Ab_c"));
        assert_eq!(told.provider_message_id.as_deref(), Some("20260528.1.ABC@mg.example.com"));
        assert_eq!((told.key.as_str(), told.occurred_at.unix_timestamp()), (format!("{event}:e1").as_str(), STAMP + 1));
        if kind == EventKind::Failed {
            assert_eq!(errors::report_action(code), action, "the code alone says what follows");
        }
    }
    let in_a_call = decode(&data("delivered", json!({"user-variables": {"fanfare": "d1.017-Ab_c", "fanfare_n": "3"}})));
    assert_eq!(in_a_call.events[0].provider_message_id.as_deref(), Some("20260528.1.ABC@mg.example.com#3"));
}

#[test]
fn what_is_not_ours_or_will_pass_changes_nothing() {
    assert_eq!(decode(&data("failed", json!({"severity": "temporary"}))), Decoded::default());
    let strangers = decode(&data("complained", json!({"user-variables": {}})));
    assert_eq!((strangers.events.len(), strangers.unknown), (0, 1), "nothing in the post itself is signed");
    assert!(decode(&data("delivered", json!({"id": null}))).events.is_empty(), "without an id it would count each time");
}

#[test]
fn every_refusal_has_its_action() {
    let fault = |status: u16, message: &str| {
        let body = json!({"message": message}).to_string().into_bytes();
        let status = http::StatusCode::from_u16(status).unwrap();
        errors::fault(&crate::http_client::Answer { status, headers: http::HeaderMap::new(), body })
    };
    for (status, action) in [
        (400, PERMANENT),
        (401, PAUSE),
        (402, PAUSE),
        (403, PAUSE),
        (404, PAUSE),
        (413, PERMANENT),
        (429, FaultAction::Throttle { after: None }),
    ] {
        let fault = fault(status, "something");
        assert_eq!((fault.code, fault.action), (format!("http_{status}"), action));
    }
    assert_eq!(fault(400, "'to' parameter is not a valid address").action, INVALID);
    assert_eq!(errors::report_action("nonsense"), None);
}

#[tokio::test]
async fn the_domain_is_tested_and_its_lists_are_read() {
    let manage =
        |addr: SocketAddr| (PROVIDER.manage.unwrap())(&account(&[("base_url", &format!("http://{addr}"))]), Channel::Email).unwrap();
    let active =
        Stub::start(Protocol::Http, Then::Reply(http(200, &[], br#"{"domain":{"name":"mg.example.com","state":"active"}}"#))).await;
    let checked = manage(active.addr).check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("news@mg.example.com", "mg.example.com"));
    assert!(active.requests()[0].starts_with(b"GET /v3/domains/mg.example.com HTTP/1.1\r\n"));
    let other =
        Stub::start(Protocol::Http, Then::Reply(http(200, &[], br#"{"domain":{"name":"mg.example.com","state":"unverified"}}"#))).await;
    let fault = manage(other.addr).check().await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.action), ("domain_unverified", PAUSE));

    let pages = json!({"items": [], "paging": {"next": "https://api.mailgun.net/v3/x"}}).to_string();
    let first = json!({
        "items": [
            {"address": "old@example.com", "created_at": "Thu, 01 Jan 2026 00:00:00 UTC"},
            {"address": "new@example.com", "created_at": "Thu, 28 May 2026 00:00:00 UTC"},
        ],
        "paging": {"next": "https://elsewhere.example/v3/mg.example.com/bounces?page=next&address=new&limit=1000"},
    });
    let more = vec![("GET /v3/mg.example.com/bounces?limit=1000 ", http(200, &[], first.to_string().as_bytes()))];
    let stub = Stub::stepped(Protocol::Http, more, Then::Reply(http(200, &[], pages.as_bytes()))).await;
    let since = OffsetDateTime::from_unix_timestamp(1_777_000_000).unwrap();
    let found = manage(stub.addr).opt_outs(since).await.unwrap().unwrap();
    let read: Vec<_> = found.iter().map(|one| (one.address.as_str(), one.kind, one.source.as_str())).collect();
    assert_eq!(read, [("new@example.com", RemoteOptOutKind::Invalid, "bounces")]);
    let broken = Stub::start(Protocol::Http, Then::Reply(http(200, &[], b"{}"))).await;
    assert_eq!(manage(broken.addr).opt_outs(since).await.unwrap_err().action, RETRY);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |more: &[(&str, &str)], channel| sender(&account(more), channel, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&[], Channel::Email), None);
    for (more, wrong) in [
        (("domain", "https://mg.example.com"), "domain"),
        (("domain", "localhost"), "domain"),
        (("from", "Example Store"), "from"),
        (("batch_size", "1001"), "batch_size"),
        (("base_url", "http://api.mailgun.net"), "base_url"),
    ] {
        assert_eq!(field(&[more], Channel::Email).as_deref(), Some(wrong), "{more:?}");
    }
    assert_eq!(field(&[], Channel::Sms).as_deref(), Some("channel"));
}
