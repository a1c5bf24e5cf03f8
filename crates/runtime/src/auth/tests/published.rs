//! Keys that an issuer publishes.

use super::*;
use crate::auth::jwks::{Jwks, Pace};
use axum::{Router, routing::get};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// An issuer that publishes keys, and counts how often it is asked.
struct Publisher {
    url: String,
    document: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    async fn start(document: Value) -> Self {
        let (document, asked) = (Arc::new(Mutex::new(document.to_string())), Arc::new(AtomicUsize::new(0)));
        let (served, counted) = (Arc::clone(&document), Arc::clone(&asked));
        let answer = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let body = served.lock().unwrap().clone();
            async move { body }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/keys", get(answer))).await.unwrap() });
        Self { url, document, asked }
    }

    fn authenticator(&self, pace: Pace) -> Authenticator {
        with_keys(Keys::Published(Box::new(Jwks::with_pace(&self.url, pace).unwrap())))
    }
}

fn jwk(issuer: &Issuer, id: &str) -> Value {
    let pem: String = issuer.public_pem().lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(pem).unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "alg": "EdDSA", "x": URL_SAFE_NO_PAD.encode(&der[12..])})
}

fn token_of(issuer: &Issuer, key_id: &str) -> String {
    let der = issuer.private_pem().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
    let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &good_claims(), &EncodingKey::from_ed_der(&der)).unwrap()
}

#[tokio::test]
async fn published_keys_are_fetched_once() {
    let issuer = Issuer::generate().unwrap();
    let strange = json!({"kty": "quantum", "kid": "q"});
    let publisher = Publisher::start(json!({"keys": [strange, jwk(&issuer, "one")]})).await;
    let authenticator = publisher.authenticator(Pace::default());
    for _ in 0..3 {
        assert!(authenticator.verify(&token_of(&issuer, "one")).await.is_ok());
    }
    // Without a key id the only key is meant.
    assert!(authenticator.verify(&issuer.token(&grant()).unwrap()).await.is_ok());
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn unknown_key_ids_do_not_hammer_the_issuer() {
    let issuer = Issuer::generate().unwrap();
    let publisher = Publisher::start(json!({"keys": [jwk(&issuer, "one")]})).await;
    let authenticator = publisher.authenticator(Pace::default());
    for id in ["two", "three", "four"] {
        assert_eq!(authenticator.verify(&token_of(&issuer, id)).await, Err(Refusal::Invalid));
    }
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_rotated_key_is_found() {
    let (old, new) = (Issuer::generate().unwrap(), Issuer::generate().unwrap());
    let publisher = Publisher::start(json!({"keys": [jwk(&old, "old")]})).await;
    let authenticator = publisher.authenticator(Pace { pause: Duration::ZERO, ..Pace::default() });
    assert!(authenticator.verify(&token_of(&old, "old")).await.is_ok());
    *publisher.document.lock().unwrap() = json!({"keys": [jwk(&new, "new")]}).to_string();
    assert!(authenticator.verify(&token_of(&new, "new")).await.is_ok());
    assert_eq!(authenticator.verify(&token_of(&old, "old")).await, Err(Refusal::Invalid));
}

#[tokio::test]
async fn keys_at_hand_outlive_a_bad_answer() {
    let issuer = Issuer::generate().unwrap();
    let publisher = Publisher::start(json!({"keys": [jwk(&issuer, "one")]})).await;
    let authenticator = publisher.authenticator(Pace { fresh: Duration::ZERO, pause: Duration::ZERO, ..Pace::default() });
    assert!(authenticator.verify(&token_of(&issuer, "one")).await.is_ok());
    *publisher.document.lock().unwrap() = format!("{{\"keys\":[{}]}}", " ".repeat(300 * 1024));
    assert!(authenticator.verify(&token_of(&issuer, "one")).await.is_ok());
}

#[tokio::test]
async fn without_keys_the_caller_is_told_to_retry() {
    let issuer = Issuer::generate().unwrap();
    let publisher = Publisher::start(json!({"keys": []})).await;
    assert_eq!(publisher.authenticator(Pace::default()).verify(&token_of(&issuer, "one")).await, Err(Refusal::KeysUnavailable));
}

#[test]
fn published_keys_come_over_tls_or_from_this_machine() {
    for (url, taken) in [
        ("https://issuer.example/keys", true),
        ("http://127.0.0.1:9/keys", true),
        ("http://localhost:9/keys", true),
        ("http://issuer.example/keys", false),
        ("file:///etc/passwd", false),
        ("http://localhost.example/keys", false),
        ("nonsense", false),
    ] {
        assert_eq!(Jwks::new(url).is_ok(), taken, "{url}");
    }
}

#[test]
fn a_published_secret_or_encryption_key_is_no_key() {
    for key in [
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "use": "enc"}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS256"}),
    ] {
        assert!(serde_json::from_value(key.clone()).ok().and_then(|jwk| Key::from_jwk(&jwk)).is_none(), "{key}");
    }
}
