//! What people send to a number: messages, answers, reactions, their marketing preference, and that Meta calls them by another id.
//!
//! A person with a user name may have no number here, only Meta's own id of them towards this business. Of media only what Meta says of
//! them is read. Source: Meta's webhook reference; the shapes of changed ids are read as far as they are documented.

use super::wire::is_user_id;
use crate::webhook::{provider_time, text_of};
use crate::{Inbound, Media, Preference};
use domain::Channel;
use serde_json::Value;
use time::OffsetDateTime;

/// One message in a change; `contacts` are the change's. None for what is no message of a person.
pub(super) fn message(message: &Value, contacts: &[Value], now: OffsetDateTime) -> Option<Inbound> {
    let at = provider_time(&message["timestamp"], now);
    let id = text_of(&message["id"])?;
    let kind = message["type"].as_str()?;
    let from = number(&message["from"]);
    let user_id = user_id(&message["from_user_id"]);
    if kind == "system" {
        return system(message, from, user_id, id, at);
    }
    let (kind, text) = words(kind, message)?;
    // The person is one of the contacts; where only one is there, it is theirs.
    let is_theirs = |contact: &&Value| match (&user_id, &from) {
        (Some(id), _) if text_of(&contact["user_id"]).as_ref() == Some(id) => true,
        (_, Some(from)) => number(&contact["wa_id"]).as_ref() == Some(from),
        _ => false,
    };
    let contact = contacts.iter().find(is_theirs).or_else(|| contacts.first().filter(|_| contacts.len() == 1));
    let inbound = Inbound::new(id, Channel::Whatsapp, at);
    Some(Inbound {
        from: from.or_else(|| contact.and_then(|contact| number(&contact["wa_id"]))),
        user_id: user_id.or_else(|| contact.and_then(|contact| self::user_id(&contact["user_id"]))),
        name: contact.and_then(|contact| text_of(&contact["profile"]["name"])),
        kind,
        text,
        reply_to: text_of(&message["context"]["id"]).or_else(|| text_of(&message["reaction"]["message_id"])),
        media: media(message).into_iter().collect(),
        ..inbound
    })
}

/// What it is, and what the person said: words, a button's payload, a caption; empty for a message without words.
fn words(kind: &str, message: &Value) -> Option<(&'static str, String)> {
    let part = &message[kind];
    let (kind, words) = match kind {
        "text" => ("text", &part["body"]),
        "button" if !part["payload"].is_null() => ("button", &part["payload"]),
        "button" => ("button", &part["text"]),
        "interactive" => match part["type"].as_str()? {
            "button_reply" => ("button", &part["button_reply"]["id"]),
            "list_reply" => ("button", &part["list_reply"]["id"]),
            _ => ("interactive", &Value::Null),
        },
        "reaction" => ("reaction", &part["emoji"]),
        "image" => ("image", &part["caption"]),
        "video" => ("video", &part["caption"]),
        "document" => ("document", &part["caption"]),
        "audio" => ("audio", &Value::Null),
        "sticker" => ("sticker", &Value::Null),
        "location" => ("location", &Value::Null),
        "contacts" => ("contacts", &Value::Null),
        "order" => ("order", &part["text"]),
        // Meta passes on that they wrote something, and not what: a poll, a video note.
        "unsupported" => ("unsupported", &Value::Null),
        _ => return None,
    };
    Some((kind, text_of(words).unwrap_or_default()))
}

fn media(message: &Value) -> Option<Media> {
    let kind = message["type"].as_str().filter(|kind| matches!(*kind, "image" | "video" | "document" | "audio" | "sticker"))?;
    let part = &message[kind];
    let text = |name: &str| text_of(&part[name]).unwrap_or_default();
    Some(Media {
        id: text("id"),
        url: text("url"),
        media_type: text("mime_type"),
        size: part["file_size"].as_u64(),
        file_name: text("filename"),
        sha256: text("sha256"),
    })
}

