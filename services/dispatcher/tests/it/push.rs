//! Notifications: one delivery to all devices of a contact, and what is told of devices that are gone.

use crate::world::World;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use domain::{Channel, SenderId, WorkspaceId};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// A push service: what comes of a message is the beginning of the subscription's name.
struct Service {
    address: SocketAddr,
    got: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self { address: listener.local_addr().unwrap(), got: Arc::default() };
        let app = Router::new().route("/push/{name}", post(take)).with_state(service.got.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        service
    }

    fn got(&self, kind: &str) -> usize {
        self.got.lock().unwrap().iter().filter(|name| name.starts_with(kind)).count()
    }
}

async fn take(State(got): State<Arc<Mutex<Vec<String>>>>, Path(name): Path<String>, headers: HeaderMap) -> StatusCode {
    let whole = ["ttl", "urgency", "authorization", "content-encoding"].iter().all(|header| headers.contains_key(*header));
    let status = match name.split('-').next() {
        _ if !whole => StatusCode::BAD_REQUEST,
        Some("ok") => StatusCode::CREATED,
        Some("gone") => StatusCode::GONE,
        Some("down") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::TOO_MANY_REQUESTS,
    };
    got.lock().unwrap().push(name);
    status
}

/// A website's account, for [`World::campaign`]; the pair is one of RFC 8291's examples.
pub fn account(service: SocketAddr) -> (&'static str, String, &'static [u8]) {
    let settings = format!(
        r#"{{"vapid_public_key": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
             "subject": "mailto:push@example.com", "push_services": "{}"}}"#,
        service.ip()
    );
    ("webpush", settings, br#"{"vapid_private_key": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"}"#)
}

/// Devices of a campaign's contacts, whose addresses are numbered from 1: of the first one that works beside one that is gone, of the second
/// none but one that is gone, of the third one whose service is in trouble, and of the fourth one that is told to wait.
pub fn devices(workspace: WorkspaceId, sender: SenderId, service: SocketAddr) -> String {
    // The key and secret of RFC 8291's user agent.
    let p256dh = "042571b2becdfde360551aaf1ed0f4cd366c11cebe555f89bcb7b186a53339173168ece2ebe018597bd30479b86e3c8f8eced577ca59187e9246990db682008b0e";
    let auth = "05305932a1c7eabe13b6cec9fda48882";
    format!(
        "INSERT INTO core.push_device (device_id, workspace_id, contact_id, sender_id, kind, target, target_hash, p256dh, auth, created_at,
             last_seen_at)
         SELECT uuidv7(), '{workspace}', c.contact_id, '{sender}', 'webpush', t.target, sha256(convert_to(t.target, 'UTF8')),
                decode('{p256dh}', 'hex'), decode('{auth}', 'hex'), now() - interval '1 hour', now() - interval '1 hour'
         FROM core.contact c
         JOIN (VALUES (1, 'ok'), (1, 'gone'), (2, 'gone'), (3, 'down'), (3, 'gone'), (4, 'busy')) AS k (number, kind)
           ON c.email_key = k.number || '@example.com'
         CROSS JOIN LATERAL (SELECT 'http://{service}/push/' || k.kind || '-' || k.number AS target) AS t
         WHERE c.workspace_id = '{workspace}'"
    )
}

#[tokio::test]
async fn a_delivery_is_what_the_best_of_its_devices_made_of_it() {
    let (world, service) = (World::of(Channel::Push).await, Service::start().await);
    world.campaign(service.address, 5, 1e6, "bulk").await;
    assert_eq!(world.deliveries("state = 'suppressed'").await, 1, "the fifth has no device");
    let _running = world.dispatch(|_| ());
    world.until(1, "state = 'accepted' AND address LIKE 'contact:%'").await;
    world.until(1, "state = 'rejected' AND reason = 'no_device'").await;
    world.until(1, "state = 'uncertain' AND reason = 'http_503'").await;
    world.until(1, "state = 'retry_wait' AND reason = 'http_429'").await;
    assert_eq!((service.got("ok"), service.got("down"), service.got("busy")), (1, 1, 1), "each device gets it once");
    assert_eq!(service.got("gone"), 3);
    world.poll("the devices that are gone are told of", async || world.count("send.outbox", "subject = 'inbound'").await == 3).await;
    assert_eq!(world.count("core.push_device", "gone_at IS NOT NULL").await, 0, "the register is campaign-api's");
}
