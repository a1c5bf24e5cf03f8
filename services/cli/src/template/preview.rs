//! `fanfare template preview`: what one contact would get.

use super::{check, file};
use crate::{resolve, session::Session};
use anyhow::{Context, Result, bail};
use clap::Args;
use domain::content::Variant;
use proto::{
    convert::content_variant_number,
    template::{
        Content, EmailVariant, MetaTemplate, PreviewTemplateRequest, PushVariant, SocialNetwork, SocialVariant, Template, TwilioContent,
        WhatsappVariant,
    },
};
use std::{collections::HashMap, path::PathBuf};

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Name or id
    #[arg(required_unless_present = "file")]
    template: Option<String>,
    /// email, sms, whatsapp, push or social
    #[arg(long, visible_alias = "variant")]
    channel: Variant,
    /// The contact's id; a made-up contact without
    #[arg(long)]
    contact: Option<String>,
    /// The language, such as ar; the contact's without
    #[arg(long, default_value = "", hide_default_value = true)]
    locale: String,
    /// 0: the newest
    #[arg(long, default_value_t = 0)]
    version: u32,
    /// A template's JSON file, instead of a template
    #[arg(long, conflicts_with_all = ["template", "version"])]
    file: Option<PathBuf>,
}

pub async fn run(args: PreviewArgs, session: &Session) -> Result<()> {
    let (id, content) = match (args.file, args.template) {
        (Some(file), _) => (String::new(), file::read(&file)?.content),
        (None, Some(template)) => (resolve::template(session, &template).await?, None),
        (None, None) => bail!("name a template, or a file with --file"),
    };
    let request = PreviewTemplateRequest {
        id,
        version: args.version,
        contact_id: args.contact.unwrap_or_default(),
        variant: content_variant_number(args.channel),
        locale: args.locale,
        content,
        ..PreviewTemplateRequest::default()
    };
    let answer = session.templates().preview_template(request).await?.into_inner();
    let content = answer.content.context("the hub's answer has no content")?;
    session.output.message(&content, |content| described(content, &answer.locale))?;
    check::say(session, &answer.problems)
}

/// A rendered variant, with the language that it is in.
fn described(content: &Content, locale: &str) -> String {
    if locale.is_empty() { variants(content) } else { format!("[{locale}]\n{}", variants(content)) }
}

/// A template in one line.
pub fn head(template: &Template) -> String {
    let archived = if template.archived { ", archived" } else { "" };
    format!("{}  {} (version {}{archived})", template.id, template.name, template.version)
}

/// A template with everything in it.
pub fn describe(template: &Template) -> String {
    let head = head(template);
    template.content.as_ref().map_or_else(|| head.clone(), |content| format!("{head}\n\n{}", everything(content)))
}

/// All variants, then what differs in each other language.
fn everything(content: &Content) -> String {
    let mut parts = vec![variants(content)];
    for (tag, translation) in sorted(&content.translations) {
        let translated = Content {
            fragments: translation.fragments.clone(),
            email: translation.email.clone(),
            sms: translation.sms.clone(),
            whatsapp: translation.whatsapp.clone(),
            push: translation.push.clone(),
            social: translation.social.clone(),
            ..Content::default()
        };
        parts.push(format!("══ {tag}\n\n{}", variants(&translated)));
    }
    parts.join("\n\n")
}

fn variants(content: &Content) -> String {
    let mut parts: Vec<_> = sorted(&content.fragments).into_iter().map(|(name, text)| format!("── fragments.{name}\n{text}")).collect();
    parts.extend(content.email.as_ref().map(email));
    if let Some(sms) = &content.sms {
        parts.push(format!("── sms\n{}", sms.text));
    }
    if let Some(variant) = &content.whatsapp {
        parts.extend(whatsapp(variant));
    }
    parts.extend(content.push.as_ref().map(push));
    parts.extend(content.social.as_ref().map(social));
    parts.join("\n\n")
}

fn sorted<T>(map: &HashMap<String, T>) -> Vec<(&String, &T)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

/// `name: text`, or nothing for an empty text.
fn named(name: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("{name}: {text}"))
}

fn email(email: &EmailVariant) -> String {
    let head = [named("Subject", &email.subject), named("Preheader", &email.preheader), named("Layout", &email.layout)];
    let head: Vec<_> = head.into_iter().flatten().collect();
    let parts = [head.join("\n"), email.html.clone(), email.mjml.clone(), email.text.clone()];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("── email\n{}", parts.join("\n\n"))
}

