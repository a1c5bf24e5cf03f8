//! What people try: markup in values, active content in templates, templates that never end, headers in subjects. None gets through.

use super::*;
use crate::content::{EmailVariant, PushVariant, SmsVariant, Translation, VariableRule};
use lol_html::{RewriteStrSettings, element, rewrite_str};
use std::{cell::RefCell, time::Instant};

/// Values that would be markup, a script or a link to one if they weren't held back.
const VALUES: [&str; 62] = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "\"><script>alert(1)</script>",
    "'><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "--!><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<![endif]--><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=\"x\" onerror=\"alert(1)\">",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)//",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><button>x",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{background:url(//evil.example)}</style>",
    "<a href=javascript:alert(1)>x</a>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<<script>alert(1)//<</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "\" onmouseover=alert(1) x=\"",
    "' onmouseover=alert(1) x='",
    "\"onfocus=\"alert(1)\" autofocus=\"",
    "x onmouseover=alert(1)",
    "` onmouseover=alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\u{1}javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "blob:https://evil.example/1",
    "file:///etc/passwd",
    "//evil.example",
    "\\\\evil.example",
    "red;background:url(//evil.example)",
    "expression(alert(1))",
    "red}*{display:none",
    "{{ 7*7 }}{% for x in range(9) %}{{ x }}{% endfor %}",
];

/// Where a value can stand in HTML.
const PLACES: [&str; 12] = [
    "<p>{{ attributes.x }}</p>",
    "<p title=\"{{ attributes.x }}\">y</p>",
    "<p title='{{ attributes.x }}'>y</p>",
    "<a href=\"{{ attributes.x }}\">y</a>",
    "<a href='https://example.com/?q={{ attributes.x }}'>y</a>",
    "<a href=\"https://example.com/?q={{ attributes.x | urlencode }}\">y</a>",
    "<img alt=\"\" src=\"{{ attributes.x }}\">",
    "<p style=\"color: {{ attributes.x }}\">y</p>",
    "<style>p { color: {{ attributes.x }} }</style><p>y</p>",
    "<title>{{ attributes.x }}</title><p>y</p>",
    "<!-- {{ attributes.x }} --><p>y</p>",
    "<!--[if mso]><p>{{ attributes.x }}</p><![endif]--><p>{{ fragments.f | safe }}{{ fragments.f }}</p>",
];

/// What a template's own HTML may not hold.
const AUTHORED: [&str; 66] = [
    "<script>alert(1)</script>",
    "<SCRIPT\tsrc=\"https://evil.example/x.js\"></SCRIPT>",
    "<script/x>alert(1)</script>",
    "<p onclick=\"alert(1)\">x</p>",
    "<p\nonclick\n=\nalert(1)>x</p>",
    "<p/onclick=alert(1)>x</p>",
    "<p title=\"x\"onclick=alert(1)>x</p>",
    "<p ONMOUSEOVER='alert(1)'>x</p>",
    "<img src=https://example.com/x.png onerror=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\"JAVASCRIPT:alert(1)\">x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href=\"java\tscript:alert(1)\">x</a>",
    "<a href=\"&#106;avascript:alert(1)\">x</a>",
    "<a href=\"&#x6a;avascript:alert(1)\">x</a>",
    "<a href=\"javascript&colon;alert(1)\">x</a>",
    "<a href=\"\u{1}javascript:alert(1)\">x</a>",
    "<a href=\"vbscript:x\">x</a>",
    "<a href=\"data:text/html,x\">x</a>",
    "<a href=\"blob:x\">x</a>",
    "<a href=\"file:///etc/passwd\">x</a>",
    "<a href=\"//evil.example\">x</a>",
    "<a href=\"/path\">x</a>",
    "<a href=\"\">x</a>",
    "<area href=\"javascript:alert(1)\">",
    "<img alt=\"\" src=\"data:image/svg+xml,x\">",
    "<img alt=\"\" src=\"javascript:alert(1)\">",
    "<img alt=\"\" srcset=\"javascript:alert(1) 2x\">",
    "<td background=\"javascript:alert(1)\">x",
    "<video poster=\"javascript:alert(1)\"></video>",
    "<form action=\"javascript:alert(1)\"></form>",
    "<button formaction=\"javascript:alert(1)\">x</button>",
    "<iframe src=\"https://example.com\"></iframe>",
    "<iframe srcdoc=\"x\"></iframe>",
    "<object data=\"https://example.com/x\"></object>",
    "<embed src=\"https://example.com/x\">",
    "<applet code=x></applet>",
    "<base href=\"https://example.com/\">",
    "<meta http-equiv=\"refresh\" content=\"0;url=https://evil.example\">",
    "<META HTTP-EQUIV=' Refresh ' content=0>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)></svg>",
    "<math><maction>x</maction></math>",
    "<template><p>x</p></template>",
    "<noscript><p>x</p></noscript>",
    "<xmp><p></xmp>",
    "<plaintext>",
    "<frameset><frame src=x></frameset>",
    "<p style=\"background:url(javascript:alert(1))\">x</p>",
    "<p style=\"background:url('//evil.example')\">x</p>",
    "<p style=\"width:expression(alert(1))\">x</p>",
    "<p style=\"width:exp/**/ression(alert(1))\">x</p>",
    "<p style=\"width:e\\78 pression(alert(1))\">x</p>",
    "<p style=\"behavior:url(https://evil.example)\">x</p>",
    "<p style=\"-moz-binding:url(https://evil.example)\">x</p>",
    "<p style=\"width:&#101;xpression(alert(1))\">x</p>",
    "<style>@import url(https://evil.example/x.css);</style>",
    "<style>p{background:url(javascript:alert(1))}</style>",
    "<p title={{ attributes.x }}>x</p>",
    "<{{ attributes.x }}>x",
    "<p {{ attributes.x }}>x</p>",
    "<p {{ attributes.x }}=\"y\">x</p>",
    "<p>{{ attributes.x | safe }}</p>",
    "<p>{{ fragments.f | upper | safe }}</p>",
    "<p title=\"{{ fragments.f | safe }}\">x</p>",
    "<p title=\"x>y</p>",
];

