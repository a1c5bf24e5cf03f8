//! The frame around every view, and the escaping of all that comes from outside.

use std::fmt::{self, Display, Formatter, Write};

/// Text for HTML content or a quoted attribute.
pub struct Esc<T>(pub T);

impl<T: AsRef<str>> Display for Esc<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.as_ref().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A whole page. `title` is text, `body` is HTML.
pub fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{} – Fanfare sandbox</title><style>{STYLE}</style></head><body>\
         <header><a href=\"/\" class=\"brand\">Fanfare sandbox</a>\
         <p>Nothing shown here was sent to anyone.</p></header><main>{body}</main></body></html>",
        Esc(title)
    )
}

const STYLE: &str = include_str!("style.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(Esc("<a title='x\"'>&</a>").to_string(), "&lt;a title=&#39;x&quot;&#39;&gt;&amp;&lt;/a&gt;");
        assert!(frame("<b>", "").contains("<title>&lt;b&gt; – "));
    }
}