fn whatsapp(variant: &WhatsappVariant) -> Vec<String> {
    let shared = [named("body", &variant.body), named("media", &variant.media_url), named("link", &variant.link)];
    let mut lines: Vec<_> = shared.into_iter().flatten().collect();
    lines.extend(variant.buttons.iter().map(|button| format!("button {:?}: {}", button.text, button.value)));
    let mut parts = Vec::new();
    if !lines.is_empty() {
        parts.push(format!("── whatsapp\n{}", lines.join("\n")));
    }
    parts.extend(variant.twilio.as_ref().map(twilio));
    parts.extend(variant.meta.as_ref().map(meta));
    parts
}

fn twilio(content: &TwilioContent) -> String {
    let variables = sorted(&content.variables).into_iter().map(|(position, text)| format!("{position}: {text}"));
    let mapping = sorted(&content.mapping).into_iter().map(|(position, source)| format!("{position} = {source}"));
    let lines: Vec<_> = variables.chain(mapping).collect();
    format!("── whatsapp, Twilio content {}\n{}", content.content_sid, lines.join("\n"))
}

fn meta(template: &MetaTemplate) -> String {
    let mut lines: Vec<_> = named("image", &template.header_image_url).into_iter().collect();
    lines.extend(template.body.iter().enumerate().map(|(index, text)| format!("{}: {text}", index + 1)));
    lines.extend(sorted(&template.mapping).into_iter().map(|(position, source)| format!("{position} = {source}")));
    let mut buttons: Vec<_> = template.url_buttons.iter().collect();
    buttons.sort();
    lines.extend(buttons.into_iter().map(|(index, end)| format!("button {index}: …{end}")));
    lines.extend(named("components", &template.components_json));
    format!("── whatsapp, Meta template {} ({})\n{}", template.name, template.language, lines.join("\n"))
}

fn push(push: &PushVariant) -> String {
    let mut lines = vec![push.title.clone(), push.body.clone()];
    lines.extend(named("image", &push.image_url));
    lines.extend(named("link", &push.link));
    lines.extend(sorted(&push.data).into_iter().map(|(name, text)| format!("{name} = {text}")));
    format!("── push\n{}", lines.join("\n"))
}

fn social(social: &SocialVariant) -> String {
    let mut lines = vec![social.text.clone()];
    lines.extend(social.media_urls.iter().map(|url| format!("media: {url}")));
    lines.extend(social.alt_texts.iter().filter_map(|alt| named("alt", alt)));
    lines.extend([named("link", &social.link), named("title", &social.link_title)].into_iter().flatten());
    lines.extend(social.texts.iter().map(|own| format!("{}: {}", network(own.network()), own.text)));
    lines.retain(|line| !line.is_empty());
    let networks: Vec<_> = social.networks().map(network).collect();
    let networks = if networks.is_empty() { String::new() } else { format!(" ({})", networks.join(", ")) };
    format!("── social{networks}\n{}", lines.join("\n"))
}

fn network(network: SocialNetwork) -> String {
    network.as_str_name().trim_start_matches("SOCIAL_NETWORK_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::template::{SmsVariant, SocialText, Translation};

    #[test]
    fn a_template_is_shown_with_its_other_languages() {
        let sms = |text: &str| Some(SmsVariant { text: text.into(), ..SmsVariant::default() });
        let arabic = Translation { sms: sms("أهلا"), ..Translation::default() };
        let content = Content { sms: sms("Hello"), translations: [("ar".to_owned(), arabic)].into(), ..Content::default() };
        let template =
            Template { id: "id".into(), name: "T".into(), version: 3, archived: true, content: Some(content), ..Template::default() };
        assert_eq!(describe(&template), "id  T (version 3, archived)\n\n── sms\nHello\n\n══ ar\n\n── sms\nأهلا");
    }

    #[test]
    fn push_and_social_are_shown_with_what_they_have() {
        let push = PushVariant { title: "New".into(), body: "Look".into(), link: "https://example.com".into(), ..PushVariant::default() };
        let social = SocialVariant {
            text: "Look".into(),
            networks: vec![SocialNetwork::X.into()],
            texts: vec![SocialText { network: SocialNetwork::X.into(), text: "Short".into() }],
            ..SocialVariant::default()
        };
        let content = Content { push: Some(push), social: Some(social), ..Content::default() };
        assert_eq!(variants(&content), "── push\nNew\nLook\nlink: https://example.com\n\n── social (x)\nLook\nx: Short");
    }
}