fn email(html: &str) -> TemplateContent {
    TemplateContent {
        email: Some(EmailVariant {
            subject: "Hi {{ attributes.x }}".into(),
            html: html.into(),
            preheader: "{{ attributes.x }}".into(),
            ..EmailVariant::default()
        }),
        fragments: [("f".into(), "<b>{{ attributes.x }}</b>".into())].into(),
        variables: [("attributes.x".into(), VariableRule { default_text: "x".into(), ..VariableRule::default() })].into(),
        ..TemplateContent::default()
    }
}

fn person(value: &str) -> Person {
    let mut person = Person::made_up();
    person.attributes.insert("x".into(), value.into());
    person
}

fn occasion() -> Occasion {
    Occasion { campaign_name: "C".into(), unsubscribe_url: "https://hub.example/u/t".into(), ..Occasion::default() }
}

fn errors(content: &TemplateContent) -> Vec<ContentProblem> {
    validate(content).into_iter().filter(ContentProblem::is_error).collect()
}

/// Elements and the names of their attributes, as a parser of its own sees them; links that lead elsewhere than to the web are marked.
fn structure(html: &str) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let settings = RewriteStrSettings::new().append_element_content_handler(element!("*", |element| {
        let mut shape = element.tag_name();
        for attribute in element.attributes() {
            shape.push(' ');
            shape.push_str(&attribute.name());
            if matches!(attribute.name().as_str(), "href" | "src") && !attribute.value().starts_with("https://") {
                shape.push_str("=bad");
            }
        }
        found.borrow_mut().push(shape);
        Ok(())
    }));
    rewrite_str(html, settings).unwrap();
    found.into_inner()
}

#[test]
fn no_value_becomes_markup() {
    let (mut rendered, mut held) = (0, 0);
    for place in PLACES {
        let content = email(place);
        assert!(errors(&content).is_empty(), "{place}: {:?}", errors(&content));
        let renderer = Renderer::new(&content).unwrap();
        let benign = if place.contains("href=\"{{") || place.contains("src=") { "https://example.com/x" } else { "red" };
        let Ok(Rendered::Email(expected)) = renderer.render(Variant::Email, &person(benign), &occasion()) else { panic!("{place}") };
        for value in VALUES {
            match renderer.render(Variant::Email, &person(value), &occasion()) {
                Ok(Rendered::Email(email)) => {
                    assert_eq!(structure(&email.html), structure(&expected.html), "{value:?} in {place}: {}", email.html);
                    let styles = email.html.to_lowercase();
                    let is_style = place.contains("color:");
                    assert!(!is_style || (!styles.contains("url(") && !styles.contains("expression(")), "{value:?} in {place}");
                    assert!(!email.html.contains("0123"), "values are never templates");
                    rendered += 1;
                }
                Err(RenderError::BadLink { .. } | RenderError::Failed { .. }) => held += 1,
                other => panic!("{value:?} in {place}: {other:?}"),
            }
        }
    }
    assert_eq!(rendered + held, VALUES.len() * PLACES.len(), "744 cases");
    assert!(held > 150 && rendered > 400, "{rendered} rendered, {held} held back");
}

