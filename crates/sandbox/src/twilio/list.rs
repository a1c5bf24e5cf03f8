//! Twilio's list of messages, and one message of it: `GET …/Messages.json` and `GET …/Messages/{Sid}.json`.
//!
//! The newest come first. A message that is still queued has no `date_sent`, and no `DateSent` filter finds it.
//! Without `To` only the latest [`SCAN_MAX`] messages are looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::check::segments;
use super::{Refusal, authorise, server_error};
use crate::behaviour::{Step, StepSet};
use crate::clock;
use crate::desk::Desk;
use crate::message::{Channel, Logged, Message, Provider};

const PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1_000;
const SCAN_MAX: usize = 20_000;

/// `GET …/Messages.json`
pub async fn list(State(desk): State<Arc<Desk>>, Path(account): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    page(&desk, &account, query.as_deref().unwrap_or_default(), &headers).await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET …/Messages/{Sid}.json`
pub async fn one(State(desk): State<Arc<Desk>>, Path((account, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    fetch(&desk, &account, &file, &headers).await.unwrap_or_else(IntoResponse::into_response)
}

async fn fetch(desk: &Desk, account: &str, file: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
    authorise(&desk.live.get(), account, headers)?;
    let sid = file.strip_suffix(".json").unwrap_or(file);
    let found = match desk.ledger.twilio_sid(sid) {
        Some(seq) => desk.ledger.message(seq).await.map_err(|_| server_error())?,
        None => None,
    };
    match found {
        Some(logged) => Ok(Json(resource(desk, account, &logged)).into_response()),
        None => {
            let path = format!("The requested resource /2010-04-01/Accounts/{account}/Messages/{file} was not found");
            Err(Refusal::new(StatusCode::NOT_FOUND, 20404, &path))
        }
    }
}

/// The filters, as the contract names them.
#[derive(Default)]
struct Wanted {
    to: Option<String>,
    from: Option<String>,
    /// Comparison and the day, `YYYY-MM-DD`.
    sent: Vec<(char, String)>,
    size: usize,
    page: usize,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, Refusal> {
        let bad = |name: &str| Refusal::bad_request(20001, format!("Invalid parameter {name}"));
        let mut wanted = Wanted { size: PAGE_SIZE, ..Wanted::default() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // `DateSent>=2026-01-01` is the name "DateSent>" and a value; "DateSent" alone may have the sign in its value.
            let (name, sign) = match name.strip_prefix("DateSent") {
                Some(sign) => ("DateSent", sign.chars().next()),
                None => (name.as_ref(), None),
            };
            match name {
                "To" => wanted.to = Some(value.into_owned()),
                "From" => wanted.from = Some(value.into_owned()),
                "DateSent" => {
                    let sign = sign.or(value.chars().next().filter(|c| "<>".contains(*c))).unwrap_or('=');
                    let day = value.trim_start_matches(['<', '>', '=']).get(..10).filter(|day| is_day(day));
                    wanted.sent.push((sign, day.ok_or_else(|| bad("DateSent"))?.to_owned()));
                }
                "PageSize" => {
                    let size = value.parse().ok().filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
                    wanted.size = size.ok_or_else(|| bad("PageSize"))?;
                }
                "Page" => wanted.page = value.parse().map_err(|_| bad("Page"))?,
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn fits(&self, message: &Message, sent: bool) -> bool {
        let from = self.from.as_ref().is_none_or(|from| *from == address(message.channel, &message.from));
        let day = message.at.get(..10).filter(|_| sent);
        let on = |(sign, wanted): &(char, String)| {
            day.is_some_and(|day| match sign {
                '<' => day <= wanted.as_str(),
                '>' => day >= wanted.as_str(),
                _ => day == wanted.as_str(),
            })
        };
        message.provider == Provider::Twilio && from && self.sent.iter().all(on)
    }

    /// The path and query of another page of this list.
    fn uri(&self, account: &str, page: usize, token: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(to) = &self.to {
            query.append_pair("To", to);
        }
        if let Some(from) = &self.from {
            query.append_pair("From", from);
        }
        for (sign, day) in &self.sent {
            let name = if *sign == '=' { "DateSent".to_owned() } else { format!("DateSent{sign}") };
            query.append_pair(&name, day);
        }
        query.append_pair("PageSize", &self.size.to_string()).append_pair("Page", &page.to_string());
        if let Some(token) = token {
            query.append_pair("PageToken", token);
        }
        format!("/2010-04-01/Accounts/{account}/Messages.json?{}", query.finish())
    }
}

fn is_day(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, byte)| if i == 4 || i == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

async fn page(desk: &Desk, account: &str, query: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
    authorise(&desk.live.get(), account, headers)?;
    let wanted = Wanted::read(query)?;
    let candidates = match &wanted.to {
        Some(to) => {
            let channel = if to.starts_with(WHATSAPP) { Channel::Whatsapp } else { Channel::Sms };
            desk.ledger.twilio_to(channel, to.strip_prefix(WHATSAPP).unwrap_or(to))
        }
        None => desk.ledger.twilio_latest(SCAN_MAX),
    };
    let first = wanted.page.saturating_mul(wanted.size);
    let (mut passed, mut found, mut more) = (0, Vec::new(), false);
    for seq in candidates {
        let Some(logged) = desk.ledger.message(seq).await.map_err(|_| server_error())? else { continue };
        if !wanted.fits(&logged.message, was_sent(desk, &logged)) {
            continue;
        }
        passed += 1;
        if passed > first + wanted.size {
            more = true;
            break;
        }
        if passed > first {
            found.push(resource(desk, account, &logged));
        }
    }
    let last = found.last().map(|message| format!("PA{}", message["sid"].as_str().unwrap_or_default()));
    let end = (first + found.len()).saturating_sub(1);
    Ok(Json(json!({
        "end": end,
        "first_page_uri": wanted.uri(account, 0, None),
        "next_page_uri": more.then(|| wanted.uri(account, wanted.page + 1, last.as_deref())),
        "page": wanted.page,
        "page_size": wanted.size,
        "previous_page_uri": wanted.page.checked_sub(1).map(|page| wanted.uri(account, page, None)),
        "messages": found,
        "start": first,
        "uri": wanted.uri(account, wanted.page, None),
    }))
    .into_response())
}

const WHATSAPP: &str = "whatsapp:";

fn address(channel: Channel, number: &str) -> String {
    if channel == Channel::Whatsapp { format!("{WHATSAPP}{number}") } else { number.to_owned() }
}

/// Of a message that nothing is reported about it is taken that it went its way.
fn was_sent(desk: &Desk, logged: &Logged) -> bool {
    logged.message.plays.is_empty() || !desk.ledger.done(logged.seq).is_empty()
}

fn status(message: &Message, done: StepSet) -> &'static str {
    match (message.plays.is_empty(), done) {
        (_, done) if done.has(Step::Failed) => "undelivered",
        (_, done) if done.has(Step::Read) => "read",
        (_, done) if done.has(Step::Delivered) || done.has(Step::Stop) => "delivered",
        (true, _) => "sent",
        (_, done) if done.has(Step::Sent) => "sent",
        _ if message.messaging_service_sid.is_some() => "accepted",
        _ => "queued",
    }
}

/// What Twilio shows of a template whose text the sandbox doesn't know.
fn body(message: &Message) -> String {
    match (&message.text, &message.content_sid) {
        (Some(text), _) => text.clone(),
        (None, Some(content)) => {
            let variables = message.variables.as_ref().map(Value::to_string).unwrap_or_default();
            format!("Template {content} {variables}").trim_end().to_owned()
        }
        (None, None) => String::new(),
    }
}

fn resource(desk: &Desk, account: &str, logged: &Logged) -> Value {
    let message = &logged.message;
    let done = desk.ledger.done(logged.seq);
    let created = clock::rfc2822_of(&message.at);
    let sid = &message.provider_message_id;
    let path = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
    let code: Option<u32> = message.fails_with.as_deref().filter(|_| done.has(Step::Failed)).and_then(|code| code.parse().ok());
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": body(message),
        "date_created": created,
        "date_sent": was_sent(desk, logged).then_some(&created),
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": code,
        "error_message": code.map(|_| "The message was not delivered."),
        "from": address(message.channel, &message.from),
        "messaging_service_sid": message.messaging_service_sid,
        "num_media": message.media.len().to_string(),
        "num_segments": segments(message.text.as_deref().unwrap_or_default()).to_string(),
        "price": null,
        "price_unit": null,
        "sid": sid,
        "status": status(message, done),
        "subresource_uris": { "media": format!("{path}/Media.json") },
        "to": address(message.channel, &message.to),
        "uri": format!("{path}.json"),
    })
}
