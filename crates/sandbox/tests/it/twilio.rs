//! SMS and WhatsApp through Twilio.

use sandbox::behaviour::Behaviour;
use sandbox::sign;

use crate::support::{ACCOUNT, Call, Hub, Running, TOKEN, config, json, smooth};

const CONTENT: &str = "HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn assert_signed(hub: &Hub, call: &Call) {
    let form = call.form();
    let params: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}{}", hub.url, call.path);
    assert_eq!(call.header("x-twilio-signature"), sign::twilio(TOKEN, &url, &params));
}

fn statuses(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.param("MessageStatus")).collect()
}

#[tokio::test]
async fn an_sms_is_logged_answered_and_reported_delivered() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let callback = format!("{}/status?d=tok.1-x_y", hub.url);
    let form = [("To", "+971501234567"), ("From", "+15005550001"), ("Body", "مرحبا"), ("StatusCallback", callback.as_str())];
    let response = running.twilio(&form).await;
    assert_eq!(response.status(), 201);
    let resource = json(response).await;
    assert_eq!(resource["status"], "queued");
    assert_eq!(resource["account_sid"], ACCOUNT);
    assert_eq!((&resource["to"], &resource["num_segments"]), (&"+971501234567".into(), &"1".into()));

    let figures = running.settled().await;
    assert_eq!((figures.sms.sent, figures.sms.delivered, figures.sms.failed), (1, 1, 0));
    let calls = hub.calls_to("/status?d=tok.1-x_y");
    assert_eq!(statuses(&calls), ["sent", "delivered"]);
    assert!(calls.iter().all(|call| call.param("MessageSid") == resource["sid"]));
    calls.iter().for_each(|call| assert_signed(&hub, call));

    let log = running.log().await;
    assert_eq!(log.len(), 1);
    let line = &log[0];
    assert_eq!((&line["seq"], &line["channel"], &line["provider"]), (&1.into(), &"sms".into(), &"twilio".into()));
    assert_eq!((&line["to"], &line["text"], &line["correlation"]), (&"+971501234567".into(), &"مرحبا".into(), &"tok.1-x_y".into()));
    assert_eq!(line["provider_message_id"], resource["sid"]);
}

#[tokio::test]
async fn a_whatsapp_template_is_read_and_answered_stop() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { read: 1.0, stop: 1.0, ..smooth() })).await;
    let callback = format!("{}/status?d=w", hub.url);
    let form = [
        ("To", "whatsapp:+15550001111"),
        ("From", "whatsapp:+14155238886"),
        ("ContentSid", CONTENT),
        ("ContentVariables", r#"{"1":"Zoë","2":"25%"}"#),
        ("StatusCallback", callback.as_str()),
    ];
    assert_eq!(running.twilio(&form).await.status(), 201);
    let figures = running.settled().await;
    assert_eq!((figures.whatsapp.delivered, figures.whatsapp.read, figures.whatsapp.unsubscribed), (1, 1, 1));
    let calls = hub.calls_to("/status");
    assert_eq!(statuses(&calls), ["sent", "delivered", "read"]);
    assert_eq!(calls[2].param("EventType"), "READ");
    let replies = hub.calls_to("/inbound");
    assert_eq!(replies.len(), 1);
    assert_signed(&hub, &replies[0]);
    assert_eq!(replies[0].param("Body"), "STOP");
    assert_eq!(replies[0].param("From"), "whatsapp:+15550001111");
    assert_eq!(replies[0].param("To"), "whatsapp:+14155238886");
    assert_eq!(running.log().await[0]["variables"]["1"], "Zoë");
}

#[tokio::test]
async fn after_stop_further_sms_are_refused() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { stop: 1.0, ..smooth() })).await;
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "one")];
    assert_eq!(running.twilio(&form).await.status(), 201);
    assert_eq!(running.settled().await.sms.unsubscribed, 1);
    let again = running.twilio(&form).await;
    assert_eq!(again.status(), 400);
    assert_eq!(json(again).await["code"], 21610);
}

#[tokio::test]
async fn failures_are_reported_with_a_code() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), Behaviour { fail: 1.0, ..smooth() })).await;
    for i in 0..20 {
        let (to, callback) = (format!("+155500000{i:02}"), format!("{}/status?d={i}", hub.url));
        let form = [("To", to.as_str()), ("From", "+15005550001"), ("Body", "x"), ("StatusCallback", callback.as_str())];
        assert_eq!(running.twilio(&form).await.status(), 201);
    }
    let figures = running.settled().await;
    assert_eq!((figures.sms.sent, figures.sms.delivered, figures.sms.failed), (20, 0, 20));
    let failed: Vec<Call> = hub.calls_to("/status").into_iter().filter(|call| call.param("MessageStatus") != "sent").collect();
    assert_eq!(failed.len(), 20);
    for call in failed {
        let want = if call.param("ErrorCode") == "30450" { "failed" } else { "undelivered" };
        assert_eq!(call.param("MessageStatus"), want);
    }
}

