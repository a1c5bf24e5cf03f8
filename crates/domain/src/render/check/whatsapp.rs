//! What is wrong with a WhatsApp variant: the forms that its providers take.

use super::{link, may_be_web_link};
use crate::{
    content::{ButtonKind, MetaTemplate, TwilioContent, WhatsappKind, WhatsappVariant},
    render::{
        ContentProblem, Field,
        whatsapp::{
            components,
            mapping::{self, MAX_BUTTONS, Source},
        },
    },
};
use std::collections::BTreeMap;

/// A template has ten buttons at most (Meta, "Message templates"), counted from 0.
const MAX_BUTTON: u8 = 9;
/// What stands on a button (Meta, "Message templates").
const MAX_BUTTON_TEXT: usize = 25;
const MAX_CODE: usize = 15;
/// Characters of a document's name (Meta, media messages).
const MAX_MEDIA_NAME: usize = 240;
const CATEGORIES: [&str; 3] = ["MARKETING", "UTILITY", "AUTHENTICATION"];
const MAX_COMPONENT_VALUES: usize = 300;
const MAX_COMPONENT_DEPTH: usize = 10;
const EMPTY: &str = "WhatsApp refuses empty parameters: write something, or a default";

pub fn problems(variant: &WhatsappVariant) -> Vec<ContentProblem> {
    if variant.twilio.is_none() && variant.meta.is_none() {
        return vec![ContentProblem::error("whatsapp", "is empty", "give a Twilio content template, a Meta template, or both")];
    }
    let mut problems = parts(variant);
    problems.extend(variant.twilio.iter().flat_map(|content| twilio(variant, content)));
    problems.extend(variant.meta.iter().flat_map(|template| meta(variant, template)));
    problems
}

fn parts(variant: &WhatsappVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    problems.extend(link(&Field::WhatsappMedia, &variant.media_url));
    problems.extend(link(&Field::WhatsappLink, &variant.link));
    let has_media = !variant.media_url.is_empty()
        || variant.meta.as_ref().is_some_and(|meta| !meta.header_image_url.is_empty() || meta.components.is_some());
    let is_mapped = variant.twilio.as_ref().is_some_and(|twilio| !twilio.variables.is_empty() || !twilio.mapping.is_empty());
    if variant.kind != WhatsappKind::Text && !has_media && !is_mapped {
        let remedy = "write its link, or choose the kind text";
        problems.push(ContentProblem::error(
            Field::WhatsappMedia,
            "is empty, but a message of this kind has a picture, a video or a document",
            remedy,
        ));
    }
    if variant.buttons.len() > MAX_BUTTONS {
        problems.push(ContentProblem::error("whatsapp.buttons", format!("are more than {MAX_BUTTONS}"), "keep those that are registered"));
    }
    if variant.media_name.chars().count() > MAX_MEDIA_NAME || variant.media_name.contains(['{', '}', '/', '\\', '\n', '\r']) {
        let message = format!("has more than {MAX_MEDIA_NAME} characters, or a bracket, slash or line break");
        problems.push(ContentProblem::error("whatsapp.media_name", message, "write the name of a file, such as offer.pdf"));
    }
    for (index, button) in variant.buttons.iter().enumerate() {
        let field = Field::WhatsappButton(index);
        if button.text.chars().count() > MAX_BUTTON_TEXT {
            let message = format!("has more than {MAX_BUTTON_TEXT} characters");
            problems.push(ContentProblem::error(format!("whatsapp.buttons[{index}].text"), message, "write it as it is registered"));
        }
        if button.kind == ButtonKind::CopyCode && !button.value.contains("{{") && button.value.chars().count() > MAX_CODE {
            problems.push(ContentProblem::error(&field, format!("is a code of more than {MAX_CODE} characters"), "make it shorter"));
        }
        if button.kind == ButtonKind::Phone && !button.value.is_empty() {
            problems.push(ContentProblem::warning(&field, "isn't used: the number is part of the registered template", "remove it"));
        }
        if button.kind == ButtonKind::Url && button.value.contains(':') && !may_be_web_link(&button.value) {
            problems.push(ContentProblem::error(
                &field,
                format!("{:?} is no http or https link", button.value),
                "use a link that starts with https://, or the changing end of the registered one",
            ));
        }
    }
    problems
}

