//! Links in plain text, such as that of a text message.

/// Sends each http and https link through `link`. What people put after a link, such as a full stop, is no part of it.
#[must_use]
pub fn rewrite_links(text: &str, link: &dyn Fn(&str) -> String) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = start_of_link(rest) {
        let end =
            at + rest[at..].find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"')).unwrap_or(rest.len() - at);
        let target = without_punctuation(&rest[at..end]);
        rewritten.push_str(&rest[..at]);
        match super::email::is_web_link(target) {
            true => rewritten.push_str(&link(target)),
            false => rewritten.push_str(target),
        }
        rest = &rest[at + target.len()..];
    }
    rewritten.push_str(rest);
    rewritten
}

fn start_of_link(text: &str) -> Option<usize> {
    let is_start = |at: usize| {
        let rest = &text.as_bytes()[at..];
        let is_scheme = |scheme: &[u8]| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_scheme(b"http://") || is_scheme(b"https://")
    };
    text.char_indices().map(|(at, _)| at).find(|at| is_start(*at))
}

/// A closing bracket belongs to a link that opens one.
fn without_punctuation(link: &str) -> &str {
    let mut link = link;
    while let Some(last) = link.chars().next_back() {
        let is_after = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '。' | '،' | '؟' | '।' => true,
            ')' => link.matches('(').count() < link.matches(')').count(),
            ']' => link.matches('[').count() < link.matches(']').count(),
            _ => false,
        };
        if !is_after {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_text() {
        for (text, expected) in [
            ("no link", "no link"),
            ("see https://a.example/x?y=1&z=2.", "see <https://a.example/x?y=1&z=2>."),
            ("HTTP://A.example and https://b.example", "<HTTP://A.example> and <https://b.example>"),
            ("(https://a.example/b_(c))", "(<https://a.example/b_(c)>)"),
            ("https://a.example/я, ok", "<https://a.example/я>, ok"),
            ("عرض: https://a.example، اليوم", "عرض: <https://a.example>، اليوم"),
            ("https:// nothing, xhttps://a.example", "https:// nothing, x<https://a.example>"),
            ("mailto:a@b.example", "mailto:a@b.example"),
            ("https://a.example\nhttps://b.example!", "<https://a.example>\n<https://b.example>!"),
        ] {
            assert_eq!(rewrite_links(text, &|link| format!("<{link}>")), expected, "{text:?}");
        }
    }
}
