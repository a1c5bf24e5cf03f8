//! One campaign in five languages: every variant is in the contact's, and goes the way that it is written.

use super::*;
use crate::content::{
    EmailVariant, MetaTemplate, Network, PushVariant, SmsVariant, SocialVariant, Translation, TwilioContent, VariableRule, WhatsappKind,
    WhatsappVariant,
};
use std::collections::BTreeMap;

/// Locale, hello, offer, what stands for a name that is missing.
const LANGUAGES: [(&str, &str, &str, &str); 5] = [
    ("en", "Hello", "20% off until Sunday", "friend"),
    ("ar", "مرحبا", "خصم ٢٠٪ حتى الأحد", "صديقنا"),
    ("ru", "Здравствуйте", "Скидка 20% до воскресенья", "друг"),
    ("hi", "नमस्ते", "रविवार तक 20% की छूट", "मित्र"),
    ("sr", "Здраво", "Попуст 20% до недеље", "пријатељу"),
];

/// Only the fragments, the registered templates' languages and a default differ: the variants are written once.
fn content() -> TemplateContent {
    let rule =
        |text: &str| BTreeMap::from([("first_name".to_owned(), VariableRule { default_text: text.into(), ..VariableRule::default() })]);
    let fragments =
        |hello: &str, offer: &str| BTreeMap::from([("hello".to_owned(), hello.to_owned()), ("offer".to_owned(), offer.to_owned())]);
    let text = "{{ fragments.hello }}, {{ first_name }}! {{ fragments.offer }}";
    let [(own, hello, offer, friend), others @ ..] = LANGUAGES;
    let whatsapp = |language: &str| WhatsappVariant {
        meta: Some(MetaTemplate { language: language.into(), ..MetaTemplate::default() }),
        ..WhatsappVariant::default()
    };
    let translation = |(tag, hello, offer, friend): (&str, &str, &str, &str)| {
        let translation = Translation {
            fragments: fragments(hello, offer),
            variables: rule(friend),
            whatsapp: Some(whatsapp(tag)),
            ..Translation::default()
        };
        (tag.to_owned(), translation)
    };
    TemplateContent {
        fragments: fragments(hello, offer),
        variables: rule(friend),
        locale: own.into(),
        translations: others.into_iter().map(translation).collect(),
        email: Some(EmailVariant {
            subject: text.into(),
            preheader: "{{ fragments.offer }}".into(),
            mjml: format!(
                "<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text>\
                 <mj-text><a href=\"{{{{ unsubscribe_url }}}}\">✕</a></mj-text></mj-column></mj-section></mj-body></mjml>"
            ),
            ..EmailVariant::default()
        }),
        sms: Some(SmsVariant { text: text.into(), ..SmsVariant::default() }),
        whatsapp: Some(WhatsappVariant {
            kind: WhatsappKind::Media,
            body: text.into(),
            media_url: "https://cdn.example.com/sale.jpg".into(),
            link: "https://shop.example.com".into(),
            twilio: Some(TwilioContent { content_sid: format!("HX{}", "1".repeat(32)), ..TwilioContent::default() }),
            meta: Some(MetaTemplate { name: "sale".into(), language: "en".into(), ..MetaTemplate::default() }),
            ..WhatsappVariant::default()
        }),
        push: Some(PushVariant {
            title: "{{ fragments.hello }}, {{ first_name }}".into(),
            body: "{{ fragments.offer }}".into(),
            ..PushVariant::default()
        }),
        social: Some(SocialVariant {
            text: "{{ fragments.offer }}".into(),
            networks: vec![Network::Facebook, Network::X],
            ..SocialVariant::default()
        }),
        ..TemplateContent::default()
    }
}

fn occasion() -> Occasion {
    Occasion { campaign_name: "Sale".into(), unsubscribe_url: "https://hub.example/u/t".into(), ..Occasion::default() }
}

