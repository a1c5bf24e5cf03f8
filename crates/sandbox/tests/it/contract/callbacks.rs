//! What the sandbox posts: by the schema where one is published, else with no name that the published samples don't have.

use std::collections::BTreeSet;

use contracts::{assert_valid, samples, schema};
use sandbox::behaviour::Behaviour;
use serde_json::Value;

use crate::support::{Hub, Running, config, smooth};

/// The names that one kind of published form has.
fn names_of_forms(begin: &str) -> BTreeSet<String> {
    let forms = samples("twilio", begin, ".txt");
    let pairs = forms.iter().flat_map(|(_, body)| url::form_urlencoded::parse(body).into_owned().collect::<Vec<_>>());
    pairs.map(|(name, _)| name).collect()
}

/// The names that Twilio's pages document and none of the samples happens to have.
const DOCUMENTED: [&str; 4] = ["ErrorMessage", "MessagingServiceSid", "ChannelStatusMessage", "StructuredMessage"];

#[tokio::test]
async fn twilios_posts_have_twilios_names() {
    let (statuses, inbound) = (names_of_forms("status_"), names_of_forms("inbound_"));
    let hub = Hub::start().await;
    for fail in [0.0, 1.0] {
        let running = Running::start(config(Some(&hub), Behaviour { fail, read: 1.0, stop: 1.0, ..smooth() })).await;
        let callback = format!("{}/status?d=x", hub.url);
        for (to, from, what) in [
            ("+15550001111", "+15005550001", ("Body", "Hi")),
            ("whatsapp:+15550001111", "whatsapp:+14155238886", ("ContentSid", "HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ] {
            let form = [("To", to), ("From", from), what, ("StatusCallback", callback.as_str())];
            assert_eq!(running.twilio(&form).await.status(), 201);
        }
        running.settled().await;
    }
    for (path, known) in [("/status", statuses), ("/inbound", inbound)] {
        let calls = hub.calls_to(path);
        assert!(!calls.is_empty(), "{path}");
        for (name, _) in calls.iter().flat_map(|call| call.form()) {
            assert!(known.contains(&name) || DOCUMENTED.contains(&name.as_str()), "{path}: {name} is none of Twilio's");
        }
        assert!(calls.iter().all(|call| ["MessageSid", "AccountSid", "From", "To"].iter().all(|name| !call.param(name).is_empty())));
    }
}

#[tokio::test]
async fn metas_posts_fit_the_schema() {
    let webhook = schema("meta-whatsapp/openapi.relaxed.json", "/components/schemas/WebhookPayload");
    let hub = Hub::start().await;
    for fail in [0.0, 1.0] {
        let running = Running::start(config(Some(&hub), Behaviour { fail, read: 1.0, stop: 1.0, ..smooth() })).await;
        let variants = contracts::json("meta-whatsapp/samples/send_requests_template_variants.json");
        for request in variants.as_object().unwrap().values() {
            assert_eq!(running.meta(request).await.status(), 200, "{request}");
        }
        running.settled().await;
    }
    let calls = hub.calls_to("/meta");
    assert!(calls.len() >= 2);
    calls.iter().for_each(|call| assert_valid(&webhook, &call.json()));
    let kinds: BTreeSet<&str> =
        ["statuses", "messages"].into_iter().filter(|kind| calls.iter().any(|call| mentions(&call.json(), kind))).collect();
    assert_eq!(kinds.len(), 2, "statuses and replies were posted");
}

fn mentions(post: &Value, kind: &str) -> bool {
    let changes = post["entry"].as_array().into_iter().flatten().flat_map(|entry| entry["changes"].as_array().into_iter().flatten());
    changes.into_iter().any(|change| change["value"][kind].is_array())
}

/// Fields that SendGrid's newer pages have and the samples of 2021 don't, and the sender's own argument.
const NEWER: [&str; 6] = ["fanfare", "bounce_classification", "sg_machine_open", "tls", "ip", "useragent"];

#[tokio::test]
async fn sendgrids_events_have_sendgrids_fields() {
    let published: Value = contracts::json("sendgrid/samples/events_all_types.json");
    let full = samples("sendgrid", "event_", ".json");
    let events = full.iter().filter_map(|(_, body)| serde_json::from_slice::<Value>(body).ok()).chain([published]);
    let mut known = BTreeSet::new();
    for event in events.flat_map(|sample| match sample {
        Value::Array(events) => events,
        event => vec![event],
    }) {
        known.extend(event.as_object().unwrap().keys().cloned());
    }
    let hub = Hub::start().await;
    for fail in [0.0, 1.0] {
        let running = Running::start(config(Some(&hub), Behaviour { fail, read: 1.0, click: 1.0, ..smooth() })).await;
        for i in 0..8 {
            let mut letter = contracts::json("sendgrid/samples/mail_send_request.json");
            letter["personalizations"][0]["to"] = serde_json::json!([{"email": format!("p{i}@example.net")}]);
            assert_eq!(running.sendgrid(&letter).await.status(), 202);
        }
        running.settled().await;
    }
    let calls = hub.calls_to("/sendgrid");
    assert!(!calls.is_empty());
    let own = contracts::json("sendgrid/samples/mail_send_request.json");
    let own: Vec<String> =
        own["personalizations"][0]["custom_args"].as_object().map(|args| args.keys().cloned().collect()).unwrap_or_default();
    for event in calls.iter().flat_map(|call| call.json().as_array().unwrap().clone()) {
        for name in event.as_object().unwrap().keys() {
            assert!(known.contains(name) || NEWER.contains(&name.as_str()) || own.contains(name), "{name} is none of SendGrid's: {event}");
        }
        assert!(["email", "timestamp", "event", "sg_event_id", "sg_message_id"].iter().all(|name| !event[*name].is_null()), "{event}");
    }
}
