//! Google's token endpoint: `POST /oauth2/token`, for the grant that service accounts use (RFC 7523).
//!
//! A token says itself until when it is good, sealed with a key made of the account's own.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::config::{Active, Fcm};
use crate::desk::Desk;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const LIFE_SECONDS: i64 = 3_599;
/// An assertion is good for an hour at most; clocks differ by some minutes.
const MAX_ASSERTION_SECONDS: i64 = 3_600;
const SKEW_SECONDS: i64 = 300;
const PREFIX: &str = "ya29.";

pub async fn grant(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let active = desk.live.get();
    let now = crate::clock::unix_seconds();
    let field = |name: &str| form_urlencoded::parse(&body).find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    let Some(account) = active.config.fcm.as_ref() else { return denied("invalid_client", "no such account") };
    if field("grant_type").as_deref() != Some(GRANT) {
        return denied("unsupported_grant_type", "Invalid grant_type");
    }
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    match check(&active, account, &field("assertion").unwrap_or_default(), host, now) {
        Ok(()) => {
            let answer = json!({ "access_token": issue(account, now + LIFE_SECONDS), "expires_in": LIFE_SECONDS, "token_type": "Bearer" });
            Json(answer).into_response()
        }
        Err(reason) => denied("invalid_grant", reason),
    }
}

fn denied(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": description }))).into_response()
}

fn check(active: &Active, account: &Fcm, assertion: &str, host: &str, now: i64) -> Result<(), &'static str> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or("Invalid JWT")?;
    let (header, claims) = signed.split_once('.').ok_or("Invalid JWT")?;
    let json = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let (header, claims) = json(header).zip(json(claims)).ok_or("Invalid JWT")?;
    if header["alg"] != "RS256" {
        return Err("Invalid JWT: the algorithm must be RS256");
    }
    let key = active.fcm_key.as_ref().ok_or("no such account")?.public().as_ref();
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "Invalid JWT Signature.")?;
    let verified = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature);
    verified.map_err(|_| "Invalid JWT Signature.")?;
    let audience = claims["aud"].as_str().and_then(|audience| url::Url::parse(audience).ok());
    let here = audience.is_some_and(|url| url.path() == "/oauth2/token" && url.authority() == host);
    let (issued, until) = (claims["iat"].as_i64().unwrap_or_default(), claims["exp"].as_i64().unwrap_or_default());
    let in_time = issued <= now + SKEW_SECONDS && until > now && until <= issued + MAX_ASSERTION_SECONDS;
    match () {
        () if claims["iss"] != account.client_email.as_str() => Err("Invalid grant: account not found"),
        () if claims["scope"] != SCOPE => Err("Invalid OAuth scope"),
        () if !here => Err("Invalid JWT: Failed audience check"),
        () if !in_time => Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."),
        () => Ok(()),
    }
}

fn key(account: &Fcm) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, account.private_key_pem.as_bytes())
}

fn issue(account: &Fcm, until: i64) -> String {
    let until = until.to_be_bytes();
    let mac = hmac::sign(&key(account), &until);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([until.as_slice(), mac.as_ref()].concat()))
}

/// Whether a token is one of ours, and still good.
pub fn is_good(active: &Active, token: &str, now: i64) -> bool {
    let Some(account) = active.config.fcm.as_ref() else { return false };
    let bytes = token.strip_prefix(PREFIX).and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok()).unwrap_or_default();
    let Some((until, mac)) = bytes.split_first_chunk::<8>() else { return false };
    hmac::verify(&key(account), until, mac).is_ok() && now < i64::from_be_bytes(*until)
}
