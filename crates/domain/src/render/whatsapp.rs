//! The forms that WhatsApp's registered templates take: Twilio's Content API and Meta's Cloud API.

use super::{
    ContentProblem, Field,
    check::{may_be_web_link, problem},
};
use crate::content::{MetaTemplate, TwilioContent, WhatsappVariant};

/// A template has ten buttons at most (Meta, "Message templates"), counted from 0.
const MAX_BUTTON: u8 = 9;

pub fn problems(variant: &WhatsappVariant) -> Vec<ContentProblem> {
    if variant.twilio.is_none() && variant.meta.is_none() {
        return vec![problem("whatsapp", 0, "is empty: give a Twilio content template, a Meta template, or both")];
    }
    let mut problems = variant.twilio.as_ref().map(twilio).unwrap_or_default();
    problems.extend(variant.meta.iter().flat_map(meta));
    problems
}

fn twilio(twilio: &TwilioContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let sid = twilio.content_sid.strip_prefix("HX");
    if !sid.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())) {
        problems.push(problem("whatsapp.twilio.content_sid", 0, "is no content SID: it is HX and 32 hexadecimal digits"));
    }
    // Twilio refuses gaps, and counts from 1.
    let count = twilio.variables.len();
    for position in (1..=count).map(|position| position.to_string()).filter(|position| !twilio.variables.contains_key(position)) {
        problems.push(problem(
            "whatsapp.twilio.variables",
            0,
            &format!("have no position {position}: {count} variables are numbered \"1\" to \"{count}\" without gaps"),
        ));
    }
    for (position, _) in twilio.variables.iter().filter(|(_, text)| text.trim().is_empty()) {
        problems.push(problem(&Field::TwilioVariable(position.clone()).to_string(), 0, EMPTY));
    }
    problems
}

const EMPTY: &str = "is empty: WhatsApp refuses empty parameters";

fn meta(meta: &MetaTemplate) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let is_name =
        (1..=512).contains(&meta.name.len()) && meta.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        problems.push(problem(
            "whatsapp.meta.name",
            0,
            "is no template name: it has small letters, digits and _ only, as registered with Meta",
        ));
    }
    if !is_language(&meta.language) {
        problems.push(problem("whatsapp.meta.language", 0, "is no language code as Meta has them: en, en_US, ar, …"));
    }
    if !meta.header_image_url.is_empty() && !may_be_web_link(&meta.header_image_url) {
        problems.push(problem(&Field::MetaHeaderImage.to_string(), 0, "is no http or https link"));
    }
    for (index, _) in meta.body.iter().enumerate().filter(|(_, text)| text.trim().is_empty()) {
        problems.push(problem(&Field::MetaBody(index).to_string(), 0, EMPTY));
    }
    for (index, text) in &meta.url_buttons {
        let field = Field::MetaButton(*index).to_string();
        if *index > MAX_BUTTON {
            problems.push(problem(&field, 0, "has an index that no button has: they are counted from 0 to 9"));
        }
        if text.trim().is_empty() {
            problems.push(problem(&field, 0, EMPTY));
        }
    }
    problems
}

/// `en`, `fil`, `en_US`, `zh_HK`.
fn is_language(code: &str) -> bool {
    let (language, region) = code.split_once('_').map_or((code, None), |(language, region)| (language, Some(region)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && region.is_none_or(|region| (2..=3).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_uppercase()))
}
