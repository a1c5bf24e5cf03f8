//! The log outlives the process, and the figures are what a recount of it gives.

use std::collections::HashMap;
use std::path::Path;

use sandbox::behaviour::Behaviour;
use sandbox::{Channel, ChannelFigures};
use serde_json::{Value, json};

use crate::support::{Folder, Hub, Running, config, smooth};

fn lines(folder: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Counts from the two files alone, in another way than the sandbox does.
fn recount(folder: &Path, channel: Channel) -> ChannelFigures {
    let mut figures = ChannelFigures::default();
    let mut seen: HashMap<(String, String), u64> = HashMap::new();
    let mut channels = HashMap::new();
    for message in lines(folder, "messages.jsonl") {
        channels.insert(message["seq"].as_u64().unwrap(), message["channel"].clone());
        if message["channel"] == channel.as_str() {
            figures.sent += 1;
            *seen.entry((message["to"].to_string(), message["correlation"].to_string())).or_default() += 1;
        }
    }
    figures.duplicates = seen.values().map(|times| times - 1).sum();
    let mut steps: HashMap<u64, Vec<String>> = HashMap::new();
    for outcome in lines(folder, "outcomes.jsonl") {
        if outcome["refused"] == channel.as_str() {
            figures.failed += 1;
        }
        let seq = outcome["seq"].as_u64().unwrap_or_default();
        if outcome["ending"] == "done" && channels.get(&seq).is_some_and(|of| of == channel.as_str()) {
            steps.entry(seq).or_default().push(outcome["step"].as_str().unwrap().to_owned());
        }
    }
    for done in steps.values() {
        let any = |names: &[&str]| u64::from(done.iter().any(|step| names.contains(&step.as_str())));
        figures.delivered += any(&["delivered", "read", "click"]);
        figures.failed += any(&["failed"]);
        figures.read += any(&["read", "click"]);
        figures.clicked += any(&["click"]);
        figures.unsubscribed += any(&["stop"]);
    }
    figures
}

async fn send_a_mix(running: &Running, hub: &Hub) {
    for i in 0..150 {
        let (to, callback) = (format!("+15550003{i:03}"), format!("{}/status?d=s{i}", hub.url));
        let text = format!("hello {i}");
        let sms = [("To", to.as_str()), ("From", "+15005550001"), ("Body", text.as_str()), ("StatusCallback", callback.as_str())];
        running.twilio(&sms).await;
        let template = json!({
            "messaging_product": "whatsapp", "to": to, "type": "template", "biz_opaque_callback_data": format!("w{i}"),
            "template": { "name": "sale", "language": { "code": "ar" } },
        });
        running.meta(&template).await;
        let html = format!("<a href='{0}/c/{i}'>x</a><img src='{0}/o/{i}'>", hub.url);
        let mail = json!({
            "personalizations": [{ "to": [{ "email": format!("u{i}@example.com") }], "custom_args": { "fanfare": format!("e{i}") } }],
            "from": { "email": "news@example.com" }, "subject": "x",
            "content": [{ "type": "text/html", "value": html }],
            "headers": { "List-Unsubscribe": format!("<{}/u/{i}>", hub.url), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
        });
        running.sendgrid(&mail).await;
    }
}

#[tokio::test]
async fn figures_are_a_recount_of_the_log() {
    let (hub, folder) = (Hub::start().await, Folder::new());
    let behaviour = Behaviour { refuse: 0.1, throttle: 0.1, fail: 0.1, read: 0.6, click: 0.5, stop: 0.1, ..smooth() };
    let running = Running::start_in(&folder.0, Some(config(Some(&hub), behaviour))).await;
    send_a_mix(&running, &hub).await;
    send_a_mix(&running, &hub).await;
    let figures = running.settled().await;
    running.stop().await;
    for channel in [Channel::Email, Channel::Sms, Channel::Whatsapp] {
        let counted = *figures.channel(channel);
        assert_eq!(counted, recount(&folder.0, channel), "{}", channel.as_str());
        assert!(counted.delivered > 0 && counted.failed > 0 && counted.read + counted.unsubscribed > 0);
        assert!(counted.duplicates > 50, "the mix was sent twice");
    }

    let again = Running::start_in(&folder.0, None).await;
    assert_eq!(again.sandbox.figures(), figures, "the figures outlive the process");
    let form = [("To", "+15550009999"), ("From", "+15005550001"), ("Body", "x")];
    let refused = again.twilio(&form).await.status() != 201;
    let log = again.log().await;
    let sent = figures.email.sent + figures.sms.sent + figures.whatsapp.sent + u64::from(!refused);
    assert_eq!(log.len() as u64, sent);
    assert!(log.iter().enumerate().all(|(i, line)| line["seq"] == i as u64 + 1));
    again.stop().await;
}

#[tokio::test]
async fn what_was_left_unplayed_is_played_by_the_next_process() {
    let (hub, folder) = (Hub::start().await, Folder::new());
    let slow = Behaviour { callback_delay_ms: [3_600_000, 3_600_000], ..smooth() };
    let running = Running::start_in(&folder.0, Some(config(Some(&hub), slow))).await;
    let callback = format!("{}/status?d=1", hub.url);
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x"), ("StatusCallback", callback.as_str())];
    assert_eq!(running.twilio(&form).await.status(), 201);
    assert_eq!(running.sandbox.figures().pending, 2);
    running.stop().await;
    assert!(hub.calls().is_empty());

    let again = Running::start_in(&folder.0, Some(config(Some(&hub), smooth()))).await;
    assert_eq!(again.settled().await.sms.delivered, 1);
    assert_eq!(hub.calls_to("/status?d=1").len(), 2);
    again.stop().await;
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_dropped() {
    let folder = Folder::new();
    let running = Running::start_in(&folder.0, Some(config(None, smooth()))).await;
    let form = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x")];
    running.twilio(&form).await;
    running.stop().await;
    let log = folder.0.join("messages.jsonl");
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, [&whole[..], b"{\"seq\":2,\"at\":"].concat()).unwrap();

    let again = Running::start_in(&folder.0, None).await;
    assert_eq!(again.sandbox.figures().sms.sent, 1);
    again.twilio(&form).await;
    assert_eq!(again.log().await.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(again.sandbox.figures().sms.duplicates, 1, "the same text to the same number");
    again.stop().await;
}

#[tokio::test]
async fn one_folder_serves_one_process() {
    let folder = Folder::new();
    let running = Running::start_in(&folder.0, None).await;
    let any = "127.0.0.1:0".parse().unwrap();
    let options = sandbox::Options { listen: any, smtp_listen: any, state_dir: folder.0.clone(), ports_file: None, allow_remote: false };
    assert!(sandbox::Sandbox::start(options, running.shutdown.clone()).await.is_err());
    running.stop().await;
}
