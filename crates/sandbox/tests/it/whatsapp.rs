//! WhatsApp at both providers: what they keep, whom they reach, and when they take free text.

use reqwest::Response;
use sandbox::config::{Content, Template};
use serde_json::{Value, json};

use crate::support::{ACCESS, ACCOUNT, APP_SECRET, Hub, NUMBER_ID, Running, TOKEN, config, json, smooth};

const WABA: &str = "102290129340398";
const SID: &str = "HX0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

fn text(text: &str) -> String {
    text.to_owned()
}

/// Templates with their categories and statuses; at Twilio one that is paused.
async fn running(hub: Option<&Hub>, marketing_only: bool) -> Running {
    let mut config = config(hub, smooth());
    let template = |n: usize, name: &str, category: &str, status: &str| Template {
        id: n.to_string(),
        name: text(name),
        language: text("en"),
        category: text(category),
        status: text(status),
    };
    let mut templates = vec![
        template(1, "sale", "MARKETING", "APPROVED"),
        template(2, "receipt", "UTILITY", "APPROVED"),
        template(3, "tired", "MARKETING", "PAUSED"),
    ];
    templates.extend((4..40).map(|n| template(n, &format!("more_{n}"), "UTILITY", "PENDING")));
    config.whatsapp.waba_id = Some(text(WABA));
    config.whatsapp.templates = Some(templates);
    config.whatsapp.marketing_only = marketing_only;
    let content = Content { sid: text(SID), name: text("sale"), language: text("en"), category: text("MARKETING"), status: text("paused") };
    config.whatsapp.contents = Some(vec![content]);
    Running::start(config).await
}

fn body(to: &Value, name: &str) -> Value {
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "type": "template",
        "template": { "name": name, "language": { "code": "en" } },
    });
    body.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
    body
}

fn to() -> Value {
    json!({ "to": "15550001111" })
}

async fn graph(running: &Running, path: &str, body: &Value) -> Response {
    running.client.post(format!("{}{path}", running.sandbox.url())).bearer_auth(ACCESS).json(body).send().await.unwrap()
}

async fn code(response: Response) -> u64 {
    json(response).await["error"]["code"].as_u64().unwrap_or_default()
}

async fn list(running: &Running, path: &str) -> Value {
    let response = running.client.get(format!("{}{path}", running.sandbox.url())).bearer_auth(ACCESS).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    json(response).await
}

#[tokio::test]
async fn templates_are_taken_where_they_belong() {
    let running = running(None, true).await;
    let messages = format!("/v23.0/{NUMBER_ID}/messages");
    let marketing = format!("/v23.0/{NUMBER_ID}/marketing_messages");
    for (path, name, expected) in [
        (&messages, "receipt", 0),
        (&marketing, "sale", 0),
        (&messages, "sale", 131_063),
        (&marketing, "receipt", 131_055),
        (&messages, "tired", 132_015),
        (&messages, "more_4", 132_001),
        (&messages, "nobody_knows", 132_001),
    ] {
        assert_eq!(code(graph(&running, path, &body(&to(), name)).await).await, expected, "{path} {name}");
    }
}

#[tokio::test]
async fn what_meta_keeps_is_listed_page_by_page() {
    let running = running(None, false).await;
    let path = format!("/v23.0/{WABA}/message_templates");
    let first = list(&running, &path).await;
    assert_eq!(first["data"].as_array().unwrap().len(), 25);
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let second = list(&running, &format!("{path}?after={after}")).await;
    assert_eq!(second["data"].as_array().unwrap().len(), 14);
    assert_eq!(second["paging"]["next"], Value::Null);
    let named = list(&running, &format!("{path}?name=tired")).await;
    assert_eq!((named["data"].as_array().unwrap().len(), &named["data"][0]["status"]), (1, &"PAUSED".into()));
    let numbers = list(&running, &format!("/v23.0/{WABA}/phone_numbers")).await;
    assert_eq!(numbers["data"][0]["id"], NUMBER_ID);
    let other =
        running.client.get(format!("{}/v23.0/7/message_templates", running.sandbox.url())).bearer_auth(ACCESS).send().await.unwrap();
    assert_eq!(code(other).await, 100);
}

