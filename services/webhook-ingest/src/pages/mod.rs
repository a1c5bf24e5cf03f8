//! The pages that people see behind links in messages: plain HTML, no scripts, no pictures, nothing from elsewhere; labelled, in their
//! language and its direction.
//!
//! A GET shows a page and changes nothing, because scanners follow links; what a person says is posted by the page's form.

mod html;
mod language;
mod texts;

pub(crate) use domain::render::escape_html as escape;
pub(crate) use html::Page;
pub(crate) use language::Language;
pub(crate) use texts::Texts;

use crate::App;
use axum::{
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use proto::event::Origin;
use runtime::Peer;
use std::net::IpAddr;
use url::form_urlencoded;

/// Pairs of a form that are looked at.
const MAX_PAIRS: usize = 2_000;

/// The fields of a form, in their order.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub fn read(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body).take(MAX_PAIRS);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of that name; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether one of the values of that name is this one.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(known, of)| known == name && of == value)
    }
}

/// A request for a page.
pub(crate) struct Visit {
    /// The language that was asked for on the page itself.
    chosen: String,
    accepted: String,
    user_agent: String,
    ip: String,
}

impl Visit {
    pub fn of(app: &App, parts: &Parts) -> Self {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query = Form::read(parts.uri.query().unwrap_or_default().as_bytes());
        // Each proxy adds the address that it saw to the end; only the nearest one is ours.
        let told = app.client_ip_header.as_deref().and_then(|name| text(name).rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        let ip = told.or_else(|| parts.extensions.get::<Peer>().map(|peer| peer.0));
        Self {
            chosen: query.get("lang").to_owned(),
            accepted: text(header::ACCEPT_LANGUAGE.as_str()).to_owned(),
            user_agent: text(header::USER_AGENT.as_str()).to_owned(),
            ip: ip.map(|ip| ip.to_string()).unwrap_or_default(),
        }
    }

    /// The page's language for somebody with that locale.
    pub fn language(&self, locale: &str) -> Language {
        Language::choose(&self.chosen, locale, &self.accepted)
    }

    /// What is kept as evidence of what a form said.
    pub fn origin(&self, language: &str) -> Origin {
        Origin { ip: self.ip.clone(), user_agent: self.user_agent.clone(), language: language.to_owned(), code: String::new() }
    }
}

/// A page that says only one thing.
pub(crate) fn say(language: Language, status: StatusCode, title: &str, text: &str) -> Response {
    Page { language, title, body: format!("<p>{}</p>", escape(text)), with_languages: false }.answer(status)
}

/// The token is none of ours, or what it names is gone.
pub(crate) fn unknown(language: Language) -> Response {
    let texts = language.texts();
    say(language, StatusCode::NOT_FOUND, texts.unknown_title, texts.unknown)
}

/// A form that isn't the page's.
pub(crate) fn not_understood(language: Language) -> Response {
    let texts = language.texts();
    say(language, StatusCode::BAD_REQUEST, texts.not_understood_title, texts.not_understood)
}

/// Nothing could be read or stored just now.
pub(crate) fn later(language: Language) -> Response {
    let texts = language.texts();
    let mut response = say(language, StatusCode::SERVICE_UNAVAILABLE, texts.later_title, texts.later);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

/// A text of the pages with the sender's name in it, as HTML.
pub(crate) fn with_name(text: &str, workspace: &str) -> String {
    escape(text).replace("{workspace}", &format!("<bdi>{}</bdi>", escape(workspace)))
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_form_is_read_by_name_and_value() {
        let form = Form::read("on=email&on=sms&language=ar&name=%D8%B3+a".as_bytes());
        assert!(form.has("on", "email") && form.has("on", "sms") && !form.has("on", "whatsapp"));
        assert_eq!((form.get("language"), form.get("name"), form.get("missing")), ("ar", "س a", ""));
        assert_eq!(Form::read(&b"\xff=%zz&&="[..]).get("missing"), "");
    }
}
