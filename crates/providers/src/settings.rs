//! Reads an account's fields, and says what is wrong with one in words that a person can act on.

use crate::registry::Field;
use crate::{Account, AccountError, Secret, Waits, public_net};
use serde::de::DeserializeOwned;
use std::{net::IpAddr, ops::RangeInclusive};
use url::{Host, Url};

/// Longer than any real setting; keeps a pasted file out of requests and messages.
const SETTING_MAX_CHARS: usize = 2_048;
/// For the providers that carry Meta's messages.
pub(crate) const MARKETING_LIMIT: Field = Field::optional(
    "marketing_limit_retry_hours",
    "hours to wait, try by try, when Meta limits the marketing that a person gets; 2,12,24 unless set (Meta's own advice is 24 or \
     more: earlier tries can keep the person out of reach for another day)",
);
/// Private networks' names: what a sandbox or a relay on the same network is called.
const PRIVATE_SUFFIXES: [&str; 4] = [".localhost", ".local", ".internal", ".svc"];

impl AccountError {
    pub(crate) fn new(field: &str, remedy: impl Into<String>) -> Self {
        Self { field: field.to_owned(), remedy: remedy.into() }
    }
}

impl Account {
    /// The setting without surrounding blanks; `None` when it is absent or empty.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<&str>, AccountError> {
        let Some(value) = self.settings.get(name).map(|value| value.trim()) else {
            return Ok(None);
        };
        if value.len() > SETTING_MAX_CHARS || value.chars().any(char::is_control) {
            return Err(AccountError::new(name, "must be one short line of text"));
        }
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// A setting that must be there and fit.
    pub(crate) fn required(&self, name: &str, fits: impl Fn(&str) -> bool, remedy: &str) -> Result<String, AccountError> {
        match self.setting(name)? {
            Some(value) if fits(value) => Ok(value.to_owned()),
            _ => Err(AccountError::new(name, remedy)),
        }
    }

    /// A setting that may be absent, but must fit if it is there.
    pub(crate) fn optional(&self, name: &str, fits: impl Fn(&str) -> bool, remedy: &str) -> Result<Option<String>, AccountError> {
        match self.setting(name)? {
            Some(value) if !fits(value) => Err(AccountError::new(name, remedy)),
            value => Ok(value.map(str::to_owned)),
        }
    }

    /// A credential that must be there: a token without blanks, as providers issue them.
    pub(crate) fn token(&self, name: &str, remedy: &str) -> Result<Secret, AccountError> {
        let secret = self.secrets.get(name).filter(|secret| !secret.expose().is_empty());
        let Some(secret) = secret else {
            return Err(AccountError::new(name, remedy));
        };
        if secret.expose().chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AccountError::new(name, "has a blank or a line break in it: paste it again without"));
        }
        Ok(secret.clone())
    }

    /// A credential of several lines: a key as PEM, its line breaks perhaps lost on the way (`\\n` in one line). None when it is absent.
    pub(crate) fn pem(&self, name: &str) -> Result<Option<Secret>, AccountError> {
        let Some(secret) = self.secrets.get(name).filter(|secret| !secret.expose().trim().is_empty()) else { return Ok(None) };
        let text = secret.expose().trim().replace("\\n", "\n").replace('\r', "");
        let whole = text.starts_with("-----BEGIN ") && text.contains("\n-----END ") && text.ends_with("-----");
        if whole {
            Ok(Some(Secret::new(text + "\n")))
        } else {
            Err(AccountError::new(name, "paste the whole PEM text, from -----BEGIN to END-----"))
        }
    }

    /// A credential that is a JSON document, such as a service account's key file. None when it is absent.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str, remedy: &str) -> Result<Option<T>, AccountError> {
        let Some(secret) = self.secrets.get(name).filter(|secret| !secret.expose().trim().is_empty()) else { return Ok(None) };
        // Not the reader's own words: they may quote the document.
        serde_json::from_str(secret.expose()).map(Some).map_err(|_| AccountError::new(name, remedy))
    }

    /// A setting that is true or false; false when it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, AccountError> {
        match self.setting(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(AccountError::new(name, "enter true or false")),
        }
    }

    /// A setting that is a whole number in that range. None when it is absent.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, AccountError> {
        let Some(text) = self.setting(name)? else { return Ok(None) };
        let remedy = || AccountError::new(name, format!("enter a whole number from {} to {}", range.start(), range.end()));
        text.parse().ok().filter(|number| range.contains(number)).map(Some).ok_or_else(remedy)
    }

    /// The account's own waits after Meta's limit on marketing for one person.
    pub(crate) fn marketing_waits(&self) -> Result<Option<Waits>, AccountError> {
        let remedy = "enter whole hours with commas between, such as 2,12,24: at most 8, each from 1 to 168";
        let Some(text) = self.setting(MARKETING_LIMIT.name)? else { return Ok(None) };
        Waits::parse(text).map(Some).ok_or_else(|| AccountError::new(MARKETING_LIMIT.name, remedy))
    }

    /// The provider's address, or the stand-in's that the account names; that one on a private network only where the process may go there
    /// ([`public_net::allow_private`]).
    pub(crate) fn base_url(&self, default: &str) -> Result<Url, AccountError> {
        self.url("base_url", default)
    }

    /// Another address of the provider's, in the setting of that name; the same holds for it.
    pub(crate) fn url(&self, name: &str, default: &str) -> Result<Url, AccountError> {
        address(name, self.setting(name)?.unwrap_or(default), default, public_net::private_allowed())
    }
}

