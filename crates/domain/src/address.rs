//! Addresses as people write them, brought into the one form in which two spellings of one address are equal.
//!
//! An address that can't be read is kept as it was written, with a reason that a person understands and without a key; what has no
//! key is never messaged. Whether somebody answers at an address is not known here. Start at [`email`] and [`phone`].

mod email;
mod phone;

use crate::{Channel, ContactId, channel::AddressKind};

pub use email::email;
pub(crate) use phone::plans;
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

/// An address in the form of a channel: what people write down, and the keys under which devices (`contact:` and the contact's id) and
/// WhatsApp user ids (`wa:` and the id) are known.
#[must_use]
pub fn of_channel(channel: Channel, written: &str, rules: &PhoneRules) -> Address {
    let trimmed = written.trim();
    match channel.address_kind() {
        AddressKind::Email => email(written),
        AddressKind::Phone => phone(written, rules),
        AddressKind::Whatsapp => match trimmed.strip_prefix(WHATSAPP_PREFIX) {
            Some(id) if is_whatsapp_id(id) => Address::good(id.to_owned(), trimmed.to_owned()),
            Some(_) => Address::bad(written, "is no WhatsApp user id"),
            None => phone(written, rules),
        },
        AddressKind::Device => {
            let id = trimmed.strip_prefix(DEVICES_PREFIX).unwrap_or(trimmed).parse::<ContactId>();
            let key = id.map(|id| format!("{DEVICES_PREFIX}{id}"));
            key.map_or_else(
                |_| Address::bad(written, "is no contact: give the id of the contact whose devices are meant"),
                |key| Address::good(key.clone(), key),
            )
        }
        AddressKind::Account => Address::bad(written, "posts go to everybody: nobody has an address there"),
    }
}

const WHATSAPP_PREFIX: &str = "wa:";
const DEVICES_PREFIX: &str = "contact:";

/// Whether it may be what WhatsApp calls a person towards a business.
#[must_use]
pub fn is_whatsapp_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

/// Characters that are there but can't be seen: direction marks, joiners, soft hyphens, byte order marks. Copied text is full of them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