#[test]
fn every_variant_is_in_the_contacts_language() {
    let content = content();
    let errors: Vec<_> = validate(&content).into_iter().filter(ContentProblem::is_error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let renderer = Renderer::new(&content).unwrap();
    for (tag, hello, offer, friend) in LANGUAGES {
        for (locale, name) in [(tag.to_owned(), "Sara Ali"), (format!("{}_XX", tag.to_uppercase()), "")] {
            let person = Person { locale, name: name.into(), ..Person::made_up() };
            let first_name = if name.is_empty() { friend } else { "Sara" };
            assert_eq!(renderer.language_for(&person.locale), tag);
            let greeting = format!("{hello}, {first_name}! {offer}");
            for variant in Variant::ALL {
                // WhatsApp's mapping asks for the whole name, for which there is no rule.
                if variant == Variant::Whatsapp && name.is_empty() {
                    assert_eq!(renderer.render(variant, &person, &occasion()).unwrap_err().code(), "missing_variable");
                    continue;
                }
                match renderer.render(variant, &person, &occasion()).unwrap() {
                    Rendered::Email(email) => {
                        assert_eq!((email.subject.as_str(), email.preheader.as_str()), (greeting.as_str(), offer));
                        assert!(email.html.contains(&greeting) && email.text.contains(&greeting), "{}", email.html);
                        let is_rtl = tag == "ar";
                        assert!(email.html.contains(&format!("lang=\"{tag}\"")), "{}", email.html);
                        assert_eq!(email.html.contains("<div dir=\"rtl\" lang=\"ar\""), is_rtl, "{}", email.html);
                        assert_eq!(email.html.contains("text-align:right"), is_rtl, "{}", email.html);
                        assert_eq!(
                            email.html.contains("direction:ltr") || email.html.contains("direction: ltr"),
                            !is_rtl,
                            "{}",
                            email.html
                        );
                        assert!(email.html.contains(if is_rtl { "dir=\"rtl\"" } else { "dir=\"ltr\"" }), "{}", email.html);
                    }
                    Rendered::Sms(sms) => assert_eq!(sms.text, greeting),
                    Rendered::Whatsapp(whatsapp) => {
                        assert_eq!(whatsapp.body, greeting);
                        assert_eq!(whatsapp.twilio.unwrap().variables["3"], greeting);
                        let meta = whatsapp.meta.unwrap();
                        assert_eq!((meta.name.as_str(), meta.language.as_str(), meta.body[1].as_str()), ("sale", tag, greeting.as_str()));
                    }
                    Rendered::Push(push) => assert_eq!((push.title, push.body.as_str()), (format!("{hello}, {first_name}"), offer)),
                    Rendered::Social(social) => assert!(social.texts.values().all(|text| text == offer) && social.texts.len() == 2),
                    Rendered::Free(_) => panic!("no variant is one"),
                }
            }
        }
    }
}

#[test]
fn a_language_that_is_not_there_gets_the_content_itself() {
    let renderer = Renderer::new(&content()).unwrap();
    for locale in ["de", "", "nonsense locale", "ja-JP"] {
        let person = Person { locale: locale.into(), ..Person::made_up() };
        let Ok(Rendered::Sms(sms)) = renderer.render(Variant::Sms, &person, &occasion()) else { panic!("{locale}") };
        assert!(sms.text.starts_with("Hello, Sara"), "{locale}: {}", sms.text);
    }
}

#[test]
fn faults_name_their_language() {
    let mut content = content();
    content.translations.get_mut("ru").unwrap().sms = Some(SmsVariant { text: "\n{{ nope }}".into(), ..SmsVariant::default() });
    let errors: Vec<_> = validate(&content).into_iter().filter(ContentProblem::is_error).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let ContentProblem { locale, field, line, column, variant, .. } = &errors[0];
    assert_eq!((locale.as_str(), field.as_str(), *line, *column, *variant), ("ru", "sms.text", 2, 4, Some(Variant::Sms)));
    assert_eq!(Renderer::new(&content).unwrap_err().len(), 1);

    // A fault of the content itself is in all its languages, and told once.
    let mut content = self::content();
    content.sms = Some(SmsVariant { text: "{{ nope }}".into(), ..SmsVariant::default() });
    assert_eq!(Renderer::new(&content).unwrap_err().len(), 1);
    assert_eq!(validate(&content).iter().filter(|problem| problem.is_error()).count(), 1);
}

#[test]
fn translations_are_of_something() {
    let mut content = content();
    content.social = None;
    content.translations.get_mut("hi").unwrap().social = Some(SocialVariant { text: "x".into(), ..SocialVariant::default() });
    content.translations.insert("not a tag".into(), Translation::default());
    content.translations.insert("EN".into(), Translation::default());
    let fields: Vec<_> = validate(&content).into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["translations.EN", "translations.hi.social", "translations.not a tag"]);
}
