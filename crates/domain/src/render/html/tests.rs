use super::*;

fn marked(html: &str, locale: &str) -> String {
    language::mark(html, &Locale::parse(locale).unwrap())
}

#[test]
fn the_language_is_marked() {
    for (html, locale, expected) in [
        ("<p>x</p>", "en", "<p>x</p>"),
        ("<html><body>x</body></html>", "en-gb", "<html dir=\"ltr\" lang=\"en-GB\"><body>x</body></html>"),
        ("<html lang=en dir='rtl'><body>x</body></html>", "ru", "<html lang=\"ru\" dir=\"ltr\"><body>x</body></html>"),
        ("<p>x</p>", "ar", "<div dir=\"rtl\" lang=\"ar\"><p>x</p></div>"),
        (
            "<html lang=\"{{ locale }}\"><head></head><body class=a>x</body></html>",
            "he",
            "<html dir=\"rtl\" lang=\"he\"><head></head><body class=a><div dir=\"rtl\" lang=\"he\">x</div></body></html>",
        ),
        (
            "<html><head><title>t</title></head>x</html>",
            "ar",
            "<html dir=\"rtl\" lang=\"ar\"><head><title>t</title></head><div dir=\"rtl\" lang=\"ar\">x</div></html>",
        ),
    ] {
        assert_eq!(marked(html, locale), expected, "{html}");
    }
}

#[test]
fn words_of_old_layouts_are_variables() {
    assert_eq!(words("100% %SUBJECT% %subject% %RECIPIENT_NAME%"), "100% {{ subject }} %subject% {{ name }}");
    assert_eq!(body_places("a %BODY% {{ body }} {{body|safe}} {{ body | upper }}").len(), 3);
}

#[test]
fn values_among_styles_are_guarded() {
    for (source, expected) in [
        ("<p style=\"color: {{ a }}\">{{ a }}</p>", "<p style=\"color: {{ (a) | style_value }}\">{{ a }}</p>"),
        (
            "<style>p { color: {{- a | default('red') -}} }</style>",
            "<style>p { color: {{- (a | default('red')) | style_value -}} }</style>",
        ),
        ("<p title=\"{{ a }}\">", "<p title=\"{{ a }}\">"),
    ] {
        assert_eq!(guard(source), expected);
    }
    assert!(changes_links("<a href=\"https://example.com/{% if a %}b{% endif %}\">") && changes_links("<img src='{{ a }}'>"));
    assert!(!changes_links("<a href=\"https://example.com\" title=\"{{ a }}\">{{ a }}</a>"));
}
