//! Simulated devices: as many as wanted, each a pure function of the seed and its number, so that none need be remembered.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use ring::digest::{Context, SHA256};
use serde::Deserialize;
use serde_json::{Value, json};

use super::decrypt::Keys;
use crate::desk::Desk;

/// Devices in one answer at most.
const MAX_COUNT: u64 = 10_000;
const PREFIX: &str = "sim-";

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default = "one")]
    count: u64,
    /// The number of the first one.
    #[serde(default = "one")]
    from: u64,
}

fn one() -> u64 {
    1
}

/// `POST /sandbox/devices?kind=webpush|token|fid&count=&from=`: what the hub is to be told of each.
pub async fn make(State(desk): State<Arc<Desk>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    if wanted.count > MAX_COUNT {
        return (StatusCode::BAD_REQUEST, "count must be at most 10000").into_response();
    }
    let seed = desk.live.get().config.seed;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let numbers = wanted.from..wanted.from.saturating_add(wanted.count);
    let devices: Option<Vec<Value>> = match wanted.kind.as_str() {
        "" | "webpush" => numbers.map(|number| subscription(seed, number, host)).collect(),
        "token" => Some(numbers.map(|number| json!({ "kind": "token", "target": token(seed, number) })).collect()),
        "fid" => Some(numbers.map(|number| json!({ "kind": "fid", "target": fid(seed, number) })).collect()),
        _ => return (StatusCode::BAD_REQUEST, "kind must be webpush, token or fid").into_response(),
    };
    match devices {
        Some(devices) => Json(json!({ "devices": devices })).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn subscription(seed: u64, number: u64, host: &str) -> Option<Value> {
    let keys = keys(seed, number)?;
    Some(json!({
        "kind": "webpush",
        "target": format!("http://{host}/push/{PREFIX}{number}"),
        "p256dh": URL_SAFE_NO_PAD.encode(keys.public()),
        "auth": URL_SAFE_NO_PAD.encode(keys.auth),
    }))
}

/// The keys of the subscription with this name; None when it is none of a simulated device.
pub fn keys_of(seed: u64, subscription: &str) -> Option<Keys> {
    keys(seed, subscription.strip_prefix(PREFIX)?.parse().ok()?)
}

fn keys(seed: u64, number: u64) -> Option<Keys> {
    // One hash in 2^32 is no key of the curve.
    let secret = (0..8).find_map(|round| SecretKey::from_slice(&made(seed, "secret", number, round)).ok())?;
    let auth = *made(seed, "auth", number, 0).first_chunk::<16>()?;
    Some(Keys { secret, auth })
}

fn token(seed: u64, number: u64) -> String {
    let part = |round| URL_SAFE_NO_PAD.encode(made(seed, "token", number, round));
    format!("{PREFIX}{number}:APA91b{}{}{}", part(0), part(1), part(2))
}

fn fid(seed: u64, number: u64) -> String {
    let made = made(seed, "fid", number, 0);
    URL_SAFE_NO_PAD.encode(&made[..16])
}

fn made(seed: u64, what: &str, number: u64, round: u8) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&seed.to_be_bytes());
    context.update(what.as_bytes());
    context.update(&number.to_be_bytes());
    context.update(&[round]);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_the_same_whenever_it_is_asked_for() {
        let public = |seed, name| keys_of(seed, name).map(|keys| keys.public());
        assert_eq!(public(7, "sim-1"), public(7, "sim-1"));
        assert_ne!(public(7, "sim-1"), public(7, "sim-2"));
        assert_ne!(public(7, "sim-1"), public(8, "sim-1"));
        assert_eq!(public(7, "sim-1").unwrap().len(), 65);
        assert!(public(7, "nobody").is_none() && public(7, "sim-x").is_none());
        assert_eq!(fid(7, 1).len(), 22);
    }
}
