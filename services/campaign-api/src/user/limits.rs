//! What may be said of a person.

use domain::role::Role;
use proto::convert;
use runtime::{auth::KEY_SUBJECT, status::Violations};

const MAX_SUBJECT: usize = 200;
const MAX_NAME: usize = 200;
/// RFC 5321, section 4.5.3.1: the longest path is 256 octets with its brackets.
const MAX_EMAIL: usize = 254;

/// People that a workspace lists at most.
pub const MAX_USERS: i64 = 10_000;

pub fn subject(subject: &str, violations: &mut Violations) {
    let fits = !subject.is_empty() && is_line(subject, MAX_SUBJECT);
    violations
        .expect(fits, "subject", "must have 1 to 200 characters, without line breaks: what the person's tokens have as `sub`")
        .expect(!subject.starts_with(KEY_SUBJECT), "subject", "must not start with api_key:, which is how API keys are called");
}

pub fn name(name: &str, violations: &mut Violations) {
    violations.expect(is_line(name, MAX_NAME), "name", "must have at most 200 characters, without line breaks");
}

pub fn email(email: &str, violations: &mut Violations) {
    let fits = email.is_empty() || domain::address::email(email).key.is_some();
    violations.expect(fits && is_line(email, MAX_EMAIL), "email", "must be an e-mail address, or empty");
}

/// The role of a field in which one must be given.
pub fn role(number: i32, violations: &mut Violations) -> Role {
    convert::role(number).unwrap_or_else(|| {
        violations.add("role", "must be AGENT or ADMIN");
        Role::Agent
    })
}

fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}
