//! E-mail addresses: what a mail provider takes, with the domain folded.

use super::{Address, is_invisible};
use email_address::{EmailAddress, Error, Options};
use url::Host;

/// RFC 5321: the path may have 256 octets, two of which are its brackets.
const MAX_LENGTH: usize = 254;

/// Reads an e-mail address. The domain is folded to lower case and, if it is written in another script, to its ASCII form; the key is
/// the whole address in lower case. Display names, quoted local parts and IP addresses as domains are refused: providers don't take
/// them.
#[must_use]
pub fn email(written: &str) -> Address {
    let visible: String = written.chars().filter(|c| !is_invisible(*c)).collect();
    let text = visible.trim();
    if text.is_empty() {
        return Address::default();
    }
    match read(text) {
        Ok(shown) => {
            let key = shown.to_lowercase();
            Address::good(shown, key)
        }
        Err(problem) => Address::bad(text, problem),
    }
}

fn read(text: &str) -> Result<String, &'static str> {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err("has no @");
    };
    if text.contains(['<', '>']) {
        return Err("has a name or brackets beside the address: give the address alone");
    }
    if text.contains(char::is_whitespace) {
        return Err("has a space in it");
    }
    if text.contains([',', ';']) {
        return Err("is more than one address: give one");
    }
    if local.contains('@') {
        return Err("has more than one @");
    }
    if local.starts_with('"') {
        return Err("has quotes before the @, which mail providers refuse");
    }
    if !local.is_ascii() {
        return Err("has letters before the @ that mail providers refuse: only a-z, digits and some signs are allowed");
    }
    let address = format!("{local}@{}", ascii_domain(domain)?);
    if address.len() > MAX_LENGTH {
        return Err("is longer than 254 characters");
    }
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(&address, options).map_err(explain)?;
    Ok(address)
}

/// The domain in lower case, other scripts in their ASCII form.
fn ascii_domain(domain: &str) -> Result<String, &'static str> {
    if domain.is_empty() {
        return Err("has nothing after the @");
    }
    if domain.starts_with('[') {
        return Err("has an IP address after the @, which mail providers refuse");
    }
    // The URL parser would decode these; a mail domain has no escapes.
    if domain.contains('%') {
        return Err(BAD_DOMAIN);
    }
    let Ok(Host::Domain(folded)) = Host::parse(domain) else {
        return Err(BAD_DOMAIN);
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !folded.split('.').all(label) {
        return Err(BAD_DOMAIN);
    }
    if !folded.contains('.') {
        return Err("has no dot after the @: the domain is not complete");
    }
    Ok(folded)
}

const BAD_DOMAIN: &str = "has a domain after the @ that can't exist";

fn explain(error: Error) -> &'static str {
    match error {
        Error::LocalPartEmpty => "has nothing before the @",
        Error::LocalPartTooLong => "has more than 64 characters before the @",
        Error::DomainEmpty => "has nothing after the @",
        Error::DomainTooFew => "has no dot after the @: the domain is not complete",
        Error::DomainTooLong | Error::SubDomainEmpty | Error::SubDomainTooLong => BAD_DOMAIN,
        _ => "has a character or a dot in a place where an e-mail address can't have one",
    }
}
