//! HTML character references: enough of them to read what people write in e-mails.

use std::borrow::Cow;

/// The named references that editors write; all others are left as they are.
const NAMED: [(&str, &str); 34] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("hellip", "…"),
    ("mdash", "—"),
    ("ndash", "–"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("bull", "•"),
    ("middot", "·"),
    ("euro", "€"),
    ("pound", "£"),
    ("yen", "¥"),
    ("cent", "¢"),
    ("times", "×"),
    ("deg", "°"),
    ("sect", "§"),
    ("para", "¶"),
    ("larr", "←"),
    ("rarr", "→"),
    ("ensp", "\u{2002}"),
    ("emsp", "\u{2003}"),
    ("zwnj", ""),
    ("shy", ""),
];
const MAX_NAME: usize = 10;

/// Replaces the references that are known.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        // Looked for no further than a name can go, or a text of nothing but `&` would be read again and again.
        let end = after.bytes().take(MAX_NAME + 1).position(|b| b == b';');
        let name = end.and_then(|end| after.get(..end));
        if let Some((name, value)) = name.and_then(|name| Some((name, reference(name)?))) {
            decoded.push_str(&value);
            rest = &after[name.len() + 1..];
        } else {
            decoded.push('&');
            rest = after;
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn reference(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return NAMED.iter().find(|(known, _)| *known == name).map(|(_, value)| Cow::Borrowed(*value));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| *c != '\0').map(|c| Cow::Owned(c.to_string()))
}

/// Makes a text safe in HTML, inside an attribute's quotes as well. Slashes stay, so that links stay readable.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_once() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a &amp; b", "a & b"),
            ("&lt;b&gt;", "<b>"),
            ("&amp;lt;", "&lt;"),
            ("&#39;&#x27;&#X2F;", "''/"),
            ("&nbsp;", "\u{a0}"),
            ("&unknown; &", "&unknown; &"),
            ("AT&T; x", "AT&T; x"),
            ("&#0;&#xD800;&#99999999999;", "&#0;&#xD800;&#99999999999;"),
            ("&", "&"),
            ("&;", "&;"),
            ("?a=1&b=2;c", "?a=1&b=2;c"),
            ("&#1608;", "و"),
        ] {
            assert_eq!(decode(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_escaped_decodes_to_itself() {
        for text in ["", "a", "<a href=\"x\">'&amp;'</a>", "https://example.com/?a=1&b=2", "سارة & علي"] {
            let escaped = escape(text);
            assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped:?}");
            assert_eq!(decode(&escaped), text);
        }
    }
}
