//! What Meta can be asked about an account: its sending number, and its templates.
//!
//! Both belong to the WhatsApp Business Account, whose id the account must name. Lists are read page by page by their cursors.
//! Source: `getWhatsAppBusinessAccountPhoneNumbers` and `getTemplateByNameDefaultFields` in Meta's OpenAPI description.

use super::{Config, errors};
use crate::errors::{PAUSE, PERMANENT, RETRY};
use crate::settings::endpoint;
use crate::webhook::text_of;
use crate::{AccountError, Checked, Fault, Manage, RemoteTemplate, http_client};
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// For all pages together.
const LIST_DEADLINE: Duration = Duration::from_secs(60);
/// An account has 6,000 templates at most; a page has 25 unless asked otherwise.
const PAGES_MAX: usize = 300;

#[derive(Debug)]
pub(super) struct Desk {
    config: Config,
    client: Client,
    deadline: Duration,
}

#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<Value>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paging {
    cursors: Cursors,
    /// Absent on the last page.
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cursors {
    after: Option<String>,
}

impl Desk {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { config, client: http_client::shared()?, deadline })
    }

    async fn list(&self, what: &str) -> Result<Vec<Value>, Fault> {
        let waba = self.config.waba_id.as_deref();
        let waba = waba.ok_or_else(|| Fault::new("waba_id", PERMANENT, "enter the WhatsApp Business Account's id in waba_id"))?;
        let url = endpoint(&self.config.base_url, &[self.config.version.as_str(), waba, what])
            .map_err(|_| Fault::content("the address of the account can't be used"))?;
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut url = url.clone();
            if let Some(after) = &after {
                url.query_pairs_mut().append_pair("after", after);
            }
            let request = self.client.get(url).bearer_auth(self.config.access_token.expose());
            let answer = http_client::ask(request, self.deadline, errors::fault).await?;
            let page: Page = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
            items.extend(page.data);
            // Of the next page's address only the cursor is taken: the token goes nowhere but to the account's own address.
            match (page.paging.next, page.paging.cursors.after) {
                (Some(_), Some(cursor)) if after.as_ref() != Some(&cursor) => after = Some(cursor),
                (None, _) => return Ok(items),
                _ => return Err(unreadable()),
            }
        }
        Err(Fault::new("too_long", PERMANENT, "the list has more pages than an account can have"))
    }

    async fn all(&self, what: &str) -> Result<Vec<Value>, Fault> {
        let slow = |_| Err(Fault::new("timeout", RETRY, "the list takes too long to read"));
        timeout(LIST_DEADLINE, self.list(what)).await.unwrap_or_else(slow)
    }
}

fn unreadable() -> Fault {
    Fault::new("garbage", RETRY, "the list can't be read")
}

#[async_trait::async_trait]
impl Manage for Desk {
    async fn check(&self) -> Result<Checked, Fault> {
        let numbers = self.all("phone_numbers").await?;
        let ours = numbers.iter().find(|number| text_of(&number["id"]).as_deref() == Some(self.config.phone_number_id.as_str()));
        let Some(number) = ours else {
            return Err(Fault::new(
                "phone_number_id",
                PAUSE,
                "this WhatsApp Business Account has no such number: correct phone_number_id or waba_id",
            ));
        };
        let status = number["status"].as_str().unwrap_or_default();
        if matches!(status, "BANNED" | "RESTRICTED" | "UNLINKED" | "DELETED" | "MIGRATED") {
            return Err(Fault::new(status.to_ascii_lowercase(), PAUSE, "Meta doesn't let this number send"));
        }
        let shown = text_of(&number["display_phone_number"]).unwrap_or_default();
        let handle = text_of(&number["verified_name"]).map_or_else(|| shown.clone(), |name| format!("{name} ({shown})"));
        Ok(Checked { handle, external_id: self.config.phone_number_id.clone(), ..Checked::default() })
    }

    async fn templates(&self) -> Result<Option<Vec<RemoteTemplate>>, Fault> {
        if self.config.waba_id.is_none() {
            return Ok(None);
        }
        let templates = self.all("message_templates").await?;
        Ok(Some(templates.iter().filter_map(template).collect()))
    }
}

/// None for what has neither name nor language: nothing could be sent by it.
fn template(item: &Value) -> Option<RemoteTemplate> {
    let text = |name: &str| text_of(&item[name]).unwrap_or_default();
    Some(RemoteTemplate {
        provider_id: text("id"),
        name: text_of(&item["name"])?,
        language: super::news::language(&text_of(&item["language"])?),
        category: text("category").to_ascii_uppercase(),
        status: text("status").to_ascii_uppercase(),
        quality: text_of(&item["quality_score"]["score"]).unwrap_or_default(),
        components: item["components"].clone(),
        reason: Some(text("rejected_reason")).filter(|reason| reason != "NONE").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_read_whatever_else_it_says() {
        let item = json!({"id": 920070352646140_u64, "name": "promo", "language": "en_US", "status": "rejected", "category": "MARKETING",
            "components": [{"type": "BODY", "text": "Hi"}], "rejected_reason": "INVALID_FORMAT", "new": {"field": 1}});
        let template = template(&item).unwrap();
        assert_eq!((template.provider_id.as_str(), template.status.as_str()), ("920070352646140", "REJECTED"));
        assert_eq!(template.reason, "INVALID_FORMAT");
        assert!(super::template(&json!({"id": "1"})).is_none());
    }
}
