//! Languages: which of a template's translations a contact gets, and which way it is written.

use std::fmt;

/// Languages that are written from right to left (ISO 639).
const RIGHT_TO_LEFT: [&str; 12] = ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"];
/// Scripts that are written from right to left (ISO 15924); a tag that names its script is judged by it.
const RIGHT_TO_LEFT_SCRIPTS: [&str; 8] = ["adlm", "arab", "hebr", "mand", "nkoo", "rohg", "syrc", "thaa"];
/// Characters of a tag at most (RFC 5646 recommends room for 35).
const MAX_TAG: usize = 35;

/// A BCP 47 language tag as people and systems write it: `en`, `en-AE`, `sr_Latn_RS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locale {
    /// Small letters, `-` between the parts.
    tag: String,
}

impl Locale {
    /// None when it is no language tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // POSIX adds an encoding or a modifier: `en_US.UTF-8`, `sr_RS@latin`.
        let text = text.trim();
        let text = text.split(['.', '@']).next().unwrap_or_default();
        if text.is_empty() || text.len() > MAX_TAG {
            return None;
        }
        let tag = text.replace('_', "-").to_ascii_lowercase();
        let mut parts = tag.split('-');
        let is_language = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase()));
        let are_parts = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        (is_language && are_parts).then_some(Self { tag })
    }

    /// `en` of `en-AE`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.tag.split('-').next().unwrap_or_default()
    }

    #[must_use]
    pub fn is_right_to_left(&self) -> bool {
        match self.tag.split('-').skip(1).find(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_lowercase())) {
            Some(script) => RIGHT_TO_LEFT_SCRIPTS.contains(&script),
            None => RIGHT_TO_LEFT.contains(&self.language()),
        }
    }

    /// As it is written in HTML: `sr-Latn-RS`.
    #[must_use]
    pub fn html_tag(&self) -> String {
        let part = |(index, part): (usize, &str)| match (index, part.len()) {
            (0, _) => part.to_owned(),
            (_, 2) => part.to_ascii_uppercase(),
            (_, 4) if part.starts_with(|c: char| c.is_ascii_alphabetic()) => part[..1].to_ascii_uppercase() + &part[1..],
            _ => part.to_owned(),
        };
        self.tag.split('-').enumerate().map(part).collect::<Vec<_>>().join("-")
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)
    }
}

/// The tag among `tags` that suits `wanted` best; None when the content itself, written in `own`, does.
pub(crate) fn choose<'t>(own: &str, tags: impl Iterator<Item = &'t str>, wanted: &str) -> Option<&'t str> {
    let wanted = Locale::parse(wanted)?;
    let own = Locale::parse(own);
    let tags: Vec<_> = tags.filter_map(|tag| Some((tag, Locale::parse(tag)?))).collect();
    let mut prefix = wanted.tag.as_str();
    loop {
        if let Some((tag, _)) = tags.iter().find(|(_, locale)| locale.tag == prefix) {
            return Some(tag);
        }
        if own.as_ref().is_some_and(|own| own.tag == prefix) {
            return None;
        }
        let Some((shorter, _)) = prefix.rsplit_once('-') else { break };
        prefix = shorter;
    }
    if own.is_some_and(|own| own.language() == wanted.language()) {
        return None;
    }
    tags.iter().find(|(_, locale)| locale.language() == wanted.language()).map(|(tag, _)| *tag)
}
