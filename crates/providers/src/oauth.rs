//! OAuth 2.0 for accounts that people connect: the authorisation-code grant (RFC 6749, 4.1) with PKCE (RFC 7636, S256).
//!
//! Client id and secret are those of an app that the workspace has registered at the network. Tokens and secrets go in bodies and
//! headers, never in a URL: URLs end up in logs.

use crate::connect::Tokens;
use crate::errors::{PAUSE, RETRY};
use crate::http_client::{self, Answer};
use crate::registry::Field;
use crate::{Account, AccountError, Fault, Secret};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Client;
use ring::digest;
use serde::Deserialize;
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;

/// The names under which what a connection brings is kept with the other credentials.
pub const ACCESS_TOKEN: &str = "access_token";
pub const REFRESH_TOKEN: &str = "refresh_token";

pub(crate) const CLIENT_ID: Field =
    Field::optional("client_id", "of the app that you registered at the network; needed to connect in the browser");
pub(crate) const CLIENT_SECRET: Field = Field::optional("client_secret", "of the same app");
pub(crate) const AUTHORIZE_URL: Field = Field::optional("authorize_url", "another address than the network's own where people are asked");
pub(crate) const TOKEN_URL: Field = Field::optional("token_url", "another address than the network's own where tokens are given out");

/// Bytes of a verifier or a state before they are written as text: 256 bits.
pub const RANDOM_BYTES: usize = 32;

/// A verifier or a state: 43 characters of `[A-Za-z0-9_-]` (RFC 7636, 4.1 asks for 43 to 128).
#[must_use]
pub fn text_of(random: [u8; RANDOM_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// The S256 challenge of a verifier (RFC 7636, 4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// How an app shows who it is when it asks for tokens (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    Basic,
    Body,
}

/// An app of the workspace's at one network.
#[derive(Debug, Clone)]
pub(crate) struct App {
    client_id: String,
    client_secret: Option<Secret>,
    authorize_url: Url,
    token_url: Url,
    auth: ClientAuth,
    client: Client,
    deadline: Duration,
}

/// Longest lifetime of a token that is believed, in seconds: ten years. More is taken to mean that it doesn't end.
const LONGEST_LIFE: i64 = 10 * 365 * 24 * 60 * 60;

#[derive(Debug, Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    scope: Option<String>,
}

/// RFC 6749, 5.2; the Graph API has an object in the place of the text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: serde_json::Value,
    error_description: String,
}

impl App {
    /// Reads the app's fields.
    ///
    /// # Errors
    /// When the client id is missing, the secret is missing where the network wants one, or an address can't be used.
    pub(crate) fn read(account: &Account, (authorize, token): (&str, &str), auth: ClientAuth) -> Result<Self, AccountError> {
        let fits = |text: &str| text.len() <= 256 && !text.contains(char::is_whitespace);
        let client_id = account.required(
            CLIENT_ID.name,
            fits,
            "connect the account in the browser with your app's client id, or enter an access token",
        )?;
        let given = account.secrets.contains_key(CLIENT_SECRET.name) || auth == ClientAuth::Body;
        let secret = || account.token(CLIENT_SECRET.name, "enter the client secret of your app at the network");
        Ok(Self {
            client_id,
            client_secret: given.then(secret).transpose()?,
            authorize_url: account.url(AUTHORIZE_URL.name, authorize)?,
            token_url: account.url(TOKEN_URL.name, token)?,
            auth,
            client: http_client::shared()?,
            deadline: http_client::DEADLINE,
        })
    }

    /// Where a person is sent to be asked.
    pub(crate) fn authorize(&self, scopes: &str, state: &str, challenge: &str, redirect: &str) -> Url {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", scopes)
            .append_pair("state", state)
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Trades the code that the browser came back with.
    pub(crate) async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Tokens, Fault> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.expose()),
        ])
        .await
    }

    /// Trades a refresh token (RFC 6749, 6). The answer may hold another one, and then the old one is worth nothing.
    pub(crate) async fn refresh(&self, token: &Secret) -> Result<Tokens, Fault> {
        self.token(&[("grant_type", "refresh_token"), (REFRESH_TOKEN, token.expose())]).await
    }

    /// Asks the token endpoint.
    ///
    /// # Errors
    /// A fault with [`crate::FaultAction::Retry`] when no answer came; one with `PauseSender` when the network said no.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Result<Tokens, Fault> {
        let mut form = form.to_vec();
        form.push(("client_id", self.client_id.as_str()));
        let mut request = self.client.post(self.token_url.clone()).header(http::header::ACCEPT, "application/json");
        match (self.auth, &self.client_secret) {
            (ClientAuth::Body, Some(secret)) => form.push(("client_secret", secret.expose())),
            (ClientAuth::Basic, Some(secret)) => request = request.basic_auth(&self.client_id, Some(secret.expose())),
            (_, None) => {}
        }
        let answer = http_client::ask(request.form(&form), self.deadline, denied).await?;
        granted(&answer, OffsetDateTime::now_utc())
    }
}

