//! E-mails by SendGrid go many to a call: each with its own words, links and arguments, to each recipient once, and each settled by its own
//! events.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

const PEOPLE: usize = 300;
/// A pace lets some hundred leave at once, and a call that is refused for some of its recipients goes again without them.
const CALLS: usize = 12;

fn text<'a>(message: &'a Value, pointer: &str) -> &'a str {
    message.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is missing: {message}"))
}

/// How far a message came, by what its recipient was to do.
fn status(message: &Value) -> &'static str {
    if message["fails_with"].is_string() {
        return "failed";
    }
    match message["plays"].as_array().and_then(|plays| plays.last()).and_then(Value::as_str) {
        Some("click") => "clicked",
        Some("read") => "read",
        Some("delivered") => "delivered",
        other => panic!("no recipient does {other:?}"),
    }
}

/// One message of a call is like no other: it is this person's alone.
fn assert_own(message: &Value) {
    let n = text(message, "/to").strip_prefix("person").and_then(|rest| rest.strip_suffix("@example.com")).unwrap();
    assert_eq!(text(message, "/subject"), format!("Person {n}, 20% off"));
    let html = text(message, "/html");
    assert!(html.contains(&format!("<p>Hello Person {n}</p>")) && html.matches("Person ").count() == 1, "{html}");
}

#[tokio::test]
async fn hundreds_go_in_few_calls_and_each_is_settled_by_itself() {
    let lively = json!({"refuse": 0.03, "throttle": 0.0, "fail": 0.1, "read": 0.5, "click": 0.4, "stop": 0.0});
    let world = World::start_on(&[Channel::Email], lively).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    let campaign = world.sending(list, &[Channel::Email]).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    let email = &stats.channels[0];
    assert!(email.rejected > 0 && email.failed > email.rejected && email.clicked > 0, "{email:?}");
    assert_eq!(email.sent + email.rejected, PEOPLE as u64, "one that is refused keeps nobody back: {email:?}");
    assert_eq!(world.duplicates().await.unwrap(), 0);

    let messages = world.sandbox().messages().await.unwrap();
    assert_eq!(messages.len() as u64, email.sent);
    let mut calls: HashMap<&str, usize> = HashMap::new();
    for message in &messages {
        assert_own(message);
        *calls.entry(text(message, "/provider_message_id")).or_default() += 1;
    }
    assert!(calls.len() <= CALLS, "{} calls for {} messages: {calls:?}", calls.len(), messages.len());
    for own in ["/custom_args/fanfare", "/links/unsubscribe", "/links/open"] {
        let different: HashSet<_> = messages.iter().map(|message| text(message, own)).collect();
        assert_eq!(different.len(), messages.len(), "each has its own {own}");
    }

    let deliveries = world.deliveries(&campaign, Channel::Email).await.unwrap();
    let by_address: HashMap<_, _> = deliveries.iter().map(|delivery| (delivery.address.as_str(), delivery)).collect();
    assert_eq!((deliveries.len(), by_address.len()), (PEOPLE, PEOPLE));
    for message in &messages {
        let delivery = by_address[text(message, "/to")];
        assert_eq!(delivery.status, status(message), "{delivery:?}: {message}");
        let call = text(message, "/provider_message_id");
        // A call's messages share its id, so each is told apart by its place.
        let named = if calls[call] > 1 { format!("{call}#{}", text(message, "/custom_args/fanfare_n")) } else { call.to_owned() };
        assert_eq!(delivery.provider_message_id, named);
    }
    world.hub.stop().await.unwrap();
}
