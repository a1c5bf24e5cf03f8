//! WhatsApp through Meta.

use sandbox::behaviour::Behaviour;
use sandbox::sign;
use serde_json::{Value, json};

use crate::support::{ACCESS, APP_SECRET, Call, Hub, NUMBER_ID, Running, config, json, smooth};

fn template(to: &str, token: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "biz_opaque_callback_data": token,
        "template": {
            "name": "spring_sale",
            "language": { "code": "en_US" },
            "components": [
                { "type": "header", "parameters": [{ "type": "image", "image": { "link": "https://cdn.example.com/i.jpg" } }] },
                { "type": "body", "parameters": [{ "type": "text", "text": "Пётр" }, { "type": "text", "text": "25%" }] },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": [{ "type": "text", "text": "n3mtql" }] },
            ],
        },
    })
}

fn assert_signed(call: &Call) {
    assert_eq!(call.header("x-hub-signature-256"), sign::meta(APP_SECRET, &call.body));
}

fn items(calls: &[Call], what: &str) -> Vec<Value> {
    let changes = calls.iter().flat_map(|call| call.json()["entry"][0]["changes"].as_array().unwrap().clone());
    changes.flat_map(|change| change["value"][what].as_array().cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn statuses_are_signed_and_echo_the_correlation() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { read: 1.0, stop: 1.0, ..smooth() })).await;
    let response = running.meta(&template("15550001111", "tok.9")).await;
    assert_eq!(response.status(), 200);
    let answer = json(response).await;
    assert_eq!(answer["contacts"][0], json!({ "input": "15550001111", "wa_id": "15550001111" }));
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let id = answer["messages"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("wamid."));

    let figures = running.settled().await.whatsapp;
    assert_eq!((figures.sent, figures.delivered, figures.read, figures.unsubscribed), (1, 1, 1, 1));
    let calls = hub.calls_to("/meta");
    calls.iter().for_each(assert_signed);
    assert!(calls.iter().all(|call| call.json()["object"] == "whatsapp_business_account"));
    let statuses = items(&calls, "statuses");
    let names: Vec<&str> = statuses.iter().map(|status| status["status"].as_str().unwrap()).collect();
    assert_eq!(names, ["sent", "delivered", "read"]);
    assert!(statuses.iter().all(|status| status["biz_opaque_callback_data"] == "tok.9" && status["id"] == id));
    let replies = items(&calls, "messages");
    assert_eq!((&replies[0]["text"]["body"], &replies[0]["from"]), (&"STOP".into(), &"15550001111".into()));

    let line = &running.log().await[0];
    assert_eq!((&line["to"], &line["from"], &line["provider"]), (&"+15550001111".into(), &NUMBER_ID.into(), &"meta".into()));
    assert_eq!(line["template"]["components"][1]["parameters"][0]["text"], "Пётр");
}

#[tokio::test]
async fn several_statuses_share_a_notification() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let sends = (0..60).map(|i| {
        let body = template(&format!("155500011{i:02}"), &format!("tok-{i}"));
        let running = &running;
        async move { running.meta(&body).await.status() }
    });
    for send in sends {
        assert_eq!(send.await, 200);
    }
    assert_eq!(running.settled().await.whatsapp.delivered, 60);
    let calls = hub.calls_to("/meta");
    assert_eq!(items(&calls, "statuses").len(), 120);
    assert!(calls.len() < 120, "{} notifications", calls.len());
}

#[tokio::test]
async fn failures_carry_an_error() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { fail: 1.0, ..smooth() })).await;
    for i in 0..20 {
        assert_eq!(running.meta(&template(&format!("155500011{i:02}"), "t")).await.status(), 200);
    }
    assert_eq!(running.settled().await.whatsapp.failed, 20);
    let statuses = items(&hub.calls_to("/meta"), "statuses");
    assert_eq!(statuses.len(), 20);
    for status in statuses {
        assert_eq!(status["status"], "failed");
        assert!([131_026, 130_472].contains(&status["errors"][0]["code"].as_u64().unwrap()));
    }
}

