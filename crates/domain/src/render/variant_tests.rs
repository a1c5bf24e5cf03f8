//! What each variant becomes: layouts, MJML, styles, preheaders, policies, WhatsApp's mappings, notifications, posts.

use super::*;
use crate::content::{
    ButtonKind, EmailVariant, MetaTemplate, MissingPolicy, Network, PushVariant, SmsVariant, SocialVariant, TwilioContent, VariableRule,
    WhatsappButton, WhatsappKind, WhatsappVariant,
};
use serde_json::json;

fn occasion() -> Occasion {
    Occasion { campaign_name: "Summer".into(), unsubscribe_url: "https://hub.example/u/tok".into(), ..Occasion::default() }
}

fn of_email(email: EmailVariant) -> TemplateContent {
    TemplateContent { email: Some(EmailVariant { subject: "Hi {{ name }}".into(), ..email }), ..TemplateContent::default() }
}

fn email(content: &TemplateContent, person: &Person) -> EmailVariant {
    let renderer = Renderer::new(content).unwrap_or_else(|problems| panic!("{problems:?}"));
    match renderer.render(Variant::Email, person, &occasion()) {
        Ok(Rendered::Email(email)) => email,
        other => panic!("{other:?}"),
    }
}

fn problems(content: &TemplateContent, severity: Severity) -> Vec<(String, usize, String)> {
    let found = validate(content).into_iter().filter(|problem| problem.severity == severity);
    found.map(|problem| (problem.field, problem.line, format!("{}; {}", problem.message, problem.remedy))).collect()
}

fn errors(content: &TemplateContent) -> Vec<(String, usize, String)> {
    problems(content, Severity::Error)
}

fn warnings(content: &TemplateContent) -> Vec<(String, usize, String)> {
    problems(content, Severity::Warning)
}

#[test]
fn old_layout_files_keep_working() {
    let layout = "<html><head><title>%SUBJECT%</title></head><body><h1>Dear %RECIPIENT_NAME%</h1>\n%BODY%\n<a href=\"%UNSUBSCRIBE_LINK%\">out</a></body></html>";
    let mut content = of_email(EmailVariant {
        html: "<p>{{ city }} %RECIPIENT_NAME%</p>".into(),
        layout: "main".into(),
        layout_html: layout.into(),
        ..EmailVariant::default()
    });
    let person = Person { name: "Sara & Ali".into(), ..Person::made_up() };
    assert_eq!(
        email(&content, &person).html,
        "<html><head><title>Hi Sara &amp; Ali</title></head><body><h1>Dear Sara &amp; Ali</h1>\n<p>Dubai Sara &amp; Ali</p>\n\
         <a href=\"https://hub.example/u/tok\">out</a></body></html>"
    );
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let variant = content.email.as_mut().unwrap();
    variant.layout_html = layout.replace("%BODY%", "{{ body | safe }}");
    assert!(email(&content, &person).html.contains("<p>Dubai Sara"));
    for (layout, part) in [("<p>x</p>", "no place for the body"), ("%BODY%\n%BODY%", "several places"), ("", "no layout")] {
        content.email.as_mut().unwrap().layout_html = layout.into();
        let found = errors(&content);
        assert!(found.iter().any(|(field, _, message)| field == "email.layout" && message.contains(part)), "{layout:?}: {found:?}");
    }
    let found = validate_layout("<div>\n<b>%BODY%</div>{{ nope }}");
    assert_eq!(
        found.iter().map(|problem| (problem.field.as_str(), problem.line)).collect::<Vec<_>>(),
        [("layout", 2), ("layout", 2)],
        "{found:?}"
    );
    assert!(validate_layout("<div>%BODY%</div>").is_empty());
}

#[test]
fn layouts_are_pinned_by_name() {
    let mut content = of_email(EmailVariant { layout: "main".into(), layout_html: "smuggled".into(), ..EmailVariant::default() });
    assert_eq!(content.layouts().into_iter().collect::<Vec<_>>(), ["main"]);
    content.set_layouts(&[("main".to_owned(), "<b>%BODY%</b>".to_owned())].into());
    assert_eq!(content.email.as_ref().unwrap().layout_html, "<b>%BODY%</b>");
    content.set_layouts(&std::collections::BTreeMap::new());
    assert!(content.email.unwrap().layout_html.is_empty());
}

