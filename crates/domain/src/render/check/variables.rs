//! Variables that some contacts have no value for, and the rules for that.

use crate::{
    content::{MissingPolicy, TemplateContent},
    render::{
        ContentProblem, Field,
        context::{GROUPS, NAMES, OWN_LINKS},
        problem::Place,
        rewrite,
        texts::{self, Text},
    },
};
use std::collections::BTreeSet;

const MAX_RULES: usize = 200;
const MAX_DEFAULT: usize = 500;

pub fn problems(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = rules(content);
    let mut told = BTreeSet::new();
    let texts = texts::of(content);
    for Text { field, source } in &texts {
        for (variable, at) in rewrite::bare(source) {
            let is_own = OWN_LINKS.contains(&variable.as_str());
            if may_be_missing(&variable, field) && !is_own && !rewrite::has_policy(&variable, content) && told.insert(variable.clone()) {
                let message = format!("{variable} has no default: a contact without it gets nothing");
                let remedy = format!("write {{{{ {variable} | default('…') }}}}, or say in variables what stands in its place");
                problems.push(ContentProblem::warning(field, message, remedy).at(Place::of(source, at)));
            }
        }
    }
    problems
}

fn rules(content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if content.variables.len() > MAX_RULES {
        problems.push(ContentProblem::error("variables", format!("has more than {MAX_RULES} rules"), "keep those that differ"));
    }
    for (name, rule) in &content.variables {
        let field = format!("variables.{name}");
        let is_known = match name.split('.').collect::<Vec<_>>()[..] {
            [name] => NAMES.contains(&name) && !OWN_LINKS.contains(&name),
            ["attributes" | "event", ..] | ["campaign", "name"] => name.split('.').all(|part| !part.is_empty()),
            _ => false,
        };
        if !is_known {
            let remedy = format!("rules are for {}, attributes.…, event.… and campaign.name", NAMES.join(", "));
            problems.push(ContentProblem::error(&field, "is no variable that a rule can be for", remedy));
        }
        if rule.missing == Some(MissingPolicy::Default) && rule.default_text.is_empty() {
            problems.push(ContentProblem::error(&field, "has no default text", "write one, or choose empty or skip"));
        }
        if matches!(rule.missing, Some(MissingPolicy::Skip | MissingPolicy::Empty)) && !rule.default_text.is_empty() {
            problems.push(ContentProblem::warning(&field, "has a default text that is never used", "choose default, or remove the text"));
        }
        if rule.default_text.chars().count() > MAX_DEFAULT {
            problems.push(ContentProblem::error(
                &field,
                format!("has a default text of more than {MAX_DEFAULT} characters"),
                "make it shorter",
            ));
        }
        if rule.default_text.contains("{{") || rule.default_text.contains("{%") {
            problems.push(ContentProblem::error(&field, "has variables in its default text", "write plain text"));
        }
    }
    problems
}

/// Whether a contact can be without it where that text is sent.
fn may_be_missing(variable: &str, field: &Field) -> bool {
    let first = variable.split('.').next().unwrap_or_default();
    let path = field.to_string();
    match first {
        "email" => !path.starts_with("email."),
        "phone" => !path.starts_with("sms.") && !path.starts_with("whatsapp."),
        "campaign" | "fragments" => false,
        _ => NAMES.contains(&first) || (GROUPS.contains(&first) && variable.contains('.')),
    }
}
