use super::*;
use crate::{
    Channel,
    content::{EmailFile, EmailVariant, MetaTemplate, SmsVariant, TwilioContent, WhatsappVariant},
};
use serde_json::json;

fn person() -> Person {
    let attributes = json!({"tier": "gold", "points": 120, "tags": ["sea", "spa"], "note": "", "gone": null, "bio": "<b>hi</b>"});
    Person { attributes: attributes.as_object().unwrap().clone(), ..Person::made_up() }
}

fn occasion() -> Occasion {
    Occasion { campaign_name: "Summer".into(), unsubscribe_url: "https://hub.example/u/tok".into(), ..Occasion::default() }
}

fn sms(text: &str) -> TemplateContent {
    TemplateContent { sms: Some(SmsVariant { text: text.into(), ..SmsVariant::default() }), ..TemplateContent::default() }
}

fn email_of(subject: &str, html: &str) -> TemplateContent {
    let email = EmailVariant { subject: subject.into(), html: html.into(), ..EmailVariant::default() };
    TemplateContent { email: Some(email), ..TemplateContent::default() }
}

fn whatsapp_of(twilio: Option<TwilioContent>, meta: Option<MetaTemplate>) -> TemplateContent {
    TemplateContent { whatsapp: Some(WhatsappVariant { twilio, meta, ..WhatsappVariant::default() }), ..TemplateContent::default() }
}

