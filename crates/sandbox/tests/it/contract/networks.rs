//! The social networks and Firebase: each good request is taken, each broken one refused, and every answer is as described.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use contracts::{Answer, Call};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use sandbox::Config;
use sandbox::config::{Facebook, Fcm, Instagram, Linkedin, OauthApp, X};
use serde_json::{Value, json};

use crate::contract::{ask, holds};
use crate::support::{Running, config, json as body_of, smooth};

const KEY: &str = include_str!("../../../../devstack/fixtures/fcm_key.pem");
const EMAIL: &str = "hub@project.iam.gserviceaccount.com";
const AUTHOR: &str = "urn:li:organization:5515715";

async fn running() -> Running {
    let (token, app) = ("token".to_owned(), OauthApp::default());
    Running::start(Config {
        facebook: Some(Facebook { access_token: "page".into(), page_id: "1234".into(), page_name: "Lumen".into(), app: app.clone() }),
        instagram: Some(Instagram {
            access_token: "user".into(),
            ig_user_id: "1784".into(),
            username: "lumen".into(),
            quota_total: 50,
            app: app.clone(),
        }),
        x: Some(X {
            access_token: Some(token.clone()),
            user_id: "2244994945".into(),
            username: "lumen".into(),
            max_characters: 280,
            app: app.clone(),
        }),
        linkedin: Some(Linkedin {
            access_token: Some(token),
            author: AUTHOR.into(),
            name: "Lumen".into(),
            oldest_version: "202509".into(),
            app,
        }),
        fcm: Some(Fcm { project_id: "project".into(), client_email: EMAIL.into(), private_key_pem: KEY.into() }),
        ..config(None, smooth())
    })
    .await
}

fn call(method: &str, target: &str, token: &str) -> Call {
    Call::new(method, target).with_header("authorization", &format!("Bearer {token}"))
}

