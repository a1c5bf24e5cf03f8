//! What went wrong, in words: the hub's message, each field at fault, and what to do about it.

use crate::output;
use serde_json::json;
use std::{
    io::{self, Write},
    process::ExitCode,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Shows the error on stderr. Exit code 1; a reader who closed the pipe wants no more words.
#[must_use]
pub fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    if error.chain().any(|cause| cause.downcast_ref().is_some_and(closed)) {
        return ExitCode::SUCCESS;
    }
    let text = if json { as_json(error) } else { as_text(error) };
    // Nobody is left to be told when stderr is closed too.
    writeln!(io::stderr(), "{text}").ok();
    ExitCode::FAILURE
}

fn status(error: &anyhow::Error) -> Option<&Status> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn as_text(error: &anyhow::Error) -> String {
    let Some(status) = status(error) else { return format!("error: {error:#}") };
    let details = status.get_error_details();
    let message = message(status);
    let mut text = format!("error: {}{message} ({})", before(error), name(status.code()));
    let lines = violations(&details).into_iter().map(|(field, problem)| format!("{field}: {problem}"));
    // A single violation is often the whole message.
    for line in lines.filter(|line| *line != message) {
        text.push_str(&format!("\n  {line}"));
    }
    for remedy in remedies(status, &details) {
        text.push_str(&format!("\n  → {remedy}"));
    }
    text
}

fn as_json(error: &anyhow::Error) -> String {
    let Some(status) = status(error) else { return json!({"error": {"message": format!("{error:#}")}}).to_string() };
    let details = status.get_error_details();
    let fields: Vec<_> = violations(&details).into_iter().map(|(field, problem)| json!({"field": field, "problem": problem})).collect();
    let reason = details.error_info().map(|info| info.reason.as_str());
    json!({"error": {
        "code": name(status.code()), "message": format!("{}{}", before(error), message(status)), "reason": reason,
        "fields": fields, "remedies": remedies(status, &details),
    }})
    .to_string()
}

/// What the command was doing, as far as it said.
fn before(error: &anyhow::Error) -> String {
    error.chain().take_while(|cause| !cause.is::<Status>()).map(|cause| format!("{cause}: ")).collect()
}

fn message(status: &Status) -> String {
    match (status.message(), std::error::Error::source(status)) {
        // tonic's own words for a connection that failed are just "transport error".
        (_, Some(source)) => innermost(source),
        ("", None) => "no message".to_owned(),
        (text, None) => text.to_owned(),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

fn violations(details: &ErrorDetails) -> Vec<(String, String)> {
    let fields = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
    let conditions = details.precondition_failure().into_iter().flat_map(|failure| &failure.violations);
    fields
        .map(|violation| (violation.field.clone(), violation.description.clone()))
        .chain(conditions.map(|violation| (violation.subject.clone(), violation.description.clone())))
        .collect()
}

fn remedies(status: &Status, details: &ErrorDetails) -> Vec<String> {
    let links = details.help().into_iter().flat_map(|help| &help.links).map(|link| format!("{} {}", link.description, link.url));
    let remedy = details.error_info().and_then(|info| info.metadata.get("remedy")).cloned();
    let general = match status.code() {
        Code::Unavailable => Some("is the hub running? `fanfare up` starts one; --endpoints FILE names another"),
        Code::Unauthenticated => {
            Some("the token or API key is missing, expired, revoked or of another hub: `fanfare up` writes new tokens, --token gives one")
        }
        Code::PermissionDenied => Some("this takes another role: try --role admin"),
        _ => None,
    };
    let mut all: Vec<_> = links.map(|link| link.trim_end().to_owned()).chain(remedy).collect();
    if all.is_empty() {
        all.extend(general.map(str::to_owned));
    }
    all
}

fn name(code: Code) -> String {
    output::words(&format!("{code:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::collections::HashMap;

    fn refused() -> anyhow::Error {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("content.sms.text", "unknown variable `frist_name`");
        let result: Result<(), _> = Err(Status::with_error_details(Code::InvalidArgument, "the template can't be used", details));
        result.context("launch.json").unwrap_err()
    }

    #[test]
    fn a_refusal_names_the_fields() {
        let expected =
            "error: launch.json: the template can't be used (invalid argument)\n  content.sms.text: unknown variable `frist_name`";
        assert_eq!(as_text(&refused()), expected);
    }

    #[test]
    fn a_program_gets_the_same_as_json() {
        let value: serde_json::Value = serde_json::from_str(&as_json(&refused())).unwrap();
        assert_eq!(value["error"]["code"], "invalid argument");
        assert_eq!(value["error"]["fields"][0]["field"], "content.sms.text");
    }

    #[test]
    fn the_hubs_own_remedy_comes_before_the_general_one() {
        let metadata = HashMap::from([("remedy".to_owned(), "ask an admin".to_owned())]);
        let details = ErrorDetails::with_error_info("ROLE", "fanfare", metadata);
        let error = anyhow::Error::new(Status::with_error_details(Code::PermissionDenied, "admins only", details));
        assert_eq!(as_text(&error), "error: admins only (permission denied)\n  → ask an admin");
        let plain = anyhow::Error::new(Status::permission_denied("admins only"));
        assert!(as_text(&plain).ends_with("try --role admin"));
    }

    #[test]
    fn other_errors_show_their_causes() {
        assert_eq!(as_text(&anyhow::anyhow!("no such file").context("contacts.csv")), "error: contacts.csv: no such file");
    }
}