#[test]
fn no_active_content_is_taken() {
    for html in AUTHORED {
        assert!(!errors(&email(html)).is_empty(), "{html}");
        // The same within a layout, and in a fragment that is used as HTML.
        let mut laid_out = email("<p>x</p>");
        let variant = laid_out.email.as_mut().unwrap();
        variant.layout = "l".into();
        variant.layout_html = format!("<div>%BODY%</div>{html}");
        assert!(!errors(&laid_out).is_empty(), "layout: {html}");
        assert!(!validate_layout(&format!("<div>%BODY%</div>{html}")).iter().all(|problem| !problem.is_error()), "layout alone: {html}");
        let mut within = email("<p>{{ fragments.g | safe }}</p>");
        within.fragments.insert("g".into(), html.into());
        assert!(!errors(&within).is_empty(), "fragment: {html}");
        let mjml = EmailVariant {
            subject: "x".into(),
            mjml: format!("<mjml><mj-body><mj-raw>{html}</mj-raw></mj-body></mjml>"),
            ..EmailVariant::default()
        };
        assert!(!errors(&TemplateContent { email: Some(mjml), ..email("") }).is_empty(), "MJML: {html}");
    }
}

#[test]
fn a_value_in_a_fragment_is_held_to_what_its_place_allows() {
    let mut content = email("<p>{{ fragments.g | safe }}</p>");
    let mut held = |fragment: &str, value: &str| {
        content.fragments.insert("g".into(), fragment.into());
        assert!(errors(&content).is_empty(), "{fragment}: {:?}", errors(&content));
        Renderer::new(&content).unwrap().render(Variant::Email, &person(value), &occasion()).is_err()
    };
    let (link, style) = ("<a href=\"{{ attributes.x }}\">y</a>", "<b style=\"color: {{ attributes.x }}\">y</b>");
    assert!(held(link, "javascript:alert(1)") && !held(link, "https://example.com/x"));
    assert!(held(style, "red;background:url(//evil.example)") && !held(style, "red"));
}

#[test]
fn markup_put_together_from_pieces_is_not_taken() {
    for html in [
        "<scr{# x #}ipt>alert(1)</scr{# x #}ipt>",
        "<{# x #}script>alert(1)</script>",
        "< {#- x -#} script>alert(1)</script>",
        "<scr{% if true %}ipt{% endif %}>alert(1)</script>",
        "<img alt=\"\" src=\"https://example.com/x\" o{# x #}nerror=\"alert(1)\">",
        "<style></sty{# x #}le><script>alert(1)</script></style>",
        "<title></ti{{ '' }}tle><script>alert(1)</script></title>",
        "<!-- --{# x #}><script>alert(1)</script> -->",
        "{% if false %}<p title=\"{% endif %}<script>alert(1)</script>{% if false %}\">x</p>{% endif %}",
    ] {
        assert!(!errors(&email(html)).is_empty(), "{html}");
        let rendered = Renderer::new(&email(html)).map(|renderer| renderer.render(Variant::Email, &person("x"), &occasion()));
        assert!(!matches!(rendered, Ok(Ok(_))), "{html}");
    }
}

#[test]
fn ordinary_newsletters_are_taken() {
    for html in [
        include_str!("newsletter.html"),
        "<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body><p>x<br>y</body></html>",
        "<!--[if mso]><v:roundrect href=\"https://example.com\"><w:anchorlock/></v:roundrect><![endif]--><!--[if !mso]><!--><p>x</p><!--<![endif]-->",
        "<table><tr><td {% if attributes.x %}class=\"a\"{% endif %}>x</td></tr>{% for y in attributes.x %}<tr><td>{{ y }}</td></tr>{% endfor %}</table>",
        "{% if attributes.x %}<div class=\"a\">{% else %}<div>{% endif %}x</div>",
        "<p style=\"color: {{ attributes.x }}; background: url(https://example.com/x.png)\">x</p>",
        "<a href=\"tel:+971501234567\">call</a> <a href=\"mailto:a@example.com\">write</a> <a href=\"#top\">up</a> <a name=\"top\"></a>",
        "<ul><li>a<li>b</ul><p>1 < 2 & 3 > 2</p>",
    ] {
        let mut content = email(html);
        content.fragments.insert("offer".into(), "x".into());
        assert!(errors(&content).is_empty(), "{html}: {:?}", errors(&content));
    }
}

