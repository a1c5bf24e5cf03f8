//! Keys that an issuer publishes (RFC 7517), cached.
//!
//! They are fetched again when they are 10 minutes old or when a token names an unknown key, at most once a minute, by one
//! task at a time. While the issuer is away, the keys at hand serve on for a day.

use super::{Refusal, keys::Key};
use crate::status;
use anyhow::{Context as _, bail, ensure};
use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, redirect::Policy};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};
use url::{Host, Url};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

/// How old keys may get, and how often they are asked for.
pub(super) struct Pace {
    pub(super) fresh: Duration,
    pub(super) stale: Duration,
    /// Between two fetches once there are keys.
    pub(super) pause: Duration,
    /// Between two fetches as long as there are none.
    pub(super) first_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(10 * 60),
            stale: Duration::from_secs(24 * 60 * 60),
            pause: Duration::from_secs(60),
            first_pause: Duration::from_secs(2),
        }
    }
}

pub(super) struct Jwks {
    url: Url,
    client: Client,
    pace: Pace,
    cached: RwLock<Option<Arc<KeySet>>>,
    /// When keys were last asked for; held while they are.
    asked: Mutex<Option<Instant>>,
}

struct KeySet {
    by_id: HashMap<String, Arc<Key>>,
    fetched: Instant,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        Self::with_pace(url, Pace::default())
    }

    pub(super) fn with_pace(url: &str, pace: Pace) -> anyhow::Result<Self> {
        let url = Url::parse(url).context("FANFARE_JWKS_URL")?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        ensure!(url.scheme() == "https" || (url.scheme() == "http" && local), "FANFARE_JWKS_URL must be https");
        crate::install_crypto();
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build().context("HTTP client")?;
        Ok(Self { url, client, pace, cached: RwLock::new(None), asked: Mutex::new(None) })
    }

    /// The key with an id; without one, the only key of the set.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Arc<Key>, Refusal> {
        if let Some(key) = self.known(id, self.pace.fresh) {
            return Ok(key);
        }
        // Whoever has a usable key doesn't wait for another task's fetch.
        let usable = self.known(id, self.pace.stale);
        match (self.asked.try_lock(), usable) {
            (Ok(asked), _) => self.refresh(asked).await,
            (Err(_), Some(key)) => return Ok(key),
            (Err(_), None) => self.refresh(self.asked.lock().await).await,
        }
        self.known(id, self.pace.stale).ok_or_else(|| if self.read().is_some() { Refusal::Invalid } else { Refusal::KeysUnavailable })
    }

    fn read(&self) -> Option<Arc<KeySet>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, id: Option<&str>, max_age: Duration) -> Option<Arc<Key>> {
        let set = self.read().filter(|set| set.fetched.elapsed() < max_age)?;
        match id {
            Some(id) => set.by_id.get(id).cloned(),
            None if set.by_id.len() == 1 => set.by_id.values().next().cloned(),
            None => None,
        }
    }

    async fn refresh(&self, mut asked: tokio::sync::MutexGuard<'_, Option<Instant>>) {
        let pause = if self.read().is_some() { self.pace.pause } else { self.pace.first_pause };
        if asked.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(set) => *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(set)),
            Err(error) => tracing::warn!(error = status::chain(error.as_ref()), "the issuer's keys can't be fetched"),
        }
    }

    async fn fetch(&self) -> anyhow::Result<KeySet> {
        let mut response = self.client.get(self.url.clone()).send().await?;
        ensure!(response.status().is_success(), "answered {}", response.status());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            ensure!(body.len() + chunk.len() <= MAX_BYTES, "larger than {MAX_BYTES} bytes");
            body.extend_from_slice(&chunk);
        }
        let document: Document = serde_json::from_slice(&body)?;
        // Each by itself, so that one of a new kind doesn't cost the others.
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let by_id: HashMap<_, _> =
            keys.filter_map(|jwk| Some((jwk.common.key_id.clone().unwrap_or_default(), Arc::new(Key::from_jwk(&jwk)?)))).collect();
        if by_id.is_empty() {
            bail!("no key that we take");
        }
        Ok(KeySet { by_id, fetched: Instant::now() })
    }
}
