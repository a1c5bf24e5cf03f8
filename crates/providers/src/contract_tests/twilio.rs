//! Twilio: texts, templates, the list of messages, services and deactivated numbers.

use super::{Bench, accepted, json_answer, message, refused};
use crate::{Lookup, Message, Outcome, conformance::lookups::query};
use contracts::{Call, samples};
use domain::Channel;
use serde_json::{Value, json};
use std::time::Duration;

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const SERVICE: (&str, &str) = ("messaging_service_sid", "MG0123456789abcdef0123456789abcdef");
const CREATE: &str = "/2010-04-01/Accounts/{AccountSid}/Messages.json";

pub(super) fn bench(channel: Channel) -> Bench {
    Bench::new("twilio", channel, &[("account_sid", SID), ("from", "+15017250604")], &[("auth_token", "not-a-token")])
}

pub(super) fn text(content: Value) -> Message {
    let callback = Some("https://hub.example.com/webhooks/twilio/7/status?d=d1.017-Ab_c".to_owned());
    Message { status_callback: callback, ..message("+15558675310", content) }
}

/// Every form of message that the adapter can make, with the account that makes it.
fn variants() -> Vec<(Bench, Message)> {
    let (sms, whatsapp) = (bench(Channel::Sms), bench(Channel::Whatsapp));
    let template = |variables: Value| {
        let sid = "HX0123456789abcdef0123456789abcdef";
        text(json!({"whatsapp": {"twilio": {"content_sid": sid, "variables": variables}}}))
    };
    let plain = text(json!({"sms": {"text": "Hello, café 👋"}}));
    let lasting = Message { valid_for: Some(Duration::from_secs(900)), country: Some("GB"), ..plain.clone() };
    let pictures = json!(["https://cdn.example.com/a.jpg", "https://cdn.example.com/b.jpg"]);
    let named = [("alpha_sender", "Lumen"), ("alpha_countries", "GB,AE"), ("smart_encoding", "true")];
    let answer = |reply: &str| json!({"free": {"text": "Gladly", "media_url": "", "subject": "", "in_reply_to": reply}});
    vec![
        (sms.clone(), plain.clone()),
        (sms.clone(), Message { status_callback: None, ..plain.clone() }),
        (sms.with(&[SERVICE]), plain),
        (sms.with(&named), lasting),
        (sms.clone(), Message { country: Some("US"), ..text(json!({"sms": {"text": "Look", "media_urls": pictures}})) }),
        (sms, text(answer("SM1"))),
        (whatsapp.clone(), template(json!({"1": "Pablo", "2": "25%"}))),
        (whatsapp.clone(), template(json!({}))),
        (whatsapp, text(json!({"free": {"text": "This one", "media_url": "https://cdn.example.com/a.jpg"}}))),
    ]
}

#[tokio::test]
async fn every_request_with_every_answer() {
    let examples = contracts::json("twilio/samples/create_message_201_all_examples.json");
    let examples: Vec<Value> =
        examples.as_object().unwrap().values().map(|example| example.get("value").unwrap_or(example).clone()).collect();
    assert!(examples.len() >= 4);
    for (bench, message) in variants() {
        for example in &examples {
            let (outcome, calls) = bench.send(&message, &json_answer(201, example.to_string().as_bytes())).await;
            assert_eq!(Some(accepted(&outcome)), example["sid"].as_str());
            assert_eq!(contracts::assert_requests("twilio", &calls), [CREATE]);
        }
        for (name, body) in samples("twilio", "error_", ".json") {
            let status = name.split('_').nth(1).unwrap().parse().unwrap();
            let said: Value = serde_json::from_slice(&body).unwrap();
            let fault = refused(bench.send(&message, &json_answer(status, &body)).await.0);
            assert_eq!(fault.code, said["code"].to_string(), "{name}");
        }
    }
}

