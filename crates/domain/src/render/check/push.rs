//! What is wrong with a notification. Its size is known once it is rendered.

use super::{empty, link};
use crate::{
    content::PushVariant,
    render::{ContentProblem, Field, variants::is_app_link},
};

/// Characters that most devices show.
const SHOWN_TITLE: usize = 50;
const SHOWN_BODY: usize = 150;
const MAX_DATA: usize = 50;
/// Four weeks: the most that Firebase keeps a message.
const MAX_TTL_SECONDS: u32 = 2_419_200;
/// A topic of Web Push (RFC 8030, 5.4), and short enough for the others.
const MAX_COLLAPSE_KEY: usize = 32;
/// Keys that Firebase keeps for itself (FCM, "Message").
const RESERVED: [&str; 2] = ["from", "message_type"];
/// Keys that we put in ourselves.
const OURS: [&str; 3] = ["send_id", "receipt_url", "link"];

pub fn problems(push: &PushVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    problems.extend(empty(&Field::PushTitle, &push.title, "a notification needs a title"));
    problems.extend(empty(&Field::PushBody, &push.body, "a notification needs a text"));
    for (field, text, shown) in [(Field::PushTitle, &push.title, SHOWN_TITLE), (Field::PushBody, &push.body, SHOWN_BODY)] {
        let characters = text.chars().count();
        if characters > shown {
            problems.push(ContentProblem::warning(
                field,
                format!("has {characters} characters: devices show about {shown}"),
                "make it shorter",
            ));
        }
    }
    problems.extend(link(&Field::PushImage, &push.image_url));
    problems.extend(link(&Field::PushIcon, &push.icon_url));
    if push.ttl_seconds > MAX_TTL_SECONDS {
        let remedy = "use at most 2419200, which is four weeks; 0 is a day";
        problems.push(ContentProblem::error("push.ttl_seconds", "is longer than any push service keeps a message", remedy));
    }
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if push.collapse_key.len() > MAX_COLLAPSE_KEY || !push.collapse_key.bytes().all(is_key) {
        let remedy = "use at most 32 of A-Z, a-z, 0-9, - and _";
        problems.push(ContentProblem::error("push.collapse_key", "can't be used by every push service", remedy));
    }
    let is_known = !push.link.is_empty() && !push.link.contains("{{") && !push.link.contains("{%");
    if is_known && !is_app_link(push.link.trim()) {
        let remedy = "use a link that starts with https://, or with your app's own scheme";
        problems.push(ContentProblem::error(Field::PushLink, format!("{:?} is no link", push.link), remedy));
    }
    if push.data.len() > MAX_DATA {
        problems.push(ContentProblem::error("push.data", format!("has more than {MAX_DATA} entries"), "join some of them"));
    }
    for key in push.data.keys() {
        let is_reserved =
            RESERVED.contains(&key.as_str()) || OURS.contains(&key.as_str()) || key.starts_with("google") || key.starts_with("gcm");
        if key.is_empty() || key.len() > 100 || is_reserved {
            let remedy =
                "use another: not empty, at most 100 bytes, and none of from, message_type, send_id, receipt_url, link, google… and gcm…";
            problems.push(ContentProblem::error(Field::PushData(key.clone()), "is a key that can't be used", remedy));
        }
    }
    problems
}
