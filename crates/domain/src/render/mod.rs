//! A template's content, rendered for one person: compiled and checked once ([`Renderer::new`]), then rendered many times.
//!
//! The language is Jinja, cut down to what a message needs ([`sandbox`]): `{{ variable }}` with filters, `if` and `for`. Instructions,
//! output and nesting are bounded, nothing outside the given variables can be reached, and a variable that has no value and no default is
//! an error that names it, not a hole in somebody's message. Only the e-mail HTML is escaped. Whether a person may be messaged at all is
//! decided elsewhere. Links and the open pixel are added afterwards, by [`email::track`].

mod check;
mod compile;
mod context;
pub mod email;
mod entity;
mod field;
mod html_text;
mod sandbox;
mod tags;
mod whatsapp;

pub use context::{Occasion, Person};
pub use field::Field;

use crate::{
    Channel,
    content::{EmailVariant, MetaTemplate, Rendered, SmsVariant, TemplateContent, TwilioContent, WhatsappVariant},
};
use compile::Compiled;
use context::Scope;
use std::{collections::BTreeMap, sync::Arc};

/// Characters of a text message at most (Twilio, error 21617).
pub const MAX_SMS_CHARACTERS: usize = 1_600;
/// Bytes of a rendered e-mail part at most.
pub const MAX_EMAIL_BYTES: usize = 512 * 1024;
/// Characters of a subject at most; RFC 5322 allows no line beyond 998.
pub const MAX_SUBJECT_CHARACTERS: usize = 500;

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentProblem {
    /// Path of the field within the content, such as `email.subject`; empty for the content as a whole.
    pub field: String,
    /// From 1; 0 when it is about the whole field.
    pub line: usize,
    /// What is wrong and what helps, for a person.
    pub message: String,
}

/// Why a message can't be made for this person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("{field}: {variable} has no value and no default")]
    Missing { field: String, variable: String },
    #[error("{field} is longer than the {limit} {unit} allowed")]
    TooLong { field: String, limit: usize, unit: &'static str },
    #[error("{field} is empty")]
    Empty { field: String },
    #[error("{field} is no http or https link")]
    BadLink { field: String },
    #[error("the template has no {0} variant")]
    NoVariant(Channel),
    #[error("{field}, line {line}: {message}")]
    Failed { field: String, line: usize, message: String },
}

impl RenderError {
    /// A short word for reasons and figures.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_variable",
            Self::TooLong { .. } => "content_too_long",
            Self::Empty { .. } => "content_empty",
            Self::BadLink { .. } => "content_bad_link",
            Self::NoVariant(_) => "no_variant",
            Self::Failed { .. } => "content_failed",
        }
    }
}

/// One version of a template, ready to render. Cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Renderer {
    compiled: Arc<Compiled>,
}

impl Renderer {
    /// Compiles and checks all variants.
    ///
    /// # Errors
    /// With everything that is wrong, not only the first.
    pub fn new(content: &TemplateContent) -> Result<Self, Vec<ContentProblem>> {
        let compiled = compile::compile(content)?;
        let renderer = Self { compiled: Arc::new(compiled) };
        renderer.try_out(content)?;
        Ok(renderer)
    }

    /// Renders the channel's variant for a person.
    ///
    /// # Errors
    /// When a variable is missing, or the result is empty, too long or no link where there must be one.
    pub fn render(&self, channel: Channel, person: &Person, occasion: &Occasion) -> Result<Rendered, RenderError> {
        self.variant(channel, Scope::new(person, occasion))
    }

