//! What a changed template does to the campaigns that are sent by it.

use crate::inbound::ORIGIN;
use domain::{Channel, SenderId, WorkspaceId};
use runtime::traceparent;
use store::{
    PgConnection, Result,
    alert::{self, Raise, kind},
    provider_template::{
        Changed,
        runs::{self, Moved},
    },
};
use time::OffsetDateTime;

/// Whoever resolves an alert that a template's approval has made good.
const BY: &str = "the provider approves the template again";

/// Stops and resumes runs, and says so.
///
/// # Errors
/// When the database fails.
pub async fn changes(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    changed: &[Changed],
    now: OffsetDateTime,
) -> Result<()> {
    for template in changed {
        for moved in runs::follow(&mut *tx, workspace, sender, template, now).await? {
            tell(&mut *tx, workspace, template, moved, now).await?;
        }
    }
    Ok(())
}

async fn tell(tx: &mut PgConnection, workspace: WorkspaceId, template: &Changed, moved: Moved, now: OffsetDateTime) -> Result<()> {
    match moved {
        Moved::Stopped { campaign, code } => {
            let name = format!("{} ({})", template.name, template.language);
            let reason = if template.reason.is_empty() { String::new() } else { format!(": {}", template.reason) };
            let detail = format!("the provider says that the template {name} is {}{reason}", template.status.to_lowercase());
            tracing::warn!(campaign.id = %campaign, code, "the template is stopped by its provider");
            let alert = Raise {
                workspace_id: workspace,
                campaign_id: Some(campaign),
                sender_id: None,
                channel: Some(Channel::Whatsapp),
                kind: kind::TEMPLATE_PAUSED,
                code,
                detail: &detail,
            };
            outbox::raise_alert(tx, ORIGIN, &alert, &traceparent::current(), now).await?;
        }
        Moved::GoesOn { campaign } => {
            tracing::info!(campaign.id = %campaign, "the template is approved again: its campaign goes on");
            alert::resolve(tx, Some(campaign), None, &[kind::TEMPLATE_PAUSED], BY, now).await?;
        }
    }
    Ok(())
}
