//! Tests the connection: reads the author's name. Both addresses are of LinkedIn's documentation.

use super::Api;
use crate::{Checked, Fault, Manage};
use reqwest::Method;
use serde::Deserialize;

#[derive(Debug)]
pub(super) struct Manager(pub(super) Api);

#[derive(Debug, Deserialize)]
pub(super) struct Organization {
    #[serde(rename = "localizedName", default)]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub(super) sub: String,
    #[serde(default)]
    pub(super) name: String,
}

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        let external_id = self.0.author.clone();
        let handle = match external_id.strip_prefix("urn:li:organization:") {
            Some(id) => organization(&self.0, id).await?.name,
            None => person(&self.0).await?.name,
        };
        Ok(Checked { handle, external_id, ..Checked::default() })
    }
}

pub(super) async fn organization(api: &Api, id: &str) -> Result<Organization, Fault> {
    api.ask(api.call(Method::GET, &["rest", "organizations", id])?).await
}

pub(super) async fn person(api: &Api) -> Result<Person, Fault> {
    api.ask(api.call(Method::GET, &["v2", "userinfo"])?).await
}
