//! What the scenarios send.

use crate::Desk;
use domain::Channel;
use proto::template::{Content, EmailVariant, MetaTemplate, PushVariant, SmsVariant, SocialVariant, TwilioContent, WhatsappVariant};

impl Desk {
    /// The content for these channels. A post's picture is the sandbox's own.
    pub(crate) fn content(&self, channels: &[Channel]) -> Content {
        let push = || PushVariant {
            title: "{{ fragments.offer }}".to_owned(),
            body: "Hello {{ name }}".to_owned(),
            link: "https://example.com/offer".to_owned(),
            ..PushVariant::default()
        };
        let social = || SocialVariant {
            text: "{{ fragments.offer }} for everybody".to_owned(),
            media_urls: vec![format!("{}/picture.jpg", self.sandbox().base())],
            alt_texts: vec!["A lamp".to_owned()],
            ..SocialVariant::default()
        };
        Content {
            push: channels.contains(&Channel::Push).then(push),
            social: channels.contains(&Channel::Social).then(social),
            ..content()
        }
    }
}

fn content() -> Content {
    Content {
        fragments: [("offer".to_owned(), "20% off".to_owned())].into(),
        email: Some(EmailVariant {
            subject: "{{ name }}, {{ fragments.offer }}".to_owned(),
            html: "<html><body><p>Hello {{ name }}</p><a href=\"https://example.com/offer\">{{ fragments.offer }}</a>
                   <a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></body></html>"
                .to_owned(),
            ..EmailVariant::default()
        }),
        sms: Some(SmsVariant { text: "{{ name }}: {{ fragments.offer }}. STOP to opt out".to_owned(), ..SmsVariant::default() }),
        whatsapp: Some(WhatsappVariant {
            twilio: Some(TwilioContent {
                content_sid: format!("HX{}", "0123456789abcdef".repeat(2)),
                variables: [("1".to_owned(), "{{ name }}".to_owned())].into(),
                ..TwilioContent::default()
            }),
            meta: Some(MetaTemplate {
                name: "offer".to_owned(),
                language: "en".to_owned(),
                body: vec!["{{ name }}".to_owned(), "{{ fragments.offer }}".to_owned()],
                ..MetaTemplate::default()
            }),
            ..WhatsappVariant::default()
        }),
        ..Content::default()
    }
}
