//! The sandbox's own interface.

use sandbox::Figures;
use serde_json::{Value, json};

use crate::support::{Hub, Running, config, json, smooth};

async fn send(running: &Running, i: usize) {
    let (to, callback) = (format!("+155500040{i:02}"), "http://127.0.0.1:1/?d=".to_owned() + &i.to_string());
    let form = [("To", to.as_str()), ("From", "+15005550001"), ("Body", "x"), ("StatusCallback", callback.as_str())];
    assert_eq!(running.twilio(&form).await.status(), 201);
}

#[tokio::test]
async fn the_configuration_can_be_read_and_replaced() {
    let running = Running::start(config(None, smooth())).await;
    let put = async |body: Value| {
        let url = format!("{}/sandbox/config", running.sandbox.url());
        running.client.put(url).json(&body).send().await.unwrap()
    };
    let new = json!({ "seed": 9, "smtp": { "username": "u", "password": "p" }, "behaviour": { "latency_ms": [1, 2], "hang": 0.5 } });
    assert_eq!(put(new).await.status(), 200);
    let now = json(running.get("/sandbox/config").await).await;
    assert_eq!((&now["seed"], &now["twilio"], &now["behaviour"]["hang"]), (&9.into(), &Value::Null, &0.5.into()));
    assert_eq!(now["behaviour"]["read"], 0.45);
    for bad in [json!({ "sed": 1 }), json!({ "behaviour": { "read": 2 } }), json!("x")] {
        assert_eq!(put(bad).await.status(), 400);
    }
    assert_eq!(json(running.get("/sandbox/config").await).await, now);
    assert_eq!(running.get("/healthz").await.status(), 200);
    let storm = running.client.put(format!("{}/sandbox/behaviour", running.sandbox.url())).json(&json!({ "faults": { "throttle": 1 } }));
    assert_eq!(storm.send().await.unwrap().status(), 200);
    let now = json(running.get("/sandbox/config").await).await;
    assert_eq!((&now["smtp"]["username"], &now["behaviour"]["faults"]["throttle"]), (&"u".into(), &1.0.into()));
    for bad in [json!({ "faults": { "reset": 0.6, "hang": 0.6 } }), json!({ "callbacks": { "copies": 0 } }), json!({ "storm": 1 })] {
        let url = format!("{}/sandbox/behaviour", running.sandbox.url());
        assert_eq!(running.client.put(url).json(&bad).send().await.unwrap().status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn the_log_is_read_in_pages() {
    let running = Running::start(config(None, smooth())).await;
    for i in 0..90 {
        send(&running, i).await;
    }
    let seqs = async |query: &str| {
        let text = running.get(&format!("/sandbox/log{query}")).await.text().await.unwrap();
        let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
        text.lines().map(seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs("").await, (1..=90).collect::<Vec<_>>());
    assert_eq!(seqs("?after=62&limit=4").await, [63, 64, 65, 66]);
    assert_eq!(seqs("?after=88").await, [89, 90]);
    assert!(seqs("?after=90").await.is_empty() && seqs("?after=5000").await.is_empty());
}

#[tokio::test]
async fn a_reset_forgets_the_messages_and_what_was_to_come() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    send(&running, 1).await;
    assert_eq!(running.sandbox.figures().pending, 2);
    let url = format!("{}/sandbox/reset", running.sandbox.url());
    assert_eq!(running.client.post(url).send().await.unwrap().status(), 204);
    assert_eq!(running.sandbox.figures(), Figures::default());
    assert!(running.log().await.is_empty());
    send(&running, 1).await;
    assert_eq!(running.log().await[0]["seq"], 1);
    let figures = json(running.get("/sandbox/figures").await).await;
    assert_eq!((&figures["sms"]["sent"], &figures["sms"]["duplicates"]), (&1.into(), &0.into()));
}
