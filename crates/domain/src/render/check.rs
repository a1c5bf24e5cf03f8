//! What must hold of a content whoever it is rendered for: nothing missing, links that are links, forms that providers take.

use super::{ContentProblem, Field, entity, whatsapp};
use crate::content::{EmailVariant, TemplateContent};
use lol_html::{RewriteStrSettings, element, html_content::Attribute, rewrite_str};
use std::cell::RefCell;

const MAX_FRAGMENTS: usize = 100;
/// What an `href` may start with beside http and https: other apps, a place in the message, a variable.
const OTHER_TARGETS: [&str; 6] = ["mailto:", "tel:", "sms:", "#", "{{", "{%"];

pub fn variants(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if content.channels().next().is_none() {
        problems.push(problem("", 0, "has no variant: write at least one of email, sms and whatsapp"));
    }
    if content.fragments.len() > MAX_FRAGMENTS {
        problems.push(problem("fragments", 0, "are more than 100"));
    }
    for name in content.fragments.keys().filter(|name| !is_name(name)) {
        let field = Field::Fragment(name.clone()).to_string();
        problems.push(problem(
            &field,
            0,
            "can't be named like that: a fragment's name has letters, digits and _ only, and starts with a letter",
        ));
    }
    if let Some(email) = &content.email {
        problems.extend(email_problems(email));
    }
    if content.sms.as_ref().is_some_and(|sms| sms.text.trim().is_empty()) {
        problems.push(problem(&Field::SmsText.to_string(), 0, "is empty"));
    }
    if let Some(variant) = &content.whatsapp {
        problems.extend(whatsapp::problems(variant));
    }
    problems
}

fn email_problems(email: &EmailVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if email.subject.trim().is_empty() {
        problems.push(problem(&Field::EmailSubject.to_string(), 0, "is empty: an e-mail needs a subject"));
    }
    if email.subject.trim().contains(['\r', '\n']) {
        problems.push(problem(&Field::EmailSubject.to_string(), 1, "has a line break: a subject is one line"));
    }
    if email.html.trim().is_empty() {
        problems.push(problem(&Field::EmailHtml.to_string(), 0, "is empty: an e-mail needs an HTML part"));
    }
    problems.extend(links(&email.html));
    problems
}

/// Links that go nowhere a recipient should be sent.
fn links(html: &str) -> Vec<ContentProblem> {
    let field = Field::EmailHtml.to_string();
    let found = RefCell::new(Vec::new());
    let line = |attribute: &Attribute<'_>| {
        attribute.value_source_location().map_or(0, |place| html[..place.bytes().start.min(html.len())].matches('\n').count() + 1)
    };
    let check = |attribute: Option<&Attribute<'_>>, others: &[&str]| {
        let Some(attribute) = attribute else { return };
        let value = attribute.value();
        if !is_target(&value, others) {
            let message = format!("links to {value:?}: use a link that starts with http:// or https://");
            found.borrow_mut().push(problem(&field, line(attribute), &message));
        }
    };
    let named = |attributes: &[Attribute<'_>], name: &str, others: &[&str]| {
        check(attributes.iter().find(|attribute| attribute.name() == name), others);
    };
    let read = rewrite_str(
        html,
        RewriteStrSettings::new()
            .append_element_content_handler(element!("a, area", |element| {
                named(element.attributes(), "href", &OTHER_TARGETS);
                Ok(())
            }))
            .append_element_content_handler(element!("img", |element| {
                named(element.attributes(), "src", &["cid:", "{{", "{%"]);
                Ok(())
            })),
    );
    let mut found = found.into_inner();
    if let Err(error) = read {
        found.push(problem(&field, 0, &format!("can't be read as HTML: {error}")));
    }
    found
}

fn is_target(value: &str, others: &[&str]) -> bool {
    let target = entity::decode(value.trim()).to_ascii_lowercase();
    ["http://", "https://"].iter().chain(others).any(|start| target.starts_with(start))
}

/// Whether `{{ fragments.name }}` can name it.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a link may be one: what it starts with is known only when it is rendered, or is http or https.
pub(super) fn may_be_web_link(source: &str) -> bool {
    is_target(source, &["{{", "{%"])
}

pub(super) fn problem(field: &str, line: usize, message: &str) -> ContentProblem {
    ContentProblem { field: field.to_owned(), line, message: message.to_owned() }
}
