//! DKIM signatures over a finished letter (RFC 6376; Ed25519: RFC 8463).
//!
//! What is signed is what leaves, byte for byte: nothing may change the letter afterwards. Canonicalisation is relaxed/relaxed,
//! which survives the re-folding that relays do. `From` is named once more than it occurs, so that none can be added; both
//! List-Unsubscribe headers are covered, as one-click unsubscribe demands (RFC 8058, 4).
//! Not here: looking up the public key, and verifying.

mod relaxed;

use crate::{Account, AccountError};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use std::fmt;
use time::OffsetDateTime;

const DOMAIN: &str = "dkim_domain";
const SELECTOR: &str = "dkim_selector";
const KEY: &str = "dkim_private_key";
const KEY_MAX_BYTES: usize = 16 * 1024;
/// Headers that are signed where a letter has them, in this order. A mailing list that changes one of them breaks the signature, and
/// should.
const SIGNED: [&str; 12] = [
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
];
/// Characters of the signature on one line.
const LINE: usize = 72;

/// Signs letters in the name of one domain.
pub(super) struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A letter could not be signed: it must not leave unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the letter can't be signed")]
pub(super) struct Unsigned;

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("domain", &self.domain).field("selector", &self.selector).finish_non_exhaustive()
    }
}

impl Signer {
    /// What the account says; None when it has neither key nor selector. `from` is the domain of the sending address.
    pub(super) fn read(account: &Account, from: &str) -> Result<Option<Self>, AccountError> {
        let name = |field| account.optional(field, is_name, "enter a name of letters, digits, hyphens and dots");
        let (domain, selector) = (name(DOMAIN)?, name(SELECTOR)?);
        let (selector, pem) = match (selector, account.pem(KEY)?) {
            (None, None) if domain.is_none() => return Ok(None),
            (Some(selector), Some(pem)) => (selector, pem),
            (None, _) => return Err(AccountError::new(SELECTOR, "enter the name that the public key is published under, such as s1")),
            (_, None) => return Err(AccountError::new(KEY, "paste the private key, from BEGIN to END")),
        };
        let domain = domain.unwrap_or_else(|| from.to_owned()).to_ascii_lowercase();
        Ok(Some(Self { domain, selector: selector.to_ascii_lowercase(), key: Key::read(pem.expose())? }))
    }

    /// The letter with its signature before it.
    ///
    /// # Errors
    /// When it has no `From`, or the key fails.
    pub(super) fn sign(&self, letter: &[u8], now: OffsetDateTime) -> Result<Vec<u8>, Unsigned> {
        let letter = relaxed::with_crlf(letter);
        let (headers, body) = relaxed::split(&letter).ok_or(Unsigned)?;
        let fields = relaxed::fields(headers);
        if !fields.iter().any(|field| field.name == "from") {
            return Err(Unsigned);
        }
        let mut named = Vec::new();
        let mut signed = Vec::new();
        for name in SIGNED {
            // From the last one up, as a verifier takes them (RFC 6376, 5.4.2).
            for field in fields.iter().rev().filter(|field| field.name == name) {
                named.push(name);
                signed.extend_from_slice(field.line.as_bytes());
                signed.extend_from_slice(b"\r\n");
            }
            if name == "from" {
                named.push(name);
            }
        }
        let body_hash = STANDARD.encode(digest(&SHA256, &relaxed::body(body)));
        let unsigned = self.header(&named, &body_hash, now);
        signed.extend_from_slice(relaxed::field(&unsigned).ok_or(Unsigned)?.line.as_bytes());
        let signature = STANDARD.encode(self.key.sign(&signed)?);
        let mut out = unsigned.into_bytes();
        for line in signature.as_bytes().chunks(LINE) {
            out.extend_from_slice(b"\r\n\t");
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&letter);
        Ok(out)
    }

    /// The signature's header without the signature itself. All of it is signed, but blanks after `b=` don't count.
    fn header(&self, named: &[&str], body_hash: &str, now: OffsetDateTime) -> String {
        let Self { domain, selector, key } = self;
        let (algorithm, time, names) = (key.algorithm(), now.unix_timestamp(), named.join(":"));
        format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n\ts={selector}; t={time};\r\n\
             \th={names};\r\n\tbh={body_hash};\r\n\tb="
        )
    }
}

impl Key {
    fn read(pem: &str) -> Result<Self, AccountError> {
        let fault = |remedy: &str| AccountError::new(KEY, remedy);
        if pem.len() > KEY_MAX_BYTES {
            return Err(fault("this is too long for a private key: paste it from BEGIN to END"));
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| fault("paste the private key as PEM, from BEGIN to END"))?;
        let rsa = match &der {
            PrivateKeyDer::Pkcs8(der) => {
                if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()) {
                    return Ok(Self::Ed25519(Box::new(key)));
                }
                RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            }
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(fault("use an RSA key (2,048 to 4,096 bits) or an Ed25519 key")),
        };
        rsa.map(|key| Self::Rsa(Box::new(key))).map_err(|rejected| match rejected.to_string().as_str() {
            "TooSmall" => fault("this RSA key has fewer than 2,048 bits: make a longer one and publish it, or an Ed25519 key"),
            "TooLarge" => fault("this RSA key has more than 4,096 bits: make a shorter one and publish it"),
            _ => fault("use an RSA key (2,048 to 4,096 bits) or an Ed25519 key"),
        })
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, Unsigned> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).map_err(|_| Unsigned)?;
                Ok(signature)
            }
            // Not the text is signed but its hash (RFC 8463, 3).
            Self::Ed25519(key) => Ok(key.sign(digest(&SHA256, data).as_ref()).as_ref().to_vec()),
        }
    }
}

/// Letters, digits, hyphens and underscores between dots, as in the DNS.
fn is_name(text: &str) -> bool {
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests;
