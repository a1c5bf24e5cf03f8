//! The preference page: a person chooses channels, topics and their language. The link names its own recipient and nobody else.
//!
//! GET shows it; the form's POST is stored as a message for campaign-api, which applies it. Only what was changed on the page is told, so
//! that a page left open for days doesn't undo what was said elsewhere meanwhile.

mod view;

use crate::{
    App,
    commit::ANSWER_WITHIN,
    pages::{self, Form, Language, Visit},
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::request::Parts,
    response::Response,
};
use domain::{consent::source, facts::key, link::Recipient};
use proto::event::{Inbound, Preferences};
use runtime::traceparent;
use store::consent::person::{self, Person};
use tokio::time::timeout;

/// Some 200 topics and all channels.
const MAX_FORM_BYTES: usize = 64 << 10;

pub(crate) async fn page(State(app): State<App>, Path(token): Path<String>, parts: Parts) -> Response {
    let visit = Visit::of(&app, &parts);
    let Some(recipient) = app.links.read_preferences(&token) else { return pages::unknown(visit.language("")) };
    match person(&app, recipient).await {
        Ok(Some(person)) => view::ask(visit.language(&person.locale), &person),
        Ok(None) => pages::unknown(visit.language("")),
        Err(Unavailable) => pages::later(visit.language("")),
    }
}

pub(crate) async fn save(State(app): State<App>, Path(token): Path<String>, parts: Parts, body: Bytes) -> Response {
    let visit = Visit::of(&app, &parts);
    let Some(recipient) = app.links.read_preferences(&token) else { return pages::unknown(visit.language("")) };
    if body.len() > MAX_FORM_BYTES {
        return pages::not_understood(visit.language(""));
    }
    let person = match person(&app, recipient).await {
        Ok(Some(person)) => person,
        Ok(None) => return pages::unknown(visit.language("")),
        Err(Unavailable) => return pages::later(visit.language("")),
    };
    let language = visit.language(&person.locale);
    let form = Form::read(&body);
    let preferences = match form.get("action") {
        "leave" => Preferences { all_off: true, ..Preferences::default() },
        "save" => changed(&form, &person),
        _ => return pages::not_understood(language),
    };
    if preferences != Preferences::default() {
        let message = message(recipient, &person, preferences.clone(), &visit, language, &body);
        if let Err(error) = app.commits.commit_always(Vec::new(), vec![message]).await {
            tracing::warn!(%error, "preferences could not be stored");
            return pages::later(language);
        }
    }
    // From now on in the language that was chosen.
    let language = Language::of(&preferences.language).unwrap_or(language);
    view::saved(language, &person, preferences.all_off)
}

struct Unavailable;

async fn person(app: &App, recipient: Recipient) -> Result<Option<Person>, Unavailable> {
    let read = async {
        let mut connection = app.db.acquire().await?;
        match person::of_recipient(&mut connection, recipient).await? {
            Some(contact) => person::get(&mut connection, None, contact).await,
            None => Ok(None),
        }
    };
    timeout(ANSWER_WITHIN, read).await.map_err(|_| Unavailable)?.map_err(|error: store::Error| {
        tracing::error!(%error, "a person's preferences could not be read");
        Unavailable
    })
}

/// What the form has changed of what its page showed. What the person has no address for, or may not change, is left out.
fn changed(form: &Form, person: &Person) -> Preferences {
    let mut preferences = Preferences::default();
    for on in person.channels.iter().filter(|on| !on.opted_out || on.revocable) {
        let name = on.channel.as_str();
        match (form.has("was_on", name), form.has("on", name)) {
            (true, false) => preferences.channels_off.push(name.to_owned()),
            (false, true) => preferences.channels_on.push(name.to_owned()),
            _ => {}
        }
    }
    for topic in &person.topics {
        let id = topic.topic_id.to_string();
        match (form.has("was_topic", &id), form.has("topic", &id)) {
            (true, false) => preferences.topics_off.push(id),
            (false, true) => preferences.topics_on.push(id),
            _ => {}
        }
    }
    let language = Language::of(form.get("language")).filter(|language| Language::of(&person.locale) != Some(*language));
    preferences.language = language.map(|language| language.tag.to_owned()).unwrap_or_default();
    preferences
}

fn message(recipient: Recipient, person: &Person, preferences: Preferences, visit: &Visit, language: Language, body: &[u8]) -> Inbound {
    let occurred_at_ms = outbox::millis(crate::now());
    let delivery_id = match recipient {
        Recipient::Delivery(delivery) => delivery.0,
        Recipient::Contact(_) => 0,
    };
    Inbound {
        key: key(&format!("preferences/{}/{occurred_at_ms}/{}", person.contact_id, String::from_utf8_lossy(body))).to_vec(),
        workspace_id: person.workspace_id.to_string(),
        contact_id: person.contact_id.to_string(),
        delivery_id,
        source: source::PREFERENCE_PAGE.to_owned(),
        occurred_at_ms,
        traceparent: tracing::info_span!("webhook_ingest.preferences.save").in_scope(traceparent::current),
        origin: Some(visit.origin(language.tag)),
        preferences: Some(preferences),
        ..Inbound::default()
    }
}

#[cfg(test)]
mod tests;
