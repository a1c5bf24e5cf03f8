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