fn twilio(variant: &WhatsappVariant, twilio: &TwilioContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let sid = twilio.content_sid.strip_prefix("HX");
    if !sid.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())) {
        problems.push(ContentProblem::error("whatsapp.twilio.content_sid", "is no content SID", "it is HX and 32 hexadecimal digits"));
    }
    // Twilio refuses gaps, and counts from 1.
    problems.extend(positions("whatsapp.twilio.variables", &twilio.variables));
    for (position, _) in twilio.variables.iter().filter(|(_, text)| text.trim().is_empty()) {
        problems.push(ContentProblem::error(Field::TwilioVariable(position.clone()), "is empty", EMPTY));
    }
    if !twilio.variables.is_empty() && !twilio.mapping.is_empty() {
        problems.push(ContentProblem::error("whatsapp.twilio.mapping", "is there beside variables", "keep one of the two"));
    }
    problems.extend(sources("whatsapp.twilio.mapping", &twilio.mapping, variant));
    if twilio.mapping.is_empty() {
        let unwritten = mapping::of_twilio(variant, twilio).into_iter().filter(|(_, source)| !source.is_written(variant));
        problems.extend(unwritten.map(|(position, source)| not_written("whatsapp.twilio.mapping", &position, &source)));
    }
    problems
}

fn positions(field: &str, by_position: &BTreeMap<String, String>) -> Vec<ContentProblem> {
    let count = by_position.len();
    let missing = (1..=count).map(|position| position.to_string()).filter(|position| !by_position.contains_key(position));
    let problem = |position: String| {
        let remedy = format!("number the {count} of them \"1\" to \"{count}\" without gaps");
        ContentProblem::error(field, format!("have no position {position}"), remedy)
    };
    missing.map(problem).collect()
}

fn sources(field: &str, mapping: &BTreeMap<String, String>, variant: &WhatsappVariant) -> Vec<ContentProblem> {
    let mut problems = positions(field, mapping);
    for (position, text) in mapping {
        match Source::parse(text) {
            Err(unknown) => {
                problems.push(ContentProblem::error(format!("{field}.{position}"), format!("{text:?} is no source"), unknown.to_string()));
            }
            Ok(source) if !source.is_written(variant) => problems.push(not_written(field, position, &source)),
            Ok(_) => {}
        }
    }
    problems
}

fn not_written(field: &str, position: &str, source: &Source) -> ContentProblem {
    let what = match source {
        Source::MediaUrl | Source::MediaPath => "media_url",
        Source::MessageBody => "body",
        Source::Shortlink => "link",
        Source::ButtonUrl(_) => "buttons",
        _ => "text after static:",
    };
    ContentProblem::error(
        format!("{field}.{position}"),
        format!("is filled with what isn't written: {what}"),
        format!("write the variant's {what}, or map something else"),
    )
}

fn meta(variant: &WhatsappVariant, meta: &MetaTemplate) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let is_name =
        (1..=512).contains(&meta.name.len()) && meta.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        let remedy = "it has small letters, digits and _ only, as registered with Meta";
        problems.push(ContentProblem::error("whatsapp.meta.name", "is no template name", remedy));
    }
    if !is_language(&meta.language) {
        problems.push(ContentProblem::error(
            "whatsapp.meta.language",
            "is no language code as Meta has them",
            "use one such as en, en_US or ar",
        ));
    }
    problems.extend(link(&Field::MetaHeaderImage, &meta.header_image_url));
    for (index, _) in meta.body.iter().enumerate().filter(|(_, text)| text.trim().is_empty()) {
        problems.push(ContentProblem::error(Field::MetaBody(index), "is empty", EMPTY));
    }
    for (index, text) in &meta.url_buttons {
        let field = Field::MetaButton(*index);
        if *index > MAX_BUTTON {
            problems.push(ContentProblem::error(&field, "has an index that no button has", "count them from 0 to 9"));
        }
        if text.trim().is_empty() {
            problems.push(ContentProblem::error(&field, "is empty", EMPTY));
        }
    }
    if !meta.body.is_empty() && !meta.mapping.is_empty() {
        problems.push(ContentProblem::error("whatsapp.meta.mapping", "is there beside body", "keep one of the two"));
    }
    problems.extend(sources("whatsapp.meta.mapping", &meta.mapping, variant));
    problems.extend(meta_details(variant, meta));
    problems.extend(meta.components.iter().flat_map(|spec| component_spec(spec, meta)));
    problems
}