fn renderer(content: &TemplateContent) -> Renderer {
    Renderer::new(content).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn sms_result(text: &str) -> Result<String, RenderError> {
    match renderer(&sms(text)).render(Channel::Sms, &person(), &occasion())? {
        Rendered::Sms(sms) => Ok(sms.text),
        other => panic!("{other:?}"),
    }
}

fn email_result(content: &TemplateContent, person: &Person) -> EmailVariant {
    match renderer(content).render(Channel::Email, person, &occasion()) {
        Ok(Rendered::Email(email)) => email,
        other => panic!("{other:?}"),
    }
}

/// What validation refuses, warnings left out.
fn problems(content: &TemplateContent) -> Vec<ContentProblem> {
    validate(content).into_iter().filter(ContentProblem::is_error).collect()
}

fn is_fine(content: &TemplateContent) -> bool {
    problems(content).is_empty() && Renderer::new(content).is_ok()
}

/// The only problem.
fn problem(content: &TemplateContent) -> (String, usize, String) {
    let mut found = problems(content);
    assert_eq!(found.len(), 1, "{found:?}");
    let ContentProblem { field, line, message, remedy, .. } = found.remove(0);
    (field, line, format!("{message}; {remedy}"))
}

#[test]
fn variables_have_their_values() {
    for (text, expected) in [
        ("Hi {{ name }}, {{first_name}}!", "Hi Sara Ali, Sara!"),
        (
            "{{ email }} {{ phone }} {{ locale }} {{ city }} {{ postal_code }} {{ role }}",
            "sara@example.com +971501234567 en-AE Dubai 00000 customer",
        ),
        ("{{ campaign.name }} {{ attributes.tier }} {{ attributes['points'] }}", "Summer gold 120"),
        ("{{ unsubscribe_url }}", "https://hub.example/u/tok"),
        ("{{ attributes.missing | default(\"friend\") }}", "friend"),
        ("{{ attributes.note | default('empty') }} {{ attributes.gone | d('null') }}", "empty null"),
        ("{% if attributes.vip %}VIP{% else %}all{% endif %}", "all"),
        ("{% if attributes.tier == 'gold' and city in ['Dubai', 'Sharjah'] %}yes{% endif %}", "yes"),
        ("{% for tag in attributes.tags %}{{ loop.index }}:{{ tag | upper }} {% endfor %}.", "1:SEA 2:SPA ."),
        ("{{ attributes.tags | join(', ') }} {{ name | replace('Sara', 'S.') | length }}", "sea, spa 6"),
        ("{{ name | lower | title }} {{ attributes.points / 2 }} {{ attributes.points - 1 }}", "Sara Ali 60.0 119"),
        ("{% for i in range(3) %}*{% endfor %}", "***"),
        ("{{ 'a' if city is defined else 'b' }}{{ 'c' if name is startingwith('S') }}", "ac"),
        ("<b> & 'quotes' stay", "<b> & 'quotes' stay"),
        ("{{ attributes.bio }}", "<b>hi</b>"),
        ("{# a comment #}ok", "ok"),
        ("مرحبا {{ first_name }} 🌴", "مرحبا Sara 🌴"),
    ] {
        assert_eq!(sms_result(text).as_deref(), Ok(expected), "{text:?}");
    }
}

#[test]
fn a_variable_without_value_is_named() {
    for (text, variable) in [
        ("Hi {{ attributes.nick }}", "attributes.nick"),
        ("{{ attributes.note }}", "attributes.note"),
        ("{{ attributes.a.b }}", "attributes.a"),
        ("{{ attributes.nick | upper }}", "attributes.nick"),
        ("{% for x in attributes.none %}{{ x }}{% endfor %}", "attributes.none"),
    ] {
        let error = sms_result(text).expect_err(text);
        assert_eq!(error, RenderError::Missing { field: "sms.text".into(), variable: variable.into() }, "{text:?}");
        assert_eq!(error.code(), "missing_variable");
    }
    let nameless = Person { name: " ".into(), ..person() };
    let error = renderer(&sms("Hi {{ first_name }}")).render(Channel::Sms, &nameless, &occasion()).expect_err("no name");
    assert_eq!(error.to_string(), "sms.text: first_name has no value and no default");
    let defaulted = renderer(&sms("Hi {{ first_name | default('you') }}")).render(Channel::Sms, &nameless, &occasion());
    assert_eq!(defaulted, Ok(Rendered::Sms(SmsVariant { text: "Hi you".into(), ..SmsVariant::default() })));
}

#[test]
fn only_the_html_is_escaped() {
    let mut content =
        email_of("{{ name }} & {{ attributes.bio }}", "<p title=\"{{ name }}\">{{ attributes.bio }} {{ fragments.offer }}</p>");
    content.fragments.insert("offer".into(), "20% & more for {{ name }}".into());
    content.email.as_mut().unwrap().text = "{{ name }} {{ fragments.offer }}".into();
    let person = Person { name: "\"<Sara>\" & 'Co'/x".into(), ..person() };
    let email = email_result(&content, &person);
    assert_eq!(email.subject, "\"<Sara>\" & 'Co'/x & <b>hi</b>");
    assert_eq!(
        email.html,
        "<p title=\"&quot;&lt;Sara&gt;&quot; &amp; &#39;Co&#39;/x\">&lt;b&gt;hi&lt;/b&gt; 20% &amp; more for &quot;&lt;Sara&gt;&quot; &amp; &#39;Co&#39;/x</p>"
    );
    assert_eq!(email.text, "\"<Sara>\" & 'Co'/x 20% & more for \"<Sara>\" & 'Co'/x");
}

#[test]
fn a_value_cannot_begin_a_header() {
    for name in
        ["Sara\r\nBcc: all@example.com", "Sara\nBcc: all@example.com", "Sara\u{2028}Bcc: all@example.com", "Sara\0Bcc: all@example.com"]
    {
        let email = email_result(&email_of("Hi {{ name }}!", "x"), &Person { name: name.into(), ..person() });
        assert_eq!(email.subject, "Hi Sara Bcc: all@example.com!");
    }
}

#[test]
fn fragments_are_rendered_first_and_may_nest() {
    let mut content = sms("{{ fragments.greeting }} {{ fragments.end }}");
    content.fragments.insert("greeting".into(), "Hello {{ fragments.who }},".into());
    content.fragments.insert("who".into(), "{{ first_name }} of {{ city }}".into());
    content.fragments.insert("end".into(), "bye {{ fragments.who }}".into());
    content.fragments.insert("unused".into(), "{{ attributes.nobody_has_this }}".into());
    let rendered = renderer(&content).render(Channel::Sms, &person(), &occasion());
    assert_eq!(rendered, Ok(Rendered::Sms(SmsVariant { text: "Hello Sara of Dubai, bye Sara of Dubai".into(), ..SmsVariant::default() })));
}

#[test]
fn fragments_that_go_round_in_circles_are_refused() {
    let mut content = sms("{{ fragments.a }}");
    for (name, text) in [("a", "{{ fragments.b }}"), ("b", "{{ fragments.c }}"), ("c", "{{ fragments.a }}"), ("d", "{{ fragments.d }}")] {
        content.fragments.insert(name.into(), text.into());
    }
    let found = problems(&content);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].message.contains("a → b → c → a"), "{found:?}");
    assert_eq!(found[1].field, "fragments.d");
}

