//! The confirmation of a list with double opt-in. GET shows what the person agrees to; only the form's POST confirms, because scanners
//! follow links. What is kept of it: when, from where, in which language, and which version of the wording.

use crate::{
    App,
    commit::ANSWER_WITHIN,
    pages::{self, Form, Language, Page, Visit, escape, with_name},
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use domain::{
    consent::source,
    facts::key,
    link::{self, Recipient},
};
use proto::event::{Confirmation, Inbound};
use runtime::traceparent;
use store::consent::person::{self, Question};
use tokio::time::timeout;

const MAX_FORM_BYTES: usize = 16 << 10;

pub(crate) async fn page(State(app): State<App>, Path(token): Path<String>, parts: Parts) -> Response {
    let visit = Visit::of(&app, &parts);
    let question = match question(&app, &token).await {
        Ok(Some((_, question))) => question,
        Ok(None) => return pages::unknown(visit.language("")),
        Err(Unavailable) => return pages::later(visit.language("")),
    };
    let language = visit.language(&question.locale);
    if question.confirmed {
        return done(language);
    }
    let texts = language.texts();
    let (_, wording) = wording(&question, language);
    let body = format!(
        "<p dir=\"auto\">{wording}</p><form method=\"post\"><input type=\"hidden\" name=\"version\" value=\"{}\">\
         <button type=\"submit\" name=\"confirm\" value=\"yes\">{}</button></form>",
        question.wording_version,
        escape(texts.confirm_button)
    );
    Page { language, title: texts.confirm_title, body, with_languages: true }.answer(StatusCode::OK)
}

pub(crate) async fn confirm(State(app): State<App>, Path(token): Path<String>, parts: Parts, body: Bytes) -> Response {
    let visit = Visit::of(&app, &parts);
    let (link, question) = match question(&app, &token).await {
        Ok(Some(found)) => found,
        Ok(None) => return pages::unknown(visit.language("")),
        Err(Unavailable) => return pages::later(visit.language("")),
    };
    let language = visit.language(&question.locale);
    let form = Form::read(&body);
    // The version that the page showed, which may not be the newest any more.
    let version = form.get("version").parse::<u32>().ok().filter(|version| *version <= question.wording_version);
    let (Some(version), "yes", true) = (version, form.get("confirm"), body.len() <= MAX_FORM_BYTES) else {
        return pages::not_understood(language);
    };
    match app.commits.commit_always(Vec::new(), vec![message(&link, &question, version, &visit, language)]).await {
        Ok(()) => done(language),
        Err(error) => {
            tracing::warn!(%error, "a confirmation could not be stored");
            pages::later(language)
        }
    }
}

struct Unavailable;

/// What the link asks; None when it isn't valid, or not any more.
async fn question(app: &App, token: &str) -> Result<Option<(link::Confirmation, Question)>, Unavailable> {
    let Some(link) = app.links.read_confirmation(token) else { return Ok(None) };
    let read = async { person::question(&mut *app.db.acquire().await?, &link, &app.links).await };
    let found = timeout(ANSWER_WITHIN, read).await.map_err(|_| Unavailable)?.map_err(|error: store::Error| {
        tracing::error!(%error, "what a confirmation asks could not be read");
        Unavailable
    })?;
    Ok(found.map(|question| (link, question)))
}

/// What the person agrees to, as HTML, and under which language the list has it: its own words in the page's language, else its words for
/// all, else the built-in ones.
fn wording(question: &Question, language: Language) -> (String, String) {
    let tag = language.tag.to_ascii_lowercase();
    let primary = tag.split('-').next().unwrap_or_default().to_owned();
    for known in [&tag, &primary] {
        if let Some(text) = question.wording.get(known) {
            return (known.clone(), escape(text).into_owned());
        }
    }
    match question.wording.get("") {
        Some(text) => (tag, escape(text).into_owned()),
        None => (tag, with_name(language.texts().confirm_wording, &question.workspace_name)),
    }
}

fn message(link: &link::Confirmation, question: &Question, wording_version: u32, visit: &Visit, language: Language) -> Inbound {
    let occurred_at_ms = outbox::millis(crate::now());
    let delivery_id = match link.recipient {
        Recipient::Delivery(delivery) => delivery.0,
        Recipient::Contact(_) => 0,
    };
    let (shown_in, _) = wording(question, language);
    Inbound {
        key: key(&format!("confirm/{}/{}/{occurred_at_ms}", question.list_id, question.contact_id)).to_vec(),
        workspace_id: question.workspace_id.to_string(),
        contact_id: question.contact_id.to_string(),
        delivery_id,
        source: source::CONFIRMATION_PAGE.to_owned(),
        occurred_at_ms,
        traceparent: tracing::info_span!("webhook_ingest.list.confirm").in_scope(traceparent::current),
        origin: Some(visit.origin(&shown_in)),
        confirmation: Some(Confirmation { list_id: question.list_id.to_string(), wording_version }),
        ..Inbound::default()
    }
}

fn done(language: Language) -> Response {
    let texts = language.texts();
    pages::say(language, StatusCode::OK, texts.confirmed_title, texts.confirmed)
}
