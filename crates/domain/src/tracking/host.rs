//! Host names that people enter.

use url::Url;

/// The text is no base for links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name by https and without a path")]
pub struct BadBase;

/// Reads where links are to lead through: `links.example.com`, with or without `https://`. Answers without a slash at the end; empty
/// when nothing was given. Only this very machine may be reached without TLS and by a port, because links are fetched from anywhere,
/// by mail programs that refuse anything odd.
///
/// # Errors
/// When it isn't such a host.
pub fn base_url(text: &str) -> Result<String, BadBase> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).map_err(|_| BadBase)?;
    // The parser forgives much, such as more slashes, line breaks within a host, and numbers for addresses.
    let authority = whole.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
    let plain = authority.chars().all(|c| !c.is_control() && !c.is_whitespace() && !NO_HOST.contains(&c));
    let fits = match authority.split(':').next() {
        Some("localhost" | "127.0.0.1") => matches!(url.scheme(), "http" | "https"),
        _ => url.scheme() == "https" && url.port().is_none() && url.domain().is_some_and(is_name),
    };
    if plain && fits { Ok(url.as_str().trim_end_matches('/').to_owned()) } else { Err(BadBase) }
}

/// What stands in no host, nor in its port.
const NO_HOST: [char; 7] = ['/', '\\', '@', '?', '#', '[', ']'];

/// Reads a host name into the form in which links are compared: small letters, and ASCII (RFC 5891).
pub fn read(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(NO_HOST) || text.contains(|c: char| c == ':' || c.is_control() || c.is_whitespace()) {
        return None;
    }
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    url.domain().filter(|name| is_name(name)).map(str::to_owned)
}

/// Labels of letters, digits and hyphens, at least two of them (RFC 1123 section 2.1), the last one no number.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a link's host is one of these or below one; true without any.
pub fn is_below(link: &str, hosts: &[String]) -> bool {
    if hosts.is_empty() {
        return true;
    }
    let url = Url::parse(link).ok();
    let Some(name) = url.as_ref().and_then(Url::domain) else { return false };
    hosts.iter().any(|host| name.strip_suffix(host.as_str()).is_some_and(|above| above.is_empty() || above.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_host_by_https() {
        for (text, expected) in [
            ("", ""),
            (" links.example.com ", "https://links.example.com"),
            ("https://Links.Example.com/", "https://links.example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:1/", "http://localhost:1"),
        ] {
            assert_eq!(base_url(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused() {
        for text in [
            "http://links.example.com",
            "ftp://links.example.com",
            "javascript://links.example.com",
            "https://example",
            "https://example.com/path",
            "https://example.com?a",
            "https://example.com#a",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://example.com:8443",
            "https://10.0.0.1",
            "https://2130706433",
            "https://[::1]",
            "https://a..example",
            "https://-a.example",
            "https://a_b.example",
            "https://exam\nple.com",
            "https:\\\\example.com",
            "//example.com",
            "https://",
            "links.example.com links.example.org",
            "http://localhost.example.com",
            "http://127.0.0.2",
        ] {
            assert_eq!(base_url(text), Err(BadBase), "{text:?}");
        }
    }

    #[test]
    fn a_host_covers_what_is_below_it() {
        let hosts = ["example.com".to_owned()];
        for link in ["https://example.com", "http://EXAMPLE.com/a", "https://a.b.example.com:8443/?c"] {
            assert!(is_below(link, &hosts), "{link}");
        }
        for link in [
            "https://badexample.com",
            "https://example.com.evil.example",
            "https://evil.example/example.com",
            "https://example.com@evil.example",
        ] {
            assert!(!is_below(link, &hosts), "{link}");
        }
        assert!(is_below("https://anything.example", &[]));
        assert_eq!(read(" Shop.Example.COM ").as_deref(), Some("shop.example.com"));
        for text in ["", "com", "https://example.com", "a/b.com", "10.0.0.1", "a.com:80", "u@a.com", "a.com?b", "//a.com", "a\n.com"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
