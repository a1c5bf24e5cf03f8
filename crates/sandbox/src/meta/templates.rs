//! What Meta keeps for the business account: templates, numbers and the app's subscription. And which templates it takes.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Refusal, authorise_token};
use crate::config::Active;
use crate::config_whatsapp::Template;
use crate::desk::Desk;

/// Meta's own page when nobody asks for another.
const PAGE: usize = 25;
const DISPLAY_NUMBER: &str = "+1 555-078-3881";

/// `GET /{version}/{waba}/message_templates`
pub async fn list(
    State(desk): State<Arc<Desk>>,
    Path((version, waba)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let active = desk.live.get();
    let answer = account(&active, &version, &waba, &headers).and_then(|()| {
        let templates = active.config.whatsapp.templates.as_ref().ok_or_else(no_permission)?;
        let named = |template: &&Template| query.get("name").is_none_or(|name| *name == template.name);
        Ok(page(templates.iter().filter(named).map(shown).collect(), &query))
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /{version}/{waba}/phone_numbers`
pub async fn numbers(
    State(desk): State<Arc<Desk>>,
    Path((version, waba)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let active = desk.live.get();
    let answer = account(&active, &version, &waba, &headers).map(|()| {
        let id = active.config.meta.as_ref().map(|meta| meta.phone_number_id.clone()).unwrap_or_default();
        let number = json!({
            "id": id,
            "display_phone_number": DISPLAY_NUMBER,
            "verified_name": "Sandbox",
            "status": "LINKED",
            "quality_rating": "GREEN",
            "messaging_limit_tier": "TIER_UNLIMITED",
        });
        page(vec![number], &query)
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// `GET` and `POST /{version}/{waba}/subscribed_apps`
pub async fn subscription(State(desk): State<Arc<Desk>>, Path((version, waba)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let active = desk.live.get();
    let app = json!([{ "id": "100000000000002", "name": "Sandbox" }]);
    let answer = account(&active, &version, &waba, &headers).map(|()| Json(json!({ "success": true, "data": app })).into_response());
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// Whether the call is for the account of the configuration.
fn account(active: &Active, version: &str, waba: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    authorise_token(active, version, headers)?;
    if active.config.whatsapp.waba_id.as_deref() == Some(waba) {
        return Ok(());
    }
    let details = format!("Object with ID '{waba}' does not exist or cannot be loaded.");
    Err(Refusal::bad_request(100, "Unsupported get request", details))
}

fn no_permission() -> Refusal {
    let details = "The app may not manage templates.";
    Refusal { status: StatusCode::FORBIDDEN, ..Refusal::bad_request(200, "Permissions error", details) }
}

/// A part of a list, from the cursor on.
fn page(items: Vec<Value>, query: &HashMap<String, String>) -> Response {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (from, most) = (number("after").unwrap_or(0).min(items.len()), number("limit").unwrap_or(PAGE).clamp(1, 100));
    let end = (from + most).min(items.len());
    let mut answer = json!({ "data": items[from..end] });
    if !items.is_empty() {
        answer["paging"] = json!({ "cursors": { "before": from.to_string(), "after": end.to_string() } });
    }
    if end < items.len() {
        answer["paging"]["next"] = json!(format!("https://graph.facebook.com/next?after={end}"));
    }
    Json(answer).into_response()
}

fn shown(template: &Template) -> Value {
    json!({
        "id": template.id,
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "status": template.status,
        "components": [{ "type": "BODY", "text": "Hi {{1}}" }],
    })
}

/// Whether a template may be sent at this endpoint.
pub fn check(active: &Active, content: &Value, marketing: bool) -> Result<(), Refusal> {
    let known = &active.config.whatsapp;
    let Some(templates) = &known.templates else { return Ok(()) };
    let (name, language) = (content["name"].as_str().unwrap_or_default(), content["language"]["code"].as_str().unwrap_or_default());
    let found = templates.iter().find(|template| template.name == name && template.language == language);
    let refuse = |code, title: &str, details: String| Err(Refusal::bad_request(code, title, details));
    let Some(template) = found.filter(|template| matches!(template.status.as_str(), "APPROVED" | "PAUSED" | "DISABLED")) else {
        let details = format!("template name ({name}) does not exist in {language}");
        return refuse(132_001, "Template name does not exist in the translation", details);
    };
    let is_marketing = template.category == "MARKETING";
    match template.status.as_str() {
        "PAUSED" => refuse(132_015, "Template is Paused", format!("template {name} is paused")),
        "DISABLED" => refuse(132_016, "Template is Disabled", format!("template {name} is disabled")),
        _ if marketing && !is_marketing => refuse(131_055, "Method not allowed", "Only marketing templates are allowed here.".to_owned()),
        _ if !marketing && is_marketing && known.marketing_only => {
            let details = "Send marketing templates through the Marketing Messages API.".to_owned();
            refuse(131_063, "Marketing messages are disabled on Cloud API", details)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn code(status: &str, category: &str, marketing: bool, marketing_only: bool) -> Option<u32> {
        let text = str::to_owned;
        let template = Template { id: text("1"), name: text("sale"), language: text("en"), category: text(category), status: text(status) };
        let mut config = Config::default();
        config.whatsapp.templates = Some(vec![template]);
        config.whatsapp.marketing_only = marketing_only;
        let content = json!({ "name": "sale", "language": { "code": "en" } });
        check(&Active::new(config).ok()?, &content, marketing).err().map(|refusal| refusal.code)
    }

    #[test]
    fn only_what_is_approved_is_taken_and_where_it_belongs() {
        assert_eq!(code("APPROVED", "UTILITY", false, true), None);
        assert_eq!(code("APPROVED", "MARKETING", true, true), None);
        assert_eq!(code("APPROVED", "MARKETING", false, true), Some(131_063));
        assert_eq!(code("APPROVED", "UTILITY", true, false), Some(131_055));
        assert_eq!(code("PAUSED", "UTILITY", false, false), Some(132_015));
        assert_eq!(code("DISABLED", "UTILITY", false, false), Some(132_016));
        assert_eq!(code("PENDING", "UTILITY", false, false), Some(132_001));
    }

    #[test]
    fn without_a_list_every_template_is_taken() {
        let active = Active::new(Config::default()).unwrap();
        assert!(check(&active, &json!({ "name": "anything", "language": { "code": "en" } }), false).is_ok());
    }
}
