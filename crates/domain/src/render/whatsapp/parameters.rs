//! All parameters of a rendered template as the `components` of Meta's API.

use crate::content::{ButtonKind, MediaKind, MetaTemplate, WhatsappButton, WhatsappVariant};
use serde_json::{Map, Value, json};

/// The components, where the simple form (a picture, positional texts, URL buttons) can't say them. None when it can.
pub fn components(meta: &MetaTemplate, parts: &WhatsappVariant) -> Option<Value> {
    let has_media = meta.header_image_url.is_empty() && !parts.media_url.is_empty();
    let is_simple = !has_media && meta.header_text.is_empty() && meta.named.is_empty() && meta.offer_ends_ms == 0;
    if is_simple && !parts.buttons.iter().any(answers) {
        return None;
    }
    let mut components = Vec::new();
    if let Some(parameter) = header(meta, parts) {
        components.push(json!({"type": "header", "parameters": [parameter]}));
    }
    let positional = meta.body.iter().map(|text| json!({"type": "text", "text": text}));
    let named = meta.named.iter().map(|(name, text)| json!({"type": "text", "parameter_name": name, "text": text}));
    let body: Vec<_> = positional.chain(named).collect();
    if !body.is_empty() {
        components.push(json!({"type": "body", "parameters": body}));
    }
    if meta.offer_ends_ms != 0 {
        let parameter = json!({"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": meta.offer_ends_ms}});
        components.push(json!({"type": "limited_time_offer", "parameters": [parameter]}));
    }
    components.extend(buttons(meta, parts));
    Some(Value::Array(components))
}

/// Whether a button's value is told with each message, and not as a part of its URL.
fn answers(button: &WhatsappButton) -> bool {
    matches!(button.kind, ButtonKind::QuickReply | ButtonKind::CopyCode) && !button.value.is_empty()
}

fn header(meta: &MetaTemplate, parts: &WhatsappVariant) -> Option<Value> {
    if !meta.header_text.is_empty() {
        return Some(json!({"type": "text", "text": meta.header_text}));
    }
    if !meta.header_image_url.is_empty() {
        return Some(json!({"type": "image", "image": {"link": meta.header_image_url}}));
    }
    if parts.media_url.is_empty() {
        return None;
    }
    let kind = parts.media_kind.unwrap_or_else(|| MediaKind::of_link(&parts.media_url));
    let mut media = Map::from_iter([("link".to_owned(), json!(parts.media_url))]);
    if kind == MediaKind::Document && !parts.media_name.is_empty() {
        media.insert("filename".to_owned(), json!(parts.media_name));
    }
    let kind = kind.as_str();
    Some(json!({"type": kind, kind: media}))
}

/// By their index, as they are registered.
fn buttons(meta: &MetaTemplate, parts: &WhatsappVariant) -> Vec<Value> {
    let url = |(index, text): (&u8, &String)| (usize::from(*index), "url", json!({"type": "text", "text": text}));
    let answer = |(index, button): (usize, &WhatsappButton)| match button.kind {
        ButtonKind::CopyCode => (index, "copy_code", json!({"type": "coupon_code", "coupon_code": button.value})),
        _ => (index, "quick_reply", json!({"type": "payload", "payload": button.value})),
    };
    let answering = parts.buttons.iter().enumerate().filter(|(_, button)| answers(button));
    let mut buttons: Vec<_> = meta.url_buttons.iter().map(url).chain(answering.map(answer)).collect();
    buttons.sort_by_key(|(index, ..)| *index);
    let component = |(index, sub_type, parameter): (usize, &str, Value)| json!({"type": "button", "sub_type": sub_type, "index": index.to_string(), "parameters": [parameter]});
    buttons.into_iter().map(component).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn button(kind: ButtonKind, value: &str) -> WhatsappButton {
        WhatsappButton { kind, text: "x".into(), value: value.into() }
    }

    #[test]
    fn what_the_simple_form_can_say_stays_simple() {
        let meta = MetaTemplate { header_image_url: "https://x.example/a.jpg".into(), body: vec!["a".into()], ..MetaTemplate::default() };
        assert_eq!(components(&meta, &WhatsappVariant::default()), None);
    }

    #[test]
    fn headers_are_texts_pictures_videos_or_named_documents() {
        let header = |meta: MetaTemplate, parts: WhatsappVariant| components(&meta, &parts).unwrap()[0]["parameters"][0].clone();
        let text = MetaTemplate { header_text: "Spring".into(), ..MetaTemplate::default() };
        assert_eq!(header(text, WhatsappVariant::default()), json!({"type": "text", "text": "Spring"}));
        let of = |url: &str, media_kind| WhatsappVariant {
            media_url: url.into(),
            media_kind,
            media_name: "offer.pdf".into(),
            ..WhatsappVariant::default()
        };
        let made = |parts| header(MetaTemplate::default(), parts);
        let link = "https://x.example/v";
        assert_eq!(made(of("https://x.example/v.mp4", None)), json!({"type": "video", "video": {"link": "https://x.example/v.mp4"}}));
        assert_eq!(made(of(link, None)), json!({"type": "image", "image": {"link": link}}));
        let document = json!({"type": "document", "document": {"link": link, "filename": "offer.pdf"}});
        assert_eq!(made(of(link, Some(MediaKind::Document))), document);
    }

    #[test]
    fn an_offer_has_its_end_and_buttons_their_order() {
        let meta = MetaTemplate { offer_ends_ms: 1_698_562_800_000, url_buttons: [(1, "n3".into())].into(), ..MetaTemplate::default() };
        let parts = WhatsappVariant { buttons: vec![button(ButtonKind::CopyCode, "CARIBE25")], ..WhatsappVariant::default() };
        assert_eq!(
            components(&meta, &parts).unwrap(),
            json!([
                {"type": "limited_time_offer", "parameters": [
                    {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_698_562_800_000_i64}}]},
                {"type": "button", "sub_type": "copy_code", "index": "0", "parameters": [{"type": "coupon_code", "coupon_code": "CARIBE25"}]},
                {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "n3"}]},
            ])
        );
    }

    #[test]
    fn parameters_may_have_names() {
        let meta = MetaTemplate { named: [("first_name".into(), "Pablo".into())].into(), ..MetaTemplate::default() };
        let body = json!([{"type": "body", "parameters": [{"type": "text", "parameter_name": "first_name", "text": "Pablo"}]}]);
        assert_eq!(components(&meta, &WhatsappVariant::default()), Some(body));
    }
}
