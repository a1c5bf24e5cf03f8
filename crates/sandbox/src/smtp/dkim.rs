//! Whether a letter's DKIM signature is good (RFC 6376, RFC 8463). Written apart from the hub's own signing, so that the two check
//! each other. Keys come from the configuration in the place of the DNS.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// What a receiver would note about a letter (RFC 8601's words).
pub const PASS: &str = "pass";
const NONE: &str = "none";

/// `pass`, `none`, or `fail` with the reason. `keys` are by `selector._domainkey.domain`, each as the DNS has it: `v=DKIM1; p=…`.
pub fn verdict(letter: &[u8], keys: &BTreeMap<String, String>) -> String {
    match check(letter, keys) {
        Ok(true) => PASS.to_owned(),
        Ok(false) => NONE.to_owned(),
        Err(why) => format!("fail ({why})"),
    }
}

/// Whether there is a signature; an error says why it is bad.
fn check(letter: &[u8], keys: &BTreeMap<String, String>) -> Result<bool, &'static str> {
    let (headers, body) = parts(letter).ok_or("no empty line after the headers")?;
    let Some(own) = headers.iter().find(|header| name(header) == "dkim-signature") else { return Ok(false) };
    let tags = tags(own.split_once(':').map_or("", |(_, value)| value));
    let tag = |name: &str| tags.get(name).map(String::as_str).ok_or("a tag is missing");
    if tag("v")? != "1" || tag("c")? != "relaxed/relaxed" {
        return Err("not version 1 with relaxed/relaxed");
    }
    if STANDARD.encode(digest(&SHA256, &relaxed_body(body))) != tag("bh")? {
        return Err("the body was changed");
    }
    let named: Vec<String> = tag("h")?.split(':').map(|name| name.trim().to_ascii_lowercase()).collect();
    if !named.iter().any(|name| name == "from") {
        return Err("From is not signed");
    }
    for one_click in ["list-unsubscribe", "list-unsubscribe-post"] {
        if headers.iter().any(|header| name(header) == one_click) && !named.iter().any(|name| name == one_click) {
            return Err("one-click unsubscribe is not signed");
        }
    }
    let mut left: Vec<&String> = headers.iter().filter(|header| !std::ptr::eq(*header, own)).collect();
    let mut data = String::new();
    for wanted in &named {
        if let Some(at) = left.iter().rposition(|header| name(header) == *wanted) {
            data.push_str(&relaxed_header(left.remove(at)));
            data.push_str("\r\n");
        }
    }
    data.push_str(&without_signature(&relaxed_header(own)));
    let record = keys.get(&format!("{}._domainkey.{}", tag("s")?, tag("d")?)).ok_or("no such key")?;
    let key = self::tags(record).remove("p").and_then(|key| STANDARD.decode(key).ok()).ok_or("the key can't be read")?;
    let signature = STANDARD.decode(tag("b")?).map_err(|_| "the signature can't be read")?;
    let good = match tag("a")? {
        "rsa-sha256" => {
            let key = rsa_of(&key).ok_or("the key is no RSA key")?;
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(data.as_bytes(), &signature)
        }
        "ed25519-sha256" => UnparsedPublicKey::new(&ED25519, &key).verify(digest(&SHA256, data.as_bytes()).as_ref(), &signature),
        _ => return Err("an unknown algorithm"),
    };
    good.map(|()| true).map_err(|_| "the signature is of something else")
}

/// The headers, each with its folded lines, and the body.
fn parts(letter: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let end = letter.windows(4).position(|at| at == b"\r\n\r\n")?;
    let (head, body) = (letter.get(..end)?, letter.get(end + 4..)?);
    let mut headers: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(head).split("\r\n") {
        match headers.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => {
                last.push_str("\r\n");
                last.push_str(line);
            }
            None => headers.push(line.to_owned()),
        }
    }
    Some((headers, body))
}

fn name(header: &str) -> String {
    header.split(':').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn relaxed_header(header: &str) -> String {
    let value = header.split_once(':').map_or("", |(_, value)| value);
    let mut out = String::new();
    for c in value.chars().filter(|c| !matches!(c, '\r' | '\n')) {
        match c {
            ' ' | '\t' if out.is_empty() || out.ends_with(' ') => {}
            ' ' | '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    format!("{}:{}", name(header), out.trim_end())
}

fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|at| at == b"\r\n").unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(2..).unwrap_or_default();
        let begin = out.len();
        for byte in line {
            match byte {
                b' ' | b'\t' if out.get(begin..).is_some_and(|line| line.ends_with(b" ")) => {}
                b' ' | b'\t' => out.push(b' '),
                byte => out.push(*byte),
            }
        }
        if out.get(begin..).is_some_and(|line| line.ends_with(b" ")) {
            out.pop();
        }
        out.extend_from_slice(b"\r\n");
    }
    while out.ends_with(b"\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if out == b"\r\n" { Vec::new() } else { out }
}

/// The value of the tag `b` taken away, as it was before there was one.
fn without_signature(header: &str) -> String {
    let keep = |part: &str| match part.split_once('=') {
        Some((name, _)) if name.trim() == "b" => format!("{name}="),
        _ => part.to_owned(),
    };
    header.split(';').map(keep).collect::<Vec<_>>().join(";")
}

/// The tags of a list, without the blanks in their values.
fn tags(list: &str) -> BTreeMap<String, String> {
    let parts = list.split(';').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (name.trim().to_owned(), value.split_whitespace().collect())).collect()
}

/// The RSA key within a `SubjectPublicKeyInfo` (RFC 5280): an algorithm, and the key in a bit string.
fn rsa_of(spki: &[u8]) -> Option<&[u8]> {
    let (whole, _) = element(spki, 0x30)?;
    let (_, after) = element(whole, 0x30)?;
    let (bits, _) = element(after, 0x03)?;
    bits.strip_prefix(&[0])
}

/// A DER element of that kind: what is in it, and what follows.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(*short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => ((usize::from(*rest.first()?) << 8) | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    (*first == kind).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463, appendix A: the message with its Ed25519 signature, and the key.
    const LETTER: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
        Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
        From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    fn keys() -> BTreeMap<String, String> {
        let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        [("brisbane._domainkey.football.example.com".to_owned(), record.to_owned())].into()
    }

    #[test]
    fn the_published_example_passes_and_what_is_changed_fails() {
        assert_eq!(verdict(LETTER.as_bytes(), &keys()), PASS);
        let (_, unsigned) = LETTER.split_once("Dw==\r\n").unwrap();
        assert_eq!(verdict(unsigned.as_bytes(), &keys()), NONE);
        for (from, to, why) in [
            ("hungry", "angry", "the body was changed"),
            ("dinner", "lunch", "the signature is of something else"),
            ("s=brisbane", "s=nobody", "no such key"),
            ("Subject:", "List-Unsubscribe: <https://x.example>\r\nSubject:", "one-click unsubscribe is not signed"),
        ] {
            let changed = LETTER.replacen(from, to, 1);
            assert_eq!(verdict(changed.as_bytes(), &keys()), format!("fail ({why})"), "{from}");
        }
        assert!(verdict(LETTER.as_bytes(), &BTreeMap::new()).starts_with("fail"));
        assert!(verdict(b"no headers", &keys()).starts_with("fail"));
    }
}