#[test]
fn mjml_becomes_html() {
    let mjml = "<mjml>\n<mj-head><mj-style inline=\"inline\">.big { letter-spacing: 3px }</mj-style></mj-head>\n<mj-body>\n\
        <mj-section><mj-column><mj-text css-class=\"big\">Hello {{ name }}{% if city %} of <b>{{ city }}</b>{% endif %}</mj-text>\n\
        <mj-button href=\"https://example.com/?c={{ city | urlencode }}&amp;x=1\">Go</mj-button></mj-column></mj-section>\n\
        <mj-raw>{% for tag in attributes.tags %}</mj-raw><mj-section><mj-column><mj-text>{{ tag }}</mj-text></mj-column></mj-section><mj-raw>{% endfor %}</mj-raw>\n\
        </mj-body></mjml>";
    let content = of_email(EmailVariant { mjml: mjml.into(), ..EmailVariant::default() });
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let mut person = Person { name: "<Sara>".into(), ..Person::made_up() };
    person.attributes.insert("tags".into(), json!(["sea", "spa"]));
    let rendered = email(&content, &person);
    assert!(rendered.html.contains("Hello &lt;Sara&gt; of <b>Dubai</b>"), "{}", rendered.html);
    assert!(rendered.html.contains("href=\"https://example.com/?c=Dubai&amp;x=1\""), "{}", rendered.html);
    assert!(
        rendered.html.contains("sea") && rendered.html.contains("spa") && !rendered.html.contains("fonts.googleapis"),
        "{}",
        rendered.html
    );
    assert!(rendered.html.contains("letter-spacing: 3px"), "{}", rendered.html);
    assert!(
        rendered.text.contains("Hello <Sara> of Dubai") && rendered.text.contains("Go (https://example.com/?c=Dubai&x=1)"),
        "{}",
        rendered.text
    );
}

#[test]
fn mjml_that_cannot_be_converted_is_pointed_at() {
    for (mjml, line, part) in [
        ("<mjml><mj-body>\n<mj-section>\n</mj-body></mjml>", 2, "never closed"),
        ("<mjml><mj-body>\n\n<mj-nonsense></mj-nonsense></mj-body></mjml>", 0, ""),
        ("<p>x</p>", 0, ""),
        ("<mjml><mj-body>\n<mj-include path=\"x.mjml\" /></mj-body></mjml>", 2, "mj-include"),
        (
            "<mjml><mj-body><mj-section><mj-column>\n<mj-text>{{ nope }}</mj-text></mj-column></mj-section></mj-body></mjml>",
            2,
            "no variable nope",
        ),
    ] {
        let found = errors(&of_email(EmailVariant { mjml: mjml.into(), ..EmailVariant::default() }));
        let is_found =
            found.iter().any(|(field, at, message)| field == "email.mjml" && (*at == line || line == 0) && message.contains(part));
        // An element that MJML doesn't know is HTML to it.
        assert!(is_found || mjml.contains("nonsense"), "{mjml:?}: {found:?}");
    }
    let both =
        of_email(EmailVariant { html: "<p>x</p>".into(), mjml: "<mjml><mj-body></mj-body></mjml>".into(), ..EmailVariant::default() });
    assert!(errors(&both).iter().any(|(field, _, message)| field == "email.mjml" && message.contains("beside HTML")));
}

