//! Reads the templates that a provider keeps, every hour: between two readings they are heard of by webhooks, where the provider posts any.

use super::Job;
use crate::provider_template::sync::{self, NotSynced};
use std::time::Duration;
use store::sender_task::Ended;

const EVERY: Duration = Duration::from_secs(3600);

pub(super) async fn run(job: &Job<'_>) -> anyhow::Result<Ended> {
    let listed = match sync::read(job.state, &job.sender).await {
        Ok(listed) => listed,
        // A changed account is planned anew.
        Err(NotSynced::NoTemplates) => return Ok(Ended::Over),
        Err(NotSynced::Account(error)) => return Err(error.into()),
        Err(NotSynced::Sealed(status)) => anyhow::bail!("its credentials can't be opened: {}", status.message()),
        Err(NotSynced::Provider(fault)) => anyhow::bail!("the provider gives no templates ({}): {}", fault.code, fault.detail),
    };
    let mut tx = job.state.db.tenant(job.sender.workspace_id).await?;
    let now = job.state.clock.now();
    let changed = sync::write(&mut tx, &job.sender, &listed, now).await?;
    tx.commit().await.map_err(store::Error::from)?;
    if changed > 0 {
        tracing::info!(sender.id = %job.sender.sender_id, changed, "templates aren't what they were at the provider");
    }
    Ok(Ended::Done { next_at: now + EVERY, since: None })
}
