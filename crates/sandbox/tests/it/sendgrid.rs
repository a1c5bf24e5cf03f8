//! E-mail through SendGrid.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey};
use sandbox::behaviour::Behaviour;
use serde_json::{Value, json};

use crate::support::{Hub, Running, config, json, new_key, smooth};

fn mail(to: &str, token: &str) -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": to }], "custom_args": { "fanfare": token, "event": "mine" } }],
        "from": { "email": "news@example.com", "name": "News" },
        "subject": "नमस्ते",
        "content": [
            { "type": "text/plain", "value": "plain" },
            { "type": "text/html", "value": "<p>rich</p>" },
        ],
        "categories": ["campaign-42"],
    })
}

#[tokio::test]
async fn events_are_signed_and_carry_the_custom_arguments() {
    let hub = Hub::start().await;
    let mut config = config(Some(&hub), smooth());
    let (pem, key) = new_key();
    config.sendgrid.as_mut().unwrap().private_key_pem = pem;
    let running = Running::start(config).await;
    let response = running.sendgrid(&mail("Ann@Example.com", "tok-1")).await;
    assert_eq!(response.status(), 202);
    let id = response.headers()["x-message-id"].to_str().unwrap().to_owned();
    assert_eq!(response.text().await.unwrap(), "");
    let figures = running.settled().await;
    assert_eq!((figures.email.sent, figures.email.delivered), (1, 1));

    let mut events = Vec::new();
    for call in hub.calls_to("/sendgrid") {
        let timestamp = call.header("x-twilio-email-event-webhook-timestamp");
        let signature = STANDARD.decode(call.header("x-twilio-email-event-webhook-signature")).unwrap();
        let signed = [timestamp.as_bytes(), &call.body].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
        public.verify(&signed, &signature).unwrap();
        assert!(call.body.ends_with(b"]\r\n"));
        events.extend(call.json().as_array().unwrap().clone());
    }
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["processed", "delivered"], "SendGrid's own names win over custom arguments");
    for event in &events {
        assert_eq!((&event["email"], &event["fanfare"]), (&"ann@example.com".into(), &"tok-1".into()));
        assert!(event["sg_message_id"].as_str().unwrap().starts_with(&format!("{id}.")));
        assert_eq!(event["category"], json!(["campaign-42"]));
    }
    assert_ne!(events[0]["sg_event_id"], events[1]["sg_event_id"]);

    let line = &running.log().await[0];
    assert_eq!((&line["to"], &line["subject"], &line["html"]), (&"ann@example.com".into(), &"नमस्ते".into(), &"<p>rich</p>".into()));
    assert_eq!((&line["correlation"], &line["provider_message_id"]), (&"tok-1".into(), &id.into()));
}

#[tokio::test]
async fn a_request_to_many_makes_a_message_each_and_events_in_batches() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let mut body = mail("x@example.com", "t");
    let personalization = |i: usize| {
        json!({
            "to": [{ "email": format!("user{i}@example.com") }],
            "custom_args": { "fanfare": format!("tok-{i}") },
            "substitutions": { "-name-": format!("User {i}") },
        })
    };
    body["personalizations"] = (0..250).map(personalization).collect();
    body["content"] = json!([{ "type": "text/plain", "value": "Dear -name-" }]);
    assert_eq!(running.sendgrid(&body).await.status(), 202);
    let figures = running.settled().await;
    assert_eq!((figures.email.sent, figures.email.delivered, figures.email.duplicates), (250, 250, 0));
    let sizes: Vec<usize> = hub.calls().iter().map(|call| call.json().as_array().unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 500);
    assert!(sizes.iter().all(|size| *size <= 100) && sizes.len() < 50, "{sizes:?}");
    let log = running.log().await;
    assert_eq!((log.len(), &log[249]["text"]), (250, &"Dear User 249".into()));
}

#[tokio::test]
async fn failures_are_bounces_blocks_and_drops() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { fail: 1.0, ..smooth() })).await;
    for i in 0..30 {
        assert_eq!(running.sendgrid(&mail(&format!("user{i}@example.com"), &format!("t{i}"))).await.status(), 202);
    }
    let figures = running.settled().await;
    assert_eq!((figures.email.sent, figures.email.failed, figures.email.delivered), (30, 30, 0));
    let events: Vec<Value> = hub.calls().iter().flat_map(|call| call.json().as_array().unwrap().clone()).collect();
    let count =
        |name: &str, kind: Option<&str>| events.iter().filter(|event| event["event"] == name && event["type"].as_str() == kind).count();
    let (bounced, blocked, dropped) = (count("bounce", Some("bounce")), count("bounce", Some("blocked")), count("dropped", None));
    assert_eq!(bounced + blocked + dropped, 30);
    assert!(bounced > 0 && blocked > 0 && dropped > 0);
    assert_eq!(count("processed", None), bounced + blocked, "what is dropped was never processed");
}