/// Of Meta's own notices only the one of a changed id is of use.
fn system(message: &Value, from: Option<String>, before: Option<String>, id: String, at: OffsetDateTime) -> Option<Inbound> {
    let part = &message["system"];
    if part["type"].as_str() != Some("user_changed_user_id") {
        return None;
    }
    let was_user_id = user_id(&part["previous_user_id"]).or(before);
    changed(id, from.or_else(|| number(&part["wa_id"])), was_user_id, user_id(&part["user_id"]), at)
}

/// A change of the field `user_id_update`.
pub(super) fn id_update(update: &Value, now: OffsetDateTime) -> Option<Inbound> {
    let at = provider_time(&update["timestamp"], now);
    let ids = &update["user_id"];
    let (was, is) = (user_id(&ids["previous"]), user_id(&ids["current"]));
    let key = format!("user_id_update:{}:{}", was.as_deref().unwrap_or_default(), is.as_deref().unwrap_or_default());
    changed(key, number(&update["wa_id"]), was, is, at)
}

fn changed(key: String, from: Option<String>, was_user_id: Option<String>, user_id: Option<String>, at: OffsetDateTime) -> Option<Inbound> {
    let (was, is) = (was_user_id?, user_id?);
    (was != is).then(|| Inbound {
        from,
        user_id: Some(is),
        was_user_id: Some(was),
        kind: "user_id",
        ..Inbound::new(key, Channel::Whatsapp, at)
    })
}

/// What a person decided about marketing in WhatsApp itself.
pub(super) fn preference(wish: &Value, now: OffsetDateTime) -> Option<Inbound> {
    let value = wish["value"].as_str()?;
    let category = wish["category"].as_str().filter(|name| *name == "marketing_messages")?;
    let person = text_of(&wish["user_id"]).or_else(|| text_of(&wish["wa_id"]))?;
    let timestamp = text_of(&wish["timestamp"]).unwrap_or_default();
    let key = format!("{person}:{category}:{value}:{timestamp}");
    Some(Inbound {
        from: number(&wish["wa_id"]),
        user_id: user_id(&wish["user_id"]),
        kind: "preference",
        preference: Some(match value {
            "stop" => Preference::Stop,
            "resume" => Preference::Start,
            _ => return None,
        }),
        ..Inbound::new(key, Channel::Whatsapp, provider_time(&wish["timestamp"], now))
    })
}

/// A WhatsApp id is the number's digits; a person with a user name may have none.
fn number(id: &Value) -> Option<String> {
    let digits = text_of(id)?;
    let number = format!("+{}", digits.trim_start_matches('+'));
    crate::settings::is_e164(&number).then_some(number)
}

fn user_id(id: &Value) -> Option<String> {
    text_of(id).filter(|id| is_user_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn media_are_told_of_and_not_fetched() {
        let posted = json!({"id": "wamid.1", "from": "16505551234", "timestamp": "1", "type": "document", "document": {
            "id": "77", "mime_type": "application/pdf", "filename": "a.pdf", "sha256": "abc", "caption": "see", "url": "https://x.example/1"}});
        let inbound = message(&posted, &[], NOW).unwrap();
        assert_eq!((inbound.kind, inbound.text.as_str()), ("document", "see"));
        assert_eq!((inbound.media[0].id.as_str(), inbound.media[0].file_name.as_str()), ("77", "a.pdf"));
    }

    #[test]
    fn a_changed_id_says_what_it_was() {
        let update = json!({"wa_id": "16505551234", "user_id": {"previous": "US.1", "current": "US.2"}, "timestamp": "1"});
        let system = json!({"id": "wamid.1", "from": "16505551234", "from_user_id": "US.1", "timestamp": "1", "type": "system",
            "system": {"type": "user_changed_user_id", "user_id": "US.2"}});
        for inbound in [id_update(&update, NOW).unwrap(), message(&system, &[], NOW).unwrap()] {
            assert_eq!((inbound.was_user_id.as_deref(), inbound.user_id.as_deref()), (Some("US.1"), Some("US.2")));
            assert_eq!(inbound.from.as_deref(), Some("+16505551234"));
        }
        let number = json!({"id": "wamid.1", "from": "16505551234", "type": "system", "system": {"type": "user_changed_number"}});
        assert!(message(&number, &[], NOW).is_none());
    }
}
