//! Tests the connection: the account's name, and how much of the day's posts it has used.

use super::{Config, send, wire};
use crate::graph::{Graph, List};
use crate::{AccountError, Checked, Fault, Manage, Quota};
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Manager {
    graph: Graph,
    ig_user_id: String,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    username: String,
}

impl Manager {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { graph: config.graph(deadline)?, ig_user_id: config.ig_user_id })
    }
}

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        let request = self.graph.get(&[&self.ig_user_id], &[("fields", "id,username")])?;
        let user: User = self.graph.ask(request).await?;
        let limits: List<wire::Limit> = self.graph.ask(send::quota(&self.graph, &self.ig_user_id)?).await?;
        let posting = limits.data.first().and_then(|limit| {
            // The day moves along with the clock: no moment gives all of it back.
            Some(Quota { limit: limit.config.quota_total?, used: limit.quota_usage, resets_at: None })
        });
        let handle = if user.username.is_empty() { String::new() } else { format!("@{}", user.username) };
        Ok(Checked { handle, external_id: user.id, posting, ..Checked::default() })
    }
}
