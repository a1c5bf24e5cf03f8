//! What somebody did that a campaign was for: an order's number, and what it was worth.

use crate::money::Currency;

/// Characters of an order's number at most.
pub const MAX_ORDER_CHARACTERS: usize = 128;
/// The most that one conversion may be worth, in millionths: a thousand million of any currency.
pub const MAX_WORTH_MICROS: i64 = 1_000_000_000_000_000;

/// What a conversion is worth: more than nothing, in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    pub micros: i64,
    pub currency: Currency,
}

/// Why a value isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWorth {
    #[error("must be an amount from 0 to 1,000,000,000 with at most six decimals")]
    Amount,
    #[error("must be an ISO 4217 code such as USD or AED when there is a value")]
    Currency,
}

impl Worth {
    /// Reads an amount in millionths; None for nothing.
    ///
    /// # Errors
    /// When it is below zero or too much to be true, or has no currency that is known.
    pub fn new(micros: i64, currency: &str) -> Result<Option<Self>, BadWorth> {
        if !(0..=MAX_WORTH_MICROS).contains(&micros) {
            return Err(BadWorth::Amount);
        }
        if micros == 0 {
            return Ok(None);
        }
        let currency = currency.trim().to_ascii_uppercase().parse().map_err(|_| BadWorth::Currency)?;
        Ok(Some(Self { micros, currency }))
    }

    /// Reads an amount as shops write it: `129.90`; None for nothing, also when it isn't told.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn parse(amount: &str, currency: &str) -> Result<Option<Self>, BadWorth> {
        let amount = amount.trim();
        if amount.is_empty() {
            return Ok(None);
        }
        Self::new(micros(amount).ok_or(BadWorth::Amount)?, currency)
    }
}

/// Digits, and up to six more behind a point.
fn micros(amount: &str) -> Option<i64> {
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole, 12) || !digits(decimals, 6) {
        return None;
    }
    let decimals: i64 = format!("{decimals:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(decimals)
}

/// The text as the number of an order; None when it is too long, or isn't one line of text. It may be empty.
#[must_use]
pub fn order_id(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = text.chars().count() <= MAX_ORDER_CHARACTERS && !text.chars().any(char::is_control);
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let read =
            |amount, currency| Worth::parse(amount, currency).map(|worth| worth.map(|worth| (worth.micros, worth.currency.as_str())));
        assert_eq!(read("129.90", "aed"), Ok(Some((129_900_000, "AED"))));
        assert_eq!(read(" 7 ", "USD"), Ok(Some((7_000_000, "USD"))));
        assert_eq!(read("0.000001", "USD"), Ok(Some((1, "USD"))));
        for nothing in ["", " ", "0", "0.00"] {
            assert_eq!(read(nothing, ""), Ok(None));
        }
        for amount in ["-1", "1e3", "1,5", "1.", ".5", "1.0000001", "0x1", "1000000000.1", "9999999999999", "NaN", "١"] {
            assert_eq!(read(amount, "USD"), Err(BadWorth::Amount), "{amount}");
        }
        // ISO 4217 has that of three letters, for no currency at all.
        for currency in ["", "US", "XXX", "dollars"] {
            assert_eq!(read("1", currency), Err(BadWorth::Currency), "{currency}");
        }
        assert_eq!(Worth::new(-1, "USD"), Err(BadWorth::Amount));
    }

    #[test]
    fn an_order_is_one_line() {
        assert_eq!(order_id(" A-1 "), Some("A-1"));
        assert_eq!(order_id(""), Some(""));
        assert_eq!(order_id(&"é".repeat(MAX_ORDER_CHARACTERS)).map(str::len), Some(256));
        for text in [&"x".repeat(MAX_ORDER_CHARACTERS + 1), "a\0b", "a\nb"] {
            assert_eq!(order_id(text), None, "{text:?}");
        }
    }
}
