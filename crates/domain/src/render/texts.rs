//! Every text of a content that may hold variables, with its field.

use super::{
    Field, html,
    whatsapp::{components, mapping},
};
use crate::content::{EmailVariant, PushVariant, SmsVariant, SocialVariant, TemplateContent, Variant, WhatsappVariant};
use std::borrow::Cow;

#[derive(Debug)]
pub struct Text<'c> {
    pub field: Field,
    pub source: Cow<'c, str>,
}

impl<'c> Text<'c> {
    fn new(field: Field, source: &'c str) -> Self {
        Self { field, source: Cow::Borrowed(source) }
    }

    fn made(field: Field, source: String) -> Self {
        Self { field, source: Cow::Owned(source) }
    }
}

/// All of them.
pub fn of(content: &TemplateContent) -> Vec<Text<'_>> {
    let mut texts: Vec<_> = content.fragments.iter().map(|(name, text)| Text::new(Field::Fragment(name.clone()), text)).collect();
    for variant in content.variants() {
        texts.extend(of_variant(content, variant));
    }
    texts
}

/// Those of a variant, fragments left out.
pub fn of_variant(content: &TemplateContent, variant: Variant) -> Vec<Text<'_>> {
    match variant {
        Variant::Email => content.email.as_ref().map(email).unwrap_or_default(),
        Variant::Sms => content.sms.as_ref().map(sms).unwrap_or_default(),
        Variant::Whatsapp => content.whatsapp.as_ref().map(whatsapp).unwrap_or_default(),
        Variant::Push => content.push.as_ref().map(push).unwrap_or_default(),
        Variant::Social => content.social.as_ref().map(social).unwrap_or_default(),
    }
}

fn email(email: &EmailVariant) -> Vec<Text<'_>> {
    let mut texts = vec![Text::new(Field::EmailSubject, &email.subject), Text::new(Field::EmailPreheader, &email.preheader)];
    for (field, source) in [(Field::EmailHtml, &email.html), (Field::EmailMjml, &email.mjml), (Field::EmailLayout, &email.layout_html)] {
        if !source.is_empty() || field == Field::EmailHtml {
            texts.push(Text::made(field, html::words(source)));
        }
    }
    texts.push(Text::made(Field::EmailText, html::words(&email.text)));
    texts
}

fn sms(sms: &SmsVariant) -> Vec<Text<'_>> {
    let media = sms.media_urls.iter().enumerate().map(|(index, url)| Text::new(Field::SmsMedia(index), url));
    [Text::new(Field::SmsText, &sms.text)].into_iter().chain(media).collect()
}

fn whatsapp(variant: &WhatsappVariant) -> Vec<Text<'_>> {
    let parts = [(Field::WhatsappBody, &variant.body), (Field::WhatsappMedia, &variant.media_url), (Field::WhatsappLink, &variant.link)];
    let mut texts: Vec<_> = parts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(field, text)| Text::new(field, text)).collect();
    texts.extend(variant.buttons.iter().enumerate().map(|(index, button)| Text::new(Field::WhatsappButton(index), &button.value)));
    if let Some(twilio) = &variant.twilio {
        texts.extend(twilio.variables.iter().map(|(position, text)| Text::new(Field::TwilioVariable(position.clone()), text)));
        for (position, source) in mapping::of_twilio(variant, twilio) {
            texts.push(Text::made(Field::TwilioMapping(position), source.template()));
        }
    }
    if let Some(meta) = &variant.meta {
        texts.push(Text::new(Field::MetaHeaderImage, &meta.header_image_url));
        texts.extend(meta.body.iter().enumerate().map(|(index, text)| Text::new(Field::MetaBody(index), text)));
        texts.extend(meta.url_buttons.iter().map(|(index, text)| Text::new(Field::MetaButton(*index), text)));
        for (position, source) in mapping::of_meta(variant, meta) {
            texts.push(Text::made(Field::MetaMapping(position), source.template()));
        }
        if !meta.header_text.is_empty() {
            texts.push(Text::new(Field::MetaHeaderText, &meta.header_text));
        }
        texts.extend(meta.named.iter().map(|(name, text)| Text::new(Field::MetaNamed(name.clone()), text)));
        let texts_within = meta.components.as_ref().map(components::texts).unwrap_or_default();
        texts.extend(texts_within.into_iter().map(|(place, text)| Text::new(Field::MetaComponent(place), text)));
    }
    texts
}

fn push(push: &PushVariant) -> Vec<Text<'_>> {
    let mut texts = vec![
        Text::new(Field::PushTitle, &push.title),
        Text::new(Field::PushBody, &push.body),
        Text::new(Field::PushImage, &push.image_url),
        Text::new(Field::PushLink, &push.link),
        Text::new(Field::PushIcon, &push.icon_url),
    ];
    texts.extend(push.data.iter().map(|(key, text)| Text::new(Field::PushData(key.clone()), text)));
    texts
}

fn social(social: &SocialVariant) -> Vec<Text<'_>> {
    let mut texts = vec![Text::new(Field::SocialText, &social.text)];
    texts.extend(social.texts.iter().map(|(network, text)| Text::new(Field::SocialTextOn(*network), text)));
    texts.extend(social.media_urls.iter().enumerate().map(|(index, url)| Text::new(Field::SocialMedia(index), url)));
    texts.extend(social.alt_texts.iter().enumerate().map(|(index, alt)| Text::new(Field::SocialAlt(index), alt)));
    texts.extend([Text::new(Field::SocialLink, &social.link), Text::new(Field::SocialLinkTitle, &social.link_title)]);
    texts
}
