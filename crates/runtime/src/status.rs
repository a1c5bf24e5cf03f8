//! Errors on the wire: a `tonic::Status` with google.rpc details, made in one place so that all services speak alike.
//!
//! Every refusal that a program may branch on carries an `ErrorInfo` of the domain "fanfare" with a SCREAMING_SNAKE reason;
//! bad input carries a `BadRequest` with one violation a field. What is our own fault is logged here, once, and answered
//! without its cause.

use std::{collections::HashMap, error::Error, fmt::Write as _, str::FromStr};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "fanfare";

/// Collects what is wrong with a request, so that its author learns all of it at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a field (its path in the request, as `content.email.subject`) is wrong, and how to right it.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) -> &mut Self {
        self.0.push(FieldViolation::new(field, description));
        self
    }

    /// Notes it unless the condition holds.
    pub fn expect(&mut self, holds: bool, field: &str, description: &str) -> &mut Self {
        if !holds {
            self.add(field, description);
        }
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// INVALID_ARGUMENT with all violations, if there are any.
    pub fn check(&mut self) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        let violations = std::mem::take(&mut self.0);
        let message = match violations.as_slice() {
            [only] => format!("{}: {}", only.field, only.description),
            several => format!("{} fields are invalid", several.len()),
        };
        let mut details = info("INVALID_ARGUMENT", []);
        details.set_bad_request(violations);
        Err(Status::with_error_details(Code::InvalidArgument, message, details))
    }
}

/// INVALID_ARGUMENT for one field.
#[must_use]
pub fn invalid(field: &str, description: impl Into<String>) -> Status {
    let description = description.into();
    let mut details = info("INVALID_ARGUMENT", []);
    details.add_bad_request_violation(field, description.clone());
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {description}"), details)
}

/// Reads an id from a field.
///
/// # Errors
/// INVALID_ARGUMENT when it isn't one.
pub fn id<Id: FromStr>(field: &str, text: &str) -> Result<Id, Status> {
    text.parse().map_err(|_| invalid(field, "must be an id"))
}

/// NOT_FOUND: it doesn't exist in the caller's workspace, which is all that may be told.
#[must_use]
pub fn not_found(kind: &str) -> Status {
    with_reason(Code::NotFound, "NOT_FOUND", format!("{kind} not found"), [("kind", kind)])
}

/// ALREADY_EXISTS.
#[must_use]
pub fn already_exists(kind: &str, message: impl Into<String>) -> Status {
    with_reason(Code::AlreadyExists, "ALREADY_EXISTS", message, [("kind", kind)])
}

/// FAILED_PRECONDITION: the request is well formed, but the state doesn't allow it.
#[must_use]
pub fn precondition(reason: &str, message: impl Into<String>) -> Status {
    with_reason(Code::FailedPrecondition, reason, message, [])
}

/// FAILED_PRECONDITION with figures or names that a program may want.
#[must_use]
pub fn precondition_with<'a>(reason: &str, message: impl Into<String>, facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Status {
    with_reason(Code::FailedPrecondition, reason, message, facts)
}

/// RESOURCE_EXHAUSTED: a limit that is documented or configured.
#[must_use]
pub fn exhausted(reason: &str, message: impl Into<String>) -> Status {
    with_reason(Code::ResourceExhausted, reason, message, [])
}

/// PERMISSION_DENIED.
#[must_use]
pub fn denied(reason: &str, message: impl Into<String>) -> Status {
    with_reason(Code::PermissionDenied, reason, message, [])
}

/// ABORTED: somebody else was quicker; read again, then retry.
#[must_use]
pub fn conflict(reason: &str, message: impl Into<String>) -> Status {
    with_reason(Code::Aborted, reason, message, [])
}

/// UNAUTHENTICATED. The message must say nothing of why beyond missing, expired or invalid.
pub(crate) fn unauthenticated(reason: &str, message: &str) -> Status {
    with_reason(Code::Unauthenticated, reason, message, [])
}