#[test]
fn styles_are_moved_into_elements() {
    let html = "<html><head><style>p { color: red } a:hover { color: blue } @media (max-width: 600px) { p { color: green } }</style></head>\
        <body><table>{% for tag in attributes.tags %}<tr><td><p class=\"{{ tag }}\">{{ tag }}</p></td></tr>{% endfor %}</table>\
        <p {% if city %}id=\"a\"{% endif %} style=\"margin: 0\">x &amp; y</p></body></html>";
    let mut person = Person::made_up();
    person.attributes.insert("tags".into(), json!(["sea", "<spa>"]));
    let content = of_email(EmailVariant { html: html.into(), ..EmailVariant::default() });
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let rendered = email(&content, &person).html;
    assert!(rendered.contains("<p class=\"sea\" style=\"color: red"), "{rendered}");
    assert!(rendered.contains("<td><p class=\"&lt;spa&gt;\" style=\"color: red;\">&lt;spa&gt;</p></td>"), "{rendered}");
    assert!(rendered.contains("@media") && rendered.contains(":hover"), "{rendered}");
    assert!(rendered.contains("margin: 0") && rendered.contains("id=\"a\"") && rendered.contains("x &amp; y"), "{rendered}");
    assert!(rendered.find("<table>").unwrap() < rendered.find("<tr>").unwrap(), "nothing is moved out of the table: {rendered}");

    let left = of_email(EmailVariant {
        html: "<style>{% if city %}p { color: red }{% endif %}</style><p>x</p>".into(),
        ..EmailVariant::default()
    });
    assert_eq!(email(&left, &person).html, "<style>p { color: red }</style><p>x</p>");
    assert!(warnings(&left).iter().any(|(_, _, message)| message.contains("among its styles")), "{:?}", warnings(&left));
}

#[test]
fn a_preheader_is_hidden_in_the_message() {
    let content = of_email(EmailVariant {
        html: "<html><body class=\"a\"><p>x</p></body></html>".into(),
        preheader: "For {{ name }}\u{202f}only".into(),
        ..EmailVariant::default()
    });
    let person = Person { name: "<S>".into(), ..Person::made_up() };
    let rendered = email(&content, &person);
    assert!(rendered.html.contains("<body class=\"a\"><div style=\"display:none"), "{}", rendered.html);
    assert!(rendered.html.contains(">For &lt;S&gt; only&#847;"), "{}", rendered.html);
    assert_eq!((rendered.preheader.as_str(), rendered.text.as_str()), ("For <S> only", "x"));
}

#[test]
fn policies_say_what_stands_for_a_missing_value() {
    let sms = |missing, rules: &[(&str, Option<MissingPolicy>, &str)]| {
        TemplateContent {
        sms: Some(SmsVariant { text: "Hi {{ first_name }}{% if city %} of {{ city }}{% endif %}, {{ attributes.tier | upper }}{% for x in attributes.tags %}!{% endfor %}".into(), ..SmsVariant::default() }),
        missing,
        variables: rules.iter().map(|(name, missing, text)| ((*name).to_owned(), VariableRule { missing: *missing, default_text: (*text).to_owned() })).collect(),
        ..TemplateContent::default()
    }
    };
    let nobody = Person { phone: "+971501234567".into(), ..Person::default() };
    let result = |content: &TemplateContent| match Renderer::new(content).unwrap().render(Variant::Sms, &nobody, &occasion()) {
        Ok(Rendered::Sms(sms)) => sms.text,
        Err(error) => format!("{}: {error}", error.code()),
        other => panic!("{other:?}"),
    };
    let friend = ("first_name", None, "friend");
    let tags = ("attributes.tags", Some(MissingPolicy::Empty), "");
    assert_eq!(result(&sms(MissingPolicy::Skip, &[])), "missing_variable: sms.text: first_name has no value and no default");
    assert_eq!(result(&sms(MissingPolicy::Empty, &[])), "Hi , ");
    assert_eq!(result(&sms(MissingPolicy::Empty, &[friend])), "Hi friend, ");
    assert_eq!(
        result(&sms(MissingPolicy::Skip, &[friend, tags])),
        "missing_variable: sms.text: attributes.tier has no value and no default"
    );
    assert_eq!(result(&sms(MissingPolicy::Skip, &[friend, tags, ("attributes.tier", None, "plain")])), "Hi friend, PLAIN");
    assert_eq!(
        result(&sms(MissingPolicy::Empty, &[("first_name", Some(MissingPolicy::Skip), "")])),
        "missing_variable: sms.text: first_name has no value and no default"
    );
    let warned = warnings(&sms(MissingPolicy::Skip, &[friend]));
    assert!(warned.iter().any(|(_, _, message)| message.contains("attributes.tier has no default")), "{warned:?}");
    assert!(!warned.iter().any(|(_, _, message)| message.contains("first_name") || message.contains("city")), "{warned:?}");
    for (name, missing, text) in
        [("nope", None, "x"), ("unsubscribe_url", None, "x"), ("name", Some(MissingPolicy::Default), ""), ("city", None, "{{ name }}")]
    {
        let found = errors(&sms(MissingPolicy::Empty, &[(name, missing, text)]));
        assert!(found.iter().any(|(field, ..)| *field == format!("variables.{name}")), "{name}: {found:?}");
    }
}