#[test]
fn what_a_template_may_not_do_is_refused_with_its_line() {
    for (text, line, part) in [
        ("{{ name", 1, "can't be read"),
        ("a\nb {% if city %}", 2, "can't be read"),
        ("\n\n{{ nickname }}", 3, "no variable nickname"),
        ("{{ name }}\n{{ name.first }}", 2, "name is a text"),
        ("{{ attributes }}", 1, "needs a name after it"),
        ("{{ fragments }}", 1, "needs a name after it"),
        ("{{ fragments.x }}", 1, "no fragment named x"),
        ("{{ campaign.budget }}", 1, "no budget"),
        ("{{ name | shout }}", 1, "no filter shout"),
        ("{{ name | tojson }}", 1, "no filter tojson"),
        ("{% if name is funny %}x{% endif %}", 1, "no test funny"),
        ("{% if name is not funny %}x{% endif %}", 1, "no test funny"),
        ("{{ debug() }}", 1, "can't be called"),
        ("{{ name.upper() }}", 1, "can't be called"),
        ("{% set x = name %}{{ x }}", 1, "set %} can't be used"),
        ("{% include '/etc/passwd' %}", 1, "include %} can't be used"),
        ("{% macro m() %}{% endmacro %}", 1, "macro %} can't be used"),
        ("{% extends 'x' %}", 1, "extends %} can't be used"),
        ("{% raw %}{{ x }}{% endraw %}", 1, "raw %} can't be used"),
        ("{{ name ~ name }}", 1, "~ can't be used"),
        ("{{ name * 1000000 }}", 1, "* can't be used"),
        ("{{ name + name }}", 1, "+ can't be used"),
        ("{{ {'a': 1} }}", 1, "brace can't be used"),
        ("{% for x in [1, 2] %}{{ x }}{% endfor %}", 1, "run over a variable"),
        ("{% for x in attributes.a recursive %}{{ x }}{% endfor %}", 1, "run over a variable"),
    ] {
        let found = problems(&sms(text));
        assert!(
            found.iter().any(|found| found.field == "sms.text"
                && found.line == line
                && format!("{}; {}", found.message, found.remedy).contains(part)),
            "{text:?} gives {found:?}, not line {line}: {part:?}"
        );
    }
}

#[test]
fn work_and_output_are_bounded() {
    let loops = "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}x";
    assert!(problem(&sms(loops)).2.contains("too long; make its loops shorter"));
    let deep = format!("{}x{}", "{% for a in range(2) %}".repeat(4), "{% endfor %}".repeat(4));
    assert!(problem(&sms(&deep)).2.contains("at most 3 deep"));
    assert!(problem(&sms(&"x".repeat(1_601))).2.contains("1600 characters"));
    assert!(problem(&sms("{% for a in range(1000) %}xy{% endfor %}")).2.contains("1600 characters"));
    assert!(is_fine(&sms(&"ö".repeat(1_600))));
    assert!(problem(&email_of("x", &"x".repeat(MAX_EMAIL_BYTES + 1))).2.contains("longer than"));

    let tags = json!({"tags": vec!["x".repeat(4_000); 2_000]});
    let person = Person { attributes: tags.as_object().unwrap().clone(), ..person() };
    let long =
        renderer(&sms("{{ attributes.tags | join(',') | length }}")).render(Channel::Sms, &person, &occasion()).expect_err("too long");
    assert!(long.to_string().contains("becomes too long"), "{long}");
    let long = renderer(&sms("{% for x in attributes.tags %}{{ x }}{% endfor %}")).render(Channel::Sms, &person, &occasion());
    assert_eq!(long, Err(RenderError::TooLong { field: "sms.text".into(), limit: 1_600, unit: "characters" }));
    let grown = "{{ name | replace('a', 'aaaaaaaaaaaaaaaaaaaa') ".to_owned()
        + &"| replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')".repeat(20)
        + "| length }}";
    let error = renderer(&sms(&grown)).render(Channel::Sms, &person, &occasion()).expect_err("too long");
    assert!(error.to_string().contains("becomes too long"), "{error}");
}