fn granted(answer: &Answer, now: OffsetDateTime) -> Result<Tokens, Fault> {
    let unreadable = || Fault::new("garbage", RETRY, "the network's tokens can't be read");
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let sound = |token: &str| !token.is_empty() && token.len() <= 8_192 && !token.chars().any(|c| c.is_whitespace() || c.is_control());
    if !sound(&granted.access_token) {
        return Err(unreadable());
    }
    let life = granted.expires_in.filter(|seconds| (1..LONGEST_LIFE).contains(seconds));
    let split = |scope: String| scope.split([' ', ',']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Ok(Tokens {
        access_token: Secret::new(granted.access_token),
        refresh_token: granted.refresh_token.filter(|token| sound(token)).map(Secret::new),
        expires_at: life.map(|seconds| now + time::Duration::seconds(seconds)),
        scopes: granted.scope.map(split).unwrap_or_default(),
    })
}

fn denied(answer: &Answer) -> Fault {
    let body: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let named = body.error.as_str().filter(|name| name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let code = named.map(str::to_owned);
    let said = match body.error.pointer("/message").and_then(|message| message.as_str()) {
        Some(message) => message,
        None if body.error_description.is_empty() => "the network gave no tokens",
        None => &body.error_description,
    };
    let fault = http_client::fault(answer, code, None, said);
    // Whatever its status is: a refused grant is not mended by itself. A wish to slow down is kept.
    match fault.action {
        crate::FaultAction::Throttle { .. } => fault,
        _ => Fault { action: PAUSE, ..fault },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::stub::{Protocol, Stub, Then, body, http};

    #[test]
    fn challenge_is_the_published_one() {
        // RFC 7636, appendix B.
        assert_eq!(challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(text_of([255; RANDOM_BYTES]).len(), 43);
    }

    fn account(token_url: &str) -> Account {
        let settings = [("client_id", "app1"), ("token_url", token_url)];
        Account {
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            secrets: [("client_secret".to_owned(), Secret::new("s3cret"))].into(),
        }
    }

    async fn asked(auth: ClientAuth, answer: Vec<u8>) -> (Result<Tokens, Fault>, String) {
        let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
        let account = account(&format!("http://{}/token", stub.addr));
        let app = App::read(&account, ("https://net.example/a", "https://net.example/t"), auth).unwrap();
        let tokens = app.exchange(&Secret::new("c0de"), &Secret::new("ver1fier"), "https://hub.example/oauth/callback").await;
        let request = stub.requests().remove(0);
        (tokens, String::from_utf8(request).unwrap())
    }

    #[tokio::test]
    async fn a_code_is_traded_with_its_verifier() {
        let answer = br#"{"access_token":"at","refresh_token":"rt","expires_in":7200,"scope":"a b","token_type":"bearer","new":1}"#;
        let (tokens, request) = asked(ClientAuth::Basic, http(200, &[], answer)).await;
        let tokens = tokens.unwrap();
        assert_eq!((tokens.access_token.expose(), tokens.scopes.len()), ("at", 2));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "rt");
        let left = tokens.expires_at.unwrap() - OffsetDateTime::now_utc();
        assert!((7_100..=7_200).contains(&left.whole_seconds()), "{left}");
        let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(body(request.as_bytes())).into_owned().collect();
        assert_eq!(form["code_verifier"], "ver1fier");
        assert_eq!(form["redirect_uri"], "https://hub.example/oauth/callback");
        assert!(!form.contains_key("client_secret"), "it is in the header: {form:?}");
        let head = request.to_ascii_lowercase();
        assert!(head.starts_with("post /token http/1.1") && head.contains("authorization: basic"), "{head}");
    }

    #[tokio::test]
    async fn secrets_go_in_the_body_where_the_network_wants_them_there() {
        let (tokens, request) = asked(ClientAuth::Body, http(200, &[], br#"{"access_token":"at"}"#)).await;
        let tokens = tokens.unwrap();
        assert!(tokens.expires_at.is_none() && tokens.refresh_token.is_none());
        assert!(request.ends_with("client_secret=s3cret") && !request.lines().next().unwrap().contains("s3cret"));
    }

    #[tokio::test]
    async fn a_refused_grant_is_for_a_person_and_silence_is_not() {
        let (refused, _) = asked(ClientAuth::Body, http(400, &[], br#"{"error":"invalid_grant","error_description":"gone"}"#)).await;
        let refused = refused.err().unwrap();
        assert_eq!((refused.code.as_str(), refused.action), ("invalid_grant", PAUSE));
        let (broken, _) = asked(ClientAuth::Body, http(503, &[], b"")).await;
        assert_eq!(broken.err().unwrap().action, RETRY);
        let (garbage, _) = asked(ClientAuth::Body, http(200, &[], br#"{"access_token":"a b"}"#)).await;
        assert_eq!(garbage.err().unwrap().code, "garbage");
    }

    #[test]
    fn the_address_asks_with_state_and_challenge_and_no_secret() {
        let app = App::read(&account("https://net.example/t"), ("https://net.example/a", ""), ClientAuth::Body).unwrap();
        let url = app.authorize("read write", "st4te", "ch4llenge", "https://hub.example/oauth/callback").to_string();
        for part in ["response_type=code", "state=st4te", "code_challenge=ch4llenge", "code_challenge_method=S256", "scope=read+write"] {
            assert!(url.contains(part), "{url}");
        }
        assert!(!url.contains("s3cret"));
        assert!(!format!("{app:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut account = account("");
        account.secrets.clear();
        let error = App::read(&account, ("https://a.example", "https://b.example"), ClientAuth::Body).unwrap_err();
        assert_eq!(error.field, "client_secret");
        account.settings.insert("token_url".to_owned(), "ftp://x".to_owned());
        let error = App::read(&account, ("https://a.example", "https://b.example"), ClientAuth::Basic).unwrap_err();
        assert_eq!(error.field, "token_url");
    }
}
