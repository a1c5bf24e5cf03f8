//! The token in an address that bounces go to: it names the delivery that came back.
//!
//! Mail systems lower the case of addresses and keep 64 bytes of a local part (RFC 5321, 4.5.3.1.1), so it is short, and in base32.

use super::{LinkKey, Purpose, equal_in_constant_time};
use crate::DeliveryId;

/// Shorter than other tokens' for want of room: a forger has 2^80 to try, and gains no more than that one delivery counts as failed.
const MAC_BYTES: usize = 10;
const BYTES: usize = 8 + MAC_BYTES;
/// Base32 (RFC 4648, 6) in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of a token: 18 bytes, 5 bits each.
pub const BOUNCE_TOKEN_CHARS: usize = (BYTES * 8).div_ceil(5);

impl LinkKey {
    /// Token of the address that bounces of a delivery go to: [`BOUNCE_TOKEN_CHARS`] of `[a-z2-7]`.
    #[must_use]
    pub fn bounce_token(&self, delivery: DeliveryId) -> String {
        let id = delivery.0.to_be_bytes();
        let mac = self.mac(Purpose::Bounce, &id);
        let mut bytes = id.to_vec();
        bytes.extend_from_slice(&mac.as_ref()[..MAC_BYTES]);
        encode(&bytes)
    }

    /// The delivery of a bounce's token, in whatever case it came back.
    #[must_use]
    pub fn read_bounce(&self, token: &str) -> Option<DeliveryId> {
        let bytes = decode(token)?;
        let (id, mac) = bytes.split_first_chunk::<8>()?;
        let expected = self.mac(Purpose::Bounce, id);
        equal_in_constant_time(&expected.as_ref()[..MAC_BYTES], mac).then(|| DeliveryId(i64::from_be_bytes(*id)))
    }
}

fn encode(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|place| {
            let value = (place * 5..place * 5 + 5).fold(0_usize, |value, at| (value << 1) | usize::from(bit(at)));
            char::from(ALPHABET[value])
        })
        .collect()
}

/// None for what isn't the encoding of so many bytes.
fn decode(token: &str) -> Option<Vec<u8>> {
    if token.len() != BOUNCE_TOKEN_CHARS {
        return None;
    }
    let mut bytes = vec![0_u8; BYTES];
    for (place, character) in token.bytes().enumerate() {
        let value = ALPHABET.iter().position(|known| *known == character.to_ascii_lowercase())?;
        for bit in 0..5 {
            if value & (0x10 >> bit) != 0 {
                let at = place * 5 + bit;
                // The last character has a bit too many, which must be 0.
                *bytes.get_mut(at / 8)? |= 0x80 >> (at % 8);
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LinkKey {
        LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    #[test]
    fn a_token_comes_back_whatever_became_of_its_case() {
        for id in [DeliveryId(1), DeliveryId(i64::MAX), DeliveryId(-7)] {
            let token = key().bounce_token(id);
            assert_eq!(token.len(), BOUNCE_TOKEN_CHARS);
            assert!(token.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)), "{token}");
            assert_eq!(key().read_bounce(&token), Some(id));
            assert_eq!(key().read_bounce(&token.to_uppercase()), Some(id));
        }
        assert_eq!(BOUNCE_TOKEN_CHARS, 29);
    }

    #[test]
    fn each_character_counts() {
        let token = key().bounce_token(DeliveryId(42));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(key().read_bounce(std::str::from_utf8(&forged).unwrap()), None, "{at}");
        }
        for text in ["", "a", &token[1..], &format!("{token}a"), &"1".repeat(29), "ä".repeat(14).as_str()] {
            assert_eq!(key().read_bounce(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_become_letters_as_the_rfc_says() {
        // RFC 4648, 10.
        assert_eq!(encode(b"foobar"), "mzxw6ytboi");
        assert_eq!(encode(b"f"), "my");
    }
}