#[test]
fn variants_must_be_whole() {
    assert!(problem(&TemplateContent::default()).2.contains("has no variant"));
    assert_eq!(problem(&sms("  ")).0, "sms.text");
    assert_eq!(problem(&email_of(" ", "x")).0, "email.subject");
    assert_eq!(problem(&email_of("x", "")).0, "email.html");
    assert!(problem(&email_of("a\nb", "x")).2.contains("line break"));
    let mut badly_named = sms("x");
    badly_named.fragments.insert("my text".into(), "x".into());
    assert!(problem(&badly_named).2.contains("can't be named"));
    let all = problems(&TemplateContent { sms: Some(SmsVariant::default()), ..email_of("", "{{ nope }}") });
    let fields: Vec<_> = all.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["email.subject", "sms.text", "email.html"], "all at once");
    for channel in Channel::ALL {
        let other = if channel == Channel::Sms { email_of("x", "x") } else { sms("x") };
        assert_eq!(renderer(&other).render(channel, &person(), &occasion()), Err(RenderError::NoVariant(channel.into())));
    }
}

#[test]
fn links_lead_to_the_web() {
    let html = "<p>\n<a href=\"https://example.com\">a</a> <a href='HTTP://example.com'>b</a> <a href=\"mailto:a@example.com\">c</a>\n\
        <a href=\"tel:+971501234567\">d</a> <a href=\"#top\">e</a> <a href=\"{{ unsubscribe_url }}\">f</a> <a name=x>g</a> \
        <a href=\"{{ attributes.url | default(\"https://example.com\") }}\">h</a> <img src=\"https://example.com/x.png\"> <img src=cid:logo></p>";
    let mut fine = email_of("x", html);
    fine.email.as_mut().unwrap().files = vec![EmailFile { id: "1".into(), content_id: "logo".into() }];
    assert!(is_fine(&fine), "{:?}", problems(&fine));
    for (bad, line) in [
        ("\n\n<a\n href=\"javascript:alert(1)\">x</a>", 4),
        ("<a href=\"&#106;avascript:alert(1)\">x</a>", 1),
        ("<p>\n<a href=\"/offers\">x</a>", 2),
        ("<a href=\"www.example.com\">x</a>", 1),
        ("<a href=\"\">x</a>", 1),
        ("<img src=\"data:image/png;base64,xx\">", 1),
        ("<a href=\"file:///etc/passwd\">x</a>", 1),
    ] {
        let (field, at, message) = problem(&email_of("x", bad));
        assert_eq!((field.as_str(), at), ("email.html", line), "{bad:?} gives {message}");
        assert!(message.contains("http://"), "{message}");
    }
}

#[test]
fn files_and_the_html_that_shows_them_agree() {
    let with = |html: &str, ids: &[&str]| {
        let mut content = email_of("x", html);
        let files = ids.iter().map(|id| EmailFile { id: "1".into(), content_id: (*id).into() });
        content.email.as_mut().unwrap().files = files.collect();
        content
    };
    let picture = "<p>x</p><img src=\"cid:logo\">";
    assert!(is_fine(&with(picture, &["logo", ""])));
    for (content, field) in [
        (with(picture, &[]), "email.html"),
        (with(picture, &["logo", "logo"]), "email.files[1]"),
        (with(picture, &["logo", "a b"]), "email.files[1]"),
        (with("<p>x</p>", &[""; 21]), "email.files[20]"),
    ] {
        assert_eq!(problem(&content).0, field);
    }
    let unused = crate::render::validate(&with("<p>x</p>", &["logo"]));
    assert!(unused.iter().any(|problem| problem.field == "email.files[0]" && !problem.is_error()));
    let rendered = renderer(&with(picture, &["logo"])).render(Channel::Email, &person(), &occasion()).unwrap();
    assert!(matches!(rendered, Rendered::Email(email) if email.files.len() == 1), "a rendered e-mail names its files");
}

