use super::*;
use crate::{
    ContactId, ListId,
    link::{Correlation, Recipient},
};
use uuid::Uuid;

fn key() -> LinkKey {
    LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
}

fn to(url: &str) -> Destination {
    Destination { url: url.to_owned(), conversion_parameter: String::new() }
}

fn second(n: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(n).unwrap()
}

#[test]
fn tokens_come_back_as_they_went() {
    let (key, id) = (key(), DeliveryId(42));
    for parameter in ["", "fanfare_click"] {
        let destination = Destination { conversion_parameter: parameter.to_owned(), ..to("https://example.com/a?b=c&d=é#f") };
        assert_eq!(key.read_click(&key.click_token(id, &destination)), Some((id, destination)));
    }
    for (link, delivery) in [(1, 1), (127, 128), (300_000, 9_000_000), (i64::MAX, i64::MAX), (-1, -1)] {
        let token = key.short_token(link, DeliveryId(delivery));
        assert!(token.len() <= MAX_SHORT_TOKEN, "{token}");
        assert_eq!(key.read_short(&token), Some((link, DeliveryId(delivery))));
    }
    assert!(key.short_token(300_000, DeliveryId(9_000_000)).len() <= 20);
    let at = second(1_800_000_000);
    assert_eq!(key.read_conversion(&key.conversion_token(id, at)), Some((id, at)));
}

#[test]
fn links_that_left_before_there_were_parameters_still_work() {
    let token = key().seal(Purpose::Click, DeliveryId(7), b"https://example.com/");
    assert_eq!(key().read_click(&token), Some((DeliveryId(7), to("https://example.com/"))));
}

/// What each kind of token reads as, in words; None when it is refused.
type Reader = fn(&LinkKey, &str) -> Option<String>;

/// Every kind of token, and who reads it.
fn kinds() -> [(String, Reader); 9] {
    fn words(read: Option<impl std::fmt::Debug>) -> Option<String> {
        read.map(|read| format!("{read:?}"))
    }
    let (key, id) = (key(), DeliveryId(7));
    let (list, contact) = (ListId(Uuid::from_u128(8)), ContactId(Uuid::from_u128(9)));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    [
        (key.open_token(id), |key, token| words(key.read_open(token))),
        (key.click_token(id, &to("https://example.com/sale?a=1#top")), |key, token| words(key.read_click(token))),
        (key.short_token(300_000, DeliveryId(9_000_000)), |key, token| words(key.read_short(token))),
        (key.conversion_token(id, second(1_800_000_000)), |key, token| words(key.read_conversion(token))),
        (key.unsubscribe_token(id), |key, token| words(key.read_unsubscribe(token))),
        (key.correlation(id, trace), |key, token| words(key.read_correlation(token).map(|Correlation { delivery_id, .. }| delivery_id))),
        (key.preferences_token(Recipient::Delivery(id)), |key, token| words(key.read_preferences(token))),
        (key.confirmation_token(list, id), |key, token| words(key.read_confirmation(token).filter(|read| read.address.is_none()))),
        (key.contact_confirmation_token(list, contact, "sara@example.com"), |key, token| {
            words(key.read_confirmation(token).filter(|read| read.address.is_some()))
        }),
    ]
}

/// Every bit of what a token says and of its MAC, and every bit of every character that it is written with.
#[test]
fn every_flipped_bit_of_every_token_is_noticed() {
    let (mut bits_of_content, mut bits_of_text) = (0, 0);
    for (kind, (token, read)) in kinds().into_iter().enumerate() {
        assert!(read(&key(), &token).is_some());
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&key(), &URL_SAFE_NO_PAD.encode(forged)), None, "token {kind}, bit {bit}");
            bits_of_content += 1;
        }
        for bit in 0..token.len() * 8 {
            let mut forged = token.clone().into_bytes();
            forged[bit / 8] ^= 1 << (bit % 8);
            bits_of_text += 1;
            // What isn't UTF-8 is no path of any URL.
            let Ok(forged) = String::from_utf8(forged) else { continue };
            assert_eq!(read(&key(), &forged), None, "token {kind}, bit {bit} of its text");
        }
    }
    // In the order of the kinds: 2,568 bits of what they say, and 3,448 of how it is written.
    assert_eq!(bits_of_content, 8 * (24 + 56 + 13 + 32 + 24 + 49 + 25 + 41 + 57));
    assert_eq!(bits_of_text, 8 * (32 + 75 + 18 + 43 + 32 + 66 + 34 + 55 + 76));
}

#[test]
fn a_token_that_is_cut_or_made_longer_is_refused() {
    let mut tried = 0;
    for (token, read) in kinds() {
        for length in 0..token.len() {
            assert_eq!(read(&key(), &token[..length]), None);
            assert_eq!(read(&key(), &token[token.len() - length..]), None);
            tried += 2;
        }
        for more in ["A", "AA", "AAAA", "=", "==", "/", "?", "%00", " "] {
            assert_eq!(read(&key(), &format!("{token}{more}")), None, "{more}");
            assert_eq!(read(&key(), &format!("{more}{token}")), None, "{more}");
            tried += 2;
        }
    }
    assert!(tried > 600, "{tried}");
}

#[test]
fn a_token_is_worth_nothing_for_another_purpose_or_another_key() {
    let other = LinkKey::from_base64("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=").unwrap();
    for (made, (token, _)) in kinds().iter().enumerate() {
        for (tried, (_, read)) in kinds().iter().enumerate() {
            assert_eq!(read(&key(), token).is_some(), made == tried, "{made} {tried}");
            assert_eq!(read(&other, token), None);
        }
    }
}

#[test]
fn two_tokens_cannot_be_put_together() {
    let key = key();
    let decode = |token: String| URL_SAFE_NO_PAD.decode(token).unwrap();
    let (one, other) = (
        decode(key.click_token(DeliveryId(1), &to("https://a.example/"))),
        decode(key.click_token(DeliveryId(2), &to("https://b.example/"))),
    );
    let mut tried = 0;
    for at in 1..one.len() {
        for from in 1..other.len() {
            let mixed = [&one[..at], &other[from..]].concat();
            if mixed != one && mixed != other {
                assert_eq!(key.read_click(&URL_SAFE_NO_PAD.encode(mixed)), None, "{at} {from}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1_500, "{tried}");
}
