//! `fanfare template preview`: what one contact would get.

use crate::{resolve, session::Session};
use anyhow::{Context, Result};
use clap::Args;
use domain::Channel;
use proto::{
    convert::channel_number,
    template::{Content, MetaTemplate, PreviewTemplateRequest, Template, TwilioContent},
};

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Name or id
    template: String,
    #[arg(long)]
    channel: Channel,
    /// The contact's id; a made-up contact without
    #[arg(long)]
    contact: Option<String>,
    /// 0: the newest
    #[arg(long, default_value_t = 0)]
    version: u32,
}

pub async fn run(args: PreviewArgs, session: &Session) -> Result<()> {
    let request = PreviewTemplateRequest {
        id: resolve::template(session, &args.template).await?,
        version: args.version,
        channel: channel_number(args.channel),
        contact_id: args.contact.unwrap_or_default(),
    };
    let content = session.templates().preview_template(request).await?.into_inner().content;
    session.output.message(&content.context("the hub's answer has no content")?, variants)
}

/// A template with everything in it.
pub fn describe(template: &Template) -> String {
    let head = format!("{}  {} (version {})", template.id, template.name, template.version);
    template.content.as_ref().map_or_else(|| head.clone(), |content| format!("{head}\n\n{}", variants(content)))
}

fn variants(content: &Content) -> String {
    let mut parts = Vec::new();
    let mut fragments: Vec<_> = content.fragments.iter().collect();
    fragments.sort();
    parts.extend(fragments.into_iter().map(|(name, text)| format!("── fragments.{name}\n{text}")));
    if let Some(email) = &content.email {
        let text = if email.text.is_empty() { String::new() } else { format!("\n\n{}", email.text) };
        parts.push(format!("── email\nSubject: {}\n\n{}{text}", email.subject, email.html));
    }
    if let Some(sms) = &content.sms {
        parts.push(format!("── sms\n{}", sms.text));
    }
    if let Some(whatsapp) = &content.whatsapp {
        parts.extend(whatsapp.twilio.as_ref().map(twilio));
        parts.extend(whatsapp.meta.as_ref().map(meta));
    }
    parts.join("\n\n")
}

fn twilio(content: &TwilioContent) -> String {
    let mut variables: Vec<_> = content.variables.iter().collect();
    variables.sort();
    let lines: Vec<_> = variables.into_iter().map(|(position, text)| format!("{position}: {text}")).collect();
    format!("── whatsapp, Twilio content {}\n{}", content.content_sid, lines.join("\n"))
}

fn meta(template: &MetaTemplate) -> String {
    let mut lines: Vec<_> = template.body.iter().enumerate().map(|(index, text)| format!("{}: {text}", index + 1)).collect();
    if !template.header_image_url.is_empty() {
        lines.insert(0, format!("image: {}", template.header_image_url));
    }
    let mut buttons: Vec<_> = template.url_buttons.iter().collect();
    buttons.sort();
    lines.extend(buttons.into_iter().map(|(index, end)| format!("button {index}: …{end}")));
    format!("── whatsapp, Meta template {} ({})\n{}", template.name, template.language, lines.join("\n"))
}