#[test]
fn whatsapp_parameters_are_what_the_providers_take() {
    let sid = format!("HX{}", "0a".repeat(16));
    let twilio = TwilioContent {
        content_sid: sid.clone(),
        variables: [("1".into(), "{{ name }}".into()), ("2".into(), "in\n{{ city }}\t  now".into())].into(),
        ..TwilioContent::default()
    };
    let meta = MetaTemplate {
        name: "summer_offer".into(),
        language: "en_US".into(),
        header_image_url: "{{ attributes.image }}".into(),
        body: vec!["{{ first_name }}".into(), "{{ attributes.tier }}".into()],
        url_buttons: [(0, "offers/{{ attributes.points }}".into())].into(),
        ..MetaTemplate::default()
    };
    let content = whatsapp_of(Some(twilio), Some(meta.clone()));
    let mut person = person();
    person.attributes.insert("image".into(), json!("https://example.com/a.png"));
    let Ok(Rendered::Whatsapp(rendered)) = renderer(&content).render(Channel::Whatsapp, &person, &occasion()) else {
        panic!("not rendered")
    };
    let variables = rendered.twilio.unwrap().variables;
    assert_eq!(variables, [("1".into(), "Sara Ali".into()), ("2".into(), "in Dubai now".into())].into());
    let rendered = rendered.meta.unwrap();
    assert_eq!((rendered.body[0].as_str(), rendered.body[1].as_str(), rendered.url_buttons[&0].as_str()), ("Sara", "gold", "offers/120"));
    assert_eq!(rendered.header_image_url, "https://example.com/a.png");

    person.attributes.insert("image".into(), json!("javascript:alert(1)"));
    let bad = renderer(&content).render(Channel::Whatsapp, &person, &occasion());
    assert_eq!(bad, Err(RenderError::BadLink { field: "whatsapp.meta.header_image_url".into() }));
    let blank = whatsapp_of(
        None,
        Some(MetaTemplate { header_image_url: String::new(), body: vec!["{{ attributes.x | default(' ') }}".into()], ..meta }),
    );
    let blank = renderer(&blank).render(Channel::Whatsapp, &person, &occasion());
    assert_eq!(blank, Err(RenderError::Empty { field: "whatsapp.meta.body[0]".into() }));
}

#[test]
fn whatsapp_forms_are_checked() {
    assert!(problem(&whatsapp_of(None, None)).2.contains("is empty"));
    let sid = format!("HX{}", "0".repeat(32));
    let of = |sid: &str, positions: &[&str]| {
        let variables = positions.iter().map(|position| ((*position).to_owned(), "x".to_owned())).collect();
        whatsapp_of(Some(TwilioContent { content_sid: sid.to_owned(), variables, ..TwilioContent::default() }), None)
    };
    for good in [&[][..], &["1"], &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]] {
        assert!(is_fine(&of(&sid, good)), "{good:?}");
    }
    for bad in ["", "HX", "HX123", &sid[..33], &format!("{sid}0"), &sid.replace("HX", "MG"), &sid.replace('0', "g")] {
        assert_eq!(problem(&of(bad, &[])).0, "whatsapp.twilio.content_sid", "{bad:?}");
    }
    for bad in [&["0"][..], &["2"], &["1", "3"], &["01"], &["a"]] {
        assert_eq!(problem(&of(&sid, bad)).0, "whatsapp.twilio.variables", "{bad:?}");
    }
    let meta = MetaTemplate { name: "offer_1".into(), language: "en".into(), ..MetaTemplate::default() };
    for language in ["en", "ar", "fil", "en_US", "zh_HK"] {
        assert!(is_fine(&whatsapp_of(None, Some(MetaTemplate { language: language.into(), ..meta.clone() }))), "{language}");
    }
    for language in ["", "English", "en-US", "EN", "en_us"] {
        let found = problem(&whatsapp_of(None, Some(MetaTemplate { language: language.into(), ..meta.clone() })));
        assert_eq!(found.0, "whatsapp.meta.language", "{language}");
    }
    for name in ["", "My Offer", "offer-1"] {
        assert_eq!(problem(&whatsapp_of(None, Some(MetaTemplate { name: name.into(), ..meta.clone() }))).0, "whatsapp.meta.name");
    }
    let bad =
        MetaTemplate { header_image_url: "ftp://x".into(), body: vec![String::new()], url_buttons: [(10, "x".into())].into(), ..meta };
    assert_eq!(problems(&whatsapp_of(None, Some(bad))).len(), 3);
}