#[tokio::test]
async fn the_recipient_opens_clicks_and_unsubscribes() {
    let hub = Hub::start().await;
    let behaviour = Behaviour { read: 1.0, click: 1.0, stop: 1.0, ..smooth() };
    let running = Running::start(config(Some(&hub), behaviour)).await;
    let mut body = mail("a@example.com", "t");
    let html = format!("<a href=\"{0}/c/one\">x</a><a href=\"https://shop.example/\">y</a><img src=\"{0}/o/two\">", hub.url);
    body["content"][1]["value"] = html.into();
    body["headers"] = json!({
        "List-Unsubscribe": format!("<mailto:u@example.com>, <{}/u/three>", hub.url),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    });
    assert_eq!(running.sendgrid(&body).await.status(), 202);
    let email = running.settled().await.email;
    assert_eq!((email.delivered, email.read, email.clicked, email.unsubscribed), (1, 1, 1, 1));
    assert_eq!(hub.calls_to("/o/two").len(), 1);
    assert_eq!(hub.calls_to("/c/one").len(), 1);
    let unsubscribed = &hub.calls_to("/u/three")[0];
    assert_eq!((unsubscribed.method.as_str(), &unsubscribed.body[..]), ("POST", &b"List-Unsubscribe=One-Click"[..]));
}

#[tokio::test]
async fn without_leave_nobody_unsubscribes_by_one_click() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { stop: 1.0, ..smooth() })).await;
    let mut body = mail("a@example.com", "t");
    body["headers"] = json!({ "List-Unsubscribe": format!("<{}/u/three>", hub.url) });
    assert_eq!(running.sendgrid(&body).await.status(), 202);
    assert_eq!(running.settled().await.email.unsubscribed, 0);
    assert!(hub.calls_to("/u/").is_empty());
}

fn faulty() -> Vec<(&'static str, Value)> {
    let mut cases = Vec::new();
    let mut case = |field: &'static str, pointer: &str, value: Value| {
        let mut body = mail("a@example.com", "t");
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        cases.push((field, body));
    };
    let to = json!({ "to": [{ "email": "a@example.com" }] });
    case("personalizations", "/personalizations", json!([]));
    case("personalizations", "/personalizations", json!(vec![to; 1_001]));
    case("personalizations.0.to", "/personalizations/0/to", json!([]));
    case("personalizations.0.to.0.email", "/personalizations/0/to/0/email", json!("nonsense"));
    case("personalizations.0.to.1", "/personalizations/0/to", json!([{ "email": "a@x.com" }, { "email": "A@x.com" }]));
    case("personalizations.0.custom_args", "/personalizations/0/custom_args", json!({ "n": 1 }));
    case("personalizations.0.custom_args", "/personalizations/0/custom_args", json!({ "n": "x".repeat(10_001) }));
    case("from.email", "/from", json!({}));
    case("subject", "/subject", json!(""));
    case("content", "/content", json!([]));
    case("content.0.value", "/content/0/value", json!(""));
    case("content.0.type", "/content/0/type", json!("text/plain; charset=x"));
    case("content", "/content", json!([{ "type": "text/html", "value": "x" }, { "type": "text/plain", "value": "x" }]));
    case("categories", "/categories", json!((0..11).map(|i| i.to_string()).collect::<Vec<_>>()));
    case("headers", "/headers", json!({ "Subject": "x" }));
    case("send_at", "/send_at", json!(99_999_999_999u64));
    cases
}

#[tokio::test]
async fn what_the_contract_refuses_is_refused_with_its_field() {
    let running = Running::start(config(None, smooth())).await;
    for (field, body) in faulty() {
        let response = running.sendgrid(&body).await;
        assert_eq!(response.status(), 400, "{field}");
        let error = json(response).await;
        assert_eq!(error["errors"][0]["field"], field);
        assert!(error["errors"][0]["message"].is_string());
    }
    let url = format!("{}/v3/mail/send", running.sandbox.url());
    let garbage = running.client.post(&url).bearer_auth(crate::support::API_KEY).body("{").send().await.unwrap();
    assert_eq!(garbage.status(), 400);
    let huge = vec![b' '; 30 * 1024 * 1024 + 1];
    let huge = running.client.post(&url).bearer_auth(crate::support::API_KEY).body(huge).send().await.unwrap();
    assert_eq!(huge.status(), 413);
    let stranger = running.client.post(&url).bearer_auth("SG.other").json(&mail("a@example.com", "t")).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert!(json(stranger).await["errors"][0]["message"].is_string());
    assert!(running.log().await.is_empty());
}

#[tokio::test]
async fn a_template_needs_no_subject_and_no_content() {
    let running = Running::start(config(None, smooth())).await;
    let body = json!({
        "personalizations": [{ "to": [{ "email": "a@example.com" }], "dynamic_template_data": { "name": "Zoë" } }],
        "from": { "email": "news@example.com" },
        "template_id": "d-123",
    });
    assert_eq!(running.sendgrid(&body).await.status(), 202);
    let line = &running.log().await[0];
    assert_eq!((&line["template"], &line["variables"]["name"]), (&"d-123".into(), &"Zoë".into()));
}

#[tokio::test]
async fn one_refused_recipient_refuses_the_whole_request() {
    let running = Running::start(config(None, Behaviour { refuse: 0.5, ..smooth() })).await;
    let mut body = mail("x@example.com", "t");
    body["personalizations"] = (0..20).map(|i| json!({ "to": [{ "email": format!("user{i}@example.com") }] })).collect();
    let response = running.sendgrid(&body).await;
    assert_eq!(response.status(), 400);
    let refused = json(response).await["errors"].as_array().unwrap().len() as u64;
    assert!((1..20).contains(&refused));
    let figures = running.sandbox.figures();
    assert_eq!((figures.email.failed, figures.email.sent), (refused, 0));
}
