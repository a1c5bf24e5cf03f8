//! The country of a phone number: two capital letters (ISO 3166-1 alpha-2), by the numbering plans of the `phonenumber` crate.

use crate::address::plans;

/// The country of a number in E.164. Several share a code (+1, +7, +44), which their ranges tell apart. None for what isn't a number,
/// for numbers of no country (satellites, +800), and for ranges that the plans don't know.
#[must_use]
pub fn of(e164: &str) -> Option<&'static str> {
    if !e164.starts_with('+') {
        return None;
    }
    let number = phonenumber::parse_with(plans(), None, e164).ok()?;
    let id = number.country().id()?;
    let letters: &str = id.as_ref();
    plans().by_id(letters).map(phonenumber::Metadata::id)
}

/// Whether some country has these letters.
#[must_use]
pub fn exists(letters: &str) -> bool {
    letters.len() == 2 && plans().by_id(letters).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_country() {
        for (number, country) in [
            ("+971501234567", "AE"),
            ("+966501234567", "SA"),
            ("+12025550143", "US"),
            ("+14165550143", "CA"),
            ("+18765550143", "JM"),
            ("+447400123456", "GB"),
            ("+447624123456", "IM"),
            ("+79161234567", "RU"),
            ("+77011234567", "KZ"),
            ("+919812345678", "IN"),
            ("+381601234567", "RS"),
            ("+4915112345678", "DE"),
        ] {
            assert_eq!(of(number), Some(country), "{number}");
        }
    }

    #[test]
    fn what_is_no_countrys_has_none() {
        for number in ["", "971501234567", "+", "+870773111632", "+80012345678", "sara@example.com", "Fanfare"] {
            assert_eq!(of(number), None, "{number}");
        }
    }

    #[test]
    fn letters_are_those_of_a_country() {
        assert!(["AE", "US", "GB", "RS"].into_iter().all(exists));
        assert!(!["", "ae", "ZZ", "USA", "001", "*"].into_iter().any(exists));
    }
}