#[test]
fn a_fragment_is_mended_once_for_all_variants() {
    let mut content = TemplateContent {
        email: Some(EmailVariant {
            subject: "{{ fragments.offer }}".into(),
            html: "<p>{{ fragments.offer }} {{ fragments.rich | safe }}</p>".into(),
            ..EmailVariant::default()
        }),
        sms: Some(SmsVariant { text: "{{ fragments.offer }}".into(), ..SmsVariant::default() }),
        whatsapp: Some(WhatsappVariant {
            meta: Some(MetaTemplate {
                name: "a".into(),
                language: "en".into(),
                body: vec!["{{ fragments.offer }}".into()],
                ..MetaTemplate::default()
            }),
            ..WhatsappVariant::default()
        }),
        push: Some(PushVariant { title: "x".into(), body: "{{ fragments.offer }}".into(), ..PushVariant::default() }),
        social: Some(SocialVariant { text: "{{ fragments.offer }}".into(), networks: vec![Network::X], ..SocialVariant::default() }),
        ..TemplateContent::default()
    };
    content.fragments.insert("offer".into(), "20 % of".into());
    content.fragments.insert("rich".into(), "<b>{{ name }}: {{ fragments.offer }}</b>".into());
    let shown = |content: &TemplateContent| {
        let renderer = Renderer::new(content).unwrap_or_else(|problems| panic!("{problems:?}"));
        let person = Person { name: "<S>".into(), ..Person::made_up() };
        Variant::ALL.map(|variant| format!("{:?}", renderer.render(variant, &person, &occasion()).unwrap()))
    };
    let before = shown(&content);
    content.fragments.insert("offer".into(), "20 % off".into());
    let after = shown(&content);
    assert!(before.iter().all(|text| text.contains("20 % of") && !text.contains("20 % off")));
    assert!(after.iter().all(|text| text.contains("20 % off")));
    assert!(after[0].contains("<b>&lt;S&gt;: 20 % off</b>"), "{}", after[0]);
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
}

fn twilio(variant: WhatsappVariant, mapping: &[(&str, &str)]) -> TemplateContent {
    let mapping = mapping.iter().map(|(position, source)| ((*position).to_owned(), (*source).to_owned())).collect();
    let twilio = TwilioContent { content_sid: format!("HX{}", "0a".repeat(16)), mapping, ..TwilioContent::default() };
    TemplateContent { whatsapp: Some(WhatsappVariant { twilio: Some(twilio), ..variant }), ..TemplateContent::default() }
}

fn media() -> WhatsappVariant {
    WhatsappVariant {
        kind: WhatsappKind::Media,
        body: "Dear {{ first_name }},\nwelcome".into(),
        media_url: "https://cdn.example.com/a/b.jpg?v={{ attributes.v }}".into(),
        link: "https://shop.example.com/x".into(),
        ..WhatsappVariant::default()
    }
}

fn whatsapp(content: &TemplateContent) -> Result<WhatsappVariant, RenderError> {
    let mut person = Person { city: String::new(), ..Person::made_up() };
    person.attributes.insert("v".into(), json!(7));
    person.attributes.insert("loyalty tier".into(), json!("gold"));
    match Renderer::new(content).unwrap_or_else(|problems| panic!("{problems:?}")).render(Variant::Whatsapp, &person, &occasion())? {
        Rendered::Whatsapp(whatsapp) => Ok(whatsapp),
        other => panic!("{other:?}"),
    }
}

