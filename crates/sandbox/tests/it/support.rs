//! A sandbox, a hub that records what it is called with, and waiting for things to become true.

use std::collections::VecDeque;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sandbox::behaviour::Behaviour;
use sandbox::config::{Meta, SendGrid, Smtp, Twilio};
use sandbox::{Config, Figures, Options, Sandbox};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "twilio-token";
pub const API_KEY: &str = "SG.key";
pub const ACCESS: &str = "meta-token";
pub const APP_SECRET: &str = "meta-secret";
pub const NUMBER_ID: &str = "106540352242922";
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("fanfare-sandbox-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Everything goes well, at once.
pub fn smooth() -> Behaviour {
    Behaviour { callback_delay_ms: [0, 0], refuse: 0.0, throttle: 0.0, fail: 0.0, read: 0.0, click: 0.0, stop: 0.0, ..Behaviour::default() }
}

pub fn new_key() -> (String, EcdsaKeyPair) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
    (pem, EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap())
}

/// All four providers, with callbacks to `hub`.
pub fn config(hub: Option<&Hub>, behaviour: Behaviour) -> Config {
    let at = |path: &str| hub.map(|hub| format!("{}{path}", hub.url));
    Config {
        seed: 7,
        twilio: Some(Twilio {
            account_sid: ACCOUNT.into(),
            auth_token: TOKEN.into(),
            inbound_url: at("/inbound"),
            deactivated_numbers: vec!["+12025550143".into()],
        }),
        sendgrid: Some(SendGrid { api_key: API_KEY.into(), private_key_pem: new_key().0, webhook_url: at("/sendgrid") }),
        meta: Some(Meta {
            access_token: ACCESS.into(),
            app_secret: APP_SECRET.into(),
            phone_number_id: NUMBER_ID.into(),
            webhook_url: at("/meta"),
        }),
        smtp: Some(Smtp { username: "relay".into(), password: "secret".into(), duplicate_suppression: false }),
        behaviour,
        ..Config::default()
    }
}

/// A sandbox that is stopped by [`Running::stop`], or left to the end of the test.
pub struct Running {
    pub sandbox: Sandbox,
    pub client: Client,
    pub shutdown: CancellationToken,
    _folder: Option<Folder>,
}

impl Running {
    pub async fn start(config: Config) -> Running {
        let folder = Folder::new();
        let mut running = Running::start_in(&folder.0, Some(config)).await;
        running._folder = Some(folder);
        running
    }

    /// Takes up the folder's own configuration if none is given.
    pub async fn start_in(folder: &Path, config: Option<Config>) -> Running {
        let shutdown = CancellationToken::new();
        let any = "127.0.0.1:0".parse().unwrap();
        let options = Options { listen: any, smtp_listen: any, state_dir: folder.into(), ports_file: None, allow_remote: false };
        let sandbox = Sandbox::start(options, shutdown.clone()).await.unwrap();
        if let Some(config) = config {
            sandbox.configure(config).unwrap();
        }
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Running { sandbox, client, shutdown, _folder: None }
    }

    pub async fn stop(self) {
        drop(self.client);
        self.shutdown.cancel();
        self.sandbox.join().await;
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.sandbox.url())).send().await.unwrap()
    }

    pub async fn twilio(&self, form: &[(&str, &str)]) -> Response {
        self.try_twilio(form).await.unwrap()
    }

    pub async fn try_twilio(&self, form: &[(&str, &str)]) -> reqwest::Result<Response> {
        let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", self.sandbox.url());
        self.client.post(url).basic_auth(ACCOUNT, Some(TOKEN)).form(form).send().await
    }

    pub async fn sendgrid(&self, body: &Value) -> Response {
        let url = format!("{}/v3/mail/send", self.sandbox.url());
        self.client.post(url).bearer_auth(API_KEY).json(body).send().await.unwrap()
    }

    pub async fn meta(&self, body: &Value) -> Response {
        let url = format!("{}/v23.0/{NUMBER_ID}/messages", self.sandbox.url());
        self.client.post(url).bearer_auth(ACCESS).json(body).send().await.unwrap()
    }

    pub async fn log(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let text = self.get(&format!("/sandbox/log?after={}&limit=500", lines.len())).await.text().await.unwrap();
            if text.is_empty() {
                return lines;
            }
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }

    /// The figures once nothing is pending.
    pub async fn settled(&self) -> Figures {
        eventually("every callback is answered", || async { self.sandbox.figures().pending == 0 }).await;
        self.sandbox.figures()
    }
}

pub async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// What the hub was called with.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn param(&self, name: &str) -> String {
        self.form().into_iter().find(|(n, _)| n == name).map(|(_, value)| value).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<Call>>,
    answers: Mutex<VecDeque<StatusCode>>,
}

/// Stands in for the hub's public endpoints.
pub struct Hub {
    pub url: String,
    record: Arc<Record>,
}

impl Hub {
    pub async fn start() -> Hub {
        let record = Arc::new(Record::default());
        let app = Router::new().fallback(Hub::answer).with_state(record.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Hub { url, record }
    }

    async fn answer(State(record): State<Arc<Record>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
        record.calls.lock().unwrap().push(Call { method, path: uri.to_string(), headers, body: body.to_vec() });
        let usual = if uri.path().starts_with("/c/") { StatusCode::FOUND } else { StatusCode::OK };
        record.answers.lock().unwrap().pop_front().unwrap_or(usual)
    }

    /// The next calls are answered so.
    pub fn next_answers(&self, statuses: &[u16]) {
        self.record.answers.lock().unwrap().extend(statuses.iter().map(|code| StatusCode::from_u16(*code).unwrap()));
    }

    pub fn calls(&self) -> Vec<Call> {
        self.record.calls.lock().unwrap().clone()
    }

    pub fn calls_to(&self, path: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path.starts_with(path)).collect()
    }
}

pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
