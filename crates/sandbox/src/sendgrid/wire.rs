//! A mail/send request as it comes. What the sandbox does not look at is left out.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    pub personalizations: Vec<Personalization>,
    pub from: Option<Address>,
    pub reply_to: Option<Address>,
    pub reply_to_list: Option<Vec<Address>>,
    pub subject: Option<String>,
    pub content: Option<Vec<Content>>,
    pub template_id: Option<String>,
    #[serde(default)]
    pub headers: Map<String, Value>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub custom_args: Map<String, Value>,
    pub send_at: Option<i64>,
    #[serde(default)]
    pub mail_settings: Value,
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
pub struct Attachment {
    #[serde(default)]
    pub content: String,
    #[serde(rename = "type")]
    pub mime: Option<String>,
    pub filename: Option<String>,
    pub disposition: Option<String>,
    pub content_id: Option<String>,
}

#[derive(Deserialize)]
pub struct Personalization {
    #[serde(default)]
    pub to: Vec<Address>,
    #[serde(default)]
    pub cc: Vec<Address>,
    #[serde(default)]
    pub bcc: Vec<Address>,
    pub from: Option<Address>,
    pub subject: Option<String>,
    #[serde(default)]
    pub headers: Map<String, Value>,
    #[serde(default)]
    pub substitutions: Map<String, Value>,
    pub dynamic_template_data: Option<Value>,
    #[serde(default)]
    pub custom_args: Map<String, Value>,
    pub send_at: Option<i64>,
}

#[derive(Deserialize)]
pub struct Address {
    pub email: Option<String>,
}

#[derive(Deserialize)]
pub struct Content {
    #[serde(rename = "type", default)]
    pub mime: String,
    #[serde(default)]
    pub value: String,
}
