//! A page: `/{page}/feed`, `/{page}/photos`, the page itself, a post, and `/me/accounts` for who connects it.

use axum::Json;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use crate::config::Facebook;
use crate::graph::{self, Answer, Call, Refusal};
use crate::message::{Message, Provider};
use crate::social::{self, Post, Upload};

const MESSAGE_MAX_CHARS: usize = 63_206;
const PHOTOS_MAX: usize = 10;

fn section<'a>(call: &Call<'a>) -> Result<&'a Facebook, Refusal> {
    call.active.config.facebook.as_ref().ok_or_else(|| graph::unknown(call.id))
}

pub async fn read(call: &Call<'_>) -> Answer {
    let page = section(call)?;
    if (call.id, call.edge) == ("me", "accounts") {
        let entry = json!({ "id": page.page_id, "name": page.page_name, "access_token": page.access_token });
        return Ok(graph::list(vec![entry], None));
    }
    match (call.id == page.page_id, call.edge) {
        (true, "") => Ok(Json(json!({ "id": page.page_id, "name": page.page_name })).into_response()),
        (true, "feed") => {
            let posts = social::posts(call.desk, Provider::Facebook, &page.page_id).await;
            let entries = posts.iter().map(|logged| entry(&logged.message)).collect();
            let (entries, next) = graph::part(entries, call.query, 25);
            Ok(graph::list(entries, next))
        }
        (false, "") => match social::post(call.desk, Provider::Facebook, call.id).await {
            Some(logged) => Ok(Json(entry(&logged.message)).into_response()),
            None => Err(graph::unknown(call.id)),
        },
        _ => Err(graph::unknown(call.id)),
    }
}

/// Times are the Graph API's own: without a colon in the offset.
fn entry(message: &Message) -> Value {
    let created = format!("{}+0000", message.at.get(..19).unwrap_or_default());
    let mut entry = json!({
        "id": message.provider_message_id,
        "created_time": created,
        "permalink_url": format!("https://www.facebook.com/{}", message.provider_message_id),
    });
    if let Some(text) = message.text.as_ref().filter(|text| !text.is_empty()) {
        entry["message"] = text.as_str().into();
    }
    entry
}

pub async fn write(call: &Call<'_>) -> Answer {
    let page = section(call)?;
    if call.id != page.page_id {
        return Err(graph::unknown(call.id));
    }
    match call.edge {
        "feed" => feed(call, page).await,
        "photos" => photo(call, page).await,
        _ => Err(graph::unknown(call.id)),
    }
}

async fn feed(call: &Call<'_>, page: &Facebook) -> Answer {
    let (message, link) = (social::text(&call.fields, "message"), social::text(&call.fields, "link"));
    if !link.is_empty() && !social::is_link(link) {
        return Err(Refusal::bad(100, "link is not a URL"));
    }
    let mut media = Vec::new();
    let attached = call.fields.get("attached_media").and_then(Value::as_array).cloned().unwrap_or_default();
    if attached.len() > PHOTOS_MAX {
        return Err(Refusal::bad(100, "Too many photos in attached_media"));
    }
    for photo in &attached {
        let id = photo.get("media_fbid").and_then(Value::as_str).unwrap_or_default();
        let known = call.desk.social.find(Provider::Facebook, id).filter(|upload| !upload.published);
        media.extend(known.ok_or_else(|| Refusal::bad(100, format!("media_fbid {id} is unknown or published")))?.media);
    }
    if message.is_empty() && link.is_empty() && media.is_empty() {
        return Err(Refusal::bad(100, "The post is empty. Please enter a message to share."));
    }
    let id = put_up(call, page, message, media, &[("link", link)]).await;
    let (id, answer) = match id {
        Ok(up) => up,
        Err(response) => return Ok(*response),
    };
    for photo in &attached {
        let id = photo.get("media_fbid").and_then(Value::as_str).unwrap_or_default();
        call.desk.social.change(Provider::Facebook, id, |upload| upload.published = true);
    }
    Ok(call.desk.finish(answer, call.hangup, Json(json!({ "id": id })).into_response()).await)
}

async fn photo(call: &Call<'_>, page: &Facebook) -> Answer {
    let (url, caption) = (social::text(&call.fields, "url"), social::text(&call.fields, "caption"));
    if !social::is_link(url) {
        return Err(Refusal::bad(100, "The parameter url is required"));
    }
    let photo = call.desk.social.number();
    let unpublished =
        matches!(call.fields.get("published"), Some(Value::Bool(false))) || social::text(&call.fields, "published") == "false";
    let alt = social::text(&call.fields, "alt_text_custom");
    let upload = Upload {
        provider: Some(Provider::Facebook),
        media: vec![url.to_owned()],
        alt: alt.to_owned(),
        published: !unpublished,
        ..Upload::default()
    };
    if unpublished {
        call.desk.social.keep(&photo, upload);
        return Ok(Json(json!({ "id": photo })).into_response());
    }
    let caption = if caption.is_empty() { social::text(&call.fields, "message") } else { caption };
    match put_up(call, page, caption, upload.media, &[("alt", alt)]).await {
        Ok((post, answer)) => {
            let body = Json(json!({ "id": photo, "post_id": post }));
            Ok(call.desk.finish(answer, call.hangup, body.into_response()).await)
        }
        Err(response) => Ok(*response),
    }
}

async fn put_up(
    call: &Call<'_>,
    page: &Facebook,
    text: &str,
    media: Vec<String>,
    more: &[(&str, &str)],
) -> Result<(String, crate::behaviour::Answer), Box<axum::response::Response>> {
    if text.chars().count() > MESSAGE_MAX_CHARS {
        return Err(Box::new(Refusal::bad(100, "The message is too long").into_response()));
    }
    let id = format!("{}_{}", page.page_id, call.desk.social.number());
    let more: Map<String, Value> =
        more.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
    let post = Post {
        provider: Provider::Facebook,
        account: page.page_id.clone(),
        handle: page.page_name.clone(),
        id: id.clone(),
        text: text.to_owned(),
        media,
        more,
    };
    Refusal::of(social::put_up(call.desk, call.active, call.hangup, post).await).map(|answer| (id, answer))
}
