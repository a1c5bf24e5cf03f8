//! A template's content, rendered for one person: compiled once for each of its languages ([`Renderer::new`]), then rendered many times.
//!
//! The language is Jinja, cut down to what a message needs ([`sandbox`]): `{{ variable }}` with filters, `if` and `for`. Instructions,
//! output and nesting are bounded, nothing outside the given variables can be reached, and a variable that has no value, no default and no
//! policy ([`rewrite`]) is an error that names it, not a hole in somebody's message. What is written in HTML is escaped, and held to more
//! where that isn't enough ([`html`]). What is wrong with a content is told by [`validate`]. Whether a person may be messaged at all is
//! decided elsewhere. Links and the open pixel are added afterwards, by [`email::track`].

mod bounded;
mod check;
mod compile;
mod context;
pub mod email;
mod entity;
mod error;
mod field;
mod html;
mod html_text;
mod order;
pub mod plain;
mod problem;
mod rewrite;
mod sandbox;
pub mod sms;
mod tags;
mod texts;
mod variants;
mod whatsapp;

pub use check::{validate, validate_layout};
pub use context::{Occasion, Person};
pub use entity::escape as escape_html;
pub use error::RenderError;
pub use field::Field;
pub use problem::{ContentProblem, Severity};

use crate::content::{Rendered, TemplateContent, Variant, choose_language};
use compile::Compiled;
use context::Scope;
use std::sync::Arc;

/// Characters of a text message at most (Twilio, error 21617).
pub const MAX_SMS_CHARACTERS: usize = 1_600;
/// Bytes of a rendered e-mail part at most.
pub const MAX_EMAIL_BYTES: usize = 512 * 1024;
/// Characters of a subject at most; RFC 5322 allows no line beyond 998.
pub const MAX_SUBJECT_CHARACTERS: usize = 500;
/// Characters of a notification's title at most; devices show far fewer.
pub const MAX_PUSH_TITLE_CHARACTERS: usize = 200;
/// Bytes of a notification at most, its data included: the least that any push service takes (Web Push, 4,096 less its own).
pub const MAX_PUSH_BYTES: usize = 3_993;
/// Characters of a post at most, on the network that takes most of them (Facebook).
pub const MAX_SOCIAL_CHARACTERS: usize = 63_206;

/// One version of a template, ready to render. Cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Renderer {
    languages: Arc<Languages>,
}

#[derive(Debug)]
struct Languages {
    /// What the content itself is written in.
    own: Compiled,
    /// By tag.
    translations: Vec<(String, Compiled)>,
}

impl Renderer {
    /// Compiles all variants in all languages. May take some 100 ms of a big template: not for an async task.
    ///
    /// # Errors
    /// With everything that keeps it from being rendered, not only the first. What else is wrong with it is for [`validate`] to say.
    pub fn new(content: &TemplateContent) -> Result<Self, Vec<ContentProblem>> {
        let mut problems = check::too_many(content);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut compiled = |tag: Option<&str>| {
            let compiled = compile::compile(content.in_language(tag).into_owned());
            let at = |problem| ContentProblem { locale: tag.unwrap_or_default().to_owned(), ..problem };
            compiled.map_err(|found| problems.extend(found.into_iter().map(at))).ok()
        };
        let own = compiled(None);
        let translations: Vec<_> =
            content.translations.keys().filter_map(|tag| Some((tag.clone(), compiled(Some(tag.as_str()))?))).collect();
        match own {
            Some(own) if problems.is_empty() => Ok(Self { languages: Arc::new(Languages { own, translations }) }),
            _ => Err(check::without_repetitions(problems)),
        }
    }

    /// Renders a variant for a person, in their language.
    ///
    /// # Errors
    /// When a variable is missing, or the result is empty, too long or no link where there must be one.
    pub fn render(&self, variant: impl Into<Variant>, person: &Person, occasion: &Occasion) -> Result<Rendered, RenderError> {
        self.compiled(&person.locale).render_variant(variant.into(), Scope::new(person, occasion))
    }

    /// Renders a variant for a made-up person, whose attributes are called what they are.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_made_up(&self, variant: impl Into<Variant>, occasion: &Occasion) -> Result<Rendered, RenderError> {
        self.languages.own.render_variant(variant.into(), Scope::with_any_attribute(&Person::made_up(), occasion))
    }

    /// The same in the language for a locale.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_made_up_in(&self, variant: impl Into<Variant>, locale: &str, occasion: &Occasion) -> Result<Rendered, RenderError> {
        let person = Person { locale: locale.to_owned(), ..Person::made_up() };
        self.compiled(locale).render_variant(variant.into(), Scope::with_any_attribute(&person, occasion))
    }

    /// The language that a contact with that locale gets; empty when the content doesn't say which it is written in.
    #[must_use]
    pub fn language_for(&self, locale: &str) -> &str {
        &self.compiled(locale).content.locale
    }

    /// Of one language alone.
    fn of(compiled: Compiled) -> Self {
        Self { languages: Arc::new(Languages { own: compiled, translations: Vec::new() }) }
    }

    fn compiled(&self, locale: &str) -> &Compiled {
        let Languages { own, translations } = &*self.languages;
        if translations.is_empty() {
            return own;
        }
        let tags = translations.iter().map(|(tag, _)| tag.as_str());
        let chosen = choose_language(&own.content.locale, tags, locale);
        let found = chosen.and_then(|chosen| translations.iter().find(|(tag, _)| tag == chosen));
        found.map_or(own, |(_, compiled)| compiled)
    }
}

/// Control characters become spaces, and spaces in a row one.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod variant_tests;
