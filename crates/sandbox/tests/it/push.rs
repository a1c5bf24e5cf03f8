//! Firebase and Web Push as the hub's own adapters speak to them, and what the devices do then.

use crate::support::{Hub, Running, config, json, smooth};
use domain::Channel;
use domain::content::{PushVariant, Rendered};
use providers::{Account, Device, DeviceKind, FaultAction, Message, Outcome, PushKeys, Secret, Send, public_net};
use sandbox::behaviour::Behaviour;
use sandbox::config::{Fcm, Webpush};
use sandbox::{ChannelFigures, Config};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const KEY: &str = include_str!("../../../devstack/fixtures/fcm_key.pem");
const EMAIL: &str = "hub@project.iam.gserviceaccount.com";
/// A pair of RFC 8291's examples.
const VAPID_PUBLIC: &str = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
const VAPID_PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const DEADLINE: Duration = Duration::from_secs(5);

fn with_push(hub: Option<&Hub>, behaviour: Behaviour) -> Config {
    // The sandbox is on this machine.
    public_net::allow_private(true);
    Config {
        fcm: Some(Fcm { project_id: "project".into(), client_email: EMAIL.into(), private_key_pem: KEY.into() }),
        webpush: Some(Webpush { vapid_public_key: VAPID_PUBLIC.into() }),
        ..config(hub, behaviour)
    }
}

fn account(settings: &[(&str, &str)], secret: (&str, String)) -> Account {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Account { settings, secrets: [(secret.0.to_owned(), Secret::new(secret.1))].into() }
}

fn fcm(running: &Running, project: &str) -> Arc<dyn Send> {
    let url = running.sandbox.url();
    let file = json!({"project_id": project, "client_email": EMAIL, "private_key": KEY}).to_string();
    let token_url = format!("{url}/oauth2/token");
    let account = account(&[("base_url", url.as_str()), ("token_url", token_url.as_str())], ("service_account", file));
    providers::fcm::sender(&account, Channel::Push, DEADLINE).unwrap()
}

fn webpush(public: &str, private: &str) -> Arc<dyn Send> {
    let settings = [("vapid_public_key", public), ("subject", "mailto:push@example.com"), ("push_services", "127.0.0.1")];
    providers::webpush::sender(&account(&settings, ("vapid_private_key", private.to_owned())), Channel::Push, DEADLINE).unwrap()
}

async fn devices(running: &Running, kind: &str, count: u32) -> Vec<Value> {
    let url = format!("{}/sandbox/devices?kind={kind}&count={count}", running.sandbox.url());
    json(running.client.post(url).send().await.unwrap()).await["devices"].as_array().unwrap().clone()
}

fn message(hub: &str, device: &Value, number: usize) -> Message {
    let text = |name: &str| device[name].as_str().unwrap_or_default();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).unwrap();
    let kind = DeviceKind::of_name(text("kind")).unwrap();
    let keys = (kind == DeviceKind::WebPush)
        .then(|| PushKeys { p256dh: bytes("p256dh").try_into().unwrap(), auth: bytes("auth").try_into().unwrap() });
    let push = PushVariant {
        title: "Spring sale".into(),
        body: "20% off".into(),
        link: format!("{hub}/c/token-{number}"),
        ..PushVariant::default()
    };
    let receipt_url = Some(format!("{hub}/r/{number}"));
    let device = Some(Device { kind, keys });
    Message { device, receipt_url, ..Message::new(text("target"), Rendered::Push(push), format!("c{number}"), format!("key-{number}")) }
}

fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

fn fault(outcome: Outcome) -> (String, FaultAction) {
    match outcome {
        Outcome::Refused(fault) => (fault.code, fault.action),
        other => panic!("must be refused: {other:?}"),
    }
}

#[tokio::test]
async fn devices_get_what_was_sent_and_tell_the_hub() {
    let hub = Hub::start().await;
    let running = Running::start(with_push(Some(&hub), Behaviour { read: 1.0, click: 1.0, ..smooth() })).await;
    let (firebase, browsers) = (fcm(&running, "project"), webpush(VAPID_PUBLIC, VAPID_PRIVATE));
    let mut number = 0;
    for kind in ["webpush", "token", "fid"] {
        for device in devices(&running, kind, 3).await {
            let sender = if kind == "webpush" { &browsers } else { &firebase };
            let outcome = sender.send(&message(&hub.url, &device, number)).await;
            assert!(accepted(&outcome), "{kind}: {outcome:?}");
            number += 1;
        }
    }
    let figures = running.settled().await.push;
    assert_eq!(figures, ChannelFigures { sent: 9, delivered: 9, read: 9, clicked: 9, ..ChannelFigures::default() });
    for number in 0..9 {
        let told: Vec<_> = hub.calls_to(&format!("/r/{number}")).iter().map(|call| String::from_utf8(call.body.clone()).unwrap()).collect();
        assert_eq!(told, ["delivered", "opened"]);
        assert_eq!(hub.calls_to(&format!("/c/token-{number}")).len(), 1);
    }
    let log = running.log().await;
    assert!(log.iter().all(|line| line["subject"] == "Spring sale" && line["text"] == "20% off" && line["channel"] == "push"));
    assert_eq!(log[0]["correlation"], "key-0");
    running.stop().await;
}

