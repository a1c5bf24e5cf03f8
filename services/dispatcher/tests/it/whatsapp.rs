//! Meta's templates: by the endpoint that their category asks for, with a file that was left there once.

use crate::world::{Campaign, World};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
    routing::{get, post},
};
use domain::Channel;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// What was asked of the stand-in: the end of the path, and the body where it is JSON.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

async fn take(State(asked): State<Asked>, Path((_, edge)): Path<(String, String)>, body: Bytes) -> Json<Value> {
    let mut asked = asked.lock().unwrap();
    asked.push((edge.clone(), serde_json::from_slice(&body).unwrap_or_default()));
    let number = asked.len();
    Json(if edge == "media" { json!({"id": "77"}) } else { json!({"messages": [{"id": format!("wamid.{number}")}]}) })
}

async fn picture() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/jpeg")], "JPEG")
}

async fn meta() -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let router = Router::new().route("/v23.0/{number}/{edge}", post(take)).route("/spring.jpg", get(picture)).with_state(asked.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

/// A campaign by Meta with a picture; `settings` are the account's, besides where it is.
async fn campaign(world: &World, meta: SocketAddr, settings: &[(&str, &str)]) -> Campaign {
    let campaign = world.campaign(meta, 3, 1e6, "bulk").await;
    let (sender, run) = (campaign.sender, campaign.run);
    let mut account = json!({"phone_number_id": "106540352242922", "base_url": format!("http://{meta}")});
    for (name, value) in settings {
        account[name] = json!(value);
    }
    let sealed = world.seal(br#"{"access_token": "token", "app_secret": "secret", "verify_token": "verify"}"#, sender.0.as_bytes());
    let content = json!({"whatsapp": {"meta": {
        "name": "spring_sale", "language": "en", "header_image_url": format!("http://{meta}/spring.jpg"), "body": ["Hello"]}}});
    for sql in [
        format!("UPDATE core.sender SET provider = 'meta', settings = '{account}', sealed_secrets = '\\x{sealed}' WHERE sender_id = '{sender}'"),
        format!("UPDATE send.run SET content = '{content}' WHERE run_id = '{run}'"),
        format!(
            "INSERT INTO core.provider_template (provider_template_id, workspace_id, sender_id, provider_id, name, language, category, status,
                 synced_at, created_at)
             SELECT uuidv7(), workspace_id, sender_id, '7', 'spring_sale', 'en', 'MARKETING', 'APPROVED', now(), now()
             FROM core.sender WHERE sender_id = '{sender}'"
        ),
    ] {
        assert_eq!(world.execute(sql).await, 1);
    }
    campaign
}

/// The ends of the paths, and the header's parameter of each message.
fn sorted(asked: &Asked) -> (Vec<String>, Vec<Value>) {
    let asked = asked.lock().unwrap();
    let mut ends: Vec<_> = asked.iter().map(|(edge, _)| edge.clone()).collect();
    ends.sort();
    let messages = asked.iter().filter(|(edge, _)| edge != "media");
    (ends, messages.map(|(_, body)| body["template"]["components"][0]["parameters"][0]["image"].clone()).collect())
}

#[tokio::test]
async fn a_marketing_template_goes_to_its_endpoint_with_a_file_left_once() {
    let world = World::of(Channel::Whatsapp).await;
    let (address, asked) = meta().await;
    campaign(&world, address, &[("marketing_api", "on"), ("media_by_id", "true")]).await;
    let mut running = world.dispatch(|_| {});
    world.until(3, "state = 'accepted'").await;
    let (ends, images) = sorted(&asked);
    assert_eq!(ends, ["marketing_messages", "marketing_messages", "marketing_messages", "media"]);
    assert_eq!(images, vec![json!({"id": "77"}); 3]);
    assert_eq!(world.count("core.provider_media", "provider_id = '77' AND media_type = 'image/jpeg'").await, 1);
    running.shutdown.begin();
    (&mut running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_had_goes_as_its_link() {
    let world = World::of(Channel::Whatsapp).await;
    let (address, asked) = meta().await;
    let campaign = campaign(&world, address, &[("media_by_id", "true")]).await;
    let sql = format!(
        "UPDATE send.run SET content = replace(content::text, 'spring.jpg', 'nothing.jpg')::jsonb WHERE run_id = '{}'",
        campaign.run
    );
    assert_eq!(world.execute(sql).await, 1);
    let mut running = world.dispatch(|_| {});
    world.until(3, "state = 'accepted'").await;
    let (ends, images) = sorted(&asked);
    assert_eq!(ends, ["messages"; 3]);
    assert_eq!(images, vec![json!({"link": format!("http://{address}/nothing.jpg")}); 3]);
    running.shutdown.begin();
    (&mut running.ended).await.unwrap().unwrap();
}
