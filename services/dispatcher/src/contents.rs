//! What runs send, compiled once for each version of a run's content. A version never changes.

use domain::{RunId, content::TemplateContent, render::Renderer};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use store::{Db, run_content};
use tokio::sync::OnceCell;

/// Versions kept at most.
const MAX_KEPT: usize = 256;

/// Why there is no renderer; not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoContent {
    /// The next try may find the database well.
    #[error(transparent)]
    Unread(#[from] store::Error),
    /// A person has to mend it.
    #[error("{0}")]
    Unusable(String),
}

type Place = Arc<OnceCell<Arc<Renderer>>>;

/// The contents in work.
pub(crate) struct Contents {
    db: Db,
    /// Of all that need a version one asks the database.
    kept: Mutex<HashMap<(RunId, i32), Place>>,
}

impl Contents {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, kept: Mutex::default() }
    }

    /// A version of a run's content, ready to be rendered.
    pub(crate) async fn get(&self, run: RunId, version: i32) -> Result<Arc<Renderer>, NoContent> {
        let place = self.place(run, version);
        place.get_or_try_init(|| self.read(run, version)).await.cloned()
    }

    fn place(&self, run: RunId, version: i32) -> Place {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT && !kept.contains_key(&(run, version)) {
            kept.clear();
        }
        kept.entry((run, version)).or_default().clone()
    }

    async fn read(&self, run: RunId, version: i32) -> Result<Arc<Renderer>, NoContent> {
        let content = run_content::read(&mut *self.db.acquire().await?, run, version).await?;
        let content = content.ok_or_else(|| NoContent::Unusable(format!("the run has no version {version} of its content")))?;
        // A big one in many languages takes a tenth of a second.
        let compiled = tokio::task::spawn_blocking(move || {
            let content: TemplateContent =
                serde_json::from_value(content).map_err(|error| format!("the content can't be read: {error}"))?;
            Renderer::new(&content).map_err(|problems| format!("the content can't be rendered: {problems:?}"))
        });
        let renderer = compiled.await.map_err(|error| NoContent::Unusable(error.to_string()))?;
        Ok(Arc::new(renderer.map_err(NoContent::Unusable)?))
    }
}
