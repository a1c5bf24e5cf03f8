//! The preference page as HTML.

use crate::pages::{Language, Page, Texts, escape, with_name};
use axum::{http::StatusCode, response::Response};
use domain::{Channel, consent::masked};
use std::fmt::Write as _;
use store::consent::person::{OnChannel, OnTopic, Person};

pub(super) fn ask(language: Language, person: &Person) -> Response {
    let texts = language.texts();
    let mut body = format!("<p>{}</p><form method=\"post\">", with_name(texts.preferences_ask, &person.workspace_name));
    fieldset(&mut body, texts.channels, person.channels.iter().map(|on| channel(on, texts, person)));
    fieldset(&mut body, texts.topics, person.topics.iter().map(|on| topic(on, language)));
    body.push_str(&languages(texts, &person.locale));
    // Writing to a String can't fail.
    write!(body, "<p><button type=\"submit\" name=\"action\" value=\"save\">{}</button></p></form>", escape(texts.save)).ok();
    write!(
        body,
        "<form method=\"post\"><p><button class=\"plain\" type=\"submit\" name=\"action\" value=\"leave\">{}</button></p></form>",
        escape(texts.leave_all)
    )
    .ok();
    Page { language, title: texts.preferences_title, body, with_languages: true }.answer(StatusCode::OK)
}

pub(super) fn saved(language: Language, person: &Person, left_all: bool) -> Response {
    let texts = language.texts();
    let text = if left_all { texts.left_all } else { texts.saved };
    let body = format!(
        "<p role=\"status\">{}</p><p><a href=\"?lang={}\">{}</a></p>",
        with_name(text, &person.workspace_name),
        language.tag,
        escape(texts.back)
    );
    Page { language, title: texts.saved_title, body, with_languages: false }.answer(StatusCode::OK)
}

/// A group of choices; nothing when there are none.
fn fieldset(body: &mut String, legend: &str, rows: impl Iterator<Item = String>) {
    let rows: String = rows.collect();
    if !rows.is_empty() {
        write!(body, "<fieldset><legend>{}</legend>{rows}</fieldset>", escape(legend)).ok();
    }
}

fn channel(on: &OnChannel, texts: &Texts, person: &Person) -> String {
    let (name, text) = (on.channel.as_str(), name(on.channel, texts));
    let (is_on, is_locked) = (!on.opted_out, on.opted_out && !on.revocable);
    let was = if is_on { hidden("was_on", name) } else { String::new() };
    let hint = if is_locked {
        format!("<p class=\"hint\" id=\"h-{name}\">{}</p>", with_name(texts.locked, &person.workspace_name))
    } else {
        String::new()
    };
    let state = match (is_on, is_locked) {
        (true, _) => " checked",
        (false, true) => " disabled",
        (false, false) => "",
    };
    let described = if is_locked { format!(" aria-describedby=\"h-{name}\"") } else { String::new() };
    format!(
        "<div class=\"row\">{was}<input type=\"checkbox\" id=\"c-{name}\" name=\"on\" value=\"{name}\"{state}{described}>\
         <div><label for=\"c-{name}\">{} <bdi dir=\"ltr\">{}</bdi></label>{hint}</div></div>",
        escape(text),
        escape(&masked(&on.address_key))
    )
}

fn topic(on: &OnTopic, language: Language) -> String {
    let id = on.topic_id;
    let text = text_in(on, language);
    let (name, description) = text.map_or((&on.name, &on.description), |text| (&text.name, &text.description));
    let was = if on.left { String::new() } else { hidden("was_topic", &id.to_string()) };
    let state = if on.left { "" } else { " checked" };
    let (hint, described) = match description.is_empty() {
        true => (String::new(), String::new()),
        false => {
            (format!("<p class=\"hint\" id=\"h-{id}\" dir=\"auto\">{}</p>", escape(description)), format!(" aria-describedby=\"h-{id}\""))
        }
    };
    format!(
        "<div class=\"row\">{was}<input type=\"checkbox\" id=\"t-{id}\" name=\"topic\" value=\"{id}\"{state}{described}>\
         <div><label for=\"t-{id}\" dir=\"auto\">{}</label>{hint}</div></div>",
        escape(name)
    )
}

/// What a topic is called in a language: of that very tag, else of its language.
fn text_in(on: &OnTopic, language: Language) -> Option<&store::consent::topic::Text> {
    let tag = language.tag.to_ascii_lowercase();
    let primary = tag.split('-').next().unwrap_or_default();
    on.translations.get(&tag).or_else(|| on.translations.get(primary))
}

fn languages(texts: &Texts, locale: &str) -> String {
    let current = Language::of(locale);
    let mut options = String::new();
    if current.is_none() {
        // Theirs is none of the pages': it stays unless another one is chosen.
        let shown = if locale.is_empty() { "–" } else { locale };
        write!(options, "<option value=\"\" selected>{}</option>", escape(shown)).ok();
    }
    for Language { tag, name, .. } in Language::ALL {
        let selected = if current.is_some_and(|current| current.tag == tag) { " selected" } else { "" };
        write!(options, "<option value=\"{tag}\" lang=\"{tag}\"{selected}>{name}</option>").ok();
    }
    format!(
        "<p><label for=\"language\">{}</label> <select id=\"language\" name=\"language\">{options}</select></p>",
        escape(texts.language)
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
}

const fn name(channel: Channel, texts: &Texts) -> &'static str {
    match channel {
        Channel::Email => texts.email,
        Channel::Sms => texts.sms,
        Channel::Whatsapp => texts.whatsapp,
        Channel::Push => texts.push,
        // Nobody has an address there: it is never offered.
        Channel::Social => "",
    }
}
