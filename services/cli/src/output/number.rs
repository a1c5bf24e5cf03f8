//! Numbers as people read them.

/// `12345` as `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share such as `0.973` as `97.3 %`; a dash when there is none.
#[must_use]
pub fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// Millionths as an amount: `23250000` as `23.25`, at least two decimals and no more than it takes.
#[must_use]
pub fn amount(micros: i64) -> String {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let mut decimals = format!("{:06}", micros % 1_000_000);
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    format!("{sign}{}.{decimals}", count(micros / 1_000_000))
}

/// An amount as people write it, `12.5`, in millionths.
///
/// # Errors
/// When it is no amount, or has more than six decimals.
pub fn micros(text: &str) -> Result<i64, String> {
    let refused = || format!("{text:?} is no amount: write it like 250 or 12.50, with at most six decimals");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return Err(refused());
    }
    let whole: i64 = whole.parse().map_err(|_| refused())?;
    let decimals: i64 = format!("{decimals:0<6}").parse().map_err(|_| refused())?;
    whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(decimals)).ok_or_else(refused)
}

/// `1 contact`, `2 contacts`.
#[must_use]
pub fn of(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", count(number), if number == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown: Vec<_> = [0, 7, 999, 1_000, 12_345, 1_234_567].into_iter().map(count).collect();
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, read) in [("250", 250_000_000), ("12.5", 12_500_000), ("0.000001", 1), ("0", 0)] {
            assert_eq!(micros(text), Ok(read), "{text}");
        }
        for text in ["", ".5", "5.", "-1", "1,000", "1e3", "0.0000001", "9223372036855"] {
            assert!(micros(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_rate_is_not_zero() {
        assert_eq!(share(Some(0.9731)), "97.3 %");
        assert_eq!(share(Some(0.0)), "0.0 %");
        assert_eq!(share(None), "–");
    }

    #[test]
    fn amounts_keep_what_matters() {
        assert_eq!(amount(23_250_000), "23.25");
        assert_eq!(amount(1_000_000), "1.00");
        assert_eq!(amount(790), "0.00079");
        assert_eq!(amount(-1_500_000), "-1.50");
        assert_eq!(amount(i64::MIN), "-9,223,372,036,854.775808");
    }
}
