//! Retries, refusals and bounds of what the sandbox posts.

use sandbox::behaviour::Behaviour;

use crate::support::{Hub, Running, config, smooth};

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
