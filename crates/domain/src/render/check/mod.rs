//! What is wrong with a content whoever it is rendered for, and what may not do what was meant: said before it is sent to anybody.

mod email;
mod push;
mod sms;
mod social;
mod variables;
mod whatsapp;

use super::{
    ContentProblem, Field, Occasion, RenderError, Renderer,
    compile::{self, OUT_OF_FUEL},
    html, sandbox,
};
use crate::content::{EmailVariant, Locale, Rendered, TemplateContent, Variant};
use std::collections::HashSet;

const MAX_FRAGMENTS: usize = 100;
const MAX_TRANSLATIONS: usize = 50;
/// Problems that are told at most, errors before warnings.
const MAX_PROBLEMS: usize = 500;

/// Everything that is wrong with a content in any of its languages, errors first. May take some 100 ms of a big template: not for an async
/// task.
#[must_use]
pub fn validate(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = whole(content);
    if problems.is_empty() {
        let languages = std::iter::once(None).chain(content.translations.keys().map(|tag| Some(tag.as_str())));
        for tag in languages {
            let at = |problem| ContentProblem { locale: tag.unwrap_or_default().to_owned(), ..problem };
            problems.extend(language(&content.in_language(tag)).into_iter().map(at));
        }
    }
    let mut problems = without_repetitions(problems);
    problems.sort_by_key(|problem| problem.severity);
    problems.truncate(MAX_PROBLEMS);
    problems
}

/// What is wrong with a layout of its own.
#[must_use]
pub fn validate_layout(layout: &str) -> Vec<ContentProblem> {
    let field = Field::EmailLayout;
    let email = EmailVariant {
        subject: "-".to_owned(),
        html: "-".to_owned(),
        layout: "-".to_owned(),
        layout_html: layout.to_owned(),
        ..EmailVariant::default()
    };
    let content = TemplateContent { email: Some(email), ..TemplateContent::default() };
    let mut problems = if layout.trim().is_empty() {
        vec![ContentProblem::error(&field, "is empty", "write its HTML, with %BODY% where the message goes")]
    } else {
        language(&content)
    };
    problems.retain(|problem| problem.field == field.to_string());
    for problem in &mut problems {
        "layout".clone_into(&mut problem.field);
        problem.variant = None;
    }
    problems.sort_by_key(|problem| problem.severity);
    problems
}

/// A translation inherits what it doesn't write, faults included: each is told once, of the content itself.
pub(super) fn without_repetitions(problems: Vec<ContentProblem>) -> Vec<ContentProblem> {
    let key = |problem: &ContentProblem| (problem.field.clone(), problem.line, problem.column, problem.message.clone());
    let own: HashSet<_> = problems.iter().filter(|problem| problem.locale.is_empty()).map(key).collect();
    let mut seen = HashSet::new();
    let is_new = |problem: &ContentProblem| {
        let is_inherited = !problem.locale.is_empty() && own.contains(&key(problem));
        !is_inherited && seen.insert((problem.locale.clone(), key(problem)))
    };
    problems.into_iter().filter(is_new).collect()
}

/// More than is ever looked at: each translation is compiled by itself, and fragments call one another.
pub(super) fn too_many(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if content.translations.len() > MAX_TRANSLATIONS {
        let message = format!("are more than {MAX_TRANSLATIONS}");
        problems.push(ContentProblem::error("translations", message, "make a template for each market"));
    }
    let of_translations = content.translations.values().map(|translation| translation.fragments.len());
    if of_translations.chain([content.fragments.len()]).any(|fragments| fragments > MAX_FRAGMENTS) {
        problems.push(ContentProblem::error("fragments", format!("are more than {MAX_FRAGMENTS}"), "join some of them"));
    }
    problems
}

/// What holds for the content as a whole; nothing else is looked at before that is mended.
fn whole(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = too_many(content);
    let mut error = |field: String, message: String, remedy: &str| problems.push(ContentProblem::error(field, message, remedy));
    if content.variants().next().is_none() {
        error(String::new(), "has no variant".to_owned(), "write at least one of email, sms, whatsapp, push and social");
    }
    if !content.locale.is_empty() && Locale::parse(&content.locale).is_none() {
        error("locale".to_owned(), format!("{:?} is no language tag", content.locale), "use one such as en, ar or sr-Latn");
    }
    let own = Locale::parse(&content.locale);
    let mut seen = HashSet::new();
    for (tag, translation) in &content.translations {
        let field = format!("translations.{tag}");
        let Some(locale) = Locale::parse(tag) else {
            error(field, format!("{tag:?} is no language tag"), "use one such as en, ar or sr-Latn");
            continue;
        };
        if own.as_ref() == Some(&locale) || !seen.insert(locale) {
            error(field.clone(), "is a language that is there already".to_owned(), "remove one of them");
        }
        let written = [
            (Variant::Email, translation.email.is_some()),
            (Variant::Sms, translation.sms.is_some()),
            (Variant::Whatsapp, translation.whatsapp.is_some()),
            (Variant::Push, translation.push.is_some()),
            (Variant::Social, translation.social.is_some()),
        ];
        for (variant, _) in written.into_iter().filter(|(variant, is_written)| *is_written && !content.has(*variant)) {
            let remedy = "write the variant in the content itself as well: it is what everybody else gets";
            error(format!("{field}.{variant}"), format!("there is no {variant} variant to translate"), remedy);
        }
    }
    problems
}

