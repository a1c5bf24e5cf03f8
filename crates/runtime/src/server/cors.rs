//! Which pages in a browser may call us (Fetch standard, CORS protocol). Tokens travel in a header, so no cookies.

use anyhow::{Context as _, ensure};
use http::{HeaderName, HeaderValue, Method, Uri, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Browsers cap it at two hours or less.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// None when no origin is configured: then only pages of our own origin may call.
pub(super) fn layer(origins: &[String]) -> anyhow::Result<Option<CorsLayer>> {
    let origins = origins.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let origins = origins.map(origin).collect::<anyhow::Result<Vec<_>>>()?;
    if origins.is_empty() {
        return Ok(None);
    }
    let named = HeaderName::from_static;
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            named("x-api-key"),
            named("x-grpc-web"),
            named("x-user-agent"),
            named("grpc-timeout"),
            named("traceparent"),
        ])
        .expose_headers(["grpc-status", "grpc-message", "grpc-status-details-bin"].map(named))
        .max_age(PREFLIGHT_MAX_AGE);
    Ok(Some(layer))
}

/// An origin as a browser sends it: scheme and host, no path, not even a slash.
fn origin(text: &str) -> anyhow::Result<HeaderValue> {
    let wrong = || format!("FANFARE_CORS_ORIGINS: {text:?} must be like https://host or http://host:port");
    let uri: Uri = text.parse().with_context(wrong)?;
    let plain = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/') && !text.contains(['*', '@']);
    ensure!(matches!(uri.scheme_str(), Some("https" | "http")) && uri.authority().is_some() && plain, wrong());
    // Browsers send hosts in lower case.
    HeaderValue::from_str(&text.to_ascii_lowercase()).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        assert_eq!(origin("https://App.example:8443").unwrap(), "https://app.example:8443");
        for text in [
            "*",
            "https://*.example",
            "app.example",
            "https://app.example/",
            "https://a.example/x",
            "null",
            "ftp://a.example",
            "https://u@a.example",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_origin_is_no_layer() {
        assert!(layer(&[]).unwrap().is_none());
        assert!(layer(&[String::new(), " ".to_owned()]).unwrap().is_none());
    }
}
