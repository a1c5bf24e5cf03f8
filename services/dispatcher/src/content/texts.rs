//! The links of text messages: of an SMS, and of the values that fill a WhatsApp template.

use domain::{
    content::{ButtonKind, Rendered, WhatsappVariant},
    render::{MAX_SMS_CHARACTERS, email::is_web_link, plain},
    tracking::{Destination, Tracking},
};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// Ends of links to what a provider fetches itself, and must find where it says (Twilio, "Accepted MIME types").
const MEDIA: [&str; 14] =
    [".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".3gp", ".mp3", ".ogg", ".amr", ".aac", ".pdf", ".vcf", ".docx"];

/// What stands in a text.
enum Text<'c> {
    /// Words, with links among them.
    Words(&'c mut String),
    /// The changing end of a button's link, as it was registered. A whole link in its place means that the button was registered with our
    /// short links before it.
    Button(&'c mut String),
}

/// Where the links of a message lead that may become short links.
pub(super) fn destinations(content: &mut Rendered, tracking: &Tracking) -> Vec<Destination> {
    let found = RefCell::new(BTreeSet::new());
    let note = |url: &str| {
        found.borrow_mut().extend(tracking.destination(url).filter(Destination::is_trackable));
        url.to_owned()
    };
    for text in texts(content) {
        match text {
            Text::Words(words) => drop(plain::rewrite_links(words, &note)),
            Text::Button(end) if is_web_link(end) => drop(note(end)),
            Text::Button(_) => {}
        }
    }
    found.into_inner().into_iter().collect()
}

/// Puts short links in their places, made of these tokens; what has none stays as it was written.
pub(super) fn replace(content: &mut Rendered, tracking: &Tracking, tokens: &BTreeMap<Destination, String>) {
    let is_sms = matches!(content, Rendered::Sms(_));
    let token = |url: &str| tracking.destination(url).and_then(|to| tokens.get(&to));
    let link = |url: &str| token(url).map_or_else(|| url.to_owned(), |token| format!("{}/s/{token}", tracking.base_url()));
    for text in texts(content) {
        match text {
            Text::Words(words) => {
                let shortened = plain::rewrite_links(words, &link);
                // Many links that are shorter than ours can make a text too long to be sent at all.
                if !is_sms || shortened.chars().count() <= MAX_SMS_CHARACTERS {
                    *words = shortened;
                }
            }
            Text::Button(end) => {
                if let Some(token) = token(end) {
                    end.clone_from(token);
                }
            }
        }
    }
}

fn texts(content: &mut Rendered) -> Vec<Text<'_>> {
    match content {
        Rendered::Sms(variant) => vec![Text::Words(&mut variant.text)],
        Rendered::Whatsapp(variant) => of_whatsapp(variant),
        Rendered::Email(_) | Rendered::Push(_) | Rendered::Social(_) | Rendered::Free(_) => Vec::new(),
    }
}

/// What a provider fetches itself isn't among them: it would count as a click.
fn of_whatsapp(variant: &mut WhatsappVariant) -> Vec<Text<'_>> {
    let WhatsappVariant { twilio, meta, media_url, link, buttons, .. } = variant;
    let is_media = |text: &str| !media_url.is_empty() && text == media_url.as_str() || is_media_link(text);
    // Which parameter is a button's is seen by its value: the same link in the words of the message is the variant's own link.
    let is_button =
        |text: &str| text != link.as_str() && buttons.iter().any(|button| button.kind == ButtonKind::Url && button.value == text);
    let mut texts = Vec::new();
    if let Some(twilio) = twilio {
        for text in twilio.variables.values_mut().filter(|text| !is_media(text)) {
            texts.push(if is_button(text) { Text::Button(text) } else { Text::Words(text) });
        }
    }
    if let Some(meta) = meta {
        texts.extend(meta.body.iter_mut().filter(|text| !is_media(text)).map(Text::Words));
        texts.extend(meta.url_buttons.values_mut().map(Text::Button));
        texts.extend(meta.components.iter_mut().filter_map(Value::as_array_mut).flatten().flat_map(of_component));
    }
    texts
}

/// The texts of one of Meta's components (Cloud API, "Template messages"): of a body, and of a button with a link. Headers have media.
fn of_component(component: &mut Value) -> Vec<Text<'_>> {
    let is = |name: &str, value: &str| component[name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(value));
    let (is_body, is_link) = (is("type", "body"), is("type", "button") && is("sub_type", "url"));
    if !is_body && !is_link {
        return Vec::new();
    }
    let parameters = component.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    let texts = parameters.filter_map(|parameter| match parameter.get_mut("text") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    });
    texts.map(|text| if is_body { Text::Words(text) } else { Text::Button(text) }).collect()
}

