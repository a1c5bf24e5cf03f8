//! The frame that all pages share.

use super::{Language, escape};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::fmt::Write as _;

/// Nothing may be run, fetched or framed, and a form goes nowhere but back.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Dark on light by far more than the contrast of 4.5:1 that WCAG 2.2 asks for, targets of 44 px, a focus that is seen, and logical
/// properties, so that a page reads from either side.
const STYLE: &str = ":root{color-scheme:light}\
body{font:1.125rem/1.6 system-ui,'Noto Sans','Noto Naskh Arabic','Noto Sans Devanagari',sans-serif;max-width:36rem;margin:8vh auto;\
padding:0 1rem;color:#1a1a1a;background:#fff}\
h1{font-size:1.6rem;line-height:1.3}\
fieldset{border:1px solid #767676;border-radius:.5rem;margin:1.25rem 0;padding:.75rem 1rem}legend{font-weight:600;padding-inline:.35rem}\
.row{display:flex;gap:.75rem;align-items:flex-start;min-height:2.75rem;padding-block:.25rem}\
.row input{inline-size:1.4rem;block-size:1.4rem;margin-block-start:.2rem;flex:none}\
.hint{color:#4d4d4d;font-size:1rem;margin:0}\
select{font:inherit;min-height:2.75rem;padding-inline:.5rem;max-width:100%}\
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.25rem;border-radius:.5rem;border:2px solid #0b57d0;\
background:#0b57d0;color:#fff;cursor:pointer}\
button.plain{background:#fff;color:#0b57d0}\
:focus-visible{outline:3px solid #1a1a1a;outline-offset:2px}\
a{color:#0b57d0}nav{margin-block-start:2.5rem}nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}\
nav a{display:inline-block;padding-block:.4rem}";

/// A page of one language.
pub(crate) struct Page<'a> {
    pub language: Language,
    /// Plain text.
    pub title: &'a str,
    /// HTML.
    pub body: String,
    /// Whether it is offered in other languages: only what a GET has shown can be shown again.
    pub with_languages: bool,
}

impl Page<'_> {
    pub fn answer(self, status: StatusCode) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(self.language.tag)),
        ];
        (status, headers, self.html()).into_response()
    }

    fn html(&self) -> String {
        let Language { tag, right_to_left, .. } = self.language;
        let direction = if right_to_left { " dir=\"rtl\"" } else { "" };
        let (title, body) = (escape(self.title), &self.body);
        let languages = if self.with_languages { self.languages() } else { String::new() };
        format!(
            "<!doctype html><html lang=\"{tag}\"{direction}><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex, nofollow\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main>{languages}</body></html>"
        )
    }

    fn languages(&self) -> String {
        let mut list = format!("<nav aria-label=\"{}\"><ul>", escape(self.language.texts().language));
        for Language { tag, name, right_to_left } in Language::ALL {
            let direction = if right_to_left { " dir=\"rtl\"" } else { "" };
            let current = if tag == self.language.tag { " aria-current=\"true\"" } else { "" };
            // Writing to a String can't fail.
            write!(list, "<li><a href=\"?lang={tag}\" hreflang=\"{tag}\" lang=\"{tag}\"{direction}{current}>{name}</a></li>").ok();
        }
        list.push_str("</ul></nav>");
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_text_and_nothing_else() {
        let page = Page { language: Language::ALL[0], title: "<script>alert(1)</script>", body: String::new(), with_languages: true };
        let html = page.html();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_page_says_its_language_and_direction() {
        let arabic = Language::of("ar").unwrap();
        let html = Page { language: arabic, title: "x", body: String::new(), with_languages: false }.html();
        assert!(html.starts_with("<!doctype html><html lang=\"ar\" dir=\"rtl\">"), "{html}");
        assert!(!html.contains("<nav"));
    }
}
