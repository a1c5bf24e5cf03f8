//! Tokens of the links that people follow, and of what comes of it.
//!
//! Where a link leads is in its token, or for a short one in a row that the token names, and nowhere else: not in the rest of the URL,
//! and not in what the browser sends. So a link leads to what its message said, or nowhere.

use super::{LinkKey, MAC_BYTES, MAX_TOKEN, Purpose, equal_in_constant_time};
use crate::{DeliveryId, tracking::Destination};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::OffsetDateTime;

/// Of a short token. It can only be tried out here, one request a guess, and a guess that is right leads to a link of a message and
/// counts a click: 48 bits are enough for that, and every character is paid for in a text message.
const SHORT_MAC_BYTES: usize = 6;
/// Characters of a short token at most: two numbers of ten bytes, and the MAC.
const MAX_SHORT_TOKEN: usize = 36;
/// Between a URL and the name of a parameter; neither can hold it.
const SEPARATOR: u8 = 0;

impl LinkKey {
    /// Token of a link that leads to one destination and counts a click. The destination is one that
    /// [`is_trackable`](Destination::is_trackable).
    #[must_use]
    pub fn click_token(&self, delivery: DeliveryId, to: &Destination) -> String {
        let mut rest = to.url.clone().into_bytes();
        if !to.conversion_parameter.is_empty() {
            rest.push(SEPARATOR);
            rest.extend_from_slice(to.conversion_parameter.as_bytes());
        }
        self.seal(Purpose::Click, delivery, &rest)
    }

    /// The delivery and the destination of a link's token.
    #[must_use]
    pub fn read_click(&self, token: &str) -> Option<(DeliveryId, Destination)> {
        let (delivery, rest) = self.unseal(Purpose::Click, token)?;
        let (url, parameter) = match rest.iter().position(|byte| *byte == SEPARATOR) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest.as_slice(), [].as_slice()),
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some((delivery, Destination { url: text(url)?, conversion_parameter: text(parameter)? }))
    }

    /// Token of a short link: about 20 of `[A-Za-z0-9_-]`. `link` is the number of the row that says where it leads.
    #[must_use]
    pub fn short_token(&self, link: i64, delivery: DeliveryId) -> String {
        let mut token = Vec::with_capacity(16);
        put_number(&mut token, link.cast_unsigned());
        put_number(&mut token, delivery.0.cast_unsigned());
        let mac = self.mac(Purpose::Short, &token);
        token.extend_from_slice(&mac.as_ref()[..SHORT_MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The row and the delivery of a short token.
    #[must_use]
    pub fn read_short(&self, token: &str) -> Option<(i64, DeliveryId)> {
        if token.len() > MAX_SHORT_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (mut body, mac) = bytes.split_at_checked(bytes.len().checked_sub(SHORT_MAC_BYTES)?)?;
        let expected = self.mac(Purpose::Short, body);
        if !equal_in_constant_time(&expected.as_ref()[..SHORT_MAC_BYTES], mac) {
            return None;
        }
        let (link, delivery) = (take_number(&mut body)?, take_number(&mut body)?);
        body.is_empty().then(|| (link.cast_signed(), DeliveryId(delivery.cast_signed())))
    }

    /// Token that a click's destination is given, by which its site can tell of a conversion.
    #[must_use]
    pub fn conversion_token(&self, delivery: DeliveryId, clicked_at: OffsetDateTime) -> String {
        self.seal(Purpose::Convert, delivery, &clicked_at.unix_timestamp().to_be_bytes())
    }

    /// The delivery that was clicked, and when, to the second.
    #[must_use]
    pub fn read_conversion(&self, token: &str) -> Option<(DeliveryId, OffsetDateTime)> {
        let (delivery, seconds) = self.unseal(Purpose::Convert, token)?;
        let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
        Some((delivery, OffsetDateTime::from_unix_timestamp(seconds).ok()?))
    }
}

/// Seven bits a byte, the lowest first; the eighth bit says that more follow (LEB128).
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(place * 7)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

// Longer tokens are refused unread.
const _: () = assert!((crate::tracking::MAX_TRACKED_BYTES + 8 + 33 + MAC_BYTES).div_ceil(3) * 4 < MAX_TOKEN);

#[cfg(test)]
mod tests;