#[tokio::test]
async fn a_file_is_taken_and_has_the_same_id_again() {
    let running = running(None, false).await;
    let upload = async |part: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\nContent-Disposition: form-data; \
             name=\"{part}\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n"
        );
        let request = running.client.post(format!("{}/v23.0/{NUMBER_ID}/media", running.sandbox.url())).bearer_auth(ACCESS);
        json(request.header("content-type", "multipart/form-data; boundary=b").body(body).send().await.unwrap()).await
    };
    let id = upload("file").await["id"].as_str().unwrap().to_owned();
    assert_eq!(upload("file").await["id"], id);
    assert_eq!(upload("picture").await["error"]["code"], 131_008);
}

#[tokio::test]
async fn somebody_without_a_number_is_known_by_their_id_throughout() {
    let hub = Hub::start().await;
    let running = running(Some(&hub), false).await;
    let recipient = json!({ "recipient": "US.13491208655302741918" });
    let answer = json(running.meta(&body(&recipient, "receipt")).await).await;
    assert_eq!((&answer["contacts"][0]["user_id"], &answer["contacts"][0]["wa_id"]), (&"US.13491208655302741918".into(), &Value::Null));
    running.settled().await;
    let statuses: Vec<Value> = hub
        .calls_to("/meta")
        .iter()
        .flat_map(|call| call.json()["entry"][0]["changes"].as_array().unwrap().clone())
        .flat_map(|change| change["value"]["statuses"].as_array().cloned().unwrap_or_default())
        .collect();
    assert!(!statuses.is_empty());
    for status in statuses {
        assert_eq!((&status["recipient_user_id"], &status["recipient_id"]), (&"US.13491208655302741918".into(), &Value::Null));
    }
    let marketing = format!("/v23.0/{NUMBER_ID}/marketing_messages");
    assert_eq!(code(graph(&running, &marketing, &body(&recipient, "sale")).await).await, 131_008);
}

#[tokio::test]
async fn contents_are_listed_with_their_approval_and_only_approved_ones_are_taken() {
    let running = running(None, false).await;
    let form =
        [("To", "whatsapp:+15550001111"), ("From", "whatsapp:+15550002222"), ("ContentSid", SID), ("ContentVariables", "{\"1\":\"x\"}")];
    let refused = running.twilio(&form).await;
    assert_eq!((refused.status().as_u16(), json(refused).await["code"].as_u64()), (400, Some(63_041)));
    let url = format!("{}/v1/ContentAndApprovals?PageSize=10", running.sandbox.url());
    let listed = json(running.client.get(url).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap()).await;
    assert_eq!((&listed["contents"][0]["sid"], &listed["contents"][0]["approval_requests"]["status"]), (&SID.into(), &"paused".into()));
    assert_eq!(listed["meta"]["next_page_url"], Value::Null);
}

#[tokio::test]
async fn what_meta_decides_about_a_template_is_told_signed() {
    let hub = Hub::start().await;
    let running = running(Some(&hub), false).await;
    let decide = async |name: &str| {
        let decision = json!({ "name": name, "language": "en", "status": "DISABLED", "reason": "LOW_QUALITY" });
        running.client.post(format!("{}/sandbox/whatsapp/template", running.sandbox.url())).json(&decision).send().await.unwrap()
    };
    assert_eq!(json(decide("sale").await).await["status"], 200);
    let call = &hub.calls_to("/meta")[0];
    assert_eq!(call.header("x-hub-signature-256"), sandbox::sign::meta(APP_SECRET, &call.body));
    let change = &call.json()["entry"][0]["changes"][0];
    assert_eq!(change["field"], "message_template_status_update");
    assert_eq!((&change["value"]["event"], &change["value"]["message_template_name"]), (&"DISABLED".into(), &"sale".into()));
    assert_eq!(code(graph(&running, &format!("/v23.0/{NUMBER_ID}/messages"), &body(&to(), "sale")).await).await, 132_016);
    assert_eq!(decide("nobody_knows").await.status(), 400);
}
