//! What devices tell of notifications, and browsers that register themselves.

use crate::support::Ingest;
use domain::{Channel, ContactId, DeliveryId, SenderId, link::DeviceLink};
use proto::event::FactKind;
use reqwest::{Method, StatusCode};
use time::{Duration, OffsetDateTime};

const SUBSCRIPTION: &str = r#"{"endpoint": "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", "expirationTime": null, "keys": {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}"#;

impl Ingest {
    async fn post_text(&self, path: &str, body: &str) -> StatusCode {
        self.client.post(format!("{}{path}", self.base)).body(body.to_owned()).send().await.unwrap().status()
    }

    async fn app(&self) -> SenderId {
        let app = SenderId::new();
        self.add_sender(app, Channel::Push, "webpush", &[("subject", "mailto:push@example.com")], &[]).await;
        app
    }

    fn device_path(&self, contact: ContactId, sender: SenderId, valid: Duration) -> String {
        let link = DeviceLink { contact_id: contact, sender_id: sender };
        format!("/devices/{}", self.links.device_token(link, OffsetDateTime::now_utc() + valid))
    }
}

#[tokio::test]
async fn a_device_tells_that_it_showed_and_opened_a_notification() {
    let mut ingest = Ingest::start().await;
    let path = format!("/r/{}", ingest.links.receipt_token(DeliveryId(7)));
    assert_eq!(ingest.post_text(&path, "delivered").await, StatusCode::NO_CONTENT);
    let delivered = ingest.fact().await;
    assert_eq!((delivered.kind(), delivered.delivery_id), (FactKind::Delivered, 7));
    assert_eq!(ingest.post_text(&path, "event=opened").await, StatusCode::NO_CONTENT);
    let opened = ingest.fact().await;
    assert_eq!((opened.kind(), opened.delivery_id), (FactKind::Opened, 7));
    assert_ne!(opened.key, delivered.key);
    assert_eq!(ingest.post_text(&path, r#"{"event": "delivered"}"#).await, StatusCode::NO_CONTENT);
    assert_eq!(ingest.fact().await.key, delivered.key, "the same fact, however often it is told");
    // A test's message is counted nowhere; what follows is the next fact.
    let of_test = format!("/r/{}", ingest.links.receipt_token(DeliveryId(-7)));
    assert_eq!(ingest.post_text(&of_test, "delivered").await, StatusCode::NO_CONTENT);
    assert_eq!(ingest.post_text(&path, "clicked").await, StatusCode::BAD_REQUEST);
    assert_eq!(ingest.post_text(&format!("/r/{}", ingest.links.open_token(DeliveryId(7))), "opened").await, StatusCode::NOT_FOUND);
    let other = format!("/r/{}", ingest.links.receipt_token(DeliveryId(8)));
    assert_eq!(ingest.post_text(&other, "opened").await, StatusCode::NO_CONTENT);
    assert_eq!(ingest.fact().await.delivery_id, 8);
}

#[tokio::test]
async fn a_browser_registers_itself_by_its_link() {
    let mut ingest = Ingest::start().await;
    let (contact, app) = (ContactId::new(), ingest.app().await);
    let path = ingest.device_path(contact, app, Duration::HOUR);
    let url = format!("{}{path}", ingest.base);
    let preflight = ingest.client.request(Method::OPTIONS, &url).send().await.unwrap();
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let answer = ingest.client.post(&url).header("content-type", "application/json").body(SUBSCRIPTION).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let told = ingest.message().await;
    assert_eq!((told.workspace_id, told.contact_id, told.sender_id), (ingest.workspace.to_string(), contact.to_string(), app.to_string()));
    let device = told.new_device.unwrap();
    assert_eq!((device.kind.as_str(), device.p256dh.len(), device.auth.len()), ("webpush", 65, 16));
    assert_eq!(device.target, "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV");
}

#[tokio::test]
async fn a_link_that_has_ended_or_is_of_something_else_registers_nothing() {
    let ingest = Ingest::start().await;
    let (contact, app) = (ContactId::new(), ingest.app().await);
    let ended = ingest.device_path(contact, app, -Duration::SECOND);
    let of_texts = ingest.device_path(contact, ingest.twilio, Duration::HOUR);
    let of_nobody = ingest.device_path(contact, SenderId::new(), Duration::HOUR);
    let receipt = format!("/devices/{}", ingest.links.receipt_token(DeliveryId(7)));
    for path in [ended, of_texts, of_nobody, receipt, "/devices/x".to_owned()] {
        assert_eq!(ingest.post_text(&path, SUBSCRIPTION).await, StatusCode::NOT_FOUND, "{path}");
    }
    let good = ingest.device_path(contact, app, Duration::HOUR);
    let bare = SUBSCRIPTION.replace("https://push.example.net", "push.example.net");
    for body in ["", "{}", &bare, r#"{"token": "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvD"}"#, &"x".repeat(20_000)] {
        assert_eq!(ingest.post_text(&good, body).await, StatusCode::BAD_REQUEST, "{body:.40}");
    }
}
