//! What is written once is corrected once: a fragment in every variant.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{
    content::{
        EmailVariant, MetaTemplate, PushVariant, Rendered, SmsVariant, SocialVariant, TemplateContent, TwilioContent, Variant,
        WhatsappVariant,
    },
    render::{Occasion, Renderer},
};

const TYPO: &str = "Twenty precent off";
const MENDED: &str = "Twenty percent off";

fn content() -> TemplateContent {
    let text = "{{ fragments.offer }} for {{ name }}".to_owned();
    TemplateContent {
        fragments: [("offer".to_owned(), TYPO.to_owned())].into(),
        email: Some(EmailVariant {
            subject: text.clone(),
            html: format!("<p>{text}</p><p><a href=\"{{{{ unsubscribe_url }}}}\">Unsubscribe</a></p>"),
            ..EmailVariant::default()
        }),
        sms: Some(SmsVariant { text: text.clone(), ..SmsVariant::default() }),
        whatsapp: Some(WhatsappVariant {
            twilio: Some(TwilioContent {
                content_sid: format!("HX{}", "0123456789abcdef".repeat(2)),
                variables: [("1".to_owned(), text.clone())].into(),
                ..TwilioContent::default()
            }),
            meta: Some(MetaTemplate {
                name: "offer".to_owned(),
                language: "en".to_owned(),
                body: vec![text.clone()],
                ..MetaTemplate::default()
            }),
            ..WhatsappVariant::default()
        }),
        push: Some(PushVariant { title: text.clone(), body: text.clone(), ..PushVariant::default() }),
        social: Some(SocialVariant { text, ..SocialVariant::default() }),
        ..TemplateContent::default()
    }
}

/// Everything that a recipient reads of a variant, and how often the offer stands in it.
fn read(content: &TemplateContent, variant: Variant) -> String {
    let occasion = Occasion { unsubscribe_url: "https://example.com/u/1".to_owned(), ..Occasion::default() };
    match Renderer::new(content).unwrap().render_made_up(variant, &occasion).unwrap() {
        Rendered::Email(email) => [email.subject, email.html, email.text].join("\n"),
        Rendered::Sms(sms) => sms.text,
        Rendered::Whatsapp(whatsapp) => format!("{whatsapp:?}"),
        Rendered::Push(push) => [push.title, push.body].join("\n"),
        Rendered::Social(social) => format!("{social:?}"),
        Rendered::Free(free) => free.text,
    }
}

#[test]
fn a_typo_in_a_fragment_is_mended_once_in_all_five_variants() {
    let before = content();
    let mut after = before.clone();
    after.fragments.insert("offer".to_owned(), MENDED.to_owned());
    assert_eq!(Variant::ALL.len(), 5);
    for variant in Variant::ALL {
        let (wrong, right) = (read(&before, variant), read(&after, variant));
        let count = wrong.matches(TYPO).count();
        assert!(count > 0, "{variant:?}: {wrong}");
        assert_eq!((right.matches(TYPO).count(), right.matches(MENDED).count()), (0, count), "{variant:?}: {right}");
        assert_eq!(wrong.replace(TYPO, MENDED), right, "nothing else changes");
    }
}