fn value(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

async fn described(running: &Running, provider: &'static str, call: &Call) -> Value {
    let answer = ask(running, call).await;
    assert_eq!(answer.status, 200, "{}: {}", call.target, String::from_utf8_lossy(&answer.body));
    contracts::assert_answer(provider, call, &answer);
    value(&answer)
}

#[tokio::test]
async fn x_posts_and_uploads() {
    let running = running().await;
    holds(&running, "x", &call("POST", "/2/tweets", "token").with_json(&json!({"text": "Lumen One is here"}))).await;
    described(&running, "x", &call("GET", "/2/users/me", "token")).await;

    let begin = json!({"media_type": "image/jpeg", "total_bytes": 3, "media_category": "tweet_image"});
    let begun = holds(&running, "x", &call("POST", "/2/media/upload/initialize", "token").with_json(&begin)).await;
    let id = value(&begun)["data"]["id"].as_str().unwrap().to_owned();
    let part = json!({"media": STANDARD.encode([1, 2, 3]), "segment_index": 0});
    holds(&running, "x", &call("POST", &format!("/2/media/upload/{id}/append"), "token").with_json(&part)).await;
    described(&running, "x", &call("POST", &format!("/2/media/upload/{id}/finalize"), "token")).await;
    described(&running, "x", &call("GET", &format!("/2/media/upload?media_id={id}&command=STATUS"), "token")).await;
    let alt = json!({"id": id, "metadata": {"alt_text": {"text": "A lamp"}}});
    described(&running, "x", &call("POST", "/2/media/metadata", "token").with_json(&alt)).await;
    let post = json!({"text": "With a picture", "media": {"media_ids": [id]}});
    holds(&running, "x", &call("POST", "/2/tweets", "token").with_json(&post)).await;
}

fn linkedin(method: &str, target: &str) -> Call {
    call(method, target, "token").with_header("linkedin-version", "202608").with_header("x-restli-protocol-version", "2.0.0")
}

#[tokio::test]
async fn linkedin_posts_and_images() {
    let running = running().await;
    let text = contracts::json("linkedin/samples/create_post_text.json");
    assert_eq!(text["author"], AUTHOR);
    let posted = holds(&running, "linkedin", &linkedin("POST", "/rest/posts").with_json(&text)).await;
    assert!(posted.header("x-restli-id").is_some_and(|urn| urn.starts_with("urn:li:")));
    let begin = linkedin("POST", "/rest/images?action=initializeUpload").with_json(&json!({"initializeUploadRequest": {"owner": AUTHOR}}));
    let begun = value(&holds(&running, "linkedin", &begin).await);
    let put = running.client.put(begun["value"]["uploadUrl"].as_str().unwrap()).bearer_auth("token").body("jpeg").send().await.unwrap();
    assert!(put.status().is_success());
    let mut picture = contracts::json("linkedin/samples/create_post_image.json");
    picture["author"] = json!(AUTHOR);
    picture["content"]["media"]["id"] = begun["value"]["image"].clone();
    holds(&running, "linkedin", &linkedin("POST", "/rest/posts").with_json(&picture)).await;
}

#[tokio::test]
async fn facebook_posts_and_photos() {
    let running = running().await;
    let feed = |body: &Value| call("POST", "/v25.0/1234/feed", "page").with_json(body);
    let posted = holds(&running, "facebook", &feed(&json!({"message": "Lumen One is here", "link": "https://lumen.example/one"}))).await;
    assert!(value(&posted)["id"].is_string());
    let photo = json!({"url": "https://cdn.example.com/a.jpg", "alt_text_custom": "A lamp", "published": false});
    let first = value(&holds(&running, "facebook", &call("POST", "/v25.0/1234/photos", "page").with_json(&photo)).await);
    let attached = json!({"message": "Two of them", "attached_media": [{"media_fbid": first["id"]}]});
    holds(&running, "facebook", &feed(&attached)).await;
    let list = described(&running, "facebook", &call("GET", "/v25.0/1234/feed?fields=id,message,created_time&limit=10", "page")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn instagram_containers_and_posts() {
    let running = running().await;
    let get = |target: &str| call("GET", target, "user");
    described(&running, "instagram", &get("/v25.0/1784/content_publishing_limit?fields=config,quota_usage")).await;
    let make = call("POST", "/v25.0/1784/media", "user");
    let container = json!({"image_url": "https://cdn.example.com/a.jpg", "caption": "Lumen One is here"});
    let made = value(&holds(&running, "instagram", &make.with_json(&container)).await);
    let id = made["id"].as_str().unwrap();
    let status = get(&format!("/v25.0/{id}?fields=status_code,status"));
    while described(&running, "instagram", &status).await["status_code"] != "FINISHED" {}
    let publish = call("POST", "/v25.0/1784/media_publish", "user").with_form([("creation_id", id)]);
    let post = value(&holds(&running, "instagram", &publish).await);
    described(&running, "instagram", &get(&format!("/v25.0/{}?fields=permalink", post["id"].as_str().unwrap()))).await;
}

/// An access token, as Google gives it for what the service account signs (RFC 7523).
async fn access(running: &Running) -> String {
    let part = |claims: Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let audience = format!("{}/oauth2/token", running.sandbox.url());
    let scope = "https://www.googleapis.com/auth/firebase.messaging";
    let claims = json!({"iss": EMAIL, "scope": scope, "aud": audience, "iat": now, "exp": now + 3_600});
    let signed = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims));
    let pem: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.as_str())];
    let answer = running.client.post(audience).form(&form).send().await.unwrap();
    body_of(answer).await["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn firebase_messages() {
    let running = running().await;
    let token = access(&running).await;
    let devices = running.client.post(format!("{}/sandbox/devices?kind=token&count=1", running.sandbox.url())).send().await.unwrap();
    let device = body_of(devices).await["devices"][0]["target"].clone();
    let mut request = contracts::json("fcm/samples/send_request.json");
    let message = request["message"].as_object_mut().unwrap();
    message.remove("fid");
    message.insert("token".to_owned(), device);
    holds(&running, "fcm", &call("POST", "/v1/projects/project/messages:send", &token).with_json(&request)).await;
}