/// Templates that would take for ever, or fill the memory, or go deeper than the stack.
fn bombs() -> Vec<(&'static str, TemplateContent)> {
    let sms = |text: String| TemplateContent { sms: Some(SmsVariant { text, ..SmsVariant::default() }), ..TemplateContent::default() };
    let html = |text: String| email(&text);
    let mjml = |mjml: String| {
        let variant = EmailVariant { subject: "x".into(), mjml, ..EmailVariant::default() };
        TemplateContent { email: Some(variant), ..TemplateContent::default() }
    };
    let mut fragments = sms("{{ fragments.f29 }}".into());
    fragments.fragments.insert("f0".into(), "x".repeat(1_000));
    for n in 1..30 {
        fragments.fragments.insert(format!("f{n}"), format!("{{{{ fragments.f{} }}}}", n - 1).repeat(10));
    }
    vec![
        ("nested loops", sms("{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}".into())),
        ("a wide loop", sms("{% for a in range(999999) %}x{% endfor %}".into())),
        ("a range beyond memory", sms("{{ range(99999999999) | length }}{{ range(99999999999) | join }}".into())),
        ("deep loops", sms("{% for a in range(2) %}".repeat(60) + &"{% endfor %}".repeat(60))),
        ("deep conditions", sms("{% if city %}".repeat(5_000) + &"{% endif %}".repeat(5_000))),
        ("many branches", sms("{% if city %}".to_owned() + &"{% elif city %}".repeat(4_000) + "{% endif %}")),
        ("deep brackets", sms(format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)))),
        ("a long sum", sms(format!("{{{{ 1{} }}}}", " - 1".repeat(15_000)))),
        ("a long condition", sms(format!("{{% if city{} %}}x{{% endif %}}", " and city".repeat(7_000)))),
        ("many filters", sms(format!("{{{{ city{} }}}}", " | upper".repeat(8_000)))),
        ("many members", sms(format!("{{{{ attributes{} }}}}", ".a".repeat(30_000)))),
        ("many negations", sms(format!("{{{{ {}1 }}}}", "-".repeat(60_000)))),
        ("many nots", sms(format!("{{{{ {}city }}}}", "not ".repeat(15_000)))),
        ("a growing replace", sms(format!("{{{{ name{} }}}}", " | replace('a', 'aaaaaaaaaaaaaaaaaaaa')".repeat(40)))),
        ("a list of lists", sms(format!("{{{{ {}1{} }}}}", "[".repeat(10_000), "]".repeat(10_000)))),
        ("fragments within fragments", fragments),
        ("many tags", sms("{{ city }}".repeat(6_500))),
        ("deep elements", html("<div>".repeat(100_000))),
        ("deep elements with styles", html("<style>p{color:red}</style>".to_owned() + &"<div>".repeat(90_000) + &"</div>".repeat(40))),
        (
            "open formats",
            html(
                "<style>p{color:red}</style>".to_owned()
                    + &(0..200).map(|n| format!("<font size={n}>")).collect::<String>()
                    + &"<p>x".repeat(50_000),
            ),
        ),
        ("styles times elements", html(format!("<style>p{{{}}}</style>{}", "a:b;".repeat(20_000), "<p>x</p>".repeat(40_000)))),
        ("rules times elements", html(format!("<style>{}</style>{}", "p p p{a:b}".repeat(20_000), "<p>x</p>".repeat(20_000)))),
        ("descendants", html(format!("<style>{}{{a:b}}</style>{}x{}", "div ".repeat(40), "<div>".repeat(100), "</div>".repeat(100)))),
        ("a long style", html(format!("<style>p{{color:{}}}</style>{}", "red ".repeat(20_000), "<p>x</p>".repeat(15_000)))),
        ("deep MJML", mjml("<mjml><mj-body>".to_owned() + &"<mj-wrapper>".repeat(20_000))),
        ("many MJML elements", mjml(format!("<mjml><mj-body>{}</mj-body></mjml>", "<mj-section></mj-section>".repeat(9_000)))),
        (
            "MJML defaults",
            mjml(format!(
                "<mjml><mj-head><mj-attributes><mj-all font-family=\"{}\" /></mj-attributes></mj-head><mj-body>{}</mj-body></mjml>",
                "x".repeat(100_000),
                "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>".repeat(600)
            )),
        ),
        (
            "a carousel",
            mjml(format!(
                "<mjml><mj-body><mj-section><mj-column><mj-carousel>{}</mj-carousel></mj-column></mj-section></mj-body></mjml>",
                "<mj-carousel-image src=\"https://example.com/x.png\" />".repeat(1_500)
            )),
        ),
        ("an include", mjml("<mjml><mj-body><mj-include path=\"/etc/passwd\" /></mj-body></mjml>".into())),
        ("ends of nothing", html((0..30_000).map(|n| format!("<e{n}>")).collect::<String>() + &"</x>".repeat(40_000))),
        ("open comments", html("<!--".repeat(100_000))),
        ("open quotes", html("<p title=\"".repeat(40_000))),
        ("references", html("&".repeat(200_000) + &"&amp;".repeat(50_000))),
    ]
}

