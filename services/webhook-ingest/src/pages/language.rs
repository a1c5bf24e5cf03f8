//! Which of the pages' languages a person gets.

use super::{Texts, texts};

/// A language that the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// BCP 47.
    pub tag: &'static str,
    /// In that language.
    pub name: &'static str,
    pub right_to_left: bool,
}

impl Language {
    /// The first is for those whose language isn't known.
    pub const ALL: [Self; 6] = [
        Self { tag: "en", name: "English", right_to_left: false },
        Self { tag: "ar", name: "العربية", right_to_left: true },
        Self { tag: "hi", name: "हिन्दी", right_to_left: false },
        Self { tag: "ru", name: "Русский", right_to_left: false },
        Self { tag: "sr", name: "Српски", right_to_left: false },
        Self { tag: "sr-Latn", name: "Srpski (latinica)", right_to_left: false },
    ];

    /// What somebody gets: what they chose on the page, else the contact's, else what the browser asks for, else English.
    pub fn choose(chosen: &str, locale: &str, accept: &str) -> Self {
        let known = Self::of(chosen).or_else(|| Self::of(locale)).or_else(|| accepted(accept));
        known.unwrap_or(Self::ALL[0])
    }

    /// The language of a locale, whatever its region.
    pub fn of(locale: &str) -> Option<Self> {
        let locale = locale.replace('_', "-").to_ascii_lowercase();
        let parts: Vec<_> = locale.split('-').collect();
        let primary = *parts.first()?;
        if primary == "sr" && parts.contains(&"latn") {
            return Self::ALL.into_iter().find(|language| language.tag == "sr-Latn");
        }
        Self::ALL.into_iter().find(|language| language.tag == primary)
    }

    pub fn texts(self) -> &'static Texts {
        texts::of(self.tag)
    }
}

/// The best of an Accept-Language header (RFC 9110 section 12.5.4); of equal ones the first.
fn accepted(header: &str) -> Option<Language> {
    let ranges = header.split(',').take(20).filter_map(|range| {
        let mut parts = range.split(';');
        let language = Language::of(parts.next()?.trim())?;
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        (quality > 0.0).then_some((quality, language))
    });
    ranges.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_gets_the_language_that_is_known_best() {
        let tag = |chosen, locale, accept| Language::choose(chosen, locale, accept).tag;
        assert_eq!(tag("", "ar-AE", "ru"), "ar");
        assert_eq!(tag("hi", "ar-AE", "ru"), "hi");
        assert_eq!(tag("xx", "", "de-DE, ru;q=0.4, hi-IN;q=0.9, en;q=0"), "hi");
        assert_eq!(tag("", "sr-Latn-RS", ""), "sr-Latn");
        assert_eq!(tag("", "sr_RS", ""), "sr");
        assert_eq!(tag("", "de", "fr"), "en");
        assert_eq!(tag("../en", "\0", ";;q=,,"), "en");
    }

    #[test]
    fn every_language_has_texts_of_its_own() {
        let mut titles: Vec<_> = Language::ALL.iter().map(|language| language.texts().preferences_title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Language::ALL.len());
    }
}
