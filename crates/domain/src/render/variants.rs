//! Each variant of a compiled content, rendered for one scope.

use super::{Field, MAX_PUSH_BYTES, RenderError, compile::Compiled, context::Scope, email, one_line};
use crate::content::{EmailVariant, PushVariant, Rendered, SmsVariant, SocialVariant, Variant};
use std::collections::BTreeMap;

impl Compiled {
    pub fn render_variant(&self, variant: Variant, scope: Scope) -> Result<Rendered, RenderError> {
        if !self.content.has(variant) {
            return Err(RenderError::NoVariant(variant));
        }
        let scope = self.with_fragments(variant, scope)?;
        let missing = || RenderError::NoVariant(variant);
        match variant {
            Variant::Email => self.email(self.content.email.as_ref().ok_or_else(missing)?, &scope).map(Rendered::Email),
            Variant::Sms => self.sms(self.content.sms.as_ref().ok_or_else(missing)?, &scope).map(Rendered::Sms),
            Variant::Whatsapp => self.whatsapp(self.content.whatsapp.as_ref().ok_or_else(missing)?, &scope).map(Rendered::Whatsapp),
            Variant::Push => self.push(self.content.push.as_ref().ok_or_else(missing)?, &scope).map(Rendered::Push),
            Variant::Social => self.social(self.content.social.as_ref().ok_or_else(missing)?, &scope).map(Rendered::Social),
        }
    }

    fn email(&self, variant: &EmailVariant, scope: &Scope) -> Result<EmailVariant, RenderError> {
        // A value with a line break in it must not begin a header of its own.
        let subject = one_line(&self.render(&Field::EmailSubject, scope)?);
        if subject.is_empty() {
            return Err(RenderError::Empty { field: Field::EmailSubject.to_string() });
        }
        let preheader = one_line(&self.render(&Field::EmailPreheader, scope)?);
        let scope = scope.with_email(&subject, &preheader);
        let html = self.render_html(&scope)?;
        if self.changes_links {
            email::look_over(&html)?;
        }
        let text = if variant.text.trim().is_empty() { email::text(&html) } else { self.render(&Field::EmailText, &scope)? };
        Ok(EmailVariant { subject, preheader, html, text, files: variant.files.clone(), ..EmailVariant::default() })
    }

    fn sms(&self, variant: &SmsVariant, scope: &Scope) -> Result<SmsVariant, RenderError> {
        let text = self.render(&Field::SmsText, scope)?;
        let links = variant.media_urls.iter().enumerate().map(|(index, url)| self.link_of(&Field::SmsMedia(index), url, scope));
        let media_urls = links.collect::<Result<Vec<_>, _>>()?;
        let text = if media_urls.is_empty() { filled(&Field::SmsText, text)? } else { text };
        Ok(SmsVariant { text, media_urls })
    }

    fn push(&self, variant: &PushVariant, scope: &Scope) -> Result<PushVariant, RenderError> {
        let title = filled(&Field::PushTitle, one_line(&self.render(&Field::PushTitle, scope)?))?;
        let body = filled(&Field::PushBody, self.render(&Field::PushBody, scope)?)?;
        let image_url = self.link_of(&Field::PushImage, &variant.image_url, scope)?;
        let link = self.render(&Field::PushLink, scope)?.trim().to_owned();
        if !link.is_empty() && !is_app_link(&link) {
            return Err(RenderError::BadLink { field: Field::PushLink.to_string() });
        }
        let mut push = PushVariant {
            title,
            body,
            image_url,
            link,
            data: BTreeMap::new(),
            icon_url: self.link_of(&Field::PushIcon, &variant.icon_url, scope)?,
            ttl_seconds: variant.ttl_seconds,
            urgency: variant.urgency,
            collapse_key: variant.collapse_key.clone(),
        };
        for key in variant.data.keys() {
            push.data.insert(key.clone(), self.render(&Field::PushData(key.clone()), scope)?);
        }
        match push_bytes(&push) > MAX_PUSH_BYTES {
            true => Err(RenderError::TooLong { field: Variant::Push.to_string(), limit: MAX_PUSH_BYTES, unit: "bytes" }),
            false => Ok(push),
        }
    }

    fn social(&self, variant: &SocialVariant, scope: &Scope) -> Result<SocialVariant, RenderError> {
        let text = self.render(&Field::SocialText, scope)?.trim().to_owned();
        let mut social = SocialVariant { networks: variant.targets(), text, ..SocialVariant::default() };
        for (index, url) in variant.media_urls.iter().enumerate() {
            social.media_urls.push(self.link_of(&Field::SocialMedia(index), url, scope)?);
        }
        for index in 0..variant.alt_texts.len() {
            social.alt_texts.push(one_line(&self.render(&Field::SocialAlt(index), scope)?));
        }
        social.link = self.link_of(&Field::SocialLink, &variant.link, scope)?;
        social.link_title = one_line(&self.render(&Field::SocialLinkTitle, scope)?);
        for network in variant.targets() {
            let field = Field::SocialTextOn(network);
            let own = variant.texts.contains_key(&network).then(|| self.render(&field, scope)).transpose()?;
            let text = own.map_or_else(|| social.text.clone(), |own| own.trim().to_owned());
            if text.is_empty() && social.media_urls.is_empty() {
                return Err(RenderError::Empty { field: field.to_string() });
            }
            social.texts.insert(network, text);
        }
        Ok(social)
    }

    /// A field that is an http or https link, or nothing when nothing is written.
    pub(super) fn link_of(&self, field: &Field, written: &str, scope: &Scope) -> Result<String, RenderError> {
        if written.is_empty() {
            return Ok(String::new());
        }
        let url = self.render(field, scope)?.trim().to_owned();
        if email::is_web_link(&url) { Ok(url) } else { Err(RenderError::BadLink { field: field.to_string() }) }
    }
}

pub(super) fn filled(field: &Field, text: String) -> Result<String, RenderError> {
    if text.trim().is_empty() { Err(RenderError::Empty { field: field.to_string() }) } else { Ok(text) }
}

/// Bytes that a notification takes as JSON.
pub(super) fn push_bytes(push: &PushVariant) -> usize {
    serde_json::to_vec(push).map_or(usize::MAX, |json| json.len())
}

/// http, https, or an app's own scheme; nothing that runs or shows what the link itself holds.
pub(super) fn is_app_link(link: &str) -> bool {
    const REFUSED: [&str; 8] = ["javascript", "vbscript", "data", "file", "blob", "about", "view-source", "filesystem"];
    match url::Url::parse(link) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.has_host(),
        Ok(url) => !REFUSED.contains(&url.scheme()),
        Err(_) => false,
    }
}
