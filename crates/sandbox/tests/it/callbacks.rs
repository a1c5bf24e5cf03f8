//! Retries, refusals and bounds of what the sandbox posts.

use std::collections::HashSet;

use sandbox::behaviour::{Behaviour, Mischief};
use serde_json::json;

use crate::support::{Call, Hub, Running, config, eventually, smooth};

fn form<'a>(to: &'a str, callback: &'a str) -> [(&'a str, &'a str); 4] {
    [("To", to), ("From", "+15005550001"), ("Body", "x"), ("StatusCallback", callback)]
}

#[tokio::test]
async fn a_callback_is_repeated_until_it_is_answered_well() {
    let hub = Hub::start().await;
    hub.next_answers(&[503, 429]);
    let running = Running::start(config(Some(&hub), smooth())).await;
    let callback = format!("{}/status", hub.url);
    running.twilio(&form("+15550001111", &callback)).await;
    let figures = running.settled().await;
    assert_eq!((figures.sms.delivered, figures.callbacks_refused, figures.callbacks_given_up), (1, 0, 0));
    let statuses: Vec<String> = hub.calls().iter().map(|call| call.param("MessageStatus")).collect();
    assert_eq!(statuses, ["sent", "sent", "sent", "delivered"]);
    assert_eq!(hub.calls()[0].body, hub.calls()[2].body);
}

#[tokio::test]
async fn a_refused_callback_is_final_and_counted() {
    let hub = Hub::start().await;
    hub.next_answers(&[404, 403]);
    let running = Running::start(config(Some(&hub), smooth())).await;
    let callback = format!("{}/status", hub.url);
    running.twilio(&form("+15550001111", &callback)).await;
    let figures = running.settled().await;
    assert_eq!((figures.sms.sent, figures.sms.delivered, figures.callbacks_refused), (1, 0, 2));
    assert_eq!(hub.calls().len(), 2);
}

#[tokio::test]
async fn other_machines_are_not_called() {
    let running = Running::start(config(None, smooth())).await;
    running.twilio(&form("+15550001111", "http://192.0.2.1/status")).await;
    assert_eq!(running.settled().await.callbacks_refused, 2);
}

#[tokio::test]
async fn a_batch_is_repeated_with_the_same_event_ids() {
    let hub = Hub::start().await;
    hub.next_answers(&[500]);
    let running = Running::start(config(Some(&hub), smooth())).await;
    let body = serde_json::json!({
        "personalizations": [{ "to": [{ "email": "a@example.com" }] }, { "to": [{ "email": "b@example.com" }] }],
        "from": { "email": "news@example.com" }, "subject": "x",
        "content": [{ "type": "text/plain", "value": "x" }],
    });
    running.sendgrid(&body).await;
    assert_eq!(running.settled().await.email.delivered, 2);
    let ids = |i: usize| {
        let events = hub.calls()[i].json();
        events.as_array().unwrap().iter().map(|event| event["sg_event_id"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!((ids(0).len(), ids(0)), (2, ids(1)));
}

#[tokio::test]
async fn the_same_run_plays_the_same_outcomes() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let hub = Hub::start().await;
        let behaviour = Behaviour { fail: 0.2, read: 0.5, stop: 0.2, ..smooth() };
        let running = Running::start(config(Some(&hub), behaviour)).await;
        for i in 0..60 {
            let (to, callback) = (format!("+155500022{i:02}"), format!("{}/status?d={i}", hub.url));
            running.twilio(&form(&to, &callback)).await;
        }
        let figures = running.settled().await;
        let plays: Vec<_> = running.log().await.iter().map(|line| line["plays"].clone()).collect();
        outcomes.push((figures, plays));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert!(outcomes[0].0.sms.failed > 0 && outcomes[0].0.sms.unsubscribed > 0);
}

fn mischievous(callbacks: Mischief) -> Behaviour {
    Behaviour { read: 1.0, callbacks, ..smooth() }
}

fn template(to: &str) -> serde_json::Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template", "biz_opaque_callback_data": to,
        "template": { "name": "sale", "language": { "code": "ar" } },
    })
}

#[tokio::test]
async fn copies_and_strangers_are_posted_and_not_counted() {
    let hub = Hub::start().await;
    let behaviour = mischievous(Mischief { copies: 5, unknown_ids: 1.0, ..Mischief::default() });
    let running = Running::start(config(Some(&hub), behaviour)).await;
    let callback = format!("{}/status?d=tok", hub.url);
    running.twilio(&form("+15550001111", &callback)).await;
    let figures = running.settled().await;
    assert_eq!((figures.sms.sent, figures.sms.delivered, figures.sms.failed), (1, 1, 0));
    let log = running.log().await;
    let about = |call: &Call| call.param("MessageSid") == log[0]["provider_message_id"];
    eventually("the last stranger has come", || async { hub.calls().len() == 12 }).await;
    let (ours, strangers): (Vec<Call>, Vec<Call>) = hub.calls().into_iter().partition(about);
    assert_eq!((ours.len(), strangers.len()), (10, 2), "two reports five times each, and one about nothing after each");
    assert_eq!(ours.iter().map(|call| call.body.clone()).collect::<HashSet<_>>().len(), 2, "copies are copies");
    assert!(ours.iter().all(|call| call.path.ends_with("?d=tok")) && strangers.iter().all(|call| call.path == "/status"));
}

#[tokio::test]
async fn shuffled_reports_all_come_in_some_other_order() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), mischievous(Mischief { shuffle: true, ..Mischief::default() }))).await;
    for i in 0..20 {
        running.meta(&template(&format!("+155500022{i:02}"))).await;
    }
    let figures = running.settled().await;
    assert_eq!((figures.whatsapp.delivered, figures.whatsapp.read), (20, 20));
    let mut orders: HashSet<Vec<String>> = HashSet::new();
    let reports: Vec<_> = hub.calls_to("/meta").iter().map(Call::json).collect();
    for i in 0..20 {
        let to = format!("155500022{i:02}");
        let statuses = reports.iter().flat_map(|post| post["entry"][0]["changes"][0]["value"]["statuses"].as_array().unwrap());
        orders.insert(statuses.filter(|s| s["recipient_id"] == to).map(|s| s["status"].to_string()).collect());
    }
    assert!(orders.len() > 2 && orders.iter().all(|order| order.len() == 3), "{orders:?}");
}

#[tokio::test]
async fn an_early_report_comes_before_the_answer() {
    let hub = Hub::start().await;
    let slow = Behaviour { callback_delay_ms: [3_600_000, 3_600_000], ..mischievous(Mischief { early: true, ..Mischief::default() }) };
    let running = Running::start(config(Some(&hub), slow)).await;
    let callback = format!("{}/status", hub.url);
    assert_eq!(running.twilio(&form("+15550001111", &callback)).await.status(), 201);
    assert_eq!(hub.calls().iter().map(|call| call.param("MessageStatus")).collect::<Vec<_>>(), ["sent"]);
}

#[tokio::test]
async fn late_reports_bear_their_own_time() {
    let hub = Hub::start().await;
    let late = mischievous(Mischief { backdate_s: 86_400, ..Mischief::default() });
    let running = Running::start(config(Some(&hub), late)).await;
    running.meta(&template("+15550001111")).await;
    running.settled().await;
    let post = hub.calls_to("/meta")[0].json();
    let stamp: i64 = post["entry"][0]["changes"][0]["value"]["statuses"][0]["timestamp"].as_str().unwrap().parse().unwrap();
    let yesterday = time::OffsetDateTime::now_utc().unix_timestamp() - 86_400;
    assert!((stamp - yesterday).abs() < 60, "{stamp}");
}