/// A text that is nothing but a link to a file that messages show.
fn is_media_link(text: &str) -> bool {
    let address = text.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    is_web_link(text) && !text.contains(char::is_whitespace) && MEDIA.iter().any(|end| address.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        CampaignId, Channel,
        content::{MetaTemplate, SmsVariant, TwilioContent, WhatsappButton},
        tracking::{CampaignTracking, Occasion, Utm, WorkspaceTracking},
    };
    use serde_json::json;

    fn tracking() -> Tracking {
        let workspace = WorkspaceTracking {
            base_url: "https://l.example".to_owned(),
            utm: Utm { source: "f".to_owned(), ..Utm::default() },
            ..WorkspaceTracking::default()
        };
        let occasion = Occasion { campaign_id: CampaignId::new(), campaign_name: "c", channel: Channel::Sms };
        Tracking::of(&workspace, &CampaignTracking::default(), &occasion, "https://hub.example")
    }

    /// With tokens that say where they lead.
    fn shortened(mut content: Rendered) -> (Rendered, Vec<String>) {
        let tracking = tracking();
        let before = content.clone();
        let found = destinations(&mut content, &tracking);
        assert_eq!(content, before, "looking changes nothing");
        let urls = found.iter().map(|to| to.url.clone()).collect();
        let tokens = found.into_iter().map(|to| (to.clone(), format!("T{}", to.url.len()))).collect();
        replace(&mut content, &tracking, &tokens);
        (content, urls)
    }

    fn sms(text: &str) -> Rendered {
        Rendered::Sms(SmsVariant { text: text.to_owned(), ..SmsVariant::default() })
    }

    #[test]
    fn links_in_a_text_become_short() {
        let text = "Go to https://shop.example/a, or https://shop.example/a! Stop: https://l.example/u/t";
        let (content, urls) = shortened(sms(text));
        assert_eq!(urls, ["https://shop.example/a?utm_source=f"], "one row for one link, and none for our own");
        assert_eq!(content, sms("Go to https://l.example/s/T35, or https://l.example/s/T35! Stop: https://l.example/u/t"));
    }

    #[test]
    fn a_text_is_not_made_too_long_to_be_sent() {
        let text = "http://a.b ".repeat(140);
        assert_eq!(shortened(sms(&text)).0, sms(&text));
    }

    fn button(value: &str) -> WhatsappButton {
        WhatsappButton { value: value.to_owned(), ..WhatsappButton::default() }
    }

    fn whatsapp(variant: WhatsappVariant) -> WhatsappVariant {
        let (Rendered::Whatsapp(sent), _) = shortened(Rendered::Whatsapp(variant)) else { panic!("it stays what it is") };
        sent
    }

    #[test]
    fn what_a_provider_fetches_is_left_alone() {
        let values = ["https://cdn.example/offer", "https://cdn.example/menu.PDF?v=2", "See https://shop.example/x.pdf", "offer"];
        let variables = (1..).zip(values).map(|(position, text)| (position.to_string(), text.to_owned())).collect();
        let twilio = TwilioContent { variables, ..TwilioContent::default() };
        let meta = MetaTemplate { header_image_url: "https://cdn.example/offer".to_owned(), ..MetaTemplate::default() };
        let media_url = "https://cdn.example/offer".to_owned();
        let sent = whatsapp(WhatsappVariant { twilio: Some(twilio), meta: Some(meta), media_url, ..WhatsappVariant::default() });
        let values: Vec<_> = sent.twilio.unwrap().variables.into_values().collect();
        assert_eq!(values, ["https://cdn.example/offer", "https://cdn.example/menu.PDF?v=2", "See https://l.example/s/T39", "offer"]);
        assert_eq!(sent.meta.unwrap().header_image_url, "https://cdn.example/offer");
    }

    #[test]
    fn a_button_gets_the_end_of_a_short_link() {
        let variables = ["https://shop.example/link", "https://shop.example/x", "spring"];
        let variables = (1..).zip(variables).map(|(position, text)| (position.to_string(), text.to_owned())).collect();
        let variant = WhatsappVariant {
            twilio: Some(TwilioContent { variables, ..TwilioContent::default() }),
            meta: Some(MetaTemplate {
                body: vec!["https://shop.example/x".to_owned(), "no link".to_owned()],
                url_buttons: [(0, "https://shop.example/x".to_owned()), (1, "spring".to_owned())].into(),
                ..MetaTemplate::default()
            }),
            link: "https://shop.example/link".to_owned(),
            buttons: ["https://shop.example/x", "spring", "https://shop.example/link"].map(button).into(),
            ..WhatsappVariant::default()
        };
        let sent = whatsapp(variant);
        let (twilio, meta) = (sent.twilio.unwrap(), sent.meta.unwrap());
        assert_eq!(twilio.variables.into_values().collect::<Vec<_>>(), ["https://l.example/s/T38", "T35", "spring"]);
        assert_eq!(meta.body, ["https://l.example/s/T35", "no link"]);
        assert_eq!(meta.url_buttons.into_values().collect::<Vec<_>>(), ["T35", "spring"]);
    }

    #[test]
    fn metas_components_are_texts_too() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let components = |body: &str, end: &str| {
            json!([
                {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://cdn.example/a"}}]},
                {"type": "BODY", "parameters": [text(body), {"type": "currency", "currency": {}}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [text(end)]},
                {"type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [{"type": "payload", "payload": "https://a.example"}]},
            ])
        };
        let written = Some(components("Go: https://shop.example/x", "https://shop.example/x"));
        let meta = MetaTemplate { components: written, ..MetaTemplate::default() };
        let sent = whatsapp(WhatsappVariant { meta: Some(meta), ..WhatsappVariant::default() });
        assert_eq!(sent.meta.unwrap().components, Some(components("Go: https://l.example/s/T35", "T35")));
    }
}
