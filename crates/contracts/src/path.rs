//! Paths with `{parameters}` in them.

/// The parameters' values, decoded, if `path` has the form of `template`. `may_hold_slashes` names those that reach over a slash.
pub(crate) fn matches(template: &str, path: &str, may_hold_slashes: &dyn Fn(&str) -> bool) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    follow(template, path, may_hold_slashes, &mut found).then(|| {
        found.reverse();
        found
    })
}

fn follow(template: &str, path: &str, slashes: &dyn Fn(&str) -> bool, found: &mut Vec<(String, String)>) -> bool {
    let Some((literal, rest)) = template.split_once('{') else { return template == path };
    let Some((name, rest)) = rest.split_once('}') else { return false };
    let Some(path) = path.strip_prefix(literal) else { return false };
    let most = if slashes(name) { path.len() } else { path.find('/').unwrap_or(path.len()) };
    for end in (1..=most).rev().filter(|end| path.is_char_boundary(*end)) {
        if follow(rest, &path[end..], slashes, found) {
            found.push((name.to_owned(), decoded(&path[..end])));
            return true;
        }
    }
    false
}

/// How much of a template is no parameter: of two that fit, the more literal one is meant.
pub(crate) fn literal_len(template: &str) -> usize {
    let mut inside = false;
    let literal = template.chars().filter(|c| match c {
        '{' => {
            inside = true;
            false
        }
        '}' => {
            inside = false;
            false
        }
        _ => !inside,
    });
    literal.count()
}

/// Percent-encoded text as plain text.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at..at + 3).filter(|three| three[0] == b'%');
        let byte = escaped.and_then(|three| u8::from_str_radix(std::str::from_utf8(&three[1..]).ok()?, 16).ok());
        plain.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, path: &str) -> Option<Vec<String>> {
        let values = matches(template, path, &|name| name == "parent")?;
        Some(values.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn parameters_end_at_a_slash_unless_theirs_may_hold_one() {
        let some = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect());
        assert_eq!(found("/a/{x}/Messages/{y}.json", "/a/AC1/Messages/SM%2B2.json"), some(&["AC1", "SM+2"]));
        assert_eq!(found("/a/{x}", "/a/1/2"), None);
        assert_eq!(found("/a/{x}", "/a/"), None);
        assert_eq!(found("/a", "/a"), some(&[]));
        assert_eq!(found("/v1/{parent}/messages:send", "/v1/projects/p/messages:send"), some(&["projects/p"]));
        assert!(literal_len("/v/{x}/media") > literal_len("/v/{x}/{y}"));
    }
}
