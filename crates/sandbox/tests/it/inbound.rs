//! People who write to the hub's senders.

use reqwest::{Response, StatusCode};
use sandbox::sign;
use serde_json::{Value, json};

use crate::support::{APP_SECRET, Hub, NUMBER_ID, Running, TOKEN, config, json as body, smooth};

const PERSON: &str = "+971501234567";

async fn write(running: &Running, what: &Value) -> Response {
    running.client.post(format!("{}/sandbox/inbound", running.sandbox.url())).json(what).send().await.unwrap()
}

#[tokio::test]
async fn a_person_writes_by_twilio_with_a_picture_and_a_quote() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let what = json!({ "provider": "twilio", "from": PERSON, "to": "+15005550001", "text": "Is this yours?", "name": "Sara",
        "reply_to": "SM1", "media": [{ "media_type": "image/jpeg" }], "user_id": "US.7" });
    let answer = body(write(&running, &what).await).await;
    assert_eq!(answer["status"], 200);
    let call = &hub.calls_to("/inbound")[0];
    let form = call.form();
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}/inbound", hub.url);
    assert_eq!(call.header("x-twilio-signature"), sign::twilio(TOKEN, &url, &pairs));
    let expected = [
        ("From", "whatsapp:+971501234567"),
        ("To", "whatsapp:+15005550001"),
        ("Body", "Is this yours?"),
        ("OriginalRepliedMessageSid", "SM1"),
        ("NumMedia", "1"),
        ("MediaContentType0", "image/jpeg"),
        ("ProfileName", "Sara"),
        ("ExternalUserId", "US.7"),
    ];
    for (name, value) in expected {
        assert_eq!(call.param(name), value, "{name}");
    }
    assert_eq!(answer["id"], json!(call.param("MessageSid")));
}

#[tokio::test]
async fn a_person_without_a_number_writes_by_meta() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    write(&running, &json!({ "provider": "meta", "user_id": "US.7", "text": "Hello", "reply_to": "wamid.1" })).await;
    write(&running, &json!({ "provider": "meta", "from": PERSON, "reaction": "👍", "reply_to": "wamid.1" })).await;
    let calls = hub.calls_to("/meta");
    assert_eq!(calls[0].header("x-hub-signature-256"), sign::meta(APP_SECRET, &calls[0].body));
    let message = |call: usize| calls[call].json()["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    assert_eq!(message(0)["from_user_id"], "US.7");
    assert!(message(0)["from"].is_null());
    assert_eq!((&message(0)["text"]["body"], &message(0)["context"]["id"]), (&json!("Hello"), &json!("wamid.1")));
    assert_eq!((&message(1)["type"], &message(1)["reaction"]["message_id"]), (&json!("reaction"), &json!("wamid.1")));
}

#[tokio::test]
async fn who_has_written_can_be_answered_with_free_text() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let callback = format!("{}/status", hub.url);
    let (to, from) = (format!("whatsapp:{PERSON}"), "whatsapp:+15005550001");
    let form = [("To", to.as_str()), ("From", from), ("Body", "Yes!"), ("StatusCallback", callback.as_str())];
    running.twilio(&form).await;
    assert_eq!(running.settled().await.whatsapp.delivered, 0, "nobody wrote yet");
    write(&running, &json!({ "provider": "twilio", "from": PERSON, "to": "+15005550001", "text": "Hi" })).await;
    running.twilio(&form).await;
    assert_eq!(running.settled().await.whatsapp.delivered, 1);
    let free = json!({ "messaging_product": "whatsapp", "to": PERSON.trim_start_matches('+'), "type": "text", "text": { "body": "Yes!" } });
    write(&running, &json!({ "provider": "meta", "from": PERSON, "text": "Hi" })).await;
    running.meta(&free).await;
    assert_eq!(running.settled().await.whatsapp.delivered, 2, "to {NUMBER_ID}");
}

#[tokio::test]
async fn what_no_provider_would_post_is_refused() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    for wrong in [
        json!({ "provider": "twilio", "text": "nobody" }),
        json!({ "provider": "fax", "from": PERSON, "text": "x" }),
        json!({ "provider": "twilio", "from": "12345", "text": "x" }),
        json!({ "provider": "twilio", "from": PERSON, "reaction": "👍", "reply_to": "SM1" }),
        json!({ "provider": "meta", "channel": "sms", "from": PERSON, "text": "x" }),
        json!({ "provider": "meta", "from": PERSON, "reaction": "👍" }),
        json!({ "provider": "twilio", "from": PERSON, "text": "x", "url": "http://192.0.2.1/inbound" }),
        json!({ "provider": "twilio", "from": PERSON, "words": "x" }),
    ] {
        assert_eq!(write(&running, &wrong).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert!(hub.calls().is_empty());
}