#[tokio::test]
async fn free_text_fails_outside_the_window() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let body = json!({ "messaging_product": "whatsapp", "to": "+15550001111", "type": "text", "text": { "body": "hi" } });
    assert_eq!(running.meta(&body).await.status(), 200);
    assert_eq!(running.settled().await.whatsapp.failed, 1);
    assert_eq!(items(&hub.calls(), "statuses")[0]["errors"][0]["code"], 131_047);
}

#[tokio::test]
async fn what_the_contract_refuses_is_refused_with_its_code() {
    let running = Running::start(config(None, smooth())).await;
    let text = "/template/components/1/parameters/0/text";
    let cases = [
        (100, "/messaging_product", json!("telegram")),
        (131_009, "/to", json!("0501")),
        (131_008, "/to", json!("")),
        (131_008, "/type", json!("")),
        (131_051, "/type", json!("poll")),
        (131_009, "/biz_opaque_callback_data", json!("x".repeat(513))),
        (131_008, "/template", json!({})),
        (131_008, "/template/language", json!({})),
        (132_001, "/template/name", json!("Spring Sale")),
        (132_001, "/template/language/code", json!("english")),
        (132_012, "/template/components", json!({})),
        (132_012, "/template/components/0/type", json!("trailer")),
        (132_012, "/template/components/0/type", json!("body")),
        (132_012, "/template/components/1/parameters/0/type", json!("number")),
        (131_008, "/template/components/0/parameters/0/image", json!({})),
        (131_008, "/template/components/2/index", json!(null)),
        (131_008, "/template/components/2/sub_type", json!(null)),
        (131_008, text, json!("")),
        (132_018, text, json!("two\nlines")),
        (132_005, text, json!("x".repeat(1_025))),
    ];
    for (code, pointer, value) in cases {
        let mut body = template("15550001111", "t");
        *body.pointer_mut(pointer).unwrap() = value;
        let response = running.meta(&body).await;
        assert_eq!(response.status(), 400, "{code} {pointer}");
        let error = json(response).await;
        assert_eq!(error["error"]["code"], code, "{pointer}: {error}");
        assert_eq!(error["error"]["type"], "OAuthException");
        assert!(error["error"]["error_data"]["details"].is_string());
    }
    assert!(running.log().await.is_empty());
}

#[tokio::test]
async fn strangers_and_other_numbers_are_turned_away() {
    let running = Running::start(config(None, smooth())).await;
    let send = async |path: &str, token: &str, body: &Value| {
        let url = format!("{}{path}", running.sandbox.url());
        let response = running.client.post(url).bearer_auth(token).json(body).send().await.unwrap();
        (response.status().as_u16(), json(response).await["error"]["code"].clone())
    };
    let body = template("15550001111", "t");
    let own = format!("/v23.0/{NUMBER_ID}/messages");
    assert_eq!(send(&own, "guess", &body).await, (401, 190.into()));
    assert_eq!(send("/v23.0/1/messages", ACCESS, &body).await, (400, 100.into()));
    assert_eq!(send(&format!("/latest/{NUMBER_ID}/messages"), ACCESS, &body).await, (400, 2_500.into()));
    let marketing = format!("/v23.0/{NUMBER_ID}/marketing_messages");
    assert_eq!(send(&marketing, ACCESS, &body).await.0, 200);
    let text = json!({ "messaging_product": "whatsapp", "to": "15550001111", "type": "text", "text": { "body": "hi" } });
    assert_eq!(send(&marketing, ACCESS, &text).await, (400, 100.into()));
}

#[tokio::test]
async fn throttling_and_refusal_have_metas_codes() {
    let running = Running::start(config(None, Behaviour { throttle: 1.0, ..smooth() })).await;
    let first = running.meta(&template("15550001111", "t")).await;
    assert_eq!((first.status().as_u16(), json(first).await["error"]["code"].clone()), (429, 130_429.into()));
    assert_eq!(running.meta(&template("15550001111", "t")).await.status(), 200);

    running.sandbox.configure(config(None, Behaviour { refuse: 1.0, ..smooth() })).unwrap();
    let refused = running.meta(&template("15550001111", "u")).await;
    assert_eq!((refused.status().as_u16(), json(refused).await["error"]["code"].clone()), (400, 130_403.into()));
    assert_eq!(running.sandbox.figures().whatsapp.failed, 1);
}
