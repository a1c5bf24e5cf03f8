use super::*;
use serde_json::json;

#[test]
fn what_was_stored_before_is_still_read() {
    let stored = json!({
        "fragments": {"offer": "20% off"},
        "email": {"subject": "Hi", "html": "<p>x</p>", "text": ""},
        "sms": {"text": "Hi"},
        "whatsapp": {
            "twilio": {"content_sid": "HX0", "variables": {"1": "a"}},
            "meta": {"name": "a", "language": "en", "header_image_url": "", "body": ["a"], "url_buttons": {"0": "b"}}
        }
    });
    let content: TemplateContent = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(content.variants().collect::<Vec<_>>(), [Variant::Email, Variant::Sms, Variant::Whatsapp]);
    let mut again = serde_json::to_value(&content).unwrap();
    assert_eq!(again["push"], json!(null));
    again.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!(again, stored, "nothing is added to what doesn't use it");
}

#[test]
fn every_text_has_a_path() {
    let content: TemplateContent = serde_json::from_value(json!({
        "sms": {"text": "Hi"},
        "social": {"text": "", "media_urls": ["https://example.com/a"], "networks": ["x"], "texts": {"x": "y"}},
        "missing": "empty",
        "variables": {"attributes.tier": {"missing": "default", "default_text": "none"}},
        "translations": {"ar": {"sms": {"text": "مرحبا"}}}
    }))
    .unwrap();
    let texts: Vec<_> = content.texts().into_iter().map(|(path, text)| format!("{path}={text}")).collect();
    assert_eq!(
        texts,
        [
            "missing=empty",
            "sms.text=Hi",
            "social.media_urls[0]=https://example.com/a",
            "social.networks[0]=x",
            "social.texts.x=y",
            "translations.ar.sms.text=مرحبا",
            "variables.attributes.tier.default_text=none",
            "variables.attributes.tier.missing=default",
        ]
    );
}

#[test]
fn the_best_language_is_chosen() {
    let content = |own: &str, tags: &[&str]| TemplateContent {
        locale: own.to_owned(),
        translations: tags.iter().map(|tag| ((*tag).to_owned(), Translation::default())).collect(),
        ..TemplateContent::default()
    };
    for (own, tags, wanted, expected) in [
        ("en", &["ar", "sr-Latn", "zh-Hant"][..], "ar-AE", Some("ar")),
        ("en", &["ar"], "AR_ae.UTF-8", Some("ar")),
        ("en", &["ar"], "en-GB", None),
        ("en", &["ar"], "fr", None),
        ("en", &["ar"], "", None),
        ("en", &["ar"], "arabic", None),
        ("en", &["sr-Latn", "sr"], "sr-Latn-RS", Some("sr-Latn")),
        ("en", &["sr-Latn", "sr"], "sr-RS", Some("sr")),
        ("en", &["sr-Latn"], "sr-RS", Some("sr-Latn")),
        ("en", &["en-US", "en-GB"], "en-GB", Some("en-GB")),
        ("en", &["en-US"], "en-AU", None),
        ("en-AU", &["en-US"], "en-GB", None),
        ("", &["en-US"], "en-GB", Some("en-US")),
        ("en", &["zh-Hant", "zh"], "zh-Hant-TW", Some("zh-Hant")),
    ] {
        assert_eq!(content(own, tags).translation_for(wanted), expected, "{wanted} of {own} and {tags:?}");
    }
}

#[test]
fn right_to_left_is_known() {
    let is_rtl = |tag: &str| Locale::parse(tag).unwrap().is_right_to_left();
    for tag in ["ar", "ar-AE", "he-IL", "fa", "ur_PK", "az-Arab", "ckb-IQ", "yi", "dv", "ps"] {
        assert!(is_rtl(tag), "{tag}");
    }
    for tag in ["en", "ru", "hi-IN", "sr-Cyrl", "ar-Latn", "tr", "ku"] {
        assert!(!is_rtl(tag), "{tag}");
    }
    assert_eq!(Locale::parse("SR_latn_rs").unwrap().html_tag(), "sr-Latn-RS");
    for bad in ["", "x", "english", "en--US", "e1", "en-", "ar'><b>", "a".repeat(40).as_str()] {
        assert_eq!(Locale::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_translation_takes_the_rest_from_the_content() {
    let content: TemplateContent = serde_json::from_value(json!({
        "locale": "en",
        "fragments": {"a": "a", "b": "b"},
        "email": {"subject": "Hi", "html": "<p>Hi</p>", "text": "Hi", "layout": "main", "layout_html": "%BODY%"},
        "push": {"title": "Hi", "body": "x", "data": {"k": "v"}},
        "social": {"text": "Hi", "texts": {"x": "short"}},
        "translations": {"ru": {
            "fragments": {"b": "б"},
            "email": {"html": "<p>Привет</p>"},
            "push": {"title": "Привет"},
            "social": {"text": "Привет"}
        }}
    }))
    .unwrap();
    let merged = content.in_language(Some("ru"));
    let email = merged.email.as_ref().unwrap();
    assert_eq!(
        (email.subject.as_str(), email.html.as_str(), email.text.as_str(), email.layout.as_str()),
        ("Hi", "<p>Привет</p>", "", "main")
    );
    assert_eq!((merged.fragments["a"].as_str(), merged.fragments["b"].as_str(), merged.locale.as_str()), ("a", "б", "ru"));
    let push = merged.push.as_ref().unwrap();
    assert_eq!((push.title.as_str(), push.body.as_str(), push.data["k"].as_str()), ("Привет", "x", "v"));
    assert!(merged.social.as_ref().unwrap().texts.is_empty() && merged.translations.is_empty());
    assert_eq!(content.in_language(None).email, content.email);
}
