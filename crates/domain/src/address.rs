//! Addresses as people write them, brought into the one form in which two spellings of one address are equal.
//!
//! An address that can't be read is kept as it was written, with a reason that a person understands and without a key; what has no
//! key is never messaged. Whether somebody answers at an address is not known here. Start at [`email`] and [`phone`].

mod email;
mod phone;

pub use email::email;
pub use phone::{PhoneRules, is_country_code, phone};

/// An address as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// What people see: E.164 for a phone, the e-mail address with its domain in lower case, or what was written if it can't be read.
    pub shown: String,
    /// The form to compare and to message; None means: never message it.
    pub key: Option<String>,
    /// Why it can't be messaged; empty when it can, and when there is no address at all.
    pub problem: String,
}

impl Address {
    fn good(shown: String, key: String) -> Self {
        Self { shown, key: Some(key), problem: String::new() }
    }

    fn bad(written: &str, problem: impl Into<String>) -> Self {
        Self { shown: written.to_owned(), key: None, problem: problem.into() }
    }
}

/// An address whose kind isn't given: with an `@` it is an e-mail address, else a phone.
#[must_use]
pub fn any(written: &str, rules: &PhoneRules) -> Address {
    if written.contains('@') { email(written) } else { phone(written, rules) }
}

/// Characters that are there but can't be seen: direction marks, joiners, soft hyphens, byte order marks. Copied text is full of them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
