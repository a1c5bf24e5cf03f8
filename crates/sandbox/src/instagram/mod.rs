//! A professional account: containers (`/{user}/media`), their state, publishing, the day's quota, and the account's posts.
//!
//! A container's media counts as fetched when its state is asked for the second time.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::config::Instagram;
use crate::graph::{self, Answer, Call, Refusal};
use crate::message::{Message, Provider};
use crate::social::{self, Post, Upload};

const CAPTION_MAX_CHARS: usize = 2_200;
const ITEMS_MAX: usize = 10;
const DAY: time::Duration = time::Duration::hours(24);

fn section<'a>(call: &Call<'a>) -> Result<&'a Instagram, Refusal> {
    call.active.config.instagram.as_ref().ok_or_else(|| graph::unknown(call.id))
}

pub async fn read(call: &Call<'_>) -> Answer {
    let user = section(call)?;
    if (call.id, call.edge) == ("me", "accounts") {
        let linked = json!({ "id": user.ig_user_id, "username": user.username });
        let page = json!({ "id": "900000000000001", "name": user.username, "access_token": user.access_token, "instagram_business_account": linked });
        return Ok(graph::list(vec![page], None));
    }
    match (call.id == user.ig_user_id, call.edge) {
        (true, "") => Ok(Json(json!({ "id": user.ig_user_id, "username": user.username })).into_response()),
        (true, "content_publishing_limit") => {
            let used = used(call, user).await;
            let config = json!({ "quota_total": user.quota_total, "quota_duration": 86_400 });
            Ok(graph::list(vec![json!({ "quota_usage": used, "config": config })], None))
        }
        (true, "media") => {
            let posts = social::posts(call.desk, Provider::Instagram, &user.ig_user_id).await;
            let entries = posts.iter().map(|logged| entry(&logged.message)).collect();
            let (entries, next) = graph::part(entries, call.query, 25);
            Ok(graph::list(entries, next))
        }
        (false, "") => node(call).await,
        _ => Err(graph::unknown(call.id)),
    }
}

/// A container, or a post.
async fn node(call: &Call<'_>) -> Answer {
    if let Some(container) = call.desk.social.change(Provider::Instagram, call.id, |upload| upload.asked += 1) {
        let (code, words) = match &container {
            container if container.published => ("PUBLISHED", "Published: Media has been published."),
            container if container.asked > 1 => ("FINISHED", "Finished: Media has been uploaded and it is ready to be published."),
            _ => ("IN_PROGRESS", "In Progress: Media is still being processed."),
        };
        return Ok(Json(json!({ "status_code": code, "status": words, "id": call.id })).into_response());
    }
    match social::post(call.desk, Provider::Instagram, call.id).await {
        Some(logged) => Ok(Json(entry(&logged.message)).into_response()),
        None => Err(graph::unknown(call.id)),
    }
}

fn entry(message: &Message) -> Value {
    json!({
        "id": message.provider_message_id,
        "caption": message.text,
        "media_url": message.media.first(),
        "timestamp": format!("{}+0000", message.at.get(..19).unwrap_or_default()),
        "permalink": format!("https://www.instagram.com/p/{}/", message.provider_message_id),
    })
}

async fn used(call: &Call<'_>, user: &Instagram) -> usize {
    let since = OffsetDateTime::now_utc() - DAY;
    let posts = social::posts(call.desk, Provider::Instagram, &user.ig_user_id).await;
    posts.iter().filter(|logged| social::at(&logged.message).is_some_and(|at| at > since)).count()
}

pub async fn write(call: &Call<'_>) -> Answer {
    let user = section(call)?;
    if call.id != user.ig_user_id {
        return Err(graph::unknown(call.id));
    }
    match call.edge {
        "media" => container(call),
        "media_publish" => publish(call, user).await,
        _ => Err(graph::unknown(call.id)),
    }
}

fn container(call: &Call<'_>) -> Answer {
    let fields = &call.fields;
    let (image, video) = (social::text(fields, "image_url"), social::text(fields, "video_url"));
    let caption = social::text(fields, "caption");
    if caption.chars().count() > CAPTION_MAX_CHARS {
        return Err(Refusal::bad(100, "The caption is too long").with_subcode(2_207_010));
    }
    let kind = social::text(fields, "media_type");
    let mut media = Vec::new();
    if kind == "CAROUSEL" {
        let children: Vec<&str> = match fields.get("children") {
            Some(Value::Array(children)) => children.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(children)) => children.split(',').collect(),
            _ => Vec::new(),
        };
        if !(2..=ITEMS_MAX).contains(&children.len()) {
            return Err(Refusal::bad(100, "A carousel has 2 to 10 children").with_subcode(2_207_028));
        }
        for child in children {
            let item = call.desk.social.find(Provider::Instagram, child).filter(|item| !item.published);
            media.extend(item.ok_or_else(|| Refusal::bad(100, "A child is unknown").with_subcode(2_207_006))?.media);
        }
    } else {
        let link = if image.is_empty() { video } else { image };
        if !social::is_link(link) || (image.is_empty() && !["REELS", "VIDEO", "STORIES"].contains(&kind)) {
            return Err(Refusal::bad(100, "image_url, or video_url with its media_type, is required"));
        }
        let is_jpeg = |link: &str| link.split(['?', '#']).next().is_some_and(|path| !path.to_lowercase().ends_with(".png"));
        if !image.is_empty() && !is_jpeg(image) {
            return Err(Refusal::bad(36_001, "The image format is not supported").with_subcode(2_207_005));
        }
        media.push(link.to_owned());
    }
    let id = call.desk.social.number();
    let alt = social::text(fields, "alt_text").to_owned();
    let upload = Upload { provider: Some(Provider::Instagram), media, text: caption.to_owned(), alt, ..Upload::default() };
    call.desk.social.keep(&id, upload);
    Ok(Json(json!({ "id": id })).into_response())
}

async fn publish(call: &Call<'_>, user: &Instagram) -> Answer {
    let creation = match call.fields.get("creation_id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(Refusal::bad(100, "The parameter creation_id is required")),
    };
    let Some(container) = call.desk.social.find(Provider::Instagram, &creation) else {
        return Err(Refusal::bad(24, "The requested resource does not exist").with_subcode(2_207_006));
    };
    if container.published {
        return Err(Refusal::bad(100, "The container was published already"));
    }
    if container.asked < 2 {
        return Err(Refusal::bad(9_007, "Media ID is not available").with_subcode(2_207_027));
    }
    if used(call, user).await >= user.quota_total as usize {
        let refusal = Refusal::bad(9, "Application request limit reached").with_subcode(2_207_042);
        return Err(refusal.with_status(StatusCode::FORBIDDEN));
    }
    let id = call.desk.social.number();
    let mut more = Map::new();
    if !container.alt.is_empty() {
        more.insert("alt".into(), container.alt.into());
    }
    let post = Post {
        provider: Provider::Instagram,
        account: user.ig_user_id.clone(),
        handle: format!("@{}", user.username),
        id: id.clone(),
        text: container.text,
        media: container.media,
        more,
    };
    match Refusal::of(social::put_up(call.desk, call.active, call.hangup, post).await) {
        Ok(answer) => {
            call.desk.social.change(Provider::Instagram, &creation, |upload| upload.published = true);
            Ok(call.desk.finish(answer, call.hangup, Json(json!({ "id": id })).into_response()).await)
        }
        Err(response) => Ok(*response),
    }
}