#[tokio::test]
async fn the_fields_are_the_ones_that_are_meant() {
    let mut forms = Vec::new();
    for (bench, message) in variants() {
        let created = contracts::bytes("twilio/samples/create_message_201.json");
        let (_, calls) = bench.send(&message, &json_answer(201, &created)).await;
        forms.push(calls[0].form());
    }
    let has = |i: usize, name: &str, value: &str| forms[i].contains(&(name.to_owned(), value.to_owned()));
    assert!(has(0, "From", "+15017250604") && has(0, "Body", "Hello, café 👋"));
    assert!(has(2, "MessagingServiceSid", SERVICE.1));
    assert!(has(3, "From", "Lumen") && has(3, "SmartEncoded", "true") && has(3, "ValidityPeriod", "900"));
    assert_eq!(forms[4].iter().filter(|(name, _)| name == "MediaUrl").count(), 2);
    assert!(has(6, "To", "whatsapp:+15558675310") && has(6, "ContentVariables", r#"{"1":"Pablo","2":"25%"}"#));
    assert!(!forms[7].iter().any(|(name, _)| name == "ContentVariables" || name == "Body"));
}

/// A page of the list, as the file itself gives it.
fn published_page() -> Value {
    let contract = contracts::json("twilio/openapi.json");
    let get = &contract["paths"][CREATE]["get"]["responses"]["200"]["content"]["application/json"];
    get["examples"]["readFullPage1"]["value"].clone()
}

#[tokio::test]
async fn the_list_is_asked_for_as_described() {
    for channel in [Channel::Sms, Channel::Whatsapp] {
        for bench in [bench(channel), bench(channel).with(&[SERVICE])] {
            let (lookup, calls) =
                bench.look_up(&query("+15558675310", Some("Hello")), &json_answer(200, br#"{"messages":[],"next_page_uri":null}"#)).await;
            assert_eq!((lookup, calls.len()), (Lookup::NotFound, 1));
        }
    }
    let mut page = published_page();
    assert!(page["messages"].as_array().is_some_and(|messages| !messages.is_empty()));
    // The file's own example of a next page has dates that the file itself wouldn't take.
    let next = page["next_page_uri"].as_str().unwrap().replace("2008-01-02", "2008-01-02T00:00:00Z");
    page["next_page_uri"] = next.into();
    let (_, calls) =
        bench(Channel::Sms).look_up(&query("+18182008801", Some("testing")), &json_answer(200, page.to_string().as_bytes())).await;
    assert!(calls.len() > 1 && calls.iter().all(|call| call.method == "GET"), "further pages too");
}

#[tokio::test]
async fn an_account_is_tested_as_described() {
    let mut bench = bench(Channel::Sms).with(&[SERVICE]);
    bench.before = vec![("GET /2010-04-01/", json_answer(200, published_page().to_string().as_bytes()))];
    let contract = contracts::json("twilio/messaging_v1.openapi.json");
    let service = &contract["paths"]["/v1/Services/{Sid}"]["get"]["responses"]["200"]["content"]["application/json"];
    let service = service["examples"]["fetch"]["value"].clone();
    assert!(service.is_object());
    let (checked, calls) = bench.manage(&json_answer(200, service.to_string().as_bytes()), async |manage| manage.check().await).await;
    assert_eq!(checked.unwrap().handle, service["friendly_name"].as_str().unwrap());
    let paths: Vec<&str> = calls.iter().map(Call::path).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    let (checked, _) =
        bench.manage(&json_answer(401, br#"{"code":20003,"message":"Authenticate"}"#), async |manage| manage.check().await).await;
    assert_eq!(checked.unwrap_err().code, "20003");
}

#[tokio::test]
async fn templates_are_read_as_described() {
    let contract = contracts::json("twilio/content_v1.openapi.json");
    let list = &contract["paths"]["/v1/ContentAndApprovals"]["get"]["responses"]["200"]["content"]["application/json"];
    let mut page = list["examples"]["readResults"]["value"].clone();
    let last = json_answer(200, page.to_string().as_bytes());
    let (read, calls) = bench(Channel::Whatsapp).manage(&last, async |manage| manage.templates().await).await;
    let count = read.unwrap().unwrap().len();
    assert!(count >= 3 && calls.len() == 1);
    page["meta"]["next_page_url"] = json!("https://content.twilio.com/v1/ContentAndApprovals?PageSize=50&Page=1&PageToken=PT1");
    let mut bench = bench(Channel::Whatsapp);
    bench.before = vec![("GET /v1/ContentAndApprovals?PageSize=50 HTTP", json_answer(200, page.to_string().as_bytes()))];
    let (read, calls) = bench.manage(&last, async |manage| manage.templates().await).await;
    assert_eq!((read.unwrap().unwrap().len(), calls.len()), (2 * count, 2));
}

#[tokio::test]
async fn a_time_out_of_twilios_own_is_a_doubt() {
    let body = json!({"code": 30_410, "message": "Provider timeout", "status": 400}).to_string();
    let (outcome, _) = bench(Channel::Sms).send(&text(json!({"sms": {"text": "Hi"}})), &json_answer(400, body.as_bytes())).await;
    assert!(matches!(outcome, Outcome::Uncertain(fault) if fault.code == "30410"));
}
