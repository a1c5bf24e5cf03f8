//! Which messages of a list are taken for the one that is asked about.

use super::*;
use crate::{Lookup, LookupQuery, conformance::lookups::Case};

const TO: &str = "+15558675310";
const FROM: &str = "+15017250604";
/// The time that the suite asks about, and an hour and two days before it.
const THEN: &str = "Thu, 28 May 2026 20:26:50 +0000";
const AN_HOUR_BEFORE: &str = "Thu, 28 May 2026 19:26:50 +0000";
const LONG_BEFORE: &str = "Tue, 26 May 2026 12:00:00 +0000";

pub(super) fn case() -> Case {
    let ours = made("SM77", THEN, "Hello");
    let other = made("SM11", LONG_BEFORE, "Hello");
    Case {
        query: lookups::query(TO, Some("Hello")),
        found: (list(&[other.clone(), ours], Value::Null), "SM77"),
        not_found: list(&[other], Value::Null),
    }
}

fn made(sid: &str, date_created: &str, body: &str) -> Value {
    json!({"sid": sid, "to": TO, "from": FROM, "body": body, "direction": "outbound-api",
        "date_created": date_created, "date_sent": null, "status": "queued"})
}

fn with(mut message: Value, name: &str, value: Value) -> Value {
    message[name] = value;
    message
}

fn list(messages: &[Value], next: Value) -> Vec<u8> {
    http(200, &[], json!({"messages": messages, "next_page_uri": next, "page": 0}).to_string().as_bytes())
}

async fn ask(channel: Channel, more: &[(&str, &str)], query: &LookupQuery, answer: Vec<u8>) -> (Lookup, Vec<String>) {
    let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
    let base = format!("http://{}", stub.addr);
    let more: Vec<_> = more.iter().copied().chain([("base_url", base.as_str())]).collect();
    let found = sender(&account(TOKEN, &more), channel, DEADLINE).unwrap().lookup(query).await;
    let lines = stub.requests().into_iter().map(|request| String::from_utf8(request).unwrap().lines().next().unwrap().to_owned());
    (found, lines.collect())
}

async fn of(messages: &[Value], query: &LookupQuery) -> Lookup {
    ask(Channel::Sms, &[], query, list(messages, Value::Null)).await.0
}

fn found(id: &str) -> Lookup {
    Lookup::Found { provider_message_id: id.to_owned(), permalink: None }
}

fn cant_say(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::CantSay(fault) if fault.code == "lookup_ambiguous")
}

#[tokio::test]
async fn published_list_is_read_and_asked_for_by_number() {
    let path = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/get";
    let contract = contracts::json("twilio/openapi.json");
    let get = contract.pointer(path).unwrap();
    let page = &get["responses"]["200"]["content"]["application/json"]["examples"]["readFullPage1"]["value"];
    let mut page = page.clone();
    page["next_page_uri"] = Value::Null;
    let mut query = lookups::query("+18182008801", Some("testing"));
    query.sent_after = OffsetDateTime::from_unix_timestamp(1_558_719_880).unwrap();
    query.sent_before = query.sent_after + Duration::from_secs(20);
    let from = [("from", "+12019235161")];
    let (lookup, lines) = ask(Channel::Sms, &from, &query, http(200, &[], page.to_string().as_bytes())).await;
    assert_eq!(lookup, found("SMded05904ccb347238880ca9264e8fe1c"));
    let wanted = format!("GET /2010-04-01/Accounts/{SID}/Messages.json?To=%2B18182008801&PageSize=50&From=%2B12019235161 HTTP/1.1");
    assert_eq!(lines, [wanted]);
    let names: Vec<_> = get["parameters"].as_array().unwrap().iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert!(["To", "From", "PageSize"].iter().all(|name| names.contains(name)));
}

