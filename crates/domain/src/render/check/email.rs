//! What is wrong with an e-mail variant.

use super::empty;
use crate::{
    content::{EmailVariant, MAX_FILES, TemplateContent, content_ids},
    render::{
        ContentProblem, Field,
        compile::Compiled,
        html::{self, css::Left, rules},
        problem::Place,
        sandbox,
    },
};

/// Characters of a subject that most mailboxes show.
const SHOWN_SUBJECT: usize = 78;
/// Gmail cuts off what is longer and hides what follows, the unsubscribe link with it.
const CLIPPED_BYTES: usize = 102 * 1024;

pub fn problems(email: &EmailVariant, content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    problems.extend(empty(&Field::EmailSubject, &email.subject, "an e-mail needs a subject"));
    for (field, text) in [(Field::EmailSubject, &email.subject), (Field::EmailPreheader, &email.preheader)] {
        let text = text.trim();
        if let Some(at) = text.find(['\r', '\n']) {
            problems.push(ContentProblem::error(field, "has a line break", "write it in one line").at(Place::of(text, at)));
        }
    }
    let has_both = !email.html.trim().is_empty() && !email.mjml.trim().is_empty();
    if has_both {
        problems.push(ContentProblem::error(
            Field::EmailMjml,
            "is there beside HTML",
            "keep one of the two: the HTML is made from the MJML",
        ));
    } else if email.mjml.trim().is_empty() {
        problems.extend(empty(&Field::EmailHtml, &email.html, "an e-mail needs an HTML part, or MJML"));
    }
    problems.extend(layout(email));
    for (field, source) in [(Field::EmailHtml, &email.html), (Field::EmailLayout, &email.layout_html)] {
        // What can't even be read as a template is told by whoever compiles it.
        if !source.is_empty() && sandbox::review(source).is_empty() {
            problems.extend(rules::check(&field, &html::words(source)));
        }
    }
    problems.extend(from_mjml(email, content));
    problems.extend(files(email));
    problems
}

fn layout(email: &EmailVariant) -> Vec<ContentProblem> {
    let field = Field::EmailLayout;
    if email.layout.is_empty() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if email.layout_html.trim().is_empty() {
        problems.push(ContentProblem::error(&field, format!("there is no layout {:?}", email.layout), "create it, or correct the name"));
    }
    if !email.mjml.trim().is_empty() {
        problems.push(ContentProblem::error(
            &field,
            "can't be used with MJML, which makes a whole document",
            "leave out the layout, or write HTML",
        ));
    }
    let at = ["<html", "<body", "<!doctype"].iter().find_map(|part| email.html.to_ascii_lowercase().find(part));
    if let Some(at) = at {
        let problem =
            ContentProblem::error(Field::EmailHtml, "is a whole document, but a layout goes around it", "keep what stands within <body>");
        problems.push(problem.at(Place::of(&email.html, at)));
    }
    problems
}

/// What is wrong with the files that go along. Whether there are such files isn't known here.
fn files(email: &EmailVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if email.files.len() > MAX_FILES {
        let problem = ContentProblem::error(Field::EmailFile(MAX_FILES), format!("there are more than {MAX_FILES} files"), "take some out");
        problems.push(problem);
    }
    let sources = [&email.html, &email.mjml, &email.layout_html];
    let shown: Vec<&str> = sources.into_iter().flat_map(|source| content_ids(source)).collect();
    for (index, file) in email.files.iter().enumerate().take(MAX_FILES) {
        let field = Field::EmailFile(index);
        let id = file.content_id.as_str();
        if !file.has_good_content_id() {
            let remedy = "use letters, digits, \".\", \"-\", \"_\" and \"@\", at most 64";
            problems.push(ContentProblem::error(field, "has a content id that mailboxes can't read", remedy));
        } else if !id.is_empty() && email.files.iter().take(index).any(|other| other.content_id == id) {
            problems.push(ContentProblem::error(field, format!("has the content id {id:?} of another file"), "give each its own"));
        } else if !id.is_empty() && !shown.contains(&id) {
            let message = format!("isn't shown: no picture's address is \"cid:{id}\"");
            problems.push(ContentProblem::warning(field, message, "show it, or leave the content id empty"));
        }
    }
    for id in shown {
        // What a variable makes of it is known only once it is rendered.
        if !id.contains("{{") && !email.files.iter().any(|file| file.content_id == id) {
            let message = format!("shows the picture \"cid:{id}\", which no file is");
            problems.push(ContentProblem::error(
                html::body_field(email),
                message,
                "add the file with that content id, or link to the picture",
            ));
        }
    }
    problems
}

/// What is wrong with the HTML that MJML makes, which is what mail programs get; its places are none that the author knows.
fn from_mjml(email: &EmailVariant, content: &TemplateContent) -> Vec<ContentProblem> {
    if email.mjml.trim().is_empty() || !sandbox::review(&email.mjml).is_empty() {
        return Vec::new();
    }
    let Ok(assembled) = html::assemble(email, &content.locale) else {
        return Vec::new();
    };
    let found = rules::check(&Field::EmailMjml, &assembled.source).into_iter().filter(ContentProblem::is_error);
    found.map(|problem| ContentProblem { line: 0, column: 0, ..problem }).collect()
}

/// Why styles weren't inlined.
pub fn left(compiled: &Compiled) -> Option<ContentProblem> {
    let (message, remedy) = match compiled.left? {
        Left::NoStyles | Left::Faults => return None,
        Left::Statement => {
            ("has a condition or a loop among its styles, so that they aren't moved into the elements", "move it out of <style>")
        }
        Left::TooMuch => ("has too many styles or elements for moving the styles into the elements", "make them fewer"),
        Left::Unreadable => ("has styles that can't be read, so that they aren't moved into the elements", "correct the styles"),
    };
    let email = compiled.content.email.as_ref()?;
    Some(ContentProblem::warning(html::body_field(email), message, remedy))
}

/// What shows once it is rendered for somebody.
pub fn rendered(email: &EmailVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let characters = email.subject.chars().count();
    if characters > SHOWN_SUBJECT {
        let message = format!("has {characters} characters: mailboxes show some {SHOWN_SUBJECT} at most");
        problems.push(ContentProblem::warning(Field::EmailSubject, message, "begin with what matters, or make it shorter"));
    }
    if email.html.len() > CLIPPED_BYTES {
        let message = format!("has {} KiB: Gmail cuts off what is beyond 102 KiB", email.html.len() / 1024);
        problems.push(ContentProblem::warning(Field::EmailHtml, message, "make it shorter, or link to a page"));
    }
    if !email.html.contains("https://example.com/u/token") && !email.html.contains("https://example.com/p/token") {
        let message = "shows no way to unsubscribe";
        problems.push(ContentProblem::warning(Field::EmailHtml, message, "add <a href=\"{{ unsubscribe_url }}\">Unsubscribe</a>"));
    }
    problems
}