/// Bounded while they are rendered or put together, so that they may be written.
const HARMLESS: [&str; 8] = [
    "a wide loop",
    "a range beyond memory",
    "a growing replace",
    "references",
    "rules times elements",
    "descendants",
    "a long style",
    "styles times elements",
];

#[test]
fn bombs_do_not_go_off() {
    let bombs = bombs();
    assert_eq!(bombs.len(), 33);
    for (name, content) in bombs {
        let started = Instant::now();
        let refused = !errors(&content).is_empty();
        // Even one that was stored before it was refused is bounded.
        if let Ok(renderer) = Renderer::new(&content) {
            for variant in content.variants() {
                if let Ok(Rendered::Email(email)) = renderer.render_made_up(variant, &occasion()) {
                    assert!(email.html.len() <= MAX_EMAIL_BYTES && email.text.len() <= MAX_EMAIL_BYTES, "{name}");
                }
            }
        }
        let is_harmless = HARMLESS.contains(&name);
        assert!(refused || is_harmless, "{name} was taken");
        // A debug build on a busy machine; each takes a fraction of that.
        assert!(started.elapsed().as_secs() < 20, "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn more_than_is_looked_at_is_refused_at_once() {
    let mut chain = email("<p>{{ fragments.f0 }}</p>");
    chain.fragments.extend((0..50_000).map(|n| (format!("f{n}"), format!("{{{{ fragments.f{} }}}}", n + 1))));
    let mut languages = email(&"<style>p{color:red}</style><p>x</p>".repeat(5_000));
    languages.translations.extend((0..50_000).map(|n| (format!("en-x{n}"), Translation::default())));
    for (field, content) in [("fragments", chain), ("translations", languages)] {
        let started = Instant::now();
        let named = |problems: Vec<ContentProblem>| problems.into_iter().any(|problem| problem.field == field);
        assert!(named(errors(&content)) && named(Renderer::new(&content).unwrap_err()), "{field}");
        assert!(started.elapsed().as_secs() < 20, "{field} took {:?}", started.elapsed());
    }
}

#[test]
fn no_value_begins_a_header() {
    let breaks = ["\r\n", "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\u{1b}", "\r\n\r\n", "\n "];
    let headers = ["Bcc: all@example.com", "Content-Type: text/html", "X: <script>", "Subject: other", ".", "MIME-Version: 1.0"];
    let content = TemplateContent {
        push: Some(PushVariant { title: "{{ attributes.x }}".into(), body: "x".into(), ..PushVariant::default() }),
        ..email("<p>x</p>")
    };
    let renderer = Renderer::new(&content).unwrap();
    let mut cases = 0;
    for line_break in breaks {
        for header in headers {
            let person = person(&format!("Sara{line_break}{header}"));
            let Ok(Rendered::Email(email)) = renderer.render(Variant::Email, &person, &occasion()) else { panic!("{header}") };
            let Ok(Rendered::Push(push)) = renderer.render(Variant::Push, &person, &occasion()) else { panic!("{header}") };
            for line in [&email.subject, &email.preheader, &push.title] {
                assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{line:?}");
                cases += 1;
            }
            assert_eq!(email.subject, format!("Hi Sara {header}"));
        }
    }
    assert_eq!(cases, 216);
}
