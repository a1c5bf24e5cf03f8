//! What the social networks share: what was uploaded and isn't seen yet, and how a post is put up.
//!
//! Uploads, containers and tokens are kept in memory: a new process has forgotten them, as a network would after a day. Posts are in the log.
//! A network takes no second post of the same words from one account within a day.

pub mod oauth;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::behaviour::{Answer, Ruling, StepSet};
use crate::config::Active;
use crate::conn::Hangup;
use crate::desk::Desk;
use crate::message::{Channel, Logged, Message, Provider};

/// Uploads and the like at most; the oldest go.
const KEPT_MAX: usize = 10_000;
/// Posts of an account that are listed.
const LISTED_MAX: usize = 500;
/// Within so long a network knows its own words again.
const REPEATED: time::Duration = time::Duration::hours(24);

/// What is uploaded and isn't seen.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    pub provider: Option<Provider>,
    /// Where its media comes from, as far as it is known.
    pub media: Vec<String>,
    pub text: String,
    pub alt: String,
    pub bytes: usize,
    pub finished: bool,
    pub published: bool,
    /// How often its state was asked for.
    pub asked: u32,
}

#[derive(Default)]
struct Kept {
    uploads: HashMap<String, Upload>,
    order: Vec<String>,
    grants: oauth::Grants,
}

/// In memory.
#[derive(Default)]
pub struct Store {
    kept: Mutex<Kept>,
    last: AtomicU64,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that was never given out: 16 digits, from the time.
    pub fn number(&self) -> String {
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000).unwrap_or_default();
        let last = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(now.max(last + 1)));
        now.max(last.unwrap_or_default() + 1).to_string()
    }

    pub fn keep(&self, id: &str, upload: Upload) {
        let mut kept = self.lock();
        if kept.order.len() >= KEPT_MAX {
            let oldest = kept.order.remove(0);
            kept.uploads.remove(&oldest);
        }
        kept.order.push(id.to_owned());
        kept.uploads.insert(id.to_owned(), upload);
    }

    pub fn find(&self, provider: Provider, id: &str) -> Option<Upload> {
        self.lock().uploads.get(id).filter(|upload| upload.provider == Some(provider)).cloned()
    }

    /// Changes an upload, and answers with what it is then.
    pub fn change(&self, provider: Provider, id: &str, change: impl FnOnce(&mut Upload)) -> Option<Upload> {
        let mut kept = self.lock();
        let upload = kept.uploads.get_mut(id).filter(|upload| upload.provider == Some(provider))?;
        change(upload);
        Some(upload.clone())
    }

    pub fn grants<T>(&self, work: impl FnOnce(&mut oauth::Grants) -> T) -> T {
        work(&mut self.lock().grants)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }
}

/// A post on its way up.
pub struct Post {
    pub provider: Provider,
    /// The network's id of the account.
    pub account: String,
    /// As people know it.
    pub handle: String,
    pub id: String,
    pub text: String,
    pub media: Vec<String>,
    /// What else there is to see in the page: a link, what is said of the pictures.
    pub more: Map<String, Value>,
}

/// What became of it.
pub enum Ruled {
    /// It is up; the answer may still be lost.
    Up(Answer),
    Duplicate,
    Refused,
    Throttled,
    Broken,
    /// It isn't up, and this answer doesn't say so.
    Lost(Response),
}

/// Judges a post, and puts it up.
pub async fn put_up(desk: &Desk, active: &Arc<Active>, hangup: &Hangup, post: Post) -> Ruled {
    // Who is lucky is decided post by post: an account that is always refused would prove nothing.
    let luck = format!("{} {}", post.account, post.text);
    let judged = desk.judge(active, Channel::Social, &[luck.as_str()]).await;
    match judged.ruling {
        Ruling::Accept => {}
        Ruling::Refuse => {
            desk.refuse(Channel::Social, &post.account, &post.text).await;
            return Ruled::Refused;
        }
        Ruling::Throttle => return Ruled::Throttled,
        Ruling::ServerError => return Ruled::Broken,
        Ruling::Lose => return Ruled::Lost(desk.lose(judged.answer, hangup).await),
    }
    if is_repeated(desk, &post).await {
        return Ruled::Duplicate;
    }
    let mut message = Message::new(post.provider, Channel::Social, post.account, post.handle);
    message.provider_message_id = post.id;
    message.text = Some(post.text);
    message.media = post.media;
    message.custom_args = post.more;
    // Nothing is reported about a post.
    message.plays = StepSet::default();
    match desk.accept(active, vec![message]).await {
        Ok(()) => Ruled::Up(judged.answer),
        Err(_) => Ruled::Broken,
    }
}

async fn is_repeated(desk: &Desk, post: &Post) -> bool {
    let now = OffsetDateTime::now_utc();
    let same = |logged: &Logged| {
        logged.message.text.as_deref() == Some(post.text.as_str())
            && logged.message.media == post.media
            && at(&logged.message).is_some_and(|at| at > now - REPEATED)
    };
    posts(desk, post.provider, &post.account).await.iter().any(same)
}

/// An account's posts, the newest first.
pub async fn posts(desk: &Desk, provider: Provider, account: &str) -> Vec<Logged> {
    let mut found = Vec::new();
    for seq in desk.ledger.twilio_to(Channel::Social, account).into_iter().take(LISTED_MAX) {
        if let Ok(Some(logged)) = desk.ledger.message(seq).await
            && logged.message.provider == provider
        {
            found.push(logged);
        }
    }
    found
}

/// One post by its id.
pub async fn post(desk: &Desk, provider: Provider, id: &str) -> Option<Logged> {
    let seq = desk.ledger.twilio_sid(id)?;
    let logged = desk.ledger.message(seq).await.ok()??;
    (logged.message.provider == provider).then_some(logged)
}

/// When a message was taken.
pub fn at(message: &Message) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&message.at, &Rfc3339).ok()
}

/// Whether the caller has one of these tokens, in its header; what comes in the query isn't looked at.
pub fn bears(headers: &axum::http::HeaderMap, tokens: &HashSet<String>) -> bool {
    let given = headers.get(axum::http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|token| tokens.contains(token))
}

/// The fields of a body that is JSON or a form; a form's are texts.
pub fn fields(headers: &axum::http::HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let kind = headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
        return Some(fields);
    }
    Some(url::form_urlencoded::parse(body).into_owned().map(|(name, value)| (name, Value::String(value))).collect())
}

/// A text of such fields; empty when it is absent.
pub fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether something is a link that a network would fetch.
pub fn is_link(text: &str) -> bool {
    crate::config::is_http_url(text)
}