#[tokio::test]
async fn simulated_devices_are_the_same_for_the_same_seed() {
    let (one, two) = (Running::start(with_push(None, smooth())).await, Running::start(with_push(None, smooth())).await);
    for kind in ["webpush", "token", "fid"] {
        let keys =
            |devices: Vec<Value>| devices.into_iter().map(|device| (device["p256dh"].clone(), device["auth"].clone())).collect::<Vec<_>>();
        let (ours, theirs) = (devices(&one, kind, 4).await, devices(&two, kind, 4).await);
        assert_eq!(ours.len(), 4);
        assert_eq!(keys(ours), keys(theirs));
    }
    let refused = one.client.post(format!("{}/sandbox/devices?count=10001", one.sandbox.url())).send().await.unwrap();
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn devices_that_are_gone_and_haste_are_refused_as_the_services_do() {
    let gone = Running::start(with_push(None, Behaviour { refuse: 1.0, ..smooth() })).await;
    let (token, browser) = (&devices(&gone, "token", 1).await[0], &devices(&gone, "webpush", 1).await[0]);
    let hub = gone.sandbox.url();
    assert_eq!(fault(fcm(&gone, "project").send(&message(&hub, token, 1)).await), ("UNREGISTERED".into(), FaultAction::InvalidAddress));
    let refused = fault(webpush(VAPID_PUBLIC, VAPID_PRIVATE).send(&message(&hub, browser, 1)).await);
    assert_eq!(refused, ("http_410".into(), FaultAction::InvalidAddress));
    let hasty = Running::start(with_push(None, Behaviour { throttle: 1.0, ..smooth() })).await;
    let wait = FaultAction::Throttle { after: Some(Duration::from_secs(1)) };
    let (token, browser) = (&devices(&hasty, "token", 1).await[0], &devices(&hasty, "webpush", 1).await[0]);
    assert_eq!(fault(fcm(&hasty, "project").send(&message(&hub, token, 1)).await), ("QUOTA_EXCEEDED".into(), wait));
    assert_eq!(fault(webpush(VAPID_PUBLIC, VAPID_PRIVATE).send(&message(&hub, browser, 1)).await), ("http_429".into(), wait));
    assert_eq!(gone.sandbox.figures().push.failed, 2);
}

#[tokio::test]
async fn who_may_not_send_is_refused() {
    let running = Running::start(with_push(None, smooth())).await;
    let (token, browser) = (&devices(&running, "token", 1).await[0], &devices(&running, "webpush", 1).await[0]);
    let hub = running.sandbox.url();
    let foreign = fault(fcm(&running, "another").send(&message(&hub, token, 1)).await);
    assert_eq!(foreign, ("PERMISSION_DENIED".into(), FaultAction::PauseSender));
    // Another pair than browsers subscribed with: the one of RFC 8291's user agent.
    let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let other = webpush(public, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
    assert_eq!(fault(other.send(&message(&hub, browser, 1)).await), ("http_403".into(), FaultAction::PauseSender));
    let url = format!("{}/push/sim-1", running.sandbox.url());
    assert_eq!(running.client.post(&url).body("x").send().await.unwrap().status(), 401);
    assert_eq!(running.client.post(format!("{}/push/nobody", running.sandbox.url())).send().await.unwrap().status(), 404);
    let url = format!("{}/v1/projects/project/messages:send", running.sandbox.url());
    let answer = running.client.post(url).bearer_auth("ya29.forged").json(&json!({})).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), json(answer).await["error"]["status"].clone()), (401, json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn a_token_is_given_for_a_good_assertion_only() {
    let running = Running::start(with_push(None, smooth())).await;
    let url = format!("{}/oauth2/token", running.sandbox.url());
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    for form in [vec![("grant_type", "password")], vec![("grant_type", grant)], vec![("grant_type", grant), ("assertion", "a.b.c")]] {
        let answer = running.client.post(&url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(json(answer).await["error"].is_string());
    }
}

#[tokio::test]
async fn a_browser_fetches_what_only_it_can_read() {
    let running = Running::start(with_push(None, smooth())).await;
    let subscription = json(running.client.post(format!("{}/push/subscriptions", running.sandbox.url())).send().await.unwrap()).await;
    let keys = &devices(&running, "webpush", 1).await[0];
    let device = json!({"kind": "webpush", "target": subscription["endpoint"], "p256dh": keys["p256dh"], "auth": keys["auth"]});
    let outcome = webpush(VAPID_PUBLIC, VAPID_PRIVATE).send(&message(&running.sandbox.url(), &device, 1)).await;
    assert!(accepted(&outcome), "{outcome:?}");
    let path = format!("/push/subscriptions/{}", subscription["id"].as_str().unwrap());
    let waiting = json(running.get(&path).await).await["messages"].clone();
    assert_eq!((waiting.as_array().unwrap().len(), &waiting[0]["number"]), (1, &json!(1)));
    assert_eq!(json(running.get(&format!("{path}?after=1")).await).await["messages"], json!([]));
    let text = json!(running.log().await).to_string();
    assert!(!text.contains("Spring sale"), "the sandbox can't read it either");
    for (path, kind) in [("/push/", "text/html"), ("/push/sw.js", "text/javascript"), ("/push/page.js", "text/javascript")] {
        let answer = running.get(path).await;
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind));
    }
    assert_eq!(json(running.get("/push/config").await).await["vapid_public_key"], VAPID_PUBLIC);
}