#[tokio::test]
async fn whatsapp_free_text_fails_outside_the_window() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let callback = format!("{}/status", hub.url);
    let form =
        [("To", "whatsapp:+15550001111"), ("From", "whatsapp:+14155238886"), ("Body", "hello"), ("StatusCallback", callback.as_str())];
    assert_eq!(running.twilio(&form).await.status(), 201);
    assert_eq!(running.settled().await.whatsapp.failed, 1);
    assert_eq!(hub.calls()[0].param("ErrorCode"), "63016");
}

#[tokio::test]
async fn what_the_contract_refuses_is_refused_with_its_code() {
    let running = Running::start(config(None, smooth())).await;
    let long = "x".repeat(1_601);
    let good = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x")];
    let cases: &[(u32, &[(&str, &str)])] = &[
        (21604, &[("To", "")]),
        (21211, &[("To", "0501234567")]),
        (21211, &[("To", "+1")]),
        (21603, &[("From", "")]),
        (21212, &[("From", "not a sender id")]),
        (21705, &[("MessagingServiceSid", "MGnope")]),
        (21602, &[("Body", "")]),
        (21617, &[("Body", &long)]),
        (21620, &[("MediaUrl", "ftp://x/y")]),
        (21655, &[("ContentSid", "HXnope")]),
        (21654, &[("ContentVariables", "{}")]),
        (21656, &[("ContentSid", CONTENT), ("ContentVariables", "[1]")]),
        (21656, &[("ContentSid", CONTENT), ("ContentVariables", r#"{"1":2}"#)]),
        (21656, &[("ContentSid", CONTENT), ("ContentVariables", r#"{"1":"two\nlines"}"#)]),
        (21609, &[("StatusCallback", "http://my_host.example/x")]),
        (63007, &[("To", "whatsapp:+15550001111")]),
    ];
    for (code, changes) in cases {
        let mut form: Vec<(&str, &str)> = good.to_vec();
        form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        form.extend_from_slice(changes);
        let response = running.twilio(&form).await;
        assert_eq!(response.status(), 400, "{changes:?}");
        let error = json(response).await;
        assert_eq!((&error["code"], &error["status"]), (&(*code).into(), &400.into()), "{changes:?}");
        assert!(error["message"].is_string() && error["more_info"].is_string());
    }
    assert!(running.log().await.is_empty());
    assert_eq!(running.sandbox.figures().sms.sent, 0);
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let running = Running::start(config(None, smooth())).await;
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", running.sandbox.url());
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x")];
    let wrong = running.client.post(&url).basic_auth(ACCOUNT, Some("guess")).form(&form).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    assert_eq!(json(wrong).await["code"], 20003);
    let without = running.client.post(&url).form(&form).send().await.unwrap();
    assert_eq!(without.status(), 401);
    let other = url.replace(ACCOUNT, "AC00000000000000000000000000000002");
    let other = running.client.post(other).basic_auth(ACCOUNT, Some(TOKEN)).form(&form).send().await.unwrap();
    assert_eq!((other.status().as_u16(), json(other).await["code"].clone()), (404, 20404.into()));
}

#[tokio::test]
async fn refusals_are_for_good_and_counted_once() {
    let running = Running::start(config(None, Behaviour { refuse: 1.0, ..smooth() })).await;
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x"), ("StatusCallback", "http://127.0.0.1/?d=1")];
    for _ in 0..3 {
        let response = running.twilio(&form).await;
        assert_eq!(response.status(), 400);
        let code = json(response).await["code"].as_u64().unwrap();
        assert!([21211, 21614].contains(&code), "{code}");
    }
    assert_eq!((running.sandbox.figures().sms.failed, running.sandbox.figures().sms.sent), (1, 0));
}

#[tokio::test]
async fn only_the_first_attempt_is_throttled() {
    let running = Running::start(config(None, Behaviour { throttle: 1.0, ..smooth() })).await;
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x")];
    let first = running.twilio(&form).await;
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(json(first).await["code"], 20429);
    assert_eq!(running.twilio(&form).await.status(), 201);
    assert_eq!(running.sandbox.figures().sms.failed, 0);
}
