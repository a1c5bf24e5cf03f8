//! Requests: each good one is taken, each broken one refused, and every answer is as described.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::{Answer, Call};
use sandbox::Config;
use sandbox::config::{Mail, Whatsapp};
use serde_json::{Value, json};

use crate::contract::{ask, holds};
use crate::support::{ACCESS, ACCOUNT, API_KEY, NUMBER_ID, Running, TOKEN, config, smooth};

const WABA: &str = "102290129340398";
const CONTENT: &str = "HX0123456789abcdef0123456789abcdef";

async fn running() -> Running {
    Running::start(config(None, smooth())).await
}

fn twilio(method: &str, path: &str) -> Call {
    let credentials = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    Call::new(method, path).with_header("authorization", &format!("Basic {credentials}"))
}

fn messages() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn twilio_messages() {
    let running = running().await;
    let text = [("To", "+15558675310"), ("From", "+15017250604"), ("Body", "Hi")];
    let service = [
        ("To", "+15558675310"),
        ("MessagingServiceSid", "MG0123456789abcdef0123456789abcdef"),
        ("Body", "Hi"),
        ("StatusCallback", "https://hub.example.com/status?d=1"),
        ("ValidityPeriod", "300"),
        ("SmartEncoded", "true"),
    ];
    let template = [
        ("To", "whatsapp:+15558675310"),
        ("From", "whatsapp:+15017250604"),
        ("ContentSid", "HX0123456789abcdef0123456789abcdef"),
        ("ContentVariables", r#"{"1":"Pablo"}"#),
    ];
    for form in [&text[..], &service, &template] {
        holds(&running, "twilio", &twilio("POST", &messages()).with_form(form.iter().copied())).await;
    }
}

#[tokio::test]
async fn twilio_lists_what_it_took() {
    let running = running().await;
    let create = twilio("POST", &messages()).with_form([("To", "+15558675310"), ("From", "+15017250604"), ("Body", "Hi")]);
    let sid = body(&ask(&running, &create).await)["sid"].as_str().unwrap().to_owned();
    for target in [
        messages(),
        format!("{}?To=%2B15558675310&PageSize=50&From=%2B15017250604", messages()),
        format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json"),
    ] {
        let call = twilio("GET", &target);
        let answer = ask(&running, &call).await;
        assert_eq!(answer.status, 200, "{target}");
        contracts::assert_answer("twilio", &call, &answer);
        assert_eq!(ask(&running, &call.without_header("authorization")).await.status, 401);
    }
}

#[tokio::test]
async fn sendgrid_mail() {
    let running = running().await;
    let send = |body: &Value| Call::new("POST", "/v3/mail/send").with_header("authorization", &format!("Bearer {API_KEY}")).with_json(body);
    holds(&running, "sendgrid", &send(&contracts::json("sendgrid/samples/mail_send_request.json"))).await;
    let many: Vec<Value> =
        (0..3).map(|i| json!({"to": [{"email": format!("p{i}@example.net")}], "custom_args": {"fanfare": i.to_string()}})).collect();
    let content = json!([{"type": "text/plain", "value": "Hi"}]);
    let answer = holds(
        &running,
        "sendgrid",
        &send(&json!({"personalizations": many, "from": {"email": "n@example.com"}, "subject": "Hi", "content": content})),
    )
    .await;
    assert!(answer.header("x-message-id").is_some());
}

/// What WhatsApp's providers are told to keep, and SendGrid's suppressions.
async fn keeping() -> Running {
    let whatsapp: Whatsapp = serde_json::from_value(json!({
        "waba_id": WABA,
        "templates": [{"id": "1", "name": "spring_sale", "language": "en_US", "category": "MARKETING", "status": "APPROVED"}],
        "contents": [{"sid": CONTENT, "name": "spring_sale", "language": "en", "category": "MARKETING", "status": "approved"}],
    }))
    .unwrap();
    let suppressions = [("bounces".to_owned(), vec!["gone@example.net".to_owned()])].into();
    Running::start(Config { whatsapp, mail: Mail { suppressions, ..Mail::default() }, ..config(None, smooth()) }).await
}

#[tokio::test]
async fn lists_are_as_described_and_not_for_strangers() {
    let running = keeping().await;
    let bearer = |target: String, token: &str| Call::new("GET", &target).with_header("authorization", &format!("Bearer {token}"));
    let calls = [
        ("twilio", twilio("GET", "/v1/Services")),
        ("twilio", twilio("GET", "/v1/Services/MG0123456789abcdef0123456789abcdef")),
        ("twilio", twilio("GET", "/v1/Deactivations?Date=2026-11-21")),
        ("twilio", twilio("GET", "/v1/ContentAndApprovals?PageSize=50")),
        ("twilio", twilio("GET", &format!("/v1/Content/{CONTENT}/ApprovalRequests"))),
        ("meta", bearer(format!("/v23.0/{WABA}/phone_numbers"), ACCESS)),
        ("meta", bearer(format!("/v23.0/{WABA}/message_templates?limit=10"), ACCESS)),
        ("sendgrid", bearer("/v3/suppression/bounces?start_time=1&limit=200&offset=0".to_owned(), API_KEY)),
        ("sendgrid", bearer("/v3/suppression/unsubscribes?limit=200".to_owned(), API_KEY)),
    ];
    for (provider, call) in calls {
        contracts::assert_requests(provider, std::slice::from_ref(&call));
        let answer = ask(&running, &call).await;
        assert!((200..400).contains(&answer.status), "{}: {}", call.target, String::from_utf8_lossy(&answer.body));
        contracts::assert_answer(provider, &call, &answer);
        assert_eq!(ask(&running, &call.without_header("authorization")).await.status, 401);
    }
}

fn meta(endpoint: &str, body: &Value) -> Call {
    Call::new("POST", &format!("/v23.0/{NUMBER_ID}/{endpoint}")).with_header("authorization", &format!("Bearer {ACCESS}")).with_json(body)
}

#[tokio::test]
async fn meta_templates() {
    let running = running().await;
    let variants = contracts::json("meta-whatsapp/samples/send_requests_template_variants.json");
    for request in variants.as_object().unwrap().values() {
        holds(&running, "meta", &meta("messages", request)).await;
    }
    let text = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505551234", "type": "text",
        "text": {"body": "Hi"}});
    holds(&running, "meta", &meta("messages", &text)).await;
}

#[tokio::test]
async fn meta_marketing_messages() {
    let running = running().await;
    let published = contracts::json("meta-whatsapp/samples/marketing_messages_requests_published.json");
    assert!(published.as_object().unwrap().len() >= 3);
    for request in published.as_object().unwrap().values() {
        holds(&running, "meta", &meta("marketing_messages", request)).await;
    }
}