#[tokio::test]
async fn only_the_text_at_the_time_is_ours() {
    let query = lookups::query(TO, Some("Hello,  Ann"));
    assert_eq!(of(&[made("SM1", THEN, "Hello, Ann\n")], &query).await, found("SM1"), "whatever its blanks are");
    assert_eq!(of(&[], &query).await, Lookup::NotFound);
    assert_eq!(of(&[made("SM1", LONG_BEFORE, "Hello, Ann")], &query).await, Lookup::NotFound);
    assert_eq!(of(&[made("SM1", AN_HOUR_BEFORE, "Bye")], &query).await, Lookup::NotFound);
    assert_eq!(of(&[with(made("SM1", THEN, "Hello, Ann"), "direction", json!("inbound"))], &query).await, Lookup::NotFound);
    // The text may have been changed on the way, a clock may be wrong, a filter may not have been understood.
    assert!(cant_say(&of(&[made("SM1", THEN, "Hello, Ann. Sent by Example")], &query).await));
    assert!(cant_say(&of(&[made("SM1", AN_HOUR_BEFORE, "Hello, Ann")], &query).await));
    assert!(cant_say(&of(&[with(made("SM1", THEN, "Hello, Ann"), "to", json!("+15550000000"))], &query).await));
    let twice = [made("SM2", "Thu, 28 May 2026 20:27:10 +0000", "Hello, Ann"), made("SM1", THEN, "Hello, Ann")];
    assert_eq!(of(&twice, &query).await, found("SM1"), "the other is another delivery's, asked about next");
    let next = LookupQuery { known: vec!["SM1".to_owned()], ..query };
    assert_eq!(of(&twice, &next).await, found("SM2"));
}

#[tokio::test]
async fn without_a_text_only_the_one_message_is_ours() {
    let query = lookups::query(TO, None);
    let template = |sid: &str, made_at: &str| {
        let message = with(made(sid, made_at, "Hello from Twilio"), "to", json!(format!("whatsapp:{TO}")));
        with(message, "from", json!(format!("whatsapp:{FROM}")))
    };
    let of = async |messages: &[Value]| ask(Channel::Whatsapp, &[], &query, list(messages, Value::Null)).await;
    let (lookup, lines) = of(&[template("SM1", THEN), template("SM0", LONG_BEFORE)]).await;
    assert_eq!(lookup, found("SM1"));
    assert!(lines[0].contains("To=whatsapp%3A%2B15558675310&") && lines[0].contains("From=whatsapp%3A%2B15017250604 "), "{lines:?}");
    assert!(cant_say(&of(&[template("SM1", THEN), template("SM2", THEN)]).await.0));
    assert!(cant_say(&of(&[template("SM1", AN_HOUR_BEFORE)]).await.0));
    assert_eq!(of(&[template("SM1", LONG_BEFORE)]).await.0, Lookup::NotFound);
}

#[tokio::test]
async fn a_sender_that_is_no_number_is_not_asked_for() {
    let service = [("messaging_service_sid", "MG0123456789abcdef0123456789abcdef"), ("from", "Fanfare")];
    let message = with(made("SM1", THEN, "Hello"), "from", Value::Null);
    let (lookup, lines) = ask(Channel::Sms, &service, &lookups::query(TO, Some("Hello")), list(&[message], Value::Null)).await;
    assert_eq!(lookup, found("SM1"));
    assert!(!lines[0].contains("From="), "{lines:?}");
}

#[tokio::test]
async fn a_text_that_came_from_the_name_is_found_beside_those_from_the_number() {
    let names = [("alpha_sender", "Fanfare"), ("alpha_countries", "AE")];
    let to = "+971501234567";
    let message = with(with(made("SM1", THEN, "Hello"), "from", json!("Fanfare")), "to", json!(to));
    let (lookup, lines) = ask(Channel::Sms, &names, &lookups::query(to, Some("Hello")), list(&[message], Value::Null)).await;
    assert_eq!(lookup, found("SM1"));
    assert!(!lines[0].contains("From="), "{lines:?}");
}

#[tokio::test]
async fn a_list_without_an_end_proves_no_absence() {
    let next = json!("https://elsewhere.example/2010-04-01/Accounts/AC1/Messages.json?To=%2B15558675310&Page=1&PageToken=PASM1");
    let query = lookups::query(TO, Some("Hello"));
    let (lookup, lines) = ask(Channel::Sms, &[], &query, list(&[made("SM1", LONG_BEFORE, "Hello")], next.clone())).await;
    assert!(matches!(&lookup, Lookup::CantSay(fault) if fault.code == "lookup_incomplete"), "{lookup:?}");
    assert_eq!(lines.len(), 20);
    let second = format!("GET /2010-04-01/Accounts/{SID}/Messages.json?To=%2B15558675310&Page=1&PageToken=PASM1 HTTP/1.1");
    assert!(lines[1..].iter().all(|line| *line == second), "the account's own address: {lines:?}");
    let (lookup, _) = ask(Channel::Sms, &[], &query, list(&[made("SM1", THEN, "Hello")], next)).await;
    assert_eq!(lookup, found("SM1"));
}