#[test]
fn media_and_cards_are_mapped_by_default() {
    let rendered = whatsapp(&twilio(media(), &[])).unwrap();
    let positions: Vec<_> = rendered.twilio.unwrap().variables.into_values().collect();
    assert_eq!(positions, ["a/b.jpg?v=7", "Sara Ali", "Dear Sara, welcome", "https://shop.example.com/x"]);
    assert_eq!((rendered.body.as_str(), rendered.media_url.as_str()), ("Dear Sara,\nwelcome", "https://cdn.example.com/a/b.jpg?v=7"));

    let button = |value: &str| WhatsappButton { text: "Go".into(), value: value.into(), ..WhatsappButton::default() };
    let card =
        WhatsappVariant { kind: WhatsappKind::Card, buttons: vec![button("offers/{{ attributes.v }}"), button("stores")], ..media() };
    let content = twilio(card, &[]);
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let positions: Vec<_> = whatsapp(&content).unwrap().twilio.unwrap().variables.into_values().collect();
    assert_eq!(positions, ["a/b.jpg?v=7", "Dear Sara, welcome", "offers/7", "stores"]);

    let short = WhatsappVariant { link: String::new(), ..media() };
    assert_eq!(whatsapp(&twilio(short, &[])).unwrap().twilio.unwrap().variables.len(), 3);
}

#[test]
fn mappings_draw_from_their_sources() {
    let sources = [
        ("1", "static:Hello, {{ name }}"),
        ("2", "recipient_name"),
        ("3", "media_url"),
        ("4", "shortlink"),
        ("5", "attributes.loyalty tier"),
        ("6", "email"),
        ("7", "button_1_url"),
        ("8", "message_body"),
        ("9", "postal_code"),
        ("10", "media_path"),
    ];
    let buttons = vec![WhatsappButton { value: "x/y".into(), ..WhatsappButton::default() }];
    let content = twilio(WhatsappVariant { buttons, ..media() }, &sources);
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let variables = whatsapp(&content).unwrap().twilio.unwrap().variables;
    // Static text is no template: what it says is what is sent.
    assert_eq!(variables["1"], "Hello, {{ name }}");
    assert_eq!((variables["2"].as_str(), variables["5"].as_str(), variables["6"].as_str()), ("Sara Ali", "gold", "sara@example.com"));
    assert_eq!((variables["7"].as_str(), variables["10"].as_str()), ("x/y", "a/b.jpg?v=7"));
    let missing = twilio(media(), &[("1", "city")]);
    assert_eq!(whatsapp(&missing).unwrap_err().code(), "missing_variable");
    let mut with_rule = missing;
    with_rule.variables.insert("city".into(), VariableRule { default_text: "your city".into(), ..VariableRule::default() });
    assert_eq!(whatsapp(&with_rule).unwrap().twilio.unwrap().variables["1"], "your city");
    for (mapping, field) in [
        (&[("1", "nope")][..], "whatsapp.twilio.mapping.1"),
        (&[("1", "name"), ("3", "name")], "whatsapp.twilio.mapping"),
        (&[("1", "button_2_url")], "whatsapp.twilio.mapping.1"),
        (&[("1", "static:")], "whatsapp.twilio.mapping.1"),
    ] {
        let found = errors(&twilio(media(), mapping));
        assert!(found.iter().any(|(at, ..)| at == field), "{mapping:?}: {found:?}");
    }
}

