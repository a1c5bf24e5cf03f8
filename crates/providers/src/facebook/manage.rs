//! Tests the connection: reads the page's own name.

use super::Config;
use crate::graph::Graph;
use crate::{AccountError, Checked, Fault, Manage};
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Manager {
    graph: Graph,
    page_id: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    id: String,
    #[serde(default)]
    name: String,
}

impl Manager {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { graph: config.graph(deadline)?, page_id: config.page_id })
    }
}

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        let request = self.graph.get(&[&self.page_id], &[("fields", "id,name")])?;
        let page: Page = self.graph.ask(request).await?;
        Ok(Checked { handle: page.name, external_id: page.id, ..Checked::default() })
    }
}