fn address(name: &str, text: &str, default: &str, private_allowed: bool) -> Result<Url, AccountError> {
    let url = Url::parse(text).map_err(|_| AccountError::new(name, format!("use a URL such as {default}")))?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let private = url.host_str().is_some_and(is_private_host);
    match url.scheme() {
        _ if (private || is_special(&url)) && !private_allowed => {
            Err(AccountError::new(name, "this hub calls no private networks; its operator can allow it (FANFARE_PRIVATE_NETWORKS=allow)"))
        }
        _ if !plain => Err(AccountError::new(name, "leave out the user, the query and the fragment")),
        "https" => Ok(url),
        "http" if private => Ok(url),
        "http" => Err(AccountError::new(name, "use https: plain http would show the credentials to the network")),
        _ => Err(AccountError::new(name, "must begin with https://")),
    }
}

/// `base` with the path segments added, whatever path it has itself.
pub(crate) fn endpoint(base: &Url, segments: &[&str]) -> Result<Url, AccountError> {
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| AccountError::new("base_url", "must begin with https://"))?.pop_if_empty().extend(segments);
    Ok(url)
}

/// Whether the host is on this machine or a private network, where plain text may be spoken.
pub(crate) fn is_private_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => !bare.contains('.') || PRIVATE_SUFFIXES.iter().any(|suffix| bare.ends_with(suffix)),
    }
}

/// Whether the host is an address, and none of the public internet.
fn is_special(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => !public_net::is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !public_net::is_public(ip.into()),
        _ => false,
    }
}

/// `+`, a country code and a number: at most 15 digits (ITU-T E.164).
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The text on one line, for a subject or a display name: a line break there would begin a new header.
pub(crate) fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Account {
        Account { settings: [(name.to_owned(), value.to_owned())].into(), secrets: [(name.to_owned(), Secret::new(value))].into() }
    }

    #[test]
    fn base_url_takes_https_and_private_http_only() {
        let default = "https://api.example.com";
        let check = |url: &str| with("base_url", url).base_url(default);
        assert_eq!(check("").unwrap().as_str(), "https://api.example.com/");
        for good in [
            "https://x.example/deep/path",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://sandbox:9000",
            "http://sandbox.fanfare.svc.cluster.local",
            "http://10.1.2.3",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.example.com",
            "ftp://127.0.0.1",
            "https://user@example.com",
            "https://example.com/?a=1",
            "https://example.com/#a",
            "example.com",
            "http://8.8.8.8",
        ] {
            assert_eq!(check(bad).unwrap_err().field, "base_url", "{bad}");
        }
    }

    #[test]
    fn private_networks_are_called_only_where_that_is_allowed() {
        let check = |url: &str| address("base_url", url, "https://api.example.com", false);
        assert!(check("https://api.example.com").is_ok());
        for private in [
            "http://127.0.0.1:8080",
            "https://10.0.0.1",
            "https://[::1]",
            "https://169.254.169.254",
            "https://sandbox",
            "https://100.64.0.1",
            "https://db.internal",
        ] {
            assert!(check(private).unwrap_err().remedy.contains("FANFARE_PRIVATE_NETWORKS"), "{private}");
        }
    }

    #[test]
    fn fields_of_several_kinds_are_read_or_refused_without_showing_them() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";
        let lost = "-----BEGIN PRIVATE KEY-----\\nMIGH\\n-----END PRIVATE KEY-----";
        for text in [pem, lost, "-----BEGIN PRIVATE KEY-----\r\nMIGH\r\n-----END PRIVATE KEY-----"] {
            assert_eq!(with("key", text).pem("key").unwrap().unwrap().expose(), pem, "{text}");
        }
        assert_eq!(with("other", pem).pem("key"), Ok(None));
        for bad in ["MIGH", "-----BEGIN PRIVATE KEY-----"] {
            assert!(!with("key", bad).pem("key").unwrap_err().to_string().contains("MIGH"));
        }
        let json = with("file", r#"{"private_key": "secret"}"#).json::<serde_json::Value>("file", "paste the file").unwrap().unwrap();
        assert_eq!(json["private_key"], "secret");
        let refused = with("file", r#"{"private_key": "secret"#).json::<serde_json::Value>("file", "paste the file").unwrap_err();
        assert_eq!(refused.remedy, "paste the file");
        assert_eq!(["", "true", "false"].map(|text| with("flag", text).flag("flag").unwrap()), [false, true, false]);
        assert!(with("flag", "yes").flag("flag").is_err());
        assert_eq!(with("count", "7").number("count", 1..=9), Ok(Some(7)));
        assert_eq!(with("count", "").number("count", 1..=9), Ok(None));
        for bad in ["0", "10", "-1", "1.5", "many"] {
            assert!(with("count", bad).number("count", 1..=9).unwrap_err().remedy.contains("1 to 9"), "{bad}");
        }
    }

    #[test]
    fn endpoint_keeps_the_path_of_the_base() {
        let base = Url::parse("http://127.0.0.1:1/proxy/").unwrap();
        let url = endpoint(&base, &["v3", "mail", "a b"]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:1/proxy/v3/mail/a%20b");
    }

    #[test]
    fn token_with_a_line_break_is_refused_without_showing_it() {
        let error = with("api_key", "SG.secret\n").token("api_key", "enter it").unwrap_err();
        assert!(!error.to_string().contains("SG.secret"), "{error}");
        assert!(with("api_key", "").token("api_key", "enter it").is_err());
    }

    #[test]
    fn numbers_are_e164() {
        assert!(is_e164("+15558675310"));
        for bad in ["15558675310", "+0555867531", "+1555867531012345", "+1555 867", "+12", ""] {
            assert!(!is_e164(bad), "{bad}");
        }
    }

    #[test]
    fn one_line_has_no_line_breaks() {
        assert_eq!(one_line("Hi\r\nBcc: x@example.com"), "Hi Bcc: x@example.com");
    }
}
