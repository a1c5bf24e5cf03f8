//! What kind of body a request says it has: a provider reads none of another kind.

use axum::http::{HeaderMap, header};

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Whether the body is said to be of this kind, whatever its parameters.
pub fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn parameters_and_case_do_not_count() {
        let of = |text: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]);
        assert!(is(&of("Application/JSON; charset=utf-8"), JSON) && is(&of(FORM), FORM));
        assert!(!is(&of("text/plain"), JSON) && !is(&HeaderMap::new(), JSON) && !is(&of("application/json-seq"), JSON));
    }
}