#[test]
fn metas_components_are_made_where_they_are_needed() {
    let meta = MetaTemplate { name: "offer".into(), language: "en".into(), ..MetaTemplate::default() };
    let of = |variant: WhatsappVariant, meta: MetaTemplate| TemplateContent {
        whatsapp: Some(WhatsappVariant { meta: Some(meta), ..variant }),
        ..TemplateContent::default()
    };
    let button = |kind, value: &str| WhatsappButton { kind, text: "x".into(), value: value.into() };
    let buttons = vec![
        button(ButtonKind::Url, "end/{{ attributes.v }}"),
        button(ButtonKind::QuickReply, "yes"),
        button(ButtonKind::CopyCode, "SUMMER"),
    ];
    let content = of(WhatsappVariant { buttons, ..media() }, meta.clone());
    assert!(errors(&content).is_empty(), "{:?}", errors(&content));
    let rendered = whatsapp(&content).unwrap().meta.unwrap();
    assert_eq!(rendered.body, ["Sara Ali", "Dear Sara, welcome", "https://shop.example.com/x"]);
    assert_eq!(
        rendered.components.unwrap(),
        json!([
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://cdn.example.com/a/b.jpg?v=7"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Sara Ali"}, {"type": "text", "text": "Dear Sara, welcome"}, {"type": "text", "text": "https://shop.example.com/x"}]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "end/7"}]},
            {"type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [{"type": "payload", "payload": "yes"}]},
            {"type": "button", "sub_type": "copy_code", "index": "2", "parameters": [{"type": "coupon_code", "coupon_code": "SUMMER"}]}
        ])
    );
    let video = WhatsappVariant { media_url: "https://cdn.example.com/a.MP4".into(), ..media() };
    assert_eq!(whatsapp(&of(video, meta.clone())).unwrap().meta.unwrap().components.unwrap()[0]["parameters"][0]["type"], "video");

    let spec = json!([{"type": "body", "parameters": [{"type": "text", "parameter_name": "n", "text": "{{ first_name }}\n!"}]}]);
    let own = of(WhatsappVariant::default(), MetaTemplate { components: Some(spec), ..meta.clone() });
    assert!(errors(&own).is_empty(), "{:?}", errors(&own));
    assert_eq!(whatsapp(&own).unwrap().meta.unwrap().components.unwrap()[0]["parameters"][0]["text"], "Sara !");
    for bad in [json!("not JSON"), json!({}), json!([{"type": "nope"}]), json!([{"type": "body", "text": "{{ nope }}"}])] {
        assert!(
            !errors(&of(WhatsappVariant::default(), MetaTemplate { components: Some(bad.clone()), ..meta.clone() })).is_empty(),
            "{bad}"
        );
    }
}

#[test]
fn a_notification_fits_its_services() {
    let of = |push: PushVariant| TemplateContent { push: Some(push), ..TemplateContent::default() };
    let push = PushVariant {
        title: "Hi {{ first_name }}".into(),
        body: "Now in {{ city }}".into(),
        image_url: "https://example.com/{{ city }}.png".into(),
        link: "shop://offers/{{ city }}".into(),
        data: [("tier".into(), "{{ attributes.tier | default('none') }}".into())].into(),
        ..PushVariant::default()
    };
    assert!(errors(&of(push.clone())).is_empty(), "{:?}", errors(&of(push.clone())));
    let Ok(Rendered::Push(rendered)) = Renderer::new(&of(push.clone())).unwrap().render(Variant::Push, &Person::made_up(), &occasion())
    else {
        panic!()
    };
    assert_eq!(
        (rendered.title.as_str(), rendered.link.as_str(), rendered.data["tier"].as_str()),
        ("Hi Sara", "shop://offers/Dubai", "none")
    );
    let long = of(PushVariant { body: "ж".repeat(1_990), ..push.clone() });
    assert!(errors(&long).iter().any(|(field, _, message)| field == "push" && message.contains("3993 bytes")), "{:?}", errors(&long));
    for bad in [
        PushVariant { title: " ".into(), ..push.clone() },
        PushVariant { body: String::new(), ..push.clone() },
        PushVariant { image_url: "ftp://x".into(), ..push.clone() },
        PushVariant { link: "javascript:alert(1)".into(), ..push.clone() },
        PushVariant { link: "nowhere".into(), ..push.clone() },
        PushVariant { data: [("google.x".into(), "x".into())].into(), ..push.clone() },
    ] {
        assert_eq!(errors(&of(bad.clone())).len(), 1, "{bad:?}: {:?}", errors(&of(bad.clone())));
    }
    let mut person = Person::made_up();
    person.city = "x".into();
    let scripted = of(PushVariant { link: "{{ attributes.link }}".into(), ..push });
    person.attributes.insert("link".into(), json!("javascript:alert(1)"));
    let refused = Renderer::new(&scripted).unwrap().render(Variant::Push, &person, &occasion());
    assert_eq!(refused, Err(RenderError::BadLink { field: "push.link".into() }));
}

#[test]
fn a_post_fits_its_networks() {
    let of = |social: SocialVariant| TemplateContent { social: Some(social), ..TemplateContent::default() };
    let post = |networks: &[Network], text: &str, media: usize| {
        of(SocialVariant {
            text: text.into(),
            networks: networks.to_vec(),
            media_urls: (0..media).map(|index| format!("https://example.com/{index}.jpg")).collect(),
            ..SocialVariant::default()
        })
    };
    use Network::{Facebook, Instagram, Linkedin, X};
    for good in [
        post(&[X], &"a".repeat(280), 4),
        post(&[X], &format!("{} https://example.com/{}", "a".repeat(256), "b".repeat(100)), 0),
        post(&[Linkedin], &"a".repeat(3_000), 20),
        post(&[Instagram], &format!("{}{}", "#tag ".repeat(30), "a".repeat(2_000)), 10),
        post(&[Facebook], &"a".repeat(5_000), 0),
        post(&[], "short", 1),
    ] {
        assert!(errors(&good).is_empty(), "{:?}", errors(&good));
    }
    for (bad, part) in [
        (post(&[X], &"a".repeat(281), 0), "280"),
        (post(&[X], &"日".repeat(141), 0), "280"),
        (post(&[X], "a", 5), "4 pictures"),
        (post(&[Linkedin], &"(".repeat(1_501), 0), "3000"),
        (post(&[Instagram], "a", 0), "needs a picture"),
        (post(&[Instagram], &"#tag ".repeat(31), 1), "30"),
        (post(&[Instagram], &"a".repeat(2_201), 1), "2200"),
        (post(&[Facebook], "", 0), "needs a text"),
        (post(&[X, X], "a", 0), "twice"),
    ] {
        assert!(errors(&bad).iter().any(|(_, _, message)| message.contains(part)), "{part}: {:?}", errors(&bad));
    }
    let of_nobody = post(&[X], "Hello {{ first_name }}", 0);
    assert!(errors(&of_nobody).iter().any(|(field, _, message)| field == "social.text" && message.contains("no contact")));
    assert!(errors(&post(&[X], "Hello {{ first_name | default('all') }}", 0)).is_empty());
    let mut video = post(&[X, Instagram], "a", 1);
    video.social.as_mut().unwrap().media_urls[0] = "https://example.com/a.MP4?x=1".into();
    assert!(errors(&video).iter().any(|(_, _, message)| message.contains("video")), "{:?}", errors(&video));
    video.social.as_mut().unwrap().networks = vec![Instagram];
    assert!(errors(&video).is_empty(), "{:?}", errors(&video));
    let mut alts = post(&[X], "a", 1);
    alts.social.as_mut().unwrap().alt_texts = vec!["one".into(), "two".into()];
    assert!(errors(&alts).iter().any(|(_, _, message)| message.contains("more than there are pictures")));
    let mut own = post(&[X, Linkedin], &"a".repeat(300), 0);
    own.social.as_mut().unwrap().texts.insert(X, "For {{ campaign.name }}".into());
    assert!(errors(&own).is_empty(), "{:?}", errors(&own));
    let Ok(Rendered::Social(rendered)) = Renderer::new(&own).unwrap().render(Variant::Social, &Person::default(), &occasion()) else {
        panic!()
    };
    assert_eq!((rendered.texts[&X].as_str(), rendered.texts[&Linkedin].len()), ("For Summer", 300));
}

#[test]
fn text_messages_tell_what_they_cost() {
    let of =
        |text: &str| TemplateContent { sms: Some(SmsVariant { text: text.into(), ..SmsVariant::default() }), ..TemplateContent::default() };
    assert!(validate(&of(&"a".repeat(160))).is_empty());
    let long = warnings(&of(&"a".repeat(161)));
    assert!(long.len() == 1 && long[0].2.contains("about 2 messages: 161 characters, and one message holds 160"), "{long:?}");
    let quote = validate(&of("a\nIt’s now"));
    assert_eq!((quote.len(), quote[0].line, quote[0].column, quote[0].remedy.as_str()), (1, 2, 3, "write '"), "{quote:?}");
    assert!(validate(&of("عرض")).is_empty());
}

#[test]
fn places_are_told() {
    let html = "<p>\n  <b>x</p>\n<a href=\"http//x\">y</a>";
    let found = validate(&of_email(EmailVariant { html: html.into(), ..EmailVariant::default() }));
    let places: Vec<_> = found.iter().filter(|problem| problem.is_error()).map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(2, 3), (3, 10)], "{found:?}");
    assert_eq!(found[0].to_string(), "line 2, column 3: <b> is never closed; write </b> where it ends");
    assert_eq!(found[0].variant, Some(Variant::Email));
}