    /// Renders the channel's variant for a made-up person, whose attributes are called what they are.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_made_up(&self, channel: Channel, occasion: &Occasion) -> Result<Rendered, RenderError> {
        self.variant(channel, Scope::with_any_attribute(&Person::made_up(), occasion))
    }

    fn variant(&self, channel: Channel, scope: Scope) -> Result<Rendered, RenderError> {
        match channel {
            Channel::Email => self.email(scope).map(Rendered::Email),
            Channel::Sms => self.sms(scope).map(Rendered::Sms),
            Channel::Whatsapp => self.whatsapp(scope).map(Rendered::Whatsapp),
        }
    }

    fn email(&self, scope: Scope) -> Result<EmailVariant, RenderError> {
        let variant = self.compiled.content.email.as_ref().ok_or(RenderError::NoVariant(Channel::Email))?;
        let scope = self.compiled.with_fragments(Channel::Email, scope)?;
        // A value with a line break in it must not begin a header of its own.
        let subject = one_line(&self.compiled.render(&Field::EmailSubject, &scope)?);
        if subject.is_empty() {
            return Err(RenderError::Empty { field: Field::EmailSubject.to_string() });
        }
        let html = self.compiled.render(&Field::EmailHtml, &scope)?;
        let text = if variant.text.trim().is_empty() { email::text(&html) } else { self.compiled.render(&Field::EmailText, &scope)? };
        Ok(EmailVariant { subject, html, text })
    }

    fn sms(&self, scope: Scope) -> Result<SmsVariant, RenderError> {
        if self.compiled.content.sms.is_none() {
            return Err(RenderError::NoVariant(Channel::Sms));
        }
        let scope = self.compiled.with_fragments(Channel::Sms, scope)?;
        Ok(SmsVariant { text: filled(&Field::SmsText, self.compiled.render(&Field::SmsText, &scope)?)? })
    }

    fn whatsapp(&self, scope: Scope) -> Result<WhatsappVariant, RenderError> {
        let variant = self.compiled.content.whatsapp.as_ref().ok_or(RenderError::NoVariant(Channel::Whatsapp))?;
        let scope = self.compiled.with_fragments(Channel::Whatsapp, scope)?;
        let twilio = variant.twilio.as_ref().map(|twilio| self.twilio(twilio, &scope)).transpose()?;
        let meta = variant.meta.as_ref().map(|meta| self.meta(meta, &scope)).transpose()?;
        Ok(WhatsappVariant { twilio, meta })
    }

    fn twilio(&self, twilio: &TwilioContent, scope: &Scope) -> Result<TwilioContent, RenderError> {
        let mut variables = BTreeMap::new();
        for position in twilio.variables.keys() {
            variables.insert(position.clone(), self.parameter(&Field::TwilioVariable(position.clone()), scope)?);
        }
        Ok(TwilioContent { content_sid: twilio.content_sid.clone(), variables })
    }

    fn meta(&self, meta: &MetaTemplate, scope: &Scope) -> Result<MetaTemplate, RenderError> {
        let mut rendered = MetaTemplate { name: meta.name.clone(), language: meta.language.clone(), ..MetaTemplate::default() };
        if !meta.header_image_url.is_empty() {
            let url = self.compiled.render(&Field::MetaHeaderImage, scope)?.trim().to_owned();
            if !email::is_web_link(&url) {
                return Err(RenderError::BadLink { field: Field::MetaHeaderImage.to_string() });
            }
            rendered.header_image_url = url;
        }
        for index in 0..meta.body.len() {
            rendered.body.push(self.parameter(&Field::MetaBody(index), scope)?);
        }
        for button in meta.url_buttons.keys() {
            rendered.url_buttons.insert(*button, self.parameter(&Field::MetaButton(*button), scope)?);
        }
        Ok(rendered)
    }

    /// A parameter of a registered template: WhatsApp refuses empty ones, line breaks, tabs and runs of spaces (Meta, error 132018).
    fn parameter(&self, field: &Field, scope: &Scope) -> Result<String, RenderError> {
        filled(field, one_line(&self.compiled.render(field, scope)?))
    }
}

fn filled(field: &Field, text: String) -> Result<String, RenderError> {
    if text.trim().is_empty() { Err(RenderError::Empty { field: field.to_string() }) } else { Ok(text) }
}

/// Control characters become spaces, and spaces in a row one.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
