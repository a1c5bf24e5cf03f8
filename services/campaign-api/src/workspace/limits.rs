//! What a workspace's settings may be.

use runtime::status::Violations;

const MAX_NAME: usize = 200;
const MAX_KEYWORDS: usize = 200;
const MAX_KEYWORD: usize = 50;
const MAX_PREFIXES: usize = 20;

pub fn name(name: &str, violations: &mut Violations) {
    violations.expect(!name.is_empty(), "name", "must not be empty").expect(
        name.chars().count() <= MAX_NAME,
        "name",
        "must be at most 200 characters",
    );
}

/// The most contacts of a run, as the database keeps it.
pub fn max_recipients(count: u32, violations: &mut Violations) -> i32 {
    violations.expect(count > 0, "max_recipients", "must be at least 1");
    i32::try_from(count).unwrap_or_else(|_| {
        violations.add("max_recipients", "must be at most 2147483647");
        i32::MAX
    })
}

/// Country calling codes have one to three digits and don't start with 0 (ITU-T E.164).
pub fn country_code(code: &str, violations: &mut Violations) {
    let fits = (1..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()) && !code.starts_with('0');
    violations.expect(fits, "default_country_code", "must be a country calling code without +, such as 971");
}

pub fn strip_prefixes(prefixes: &[String], violations: &mut Violations) {
    violations.expect(prefixes.len() <= MAX_PREFIXES, "phone_strip_prefixes", "must be at most 20");
    for (index, prefix) in prefixes.iter().enumerate() {
        let digits = prefix.strip_prefix('+').unwrap_or(prefix);
        let fits = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        violations.expect(fits, &format!("phone_strip_prefixes[{index}]"), "must be 1 to 8 digits, with or without a + before them");
    }
}

/// Keywords without blanks around them, each once.
pub fn keywords(field: &str, words: &[String], violations: &mut Violations) -> Vec<String> {
    violations.expect(words.len() <= MAX_KEYWORDS, field, "must be at most 200");
    let mut kept: Vec<String> = Vec::with_capacity(words.len().min(MAX_KEYWORDS));
    for (index, word) in words.iter().enumerate().take(MAX_KEYWORDS) {
        let word = word.trim();
        let fits = !word.is_empty() && word.chars().count() <= MAX_KEYWORD && !word.chars().any(char::is_control);
        violations.expect(fits, &format!("{field}[{index}]"), "must be a word or phrase of at most 50 characters");
        if !kept.iter().any(|other| other == word) {
            kept.push(word.to_owned());
        }
    }
    kept
}
