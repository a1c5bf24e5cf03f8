//! What runs send on this channel, compiled once a run.

use anyhow::Context as _;
use domain::{Channel, RunId, content::TemplateContent, render::Renderer};
use std::{collections::HashMap, sync::Arc};
use store::{Db, gate};
use tokio::sync::Mutex;

/// Runs kept at most.
const MAX_KEPT: usize = 256;

/// A run's pinned content, ready to be rendered. It never changes, so it is read once.
pub(crate) struct Plan {
    pub(crate) campaign_name: String,
    pub(crate) workspace_id: String,
    pub(crate) price_micros: i64,
    pub(crate) renderer: Renderer,
}

/// The runs in work.
pub(crate) struct Plans {
    db: Db,
    channel: Channel,
    kept: Mutex<HashMap<RunId, Arc<Plan>>>,
}

impl Plans {
    pub(crate) fn new(db: Db, channel: Channel) -> Self {
        Self { db, channel, kept: Mutex::default() }
    }

    /// The plan of a run; None when there is no such run.
    pub(crate) async fn get(&self, run: RunId) -> anyhow::Result<Option<Arc<Plan>>> {
        let mut kept = self.kept.lock().await;
        if let Some(plan) = kept.get(&run) {
            return Ok(Some(plan.clone()));
        }
        let mut connection = self.db.acquire().await?;
        let Some(plan) = gate::plan(&mut connection, run, self.channel).await? else { return Ok(None) };
        let content: TemplateContent = serde_json::from_value(plan.content).context("the run's content can't be read")?;
        let renderer = Renderer::new(&content).map_err(|problems| anyhow::anyhow!("the run's content can't be rendered: {problems:?}"))?;
        let plan = Arc::new(Plan {
            campaign_name: plan.campaign_name,
            workspace_id: plan.workspace_id.to_string(),
            price_micros: plan.price_micros,
            renderer,
        });
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(run, plan.clone());
        Ok(Some(plan))
    }
}
