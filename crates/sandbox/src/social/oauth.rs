//! Connecting accounts: `GET /oauth/{network}/authorize` and `POST /oauth/{network}/token`.
//!
//! Whoever is asked says yes at once (with `deny=1` in the query: no). A code works once, for ten minutes, with the verifier of its challenge
//! alone; so does a refresh token. Codes and tokens are forgotten when the process ends.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::json;

use crate::clock;
use crate::config::{Active, OauthApp};
use crate::desk::Desk;

const CODE_SECONDS: i64 = 600;
/// Kept at most of each kind.
const GRANTS_MAX: usize = 10_000;

/// What was given out.
#[derive(Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    /// Tokens by what they are, with their network and their end.
    access: HashMap<String, (String, i64)>,
    refresh: HashMap<String, String>,
}

struct Code {
    network: String,
    challenge: String,
    redirect: String,
    until: i64,
}

impl Grants {
    /// The tokens of a network that hold now.
    pub fn tokens(&self, network: &str, now: i64) -> HashSet<String> {
        let held = self.access.iter().filter(|(_, (of, until))| of == network && *until > now);
        held.map(|(token, _)| token.clone()).collect()
    }
}

/// The app of a network.
fn app<'a>(active: &'a Active, network: &str) -> Option<&'a OauthApp> {
    let config = &active.config;
    match network {
        "facebook" => config.facebook.as_ref().map(|section| &section.app),
        "instagram" => config.instagram.as_ref().map(|section| &section.app),
        "x" => config.x.as_ref().map(|section| &section.app),
        "linkedin" => config.linkedin.as_ref().map(|section| &section.app),
        _ => None,
    }
}

/// `GET /oauth/{network}/authorize`
pub async fn authorize(
    State(desk): State<Arc<Desk>>,
    Path(network): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let active = desk.live.get();
    let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let wrong = |what: &str| (StatusCode::BAD_REQUEST, format!("This link is not right: {what}.\n")).into_response();
    let Some(app) = app(&active, &network) else { return wrong("there is no such network here") };
    let Ok(mut back) = url::Url::parse(get("redirect_uri")) else { return wrong("redirect_uri") };
    if get("client_id") != app.client_id || get("response_type") != "code" {
        return wrong("client_id or response_type");
    }
    if get("code_challenge_method") != "S256" || get("code_challenge").len() != 43 || get("state").is_empty() {
        return wrong("code_challenge or state");
    }
    if get("deny") == "1" {
        back.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", get("state"));
        return Redirect::to(back.as_str()).into_response();
    }
    let code = token("code");
    let grant = Code {
        network,
        challenge: get("code_challenge").to_owned(),
        redirect: get("redirect_uri").to_owned(),
        until: clock::unix_seconds() + CODE_SECONDS,
    };
    desk.social.grants(|grants| {
        trim(&mut grants.codes);
        grants.codes.insert(code.clone(), grant);
    });
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", get("state"));
    Redirect::to(back.as_str()).into_response()
}

/// `POST /oauth/{network}/token`
pub async fn trade(State(desk): State<Arc<Desk>>, Path(network): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let active = desk.live.get();
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let Some(app) = app(&active, &network).filter(|app| knows(app, &headers, &form)) else { return denied("invalid_client", 401) };
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let now = clock::unix_seconds();
    let granted = desk.social.grants(|grants| match get("grant_type") {
        "authorization_code" => {
            let code = grants.codes.remove(get("code"));
            let fits = |code: &Code| {
                code.network == network
                    && code.redirect == get("redirect_uri")
                    && code.until > now
                    && challenge(get("code_verifier")) == code.challenge
            };
            code.as_ref().is_some_and(fits)
        }
        "refresh_token" => app.refreshes && grants.refresh.remove(get("refresh_token")).is_some_and(|of| of == network),
        // Facebook Login: a short token for a long one.
        "fb_exchange_token" => grants.tokens(&network, now).contains(get("fb_exchange_token")),
        _ => false,
    });
    if !granted {
        return denied("invalid_grant", 400);
    }
    let (access, refresh) = (token("at"), app.refreshes.then(|| token("rt")));
    desk.social.grants(|grants| {
        trim(&mut grants.access);
        trim(&mut grants.refresh);
        grants.access.insert(access.clone(), (network.clone(), now + i64::from(app.token_seconds)));
        if let Some(refresh) = &refresh {
            grants.refresh.insert(refresh.clone(), network.clone());
        }
    });
    let mut answer = json!({ "access_token": access, "token_type": "bearer", "expires_in": app.token_seconds, "scope": "read write" });
    if let Some(refresh) = refresh {
        answer["refresh_token"] = refresh.into();
    }
    Json(answer).into_response()
}

/// By the header or by the body, as RFC 6749 allows.
fn knows(app: &OauthApp, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Basic "));
    let basic = basic.and_then(|text| STANDARD.decode(text).ok());
    let expected = format!("{}:{}", app.client_id, app.client_secret);
    let by_body = form.get("client_id") == Some(&app.client_id) && form.get("client_secret") == Some(&app.client_secret);
    basic.is_some_and(|given| given == expected.as_bytes()) || by_body
}

fn denied(error: &str, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(json!({ "error": error, "error_description": "The sandbox gives no token for this." }))).into_response()
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn token(kind: &str) -> String {
    format!("{kind}-{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

fn trim<T>(map: &mut HashMap<String, T>) {
    if map.len() >= GRANTS_MAX {
        map.clear();
    }
}