/// One language of a content.
fn language(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = fragments(content);
    problems.extend(variables::problems(content));
    if let Some(email) = &content.email {
        problems.extend(email::problems(email, content));
    }
    if let Some(sms) = &content.sms {
        problems.extend(sms::problems(sms));
    }
    if let Some(whatsapp) = &content.whatsapp {
        problems.extend(whatsapp::problems(whatsapp));
    }
    if let Some(push) = &content.push {
        problems.extend(push::problems(push));
    }
    if let Some(social) = &content.social {
        problems.extend(social::problems(social));
    }
    match compile::compile(content.clone()) {
        Err(found) => problems.extend(found),
        Ok(compiled) => {
            problems.extend(email::left(&compiled));
            let own = Renderer::of(compiled);
            problems.extend(content.variants().flat_map(|variant| try_out(&own, content, variant)));
        }
    }
    problems
}

fn fragments(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    for (name, text) in &content.fragments {
        let field = Field::Fragment(name.clone());
        if !is_name(name) {
            let remedy = "a fragment's name has letters, digits and _ only, and starts with a letter";
            problems.push(ContentProblem::error(&field, "can't be named like that", remedy));
        }
        // One that is used as HTML must be HTML.
        let is_html = |source: &str| source.contains("safe") && html_uses(source).iter().any(|used| used == name);
        let email = content.email.as_ref();
        let sources = email.into_iter().flat_map(|email| [&email.html, &email.mjml, &email.layout_html]).chain(content.fragments.values());
        if sources.into_iter().any(|source| is_html(source)) && sandbox::review(text).is_empty() {
            problems.extend(html::rules::check(&field, text));
        }
    }
    problems
}

/// The fragments that a text takes as HTML.
fn html_uses(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for tag in super::tags::tags(source) {
        for index in 0..tag.tokens.len() {
            if super::rewrite::safe_fragment(&tag.tokens, index).is_some()
                && let super::tags::Kind::Name(name) = tag.tokens[index + 2].kind
            {
                found.push(name.to_owned());
            }
        }
    }
    found
}

/// Whether `{{ fragments.name }}` can name it.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Renders a variant for a made-up person, to find what only shows when it runs.
fn try_out(renderer: &Renderer, content: &TemplateContent, variant: Variant) -> Vec<ContentProblem> {
    let occasion = Occasion {
        campaign_name: "Campaign".to_owned(),
        unsubscribe_url: "https://example.com/u/token".to_owned(),
        preferences_url: "https://example.com/p/token".to_owned(),
        confirm_link: "https://example.com/c/token".to_owned(),
        ..Occasion::default()
    };
    match renderer.render_made_up(variant, &occasion) {
        Ok(Rendered::Email(email)) => email::rendered(&email),
        Ok(Rendered::Sms(sms)) => sms::rendered(&sms, content),
        Ok(Rendered::Whatsapp(whatsapp)) => whatsapp::rendered(&whatsapp),
        Ok(Rendered::Push(_) | Rendered::Free(_)) => Vec::new(),
        Ok(Rendered::Social(social)) => {
            let mut problems = social::rendered(&social, content);
            problems.extend(social::of_nobody(renderer, &occasion));
            problems
        }
        // A made-up attribute has a made-up type; what depends on it shows in a preview for a real contact.
        Err(RenderError::TooLong { field, limit, unit }) => {
            vec![ContentProblem::error(field, format!("is longer than the {limit} {unit} allowed"), "make it shorter")]
        }
        Err(RenderError::Failed { field, line, message }) if message == OUT_OF_FUEL => {
            vec![ContentProblem::error(field, "takes too long", "make its loops shorter").on_line(line)]
        }
        Err(RenderError::Failed { field, message, .. }) if message == super::email::ACTIVE => {
            let message = "holds an element or an attribute that an e-mail can't have";
            vec![ContentProblem::error(field, message, "write tags around whole elements")]
        }
        Err(_) => Vec::new(),
    }
}

/// Whether a link may be one: what it starts with is known only when it is rendered, or is http or https.
fn may_be_web_link(source: &str) -> bool {
    html::rules::is_target(source, &["{{", "{%"])
}

/// The problem of a link field that is written and no link; none of an empty one.
fn link(field: &Field, source: &str) -> Option<ContentProblem> {
    let is_wrong = !source.is_empty() && !may_be_web_link(source);
    is_wrong.then(|| ContentProblem::error(field, format!("{source:?} is no http or https link"), "use a link that starts with https://"))
}

fn empty(field: &Field, source: &str, remedy: &str) -> Option<ContentProblem> {
    source.trim().is_empty().then(|| ContentProblem::error(field, "is empty", remedy))
}
