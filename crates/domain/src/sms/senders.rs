//! Which countries a sender's settings name.

use super::country;
use std::collections::BTreeSet;

/// Countries, in the order of their letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Countries(BTreeSet<String>);

/// A text names something that is no country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no country: write two capital letters, such as AE, with commas between")]
pub struct NoCountry(String);

impl Countries {
    /// Reads `AE, SA,GB`; no letters at all are no countries.
    ///
    /// # Errors
    /// Names the first that is none.
    pub fn parse(text: &str) -> Result<Self, NoCountry> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let read = |part: &str| if country::exists(part) { Ok(part.to_owned()) } else { Err(NoCountry(part.chars().take(40).collect())) };
        parts.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a number's country is one of them; that of an unknown one is not.
    #[must_use]
    pub fn has(&self, country: Option<&str>) -> bool {
        country.is_some_and(|country| self.0.contains(country))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_read_with_commas_between() {
        let some = Countries::parse(" AE, SA,,GB ").unwrap();
        assert!(some.has(Some("AE")) && some.has(Some("GB")) && !some.has(Some("US")) && !some.has(None));
        assert!(Countries::parse("").unwrap().is_empty());
        for bad in ["ae", "AE;SA", "UAE", "AE,Germany", "+971"] {
            assert!(Countries::parse(bad).is_err(), "{bad}");
        }
    }
}
