//! What a layout may be, and which one a caller means.

use domain::render;
use runtime::status::{self, Violations};
use store::layout::Key;
use tonic::Status;
use uuid::Uuid;

const MAX_NAME: usize = 100;
const MAX_HTML: usize = 256 * 1024;
/// Problems that are told at once at most.
const MAX_PROBLEMS: usize = 100;

pub fn name(name: &str, violations: &mut Violations) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_letter) && Uuid::parse_str(name).is_err();
    violations.expect(fits, "name", "must have 1 to 100 letters, digits, '-', '_' and '.', and must not look like an id");
    name.to_owned()
}

/// Notes all that is wrong with a layout's HTML. A big one takes a while, and has a thread for it.
///
/// # Errors
/// When there is no thread to be had.
pub async fn html(html: &str, violations: &mut Violations) -> Result<(), Status> {
    if html.len() > MAX_HTML {
        violations.add("html", "must be at most 256 KiB");
        return Ok(());
    }
    if html.contains('\0') {
        violations.add("html", "has a NUL character in it: take it out");
        return Ok(());
    }
    let html = html.to_owned();
    let problems = tokio::task::spawn_blocking(move || render::validate_layout(&html)).await.map_err(|error| status::internal(&error))?;
    for problem in problems.iter().filter(|problem| problem.is_error()).take(MAX_PROBLEMS) {
        violations.add("html", problem.to_string());
    }
    Ok(())
}

/// A layout's id, or else its name.
///
/// # Errors
/// INVALID_ARGUMENT when nothing is named.
pub fn key(text: &str) -> Result<Key<'_>, Status> {
    match Uuid::parse_str(text) {
        Ok(id) => Ok(Key::Id(id.into())),
        Err(_) if text.is_empty() || text.contains('\0') => Err(status::invalid("id", "must be the id or the name of a layout")),
        Err(_) => Ok(Key::Name(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_id_and_an_id_no_name() {
        let problems = |text: &str| {
            let mut violations = Violations::new();
            name(text, &mut violations);
            !violations.is_empty()
        };
        assert!(!problems("brand-2026_v1.html"));
        for bad in ["", "my layout", "عربي", "018f2b1e-0000-7000-8000-000000000000", &"x".repeat(101)] {
            assert!(problems(bad), "{bad:?}");
        }
        assert_eq!(key("brand").unwrap(), Key::Name("brand"));
        assert!(matches!(key("018f2b1e-0000-7000-8000-000000000000").unwrap(), Key::Id(_)));
        assert!(key("").is_err());
    }
}
