//! The account's Content templates with their approval for WhatsApp, page by page.
//!
//! They are at a host of their own, `content.twilio.com`. Source: `ListContentAndApprovals` in Twilio's OpenAPI description (`content_v1`).

use super::{errors, manage::Manager};
use crate::errors::{PERMANENT, RETRY};
use crate::settings::endpoint;
use crate::webhook::text_of;
use crate::{Fault, RemoteTemplate, http_client};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// For all pages together.
const LIST_DEADLINE: Duration = Duration::from_secs(60);
const PAGE_SIZE: &str = "50";
const PAGES_MAX: usize = 200;

#[derive(Debug, Deserialize)]
struct Page {
    contents: Vec<Value>,
    meta: Meta,
}

#[derive(Debug, Deserialize)]
struct Meta {
    /// Null on the last page. A page without it is no page.
    next_page_url: Value,
}

pub(super) async fn read(manager: &Manager) -> Result<Vec<RemoteTemplate>, Fault> {
    let slow = |_| Err(Fault::new("timeout", RETRY, "the list of templates takes too long to read"));
    timeout(LIST_DEADLINE, pages(manager)).await.unwrap_or_else(slow)
}

async fn pages(manager: &Manager) -> Result<Vec<RemoteTemplate>, Fault> {
    let mut url =
        endpoint(&manager.config.content_url, &["v1", "ContentAndApprovals"]).map_err(|_| Fault::content("content_url can't be used"))?;
    url.query_pairs_mut().append_pair("PageSize", PAGE_SIZE);
    let mut templates = Vec::new();
    for _ in 0..PAGES_MAX {
        let answer = http_client::ask(manager.get(url.clone()), manager.deadline, errors::fault).await?;
        let page: Page = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        templates.extend(page.contents.iter().filter_map(template));
        let next = match page.meta.next_page_url {
            Value::Null => return Ok(templates),
            Value::String(next) => next,
            _ => return Err(unreadable()),
        };
        // Only its query is taken: the credentials go nowhere but to the account's own address.
        let next = Url::parse(&next).map_err(|_| unreadable())?;
        url.set_query(next.query());
    }
    Err(Fault::new("too_long", PERMANENT, "the account has more templates than can be read"))
}

fn unreadable() -> Fault {
    Fault::new("garbage", RETRY, "the list of templates can't be read")
}

/// None for what has no Content SID: nothing could be sent by it.
fn template(item: &Value) -> Option<RemoteTemplate> {
    let approval = &item["approval_requests"];
    let text = |value: &Value| text_of(value).unwrap_or_default();
    Some(RemoteTemplate {
        provider_id: text_of(&item["sid"])?,
        name: text_of(&approval["name"]).unwrap_or_else(|| text(&item["friendly_name"])),
        language: text(&item["language"]),
        category: text(&approval["category"]).to_ascii_uppercase(),
        // What was never submitted says so; without a word of it, it wasn't either.
        status: text_of(&approval["status"]).unwrap_or_else(|| "unsubmitted".to_owned()).to_ascii_uppercase(),
        quality: String::new(),
        components: item["types"].clone(),
        reason: text(&approval["rejection_reason"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts;

    #[test]
    fn published_contents_are_read() {
        let file = contracts::json("twilio/content_v1.openapi.json");
        let example = "/paths/~1v1~1ContentAndApprovals/get/responses/200/content/application~1json/examples/readResults/value";
        let page: Page = serde_json::from_value(file.pointer(example).unwrap().clone()).unwrap();
        let templates: Vec<_> = page.contents.iter().filter_map(template).collect();
        let statuses: Vec<_> = templates.iter().map(|template| template.status.as_str()).collect();
        assert_eq!(statuses, ["UNSUBMITTED", "APPROVED", "REJECTED"]);
        assert_eq!(templates[1].provider_id, "HX5fcd48a417c1cb59da349ad6d5da4607");
        assert!(templates[2].reason.starts_with("INVALID_FORMAT"));
        assert_eq!(page.meta.next_page_url, Value::Null);
    }
}
