//! What providers post to us: verified first, decoded after.

use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A post as it came in, before anything trusts it.
#[derive(Debug, Clone)]
pub struct WebhookRequest<'a> {
    /// The full public URL as the provider called it, query included.
    pub url: &'a str,
    /// Header names in lower case.
    pub headers: &'a BTreeMap<String, String>,
    pub body: &'a [u8],
    pub now: OffsetDateTime,
}

/// The post was not proved to come from the provider; it must change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No signature: answered 401.
    #[error("the signature is missing")]
    Missing,
    /// A wrong signature: answered 403.
    #[error("the signature does not match")]
    Mismatch,
    /// Signed, but too old or from the future: answered 403.
    #[error("the signed time is outside the accepted window")]
    Stale,
}

/// The post was genuine but can't be read: answered 400, the provider's bug or a new format.
#[derive(Debug, thiserror::Error)]
#[error("{provider} post can't be decoded: {reason}")]
pub struct DecodeError {
    pub provider: &'static str,
    pub reason: String,
}

/// All that one post said. Unknown parts are left out and counted, never refused.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub events: Vec<Event>,
    pub inbound: Vec<Inbound>,
    /// What became of templates that the provider keeps.
    pub templates: Vec<TemplateNews>,
    /// What became of the account itself.
    pub account: Vec<AccountNews>,
    /// Parts of the post with a type or status that this adapter doesn't know.
    pub unknown: usize,
}

/// A provider's report about a message that we sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same report has the same key each time it is posted: unique within provider and account.
    pub key: String,
    pub kind: EventKind,
    pub correlation: Option<String>,
    pub provider_message_id: Option<String>,
    /// The provider's time, or the time of receipt where it gives none.
    pub occurred_at: OffsetDateTime,
    /// The provider's status or error code, as is.
    pub code: Option<String>,
    /// What a failure code means for the address or the sender, from the provider's table.
    pub action: Option<crate::FaultAction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The provider passed it on.
    Sent,
    Delivered,
    /// Opened or read.
    Opened,
    /// Opened by a machine on the person's behalf, as the provider knows: says nothing about the person.
    MachineOpened,
    Clicked,
    /// Failed, undelivered, bounced, dropped.
    Failed,
    Complained,
    Unsubscribed,
}

/// A message or a preference from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The provider's id of this message, for dropping duplicates.
    pub key: String,
    /// The person's address: E.164 (no `whatsapp:` prefix), or an e-mail address. None where the provider hides it.
    pub from: Option<String>,
    /// What the provider calls this person towards this business, where it does (WhatsApp's business-scoped user id).
    pub user_id: Option<String>,
    /// The user id that this one takes the place of, in a notice of such a change.
    pub was_user_id: Option<String>,
    /// As the person calls themselves there.
    pub name: Option<String>,
    pub channel: domain::Channel,
    /// What it is: `text`, `button`, `media`, `reaction`, `preference`, …; the provider's own name where we have none.
    pub kind: &'static str,
    /// What the person wrote, or the payload of the button that was pressed.
    pub text: String,
    /// The provider's id of the message that this one quotes or answers.
    pub reply_to: Option<String>,
    /// What came along. Only what is known of it: nobody fetches it here.
    pub media: Vec<Media>,
    /// What the provider itself says it means, if it does.
    pub preference: Option<Preference>,
    pub occurred_at: OffsetDateTime,
}

impl Inbound {
    /// A message of whom nothing is known yet.
    #[must_use]
    pub fn new(key: impl Into<String>, channel: domain::Channel, occurred_at: OffsetDateTime) -> Self {
        Self {
            key: key.into(),
            from: None,
            user_id: None,
            was_user_id: None,
            name: None,
            channel,
            kind: "text",
            text: String::new(),
            reply_to: None,
            media: Vec::new(),
            preference: None,
            occurred_at,
        }
    }
}

/// A file in a person's message: what the provider says of it, not the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// The provider's id; empty where it gives none.
    pub id: String,
    /// Where the provider keeps it; empty where it gives none. As a rule only with the account's credentials.
    pub url: String,
    pub media_type: String,
    /// Bytes.
    pub size: Option<u64>,
    pub file_name: String,
    /// As the provider gives it; empty where it doesn't.
    pub sha256: String,
}

/// What became of a template that the provider keeps. A part that is None isn't news.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateNews {
    /// The same news has the same key each time it is posted.
    pub key: String,
    /// The provider's id of the template; empty where it gives none.
    pub provider_id: String,
    pub name: String,
    pub language: String,
    /// In the provider's own words, in capital letters: `APPROVED`, `PAUSED`.
    pub status: Option<String>,
    pub quality: Option<String>,
    pub category: Option<String>,
    /// Why, in the provider's words.
    pub reason: Option<String>,
    pub occurred_at: Option<OffsetDateTime>,
}

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNews {
    /// The same news has the same key each time it is posted.
    pub key: String,
    pub kind: AccountNewsKind,
    /// In the provider's own words: `FLAGGED`, `TIER_1K`.
    pub value: String,
    /// For a person.
    pub detail: String,
    pub occurred_at: OffsetDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNewsKind {
    /// How well its messages are received.
    Quality,
    /// How many people it may begin to write to in a day.
    Limit,
    /// It may not send, or not all it could.
    Restriction,
    /// It may send again.
    Restored,
    /// A person took the hub's access away.
    Disconnected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    Stop,
    Start,
    Help,
}

/// Verifies and decodes one provider's posts for one account.
pub trait Webhook: Sync + std::marker::Send {
    /// Proves that the post comes from the provider, over the raw body, in constant time.
    ///
    /// # Errors
    /// [`Refused`] says how the proof failed.
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), Refused>;

    /// Reads a verified post.
    ///
    /// # Errors
    /// [`DecodeError`] when the body isn't the provider's format at all.
    fn decode(&self, request: &WebhookRequest<'_>) -> Result<Decoded, DecodeError>;
}

/// A text, or a number written as one: providers change their minds between the two.
pub(crate) fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A provider's Unix time in seconds or milliseconds, as number or text; `now` if it is none.
pub(crate) fn provider_time(value: &serde_json::Value, now: OffsetDateTime) -> OffsetDateTime {
    /// In seconds this is the year 5138; in milliseconds, 1973.
    const MILLISECONDS_FROM: i64 = 100_000_000_000;
    let Some(stamp) = text_of(value).and_then(|text| text.parse::<i64>().ok()) else {
        return now;
    };
    let seconds = if stamp >= MILLISECONDS_FROM { stamp / 1_000 } else { stamp };
    // A tenant signs its own posts, so a stamp may be anything: what can't be the time of a report counts as now.
    let stamped = OffsetDateTime::from_unix_timestamp(seconds).ok();
    stamped.filter(|stamped| (2000..2100).contains(&stamped.year())).unwrap_or(now)
}
