//! Phones, to E.164, by the rules of a workspace and the numbering plans of the `phonenumber` crate.
//!
//! A number is read in exactly one way:
//! 1. It starts with `+` or `00`: it says its country, and stays as it is (but for a trunk zero written after the country code).
//! 2. Otherwise it is a number of the default country. The longest configured prefix that it starts with is taken off; if what is
//!    left is no number there, it is tried as written, then as one that has the default country's code without a `+`.
//!
//! So configured prefixes such as `00971` and `+971` change nothing where 971 is the default country, and nothing can turn a number of
//! another country into one of the default country.

use super::{Address, is_invisible};
use phonenumber::{
    Mode, PhoneNumber,
    metadata::{DATABASE, Database},
};
use std::{borrow::Cow, sync::LazyLock};

/// E.164 numbers have at most 15 digits; what is longer than this with its prefixes is no phone.
const MAX_DIGITS: usize = 20;

/// Compiled patterns that are kept, about ten a country. The crate keeps 100, and compiles for milliseconds as soon as the numbers of a
/// dozen countries are mixed.
const PATTERNS: usize = 1_000;

static PLANS: LazyLock<&'static Database> = LazyLock::new(|| {
    // A poisoned lock only means that it stays slow.
    if let Ok(mut cache) = DATABASE.cache().lock() {
        cache.set_capacity(PATTERNS);
    }
    &DATABASE
});

/// The numbering plans of all countries.
pub(crate) fn plans() -> &'static Database {
    &PLANS
}

/// How a workspace writes phones without a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneRules {
    country_code: String,
    /// Longest first.
    strip_prefixes: Vec<String>,
}

impl PhoneRules {
    /// `country_code` is the calling code without `+`; the prefixes are digits, such as `0`.
    #[must_use]
    pub fn new(country_code: &str, strip_prefixes: &[impl AsRef<str>]) -> Self {
        let country_code = country_code.trim_start_matches('+').to_owned();
        let mut strip_prefixes: Vec<_> = strip_prefixes.iter().map(|prefix| prefix.as_ref().to_owned()).filter(|p| !p.is_empty()).collect();
        strip_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        Self { country_code, strip_prefixes }
    }
}

impl Default for PhoneRules {
    fn default() -> Self {
        Self::new("971", &["0", "00971", "+971"])
    }
}

/// Whether a calling code (without `+`) is assigned to a country.
#[must_use]
pub fn is_country_code(code: &str) -> bool {
    code.starts_with(|c: char| matches!(c, '1'..='9')) && code.parse::<u16>().is_ok_and(|code| PLANS.by_code(&code).is_some())
}

/// Reads a phone number. Digits may be of any script; spaces, dashes, dots, slashes, parentheses and invisible marks don't matter.
#[must_use]
pub fn phone(written: &str, rules: &PhoneRules) -> Address {
    let visible: String = written.chars().filter(|c| !is_invisible(*c)).collect();
    // Spreadsheets mark text with an apostrophe, and turn whole numbers into 501234567.0.
    let text = visible.trim().trim_start_matches('\'').trim_start();
    if text.is_empty() {
        return Address::default();
    }
    match dialled(text).and_then(|number| read(&number, rules)) {
        Ok(e164) => Address::good(e164.clone(), e164),
        Err(problem) => Address::bad(text, problem),
    }
}

/// What would be dialled: digits, with one `+` before them if there is any.
fn dialled(text: &str) -> Result<String, String> {
    if let Some((mantissa, exponent)) = text.split_once(['E', 'e'])
        && mantissa.starts_with(|c: char| c.is_ascii_digit())
        && exponent.trim_start_matches('+').chars().all(|c| c.is_ascii_digit())
    {
        return Err("was rounded by a spreadsheet: format the column as text and export it again".to_owned());
    }
    let whole = text.strip_suffix(".0").filter(|rest| rest.chars().all(|c| c.is_ascii_digit())).unwrap_or(text);
    let mut number = String::with_capacity(whole.len());
    for c in whole.chars() {
        if let Some(digit) = digit(c) {
            number.push(digit);
        } else if is_plus(c) {
            if number.is_empty() {
                number.push('+');
            } else if number != "+" {
                return Err("has a + in its middle: give one number".to_owned());
            }
        } else if !is_separator(c) {
            return Err(format!("has {c:?} in it, which no phone number has"));
        }
    }
    match number.trim_start_matches('+').len() {
        0 => Err("has no digits".to_owned()),
        digits if digits > MAX_DIGITS => Err("is too long: give one number".to_owned()),
        _ => Ok(number),
    }
}

fn read(number: &str, rules: &PhoneRules) -> Result<String, String> {
    let international = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
    if let Some(digits) = international {
        // `+00971…` is seen in the wild; no country code starts with a zero.
        let digits = digits.trim_start_matches('0');
        return valid(digits).ok_or_else(|| explain(digits));
    }
    let stripped = rules.strip_prefixes.iter().find_map(|prefix| number.strip_prefix(prefix.as_str())).unwrap_or(number);
    let candidates = [
        Cow::from(format!("{}{stripped}", rules.country_code)),
        Cow::from(format!("{}{number}", rules.country_code)),
        Cow::from(if stripped.starts_with(&rules.country_code) { stripped } else { "" }),
        Cow::from(if number.starts_with(&rules.country_code) { number } else { "" }),
    ];
    candidates.iter().find_map(|digits| valid(digits)).ok_or_else(|| {
        format!(
            "is no number of the default country +{}: give numbers of other countries with + and their country code",
            rules.country_code
        )
    })
}

/// The number in E.164 if it can exist; digits start with the country code.
fn valid(digits: &str) -> Option<String> {
    if digits.len() < 5 || digits.starts_with('0') {
        return None;
    }
    let number = phonenumber::parse_with(&PLANS, None, format!("+{digits}")).ok()?;
    let e164 = number.format().mode(Mode::E164).to_string();
    if e164[1..] == *digits {
        return number.is_valid_with(&PLANS).then_some(e164);
    }
    // The parser took a trunk prefix off. Where the digits are a number as they stand, they stay.
    if fits(&number, digits) {
        return Some(format!("+{digits}"));
    }
    number.is_valid_with(&PLANS).then_some(e164)
}

/// Whether the digits after the country code are a number there, without taking a trunk prefix off.
fn fits(number: &PhoneNumber, digits: &str) -> bool {
    let code = number.code().value();
    let Some(national) = digits.strip_prefix(&code.to_string()) else {
        return false;
    };
    PLANS.by_code(&code).is_some_and(|plans| plans.iter().any(|plan| plan.descriptors().general().is_match(national)))
}

fn explain(digits: &str) -> String {
    if digits.len() > 15 {
        return "is too long for a phone number".to_owned();
    }
    // Calling codes are prefix-free: at most one of these is assigned.
    match (1..=3).filter_map(|length| digits.get(..length)).find(|code| is_country_code(code)) {
        Some(code) => format!("is no number of the country with the code +{code}: it has too few, too many or wrong digits"),
        None => "has a country code that doesn't exist".to_owned(),
    }
}

/// Unicode decimal digits, block by block (general category Nd); each block has its digits in order from zero.
const ZEROS: [char; 21] = [
    '0', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}', '\u{c66}', '\u{ce6}',
    '\u{d66}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{17e0}', '\u{1810}', '\u{a9d0}', '\u{ff10}',
];

fn digit(c: char) -> Option<char> {
    let value = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '\u{ff0b}' | '\u{fe62}')
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '.' | '(' | ')' | '[' | ']' | '/' | '\u{2010}'
                ..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0d}' | '\u{b7}'
        )
}
