//! The forms that WhatsApp's registered templates take: Twilio's Content API and Meta's Cloud API.

pub mod components;
pub mod mapping;
mod parameters;

use super::{Field, RenderError, compile::Compiled, context::Scope, one_line, variants::filled};
use crate::content::{ButtonKind, MetaTemplate, TwilioContent, WhatsappButton, WhatsappVariant};
use mapping::Source;
use std::collections::BTreeMap;
use url::Url;

impl Compiled {
    pub fn whatsapp(&self, variant: &WhatsappVariant, scope: &Scope) -> Result<WhatsappVariant, RenderError> {
        let mut rendered = WhatsappVariant {
            kind: variant.kind,
            media_kind: variant.media_kind,
            media_name: variant.media_name.clone(),
            ..WhatsappVariant::default()
        };
        if !variant.body.is_empty() {
            rendered.body = filled(&Field::WhatsappBody, self.render(&Field::WhatsappBody, scope)?)?;
        }
        rendered.media_url = self.link_of(&Field::WhatsappMedia, &variant.media_url, scope)?;
        rendered.link = self.link_of(&Field::WhatsappLink, &variant.link, scope)?;
        for (index, button) in variant.buttons.iter().enumerate() {
            let value = one_line(&self.render(&Field::WhatsappButton(index), scope)?);
            rendered.buttons.push(WhatsappButton { value, ..button.clone() });
        }
        rendered.twilio = variant.twilio.as_ref().map(|twilio| self.twilio(variant, twilio, &rendered, scope)).transpose()?;
        rendered.meta = variant.meta.as_ref().map(|meta| self.meta(variant, meta, &rendered, scope)).transpose()?;
        Ok(rendered)
    }

    fn twilio(
        &self,
        variant: &WhatsappVariant,
        twilio: &TwilioContent,
        parts: &WhatsappVariant,
        scope: &Scope,
    ) -> Result<TwilioContent, RenderError> {
        let mut variables = BTreeMap::new();
        for position in twilio.variables.keys() {
            variables.insert(position.clone(), self.parameter(&Field::TwilioVariable(position.clone()), scope)?);
        }
        for (position, source) in mapping::of_twilio(variant, twilio) {
            let field = Field::TwilioMapping(position.clone());
            variables.insert(position, self.mapped(&field, &source, parts, scope)?);
        }
        Ok(TwilioContent { content_sid: twilio.content_sid.clone(), variables, ..TwilioContent::default() })
    }

    fn meta(
        &self,
        variant: &WhatsappVariant,
        meta: &MetaTemplate,
        parts: &WhatsappVariant,
        scope: &Scope,
    ) -> Result<MetaTemplate, RenderError> {
        let mut rendered = MetaTemplate {
            name: meta.name.clone(),
            language: meta.language.clone(),
            category: meta.category.clone(),
            offer_ends_ms: meta.offer_ends_ms,
            ..MetaTemplate::default()
        };
        if let Some(written) = &meta.components {
            let render_text = |place: &str| self.parameter(&Field::MetaComponent(place.to_owned()), scope);
            rendered.components = Some(components::render(written, &render_text)?);
            return Ok(rendered);
        }
        rendered.header_image_url = self.link_of(&Field::MetaHeaderImage, &meta.header_image_url, scope)?;
        for index in 0..meta.body.len() {
            rendered.body.push(self.parameter(&Field::MetaBody(index), scope)?);
        }
        for name in meta.named.keys() {
            rendered.named.insert(name.clone(), self.parameter(&Field::MetaNamed(name.clone()), scope)?);
        }
        if !meta.header_text.is_empty() {
            rendered.header_text = self.parameter(&Field::MetaHeaderText, scope)?;
        }
        for (position, source) in mapping::of_meta(variant, meta) {
            rendered.body.push(self.mapped(&Field::MetaMapping(position), &source, parts, scope)?);
        }
        for button in meta.url_buttons.keys() {
            rendered.url_buttons.insert(*button, self.parameter(&Field::MetaButton(*button), scope)?);
        }
        if meta.url_buttons.is_empty() {
            let urls = parts.buttons.iter().zip(0..).filter(|(button, _)| button.kind == ButtonKind::Url && !button.value.is_empty());
            rendered.url_buttons = urls.map(|(button, index)| (index, button.value.clone())).collect();
        }
        rendered.components = parameters::components(&rendered, parts);
        Ok(rendered)
    }

    /// A parameter of a registered template: WhatsApp refuses empty ones, line breaks, tabs and runs of spaces (Meta, error 132018).
    fn parameter(&self, field: &Field, scope: &Scope) -> Result<String, RenderError> {
        filled(field, one_line(&self.render(field, scope)?))
    }

    fn mapped(&self, field: &Field, source: &Source, parts: &WhatsappVariant, scope: &Scope) -> Result<String, RenderError> {
        let text = match source {
            Source::MediaUrl => parts.media_url.clone(),
            Source::MediaPath => path_of(&parts.media_url),
            Source::MessageBody => parts.body.clone(),
            Source::Shortlink => parts.link.clone(),
            Source::ButtonUrl(number) => parts.buttons.get(number - 1).map(|button| button.value.clone()).unwrap_or_default(),
            Source::Static(text) => text.clone(),
            Source::RecipientName | Source::Contact(_) | Source::Attribute(_) => self.render(field, scope)?,
        };
        filled(field, one_line(&text))
    }
}

/// What follows the host of a link.
fn path_of(link: &str) -> String {
    Url::parse(link).map_or_else(
        |_| String::new(),
        |url| {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", url.path().trim_start_matches('/'))
        },
    )
}

#[cfg(test)]
mod tests;