/// UNAVAILABLE: something that we need is away; the caller may retry. Logs the cause.
#[must_use]
pub fn unavailable(reason: &str, cause: &dyn Error) -> Status {
    tracing::warn!(reason, error = chain(cause), "unavailable");
    unavailable_unlogged(reason, "try again later")
}

pub(crate) fn unavailable_unlogged(reason: &str, message: &str) -> Status {
    with_reason(Code::Unavailable, reason, message, [])
}

/// INTERNAL: our fault. Logs the cause with its chain; the caller learns nothing of it.
#[must_use]
pub fn internal(cause: &dyn Error) -> Status {
    tracing::error!(error = chain(cause), "internal error");
    with_reason(Code::Internal, "INTERNAL", "internal error", [])
}

/// What a failure of the database means to a caller. Check [`store::Error::is_constraint`] first where a constraint has a
/// meaning of its own; here one says only that the state doesn't allow it.
#[must_use]
pub fn store(error: store::Error) -> Status {
    match &error {
        store::Error::Constraint(name) => precondition_with(
            "CONSTRAINT",
            "something that this refers to, or that it would repeat, doesn't allow it",
            [("constraint", name.as_str())],
        ),
        store::Error::Database(cause) => match cause.as_database_error().map(|database| database.code()) {
            // Serialization failure, deadlock: the transaction may simply be tried again.
            Some(Some(code)) if code == "40001" || code == "40P01" => {
                conflict("CONCURRENT_CHANGE", "changed by somebody else meanwhile: try again")
            }
            Some(_) => internal(&error),
            None => unavailable("DATABASE_UNAVAILABLE", &error),
        },
        _ => internal(&error),
    }
}

fn with_reason<'a>(code: Code, reason: &str, message: impl Into<String>, facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Status {
    Status::with_error_details(code, message, info(reason, facts))
}

fn info<'a>(reason: &str, facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> ErrorDetails {
    let facts: HashMap<String, String> = facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    ErrorDetails::with_error_info(reason, DOMAIN, facts)
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String can't fail.
        write!(text, ": {error}").unwrap_or_default();
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CampaignId;

    #[test]
    fn all_violations_arrive_together() {
        let mut violations = Violations::new();
        violations.add("name", "must not be empty").expect(false, "budget", "must not be negative").expect(true, "zone", "unknown");
        let status = violations.check().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields: Vec<String> = status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["name", "budget"]);
        assert_eq!(status.get_details_error_info().unwrap().domain, DOMAIN);
    }

    #[test]
    fn no_violation_is_no_error() {
        assert!(Violations::new().expect(true, "name", "empty").check().is_ok());
    }

    #[test]
    fn reasons_travel_as_error_info() {
        let status = precondition_with("TOO_MANY_RECIPIENTS", "over the limit", [("limit", "10000")]);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["limit"].as_str()), ("TOO_MANY_RECIPIENTS", "10000"));
        assert_eq!(not_found("campaign").message(), "campaign not found");
    }

    #[test]
    fn an_id_that_is_none_names_its_field() {
        assert!(id::<CampaignId>("campaign_id", "018f2b1e-0000-7000-8000-000000000000").is_ok());
        let status = id::<CampaignId>("campaign_id", "1; DROP TABLE").unwrap_err();
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "campaign_id");
    }

    #[test]
    fn an_internal_error_hides_its_cause() {
        let status = store(store::Error::Corrupt { what: "campaign", reason: "password=hunter2".to_owned() });
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert!(!format!("{:?}", status.get_error_details()).contains("hunter2"));
    }

    #[test]
    fn an_unforeseen_constraint_is_a_precondition() {
        let status = store(store::Error::Constraint("lists_name_key".to_owned()));
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.get_details_error_info().unwrap().metadata["constraint"], "lists_name_key");
    }
}
