//! Tokens that leave the house: in links, and in what providers hand back to us.
//!
//! Each carries a MAC and names only what it may do: open, click to one URL, unsubscribe one recipient, or correlate one
//! delivery. A token made for one purpose is worth nothing for another. Tokens don't expire: mail is read years later.
//! Those of links that are followed, and of what comes of that, are in [`tracked`].

mod bounce;
mod consent;
mod device;
mod receipt;
mod tracked;

pub use bounce::BOUNCE_TOKEN_CHARS;
pub use consent::{Confirmation, Fingerprint, Recipient};
pub use device::DeviceLink;

use crate::DeliveryId;
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;

/// Length of the truncated HMAC-SHA256 (RFC 2104 section 5: not less than half of the output).
const MAC_BYTES: usize = 16;
/// Longest token that is looked at.
const MAX_TOKEN: usize = 4096;

/// The key that signs tokens.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// The configured key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link key must be 32 bytes in base64")]
pub struct BadLinkKey;

/// What a provider's report hands back to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    pub delivery_id: DeliveryId,
    /// W3C traceparent of the send; empty when there was none.
    pub traceparent: String,
}

#[derive(Clone, Copy)]
enum Purpose {
    Open = b'o' as isize,
    Click = b'c' as isize,
    Unsubscribe = b'u' as isize,
    Correlate = b'd' as isize,
    Preferences = b'p' as isize,
    Confirm = b'k' as isize,
    /// No token: what an address is known by in one.
    Fingerprint = b'f' as isize,
    Short = b's' as isize,
    Convert = b'v' as isize,
    /// An app or a browser tells what became of a notification.
    Receipt = b'r' as isize,
    /// Where an e-mail comes back to.
    Bounce = b'b' as isize,
    /// A browser registers itself as a device of a contact.
    Device = b'e' as isize,
}

impl LinkKey {
    /// Reads a key: 32 bytes in base64.
    ///
    /// # Errors
    /// When it isn't that.
    pub fn from_base64(text: &str) -> Result<Self, BadLinkKey> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| BadLinkKey)?;
        if bytes.len() != 32 {
            return Err(BadLinkKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Token of the pixel in an e-mail.
    #[must_use]
    pub fn open_token(&self, delivery: DeliveryId) -> String {
        self.seal(Purpose::Open, delivery, b"")
    }

    /// Token of the unsubscribe link.
    #[must_use]
    pub fn unsubscribe_token(&self, delivery: DeliveryId) -> String {
        self.seal(Purpose::Unsubscribe, delivery, b"")
    }

    /// What a provider gets, to hand it back with every report: at most 120 of `[A-Za-z0-9_-]`.
    #[must_use]
    pub fn correlation(&self, delivery: DeliveryId, traceparent: &str) -> String {
        // "00-<trace>-<span>-<flags>": 25 bytes when it is a traceparent of this version, else none.
        let trace = pack_traceparent(traceparent).unwrap_or_default();
        self.seal(Purpose::Correlate, delivery, &trace)
    }

    /// The delivery of a pixel's token.
    #[must_use]
    pub fn read_open(&self, token: &str) -> Option<DeliveryId> {
        self.unseal(Purpose::Open, token).map(|(delivery, _)| delivery)
    }

    /// The delivery of an unsubscribe token.
    #[must_use]
    pub fn read_unsubscribe(&self, token: &str) -> Option<DeliveryId> {
        self.unseal(Purpose::Unsubscribe, token).map(|(delivery, _)| delivery)
    }

    /// What a provider handed back, if it is ours.
    #[must_use]
    pub fn read_correlation(&self, token: &str) -> Option<Correlation> {
        let (delivery_id, trace) = self.unseal(Purpose::Correlate, token)?;
        Some(Correlation { delivery_id, traceparent: unpack_traceparent(&trace) })
    }

    fn seal(&self, purpose: Purpose, delivery: DeliveryId, rest: &[u8]) -> String {
        let mut token = delivery.0.to_be_bytes().to_vec();
        token.extend_from_slice(rest);
        let mac = self.mac(purpose, &token);
        token.extend_from_slice(&mac.as_ref()[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    fn unseal(&self, purpose: Purpose, token: &str) -> Option<(DeliveryId, Vec<u8>)> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let expected = self.mac(purpose, body);
        if !equal_in_constant_time(&expected.as_ref()[..MAC_BYTES], mac) {
            return None;
        }
        let (id, rest) = body.split_first_chunk::<8>()?;
        Some((DeliveryId(i64::from_be_bytes(*id)), rest.to_vec()))
    }

    fn mac(&self, purpose: Purpose, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[purpose as u8]);
        context.update(body);
        context.sign()
    }
}

fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

fn pack_traceparent(text: &str) -> Option<Vec<u8>> {
    let hex: String = text.strip_prefix("00-")?.split('-').collect();
    if hex.len() != 50 {
        return None;
    }
    (0..50).step_by(2).map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect()
}

fn unpack_traceparent(bytes: &[u8]) -> String {
    if bytes.len() != 25 {
        return String::new();
    }
    let hex = |part: &[u8]| part.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("00-{}-{}-{}", hex(&bytes[..16]), hex(&bytes[16..24]), hex(&bytes[24..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn key() -> LinkKey {
        LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    #[test]
    fn tokens_come_back_as_they_went() {
        let (key, id) = (key(), DeliveryId(42));
        assert_eq!(key.read_open(&key.open_token(id)), Some(id));
        assert_eq!(key.read_unsubscribe(&key.unsubscribe_token(id)), Some(id));
        let token = key.correlation(id, TRACE);
        assert!(token.len() <= 120, "{}", token.len());
        assert_eq!(key.read_correlation(&token), Some(Correlation { delivery_id: id, traceparent: TRACE.to_owned() }));
        let token = key.correlation(id, "");
        assert_eq!(key.read_correlation(&token), Some(Correlation { delivery_id: id, traceparent: String::new() }));
    }

    #[test]
    fn a_token_is_worth_nothing_for_another_purpose() {
        let (key, id) = (key(), DeliveryId(42));
        assert_eq!(key.read_unsubscribe(&key.open_token(id)), None);
        assert_eq!(key.read_open(&key.correlation(id, "")), None);
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "a", "====", "not base64!", &"A".repeat(MAX_TOKEN + 1)] {
            assert_eq!(key().read_open(text), None);
        }
        assert!(LinkKey::from_base64("short").is_err());
    }
}