fn meta_details(variant: &WhatsappVariant, meta: &MetaTemplate) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let mut error = |field: &str, message: &str, remedy: &str| problems.push(ContentProblem::error(field, message, remedy));
    if !meta.header_text.is_empty() && (!meta.header_image_url.is_empty() || !variant.media_url.is_empty()) {
        error("whatsapp.meta.header_text", "is there beside a picture, a video or a document", "a header has one of them: keep it");
    }
    if !meta.named.is_empty() && (!meta.body.is_empty() || !meta.mapping.is_empty()) {
        error("whatsapp.meta.named", "is there beside body or mapping", "a template has named or numbered parameters: keep these");
    }
    for (name, text) in &meta.named {
        let field = format!("whatsapp.meta.named.{name}");
        // Meta, "Message templates": names of parameters.
        let is_name = (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            error(&field, "is no name of a parameter", "it has small letters, digits and _ only, as registered with Meta");
        }
        if text.trim().is_empty() {
            error(&field, "is empty", EMPTY);
        }
    }
    if !meta.category.is_empty() && !CATEGORIES.contains(&meta.category.as_str()) {
        error("whatsapp.meta.category", "is no category of Meta's", "use MARKETING, UTILITY or AUTHENTICATION, or leave it out");
    }
    if meta.offer_ends_ms < 0 {
        error("whatsapp.meta.offer_ends_at", "is before 1970", "give the time at which the offer ends");
    }
    problems
}

fn component_spec(spec: &serde_json::Value, meta: &MetaTemplate) -> Vec<ContentProblem> {
    let field = "whatsapp.meta.components";
    let mut problems = Vec::new();
    let mut error = |message: String, remedy: &str| problems.push(ContentProblem::error(field, message, remedy));
    let Some(items) = spec.as_array() else {
        let message = if spec.is_string() { "can't be read as JSON" } else { "is no list" };
        error(message.to_owned(), "write a JSON list of components, as in Meta's API");
        return problems;
    };
    let (depth, values) = components::size(spec);
    if depth > MAX_COMPONENT_DEPTH || values > MAX_COMPONENT_VALUES {
        error(format!("has more than {MAX_COMPONENT_VALUES} values, or is more than {MAX_COMPONENT_DEPTH} deep"), "make it smaller");
    }
    for (index, item) in items.iter().enumerate() {
        let kind = item.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
        if !matches!(kind.to_ascii_lowercase().as_str(), "header" | "body" | "button" | "carousel" | "limited_time_offer" | "order_status")
        {
            error(
                format!("number {} has no type that a component has", index + 1),
                "use header, body, button, carousel or limited_time_offer",
            );
        }
    }
    let texts = [&meta.header_image_url, &meta.header_text];
    let maps = [&meta.mapping, &meta.named];
    if !meta.body.is_empty()
        || !meta.url_buttons.is_empty()
        || meta.offer_ends_ms != 0
        || texts.iter().any(|text| !text.is_empty())
        || maps.iter().any(|map| !map.is_empty())
    {
        error(
            "stands in place of body, named, mapping, header_image_url, header_text, offer_ends_at and url_buttons".to_owned(),
            "keep the components or these",
        );
    }
    problems
}

/// Parameters that the providers refuse: none, once validation is through.
pub fn rendered(variant: &WhatsappVariant) -> Vec<ContentProblem> {
    let of_twilio = variant.twilio.iter().flat_map(|twilio| twilio.variables.values());
    let of_meta = variant.meta.iter().flat_map(|meta| meta.body.iter().chain(meta.named.values()));
    let characters: usize = of_meta.map(|text| text.chars().count()).sum::<usize>().max(of_twilio.map(|text| text.chars().count()).sum());
    if characters <= 1_024 {
        return Vec::new();
    }
    let message = format!("has {characters} characters in its parameters: a message has 1,024, the registered text included");
    vec![ContentProblem::warning("whatsapp", message, "make them shorter")]
}

/// `en`, `fil`, `en_US`, `zh_HK`.
fn is_language(code: &str) -> bool {
    let (language, region) = code.split_once('_').map_or((code, None), |(language, region)| (language, Some(region)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && region.is_none_or(|region| (2..=3).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_uppercase()))
}
