//! The unsubscribe link: GET shows a page and changes nothing, because scanners follow links; POST unsubscribes at once (RFC 8058),
//! from the mail program's own button or from the page's.

use crate::{
    App, form,
    pages::{self, Language, Page, Visit, escape},
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header, request::Parts},
    response::Response,
};
use domain::{DeliveryId, facts::key, link::Recipient};
use proto::event::{Fact, FactKind, Inbound, InboundIntent};
use runtime::traceparent;
use std::time::Duration;
use store::consent::person;
use tokio::time::timeout;

/// More than any mail program sends.
const MAX_FORM_BYTES: usize = 16 << 10;
/// How long the page waits to learn in which language to speak.
const LANGUAGE_WITHIN: Duration = Duration::from_secs(1);

pub(crate) async fn page(State(app): State<App>, Path(token): Path<String>, parts: Parts) -> Response {
    let visit = Visit::of(&app, &parts);
    let Some(delivery) = app.links.read_unsubscribe(&token) else { return pages::unknown(visit.language("")) };
    let language = visit.language(&locale(&app, delivery).await);
    let texts = language.texts();
    let body = format!(
        "<p>{}</p><form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
         <button type=\"submit\">{}</button></form>{}",
        escape(texts.unsubscribe_ask),
        escape(texts.unsubscribe_button),
        choose(&app, delivery, language)
    );
    Page { language, title: texts.unsubscribe_title, body, with_languages: true }.answer(StatusCode::OK)
}

/// Answers with 200 whether it is new or was done before, and never with a redirect. The opt-out is durable by then; it takes effect
/// within moments, and at the latest when the next message to that person is about to leave.
pub(crate) async fn unsubscribe(State(app): State<App>, Path(token): Path<String>, parts: Parts, body: Bytes) -> Response {
    let visit = Visit::of(&app, &parts);
    let Some(delivery) = app.links.read_unsubscribe(&token) else { return pages::unknown(visit.language("")) };
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.len() > MAX_FORM_BYTES || !form::is_one_click(content_type, &body) {
        return pages::not_understood(visit.language(""));
    }
    // A mail program's button doesn't wait for words that nobody reads.
    let language = visit.language("");
    let (stop, fact) = said(delivery, &visit, language);
    match app.commits.commit_always(fact.into_iter().collect(), vec![stop]).await {
        Ok(()) => {
            let texts = language.texts();
            let body = format!("<p>{}</p>{}", escape(texts.unsubscribed), choose(&app, delivery, language));
            Page { language, title: texts.unsubscribed_title, body, with_languages: false }.answer(StatusCode::OK)
        }
        Err(error) => {
            tracing::warn!(%error, "an unsubscribe could not be stored");
            pages::later(language)
        }
    }
}

/// The opt-out, and the fact that says which message it was an answer to. A test's message, whose number is below zero, is counted nowhere.
fn said(delivery: DeliveryId, visit: &Visit, language: Language) -> (Inbound, Option<Fact>) {
    let traceparent = tracing::info_span!("webhook_ingest.link.unsubscribe").in_scope(traceparent::current);
    let occurred_at_ms = outbox::millis(crate::now());
    let stop = Inbound {
        // With its time: who has opted in again since then may unsubscribe by the same link once more.
        key: key(&format!("unsubscribe/{delivery}/{occurred_at_ms}")).to_vec(),
        delivery_id: delivery.0,
        intent: InboundIntent::Stop.into(),
        source: domain::consent::source::ONE_CLICK.to_owned(),
        occurred_at_ms,
        traceparent: traceparent.clone(),
        origin: Some(visit.origin(language.tag)),
        ..Inbound::default()
    };
    let fact = Fact {
        key: key(&format!("unsubscribed/{delivery}")).to_vec(),
        kind: FactKind::Unsubscribed.into(),
        delivery_id: delivery.0,
        occurred_at_ms,
        traceparent,
        ..Fact::default()
    };
    (stop, (delivery.0 > 0).then_some(fact))
}

/// The link to the person's own preferences: leaving one topic may be enough.
fn choose(app: &App, delivery: DeliveryId, language: Language) -> String {
    if delivery.0 <= 0 {
        return String::new();
    }
    let token = app.links.preferences_token(Recipient::Delivery(delivery));
    format!("<p><a href=\"../preferences/{token}?lang={}\">{}</a></p>", language.tag, escape(language.texts().choose))
}

/// Of the message's recipient; empty when it can't be known, which must not keep anybody from unsubscribing.
async fn locale(app: &App, delivery: DeliveryId) -> String {
    let find = async { person::greeting(&mut *app.db.acquire().await?, delivery).await };
    match timeout(LANGUAGE_WITHIN, find).await {
        Ok(Ok(found)) => found.map(|(locale, _)| locale).unwrap_or_default(),
        Ok(Err(error)) => {
            let error: store::Error = error;
            tracing::warn!(%error, "a recipient's language could not be read");
            String::new()
        }
        Err(_) => String::new(),
    }
}