#[test]
fn links_and_opens_are_tracked() {
    let html = "<html><body><p><a href=\"https://shop.example/?a=1&amp;b=2\">Shop</a> <a href='{{U}}'>Unsubscribe</a>\
        <a href=\"mailto:a@example.com\">Mail</a><a href=\"#top\">Top</a><a>None</a></p></body></html>";
    let html = html.replace("{{U}}", &entity::escape("https://hub.example/u/tok?x=1&y=2"));
    let tracked = email::track(
        &html,
        "https://hub.example/u/tok?x=1&y=2",
        &|url| format!("https://hub.example/c/{}&\"", url.len()),
        "https://hub.example/o/1",
    );
    let tracked = tracked.unwrap();
    assert!(tracked.contains("<a href=\"https://hub.example/c/29&amp;&quot;\">Shop</a>"), "{tracked}");
    assert!(tracked.contains("<a href='https://hub.example/u/tok?x=1&amp;y=2'>Unsubscribe</a>"), "{tracked}");
    assert!(tracked.contains("<a href=\"mailto:a@example.com\">Mail</a><a href=\"#top\">Top</a><a>None</a>"), "{tracked}");
    assert!(
        tracked.ends_with("<img src=\"https://hub.example/o/1\" width=\"1\" height=\"1\" alt=\"\" style=\"border:0\"></body></html>"),
        "{tracked}"
    );
    for bare in ["<p>Hi", "Hi", "", "<body>open", "<p>Hi</p></html>"] {
        let tracked = email::track(bare, "", &str::to_owned, "https://hub.example/o/1").unwrap();
        assert_eq!(tracked.matches("<img src=\"https://hub.example/o/1\"").count(), 1, "{tracked}");
        assert!(tracked.starts_with(bare.trim_end_matches("</html>")), "{tracked}");
    }
}

#[test]
fn a_text_is_made_of_the_html() {
    let html = "<!doctype html><html><head><title>T</title><style>p { color: red }</style></head><body>
        <h1>Hello   Sara</h1><p>One &amp; two<br>three&nbsp;four</p><script>alert(1)</script>
        <ul><li>First</li><li>Second <b>bold</b></li></ul>
        <p><a href=\"https://example.com/?a=1&amp;b=2\">Shop <b>now</b></a>, <a href=\"https://example.com\">https://example.com</a>, \
        <a href=\"mailto:a@example.com\">a@example.com</a></p><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>
        <a href=\"https://example.com/img\"><img src=\"https://example.com/x.png\" alt=\"Big &quot;sale&quot;\"></a><div>end</div></body></html>";
    let expected = "Hello Sara\n\nOne & two\nthree four\n\n- First\n- Second bold\n\nShop now (https://example.com/?a=1&b=2), https://example.com, a@example.com\n\n\
        a b\nc\n\nBig \"sale\" (https://example.com/img)\nend";
    assert_eq!(email::text(html), expected);
    assert_eq!(email::text("plain & simple"), "plain & simple");
    assert_eq!(email_result(&email_of("x", "<p>Hi {{ attributes.bio }}</p>"), &person()).text, "Hi <b>hi</b>");
}

#[test]
fn a_renderer_is_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&renderer(&sms("x")));
}

#[test]
fn thousands_are_rendered_in_a_second() {
    let mut content = email_of("Hi {{ first_name }}", include_str!("newsletter.html"));
    content.fragments.insert("offer".into(), "20% off for {{ first_name }} in {{ city | default('your city') }}".into());
    let renderer = renderer(&content);
    let started = std::time::Instant::now();
    let count = 500;
    for _ in 0..count {
        let Ok(Rendered::Email(email)) = renderer.render(Channel::Email, &person(), &occasion()) else { panic!("not rendered") };
        assert!(
            email::track(&email.html, &occasion().unsubscribe_url, &|_| "https://hub.example/c/x".into(), "https://hub.example/o/x")
                .is_ok()
        );
    }
    let per_second = f64::from(count) / started.elapsed().as_secs_f64();
    // A dispatcher needs 20 a second; a hundredth of what it is leaves room for a busy machine.
    assert!(per_second > 100.0, "{per_second:.0} e-mails a second");
}
