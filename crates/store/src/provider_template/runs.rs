//! The runs that send by a template whose status has changed: stopped as a dispatcher's refusal stops them, and let go on again.

use super::{APPROVED, Changed};
use crate::{Error, Result};
use domain::{CampaignId, SenderId, WorkspaceId, content::TemplateContent};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Open runs of one workspace and sender that are looked at.
const MOST: i64 = 1_000;
/// Why a channel waits when the provider's news stopped it.
const PAUSED: &str = "TEMPLATE_PAUSED";
const DISABLED: &str = "TEMPLATE_DISABLED";
/// Pauses that end by themselves once the template is approved again: ours, and the provider's refusals that say the same
/// (Meta 132015 and 132016, Twilio 63041 and 63042). What else stopped a template is for a person to mend.
const ENDS_BY_APPROVAL: [&str; 6] = [PAUSED, DISABLED, "132015", "132016", "63041", "63042"];

/// What became of a campaign's channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    Stopped { campaign: CampaignId, code: &'static str },
    GoesOn { campaign: CampaignId },
}

/// Stops the runs of a template that is paused or disabled, and lets those of an approved one go on that only waited for that. Other
/// statuses move nothing: a message that is refused for them stops its run itself.
///
/// # Errors
/// When a statement fails.
pub async fn follow(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    changed: &Changed,
    now: OffsetDateTime,
) -> Result<Vec<Moved>> {
    let code = match changed.status.as_str() {
        "PAUSED" => Some(PAUSED),
        "DISABLED" => Some(DISABLED),
        APPROVED => None,
        _ => return Ok(Vec::new()),
    };
    let runs = runs_of(connection, workspace, sender, changed).await?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let campaigns = match code {
        Some(code) => stop(connection, &runs, code, now).await?,
        None => go_on(connection, &runs).await?,
    };
    let moved = campaigns.into_iter().map(|campaign| match code {
        Some(code) => Moved::Stopped { campaign: campaign.into(), code },
        None => Moved::GoesOn { campaign: campaign.into() },
    });
    Ok(moved.collect())
}

async fn stop(connection: &mut PgConnection, runs: &[Uuid], code: &str, now: OffsetDateTime) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "UPDATE send.run_channel rc SET paused_at = $2, paused_code = $3 FROM send.run r
         WHERE rc.run_id = ANY($1) AND r.run_id = rc.run_id AND rc.channel = 'whatsapp' AND rc.paused_at IS NULL
         RETURNING r.campaign_id",
        runs,
        now,
        code
    )
    .fetch_all(connection)
    .await?)
}

async fn go_on(connection: &mut PgConnection, runs: &[Uuid]) -> Result<Vec<Uuid>> {
    let codes: Vec<String> = ENDS_BY_APPROVAL.map(str::to_owned).to_vec();
    Ok(sqlx::query_scalar!(
        "UPDATE send.run_channel rc SET paused_at = NULL, paused_code = NULL FROM send.run r
         WHERE rc.run_id = ANY($1) AND r.run_id = rc.run_id AND rc.channel = 'whatsapp' AND rc.paused_code = ANY($2)
         RETURNING r.campaign_id",
        runs,
        &codes
    )
    .fetch_all(connection)
    .await?)
}

/// The open runs that send by this template: what they send now is looked at, in all its languages.
async fn runs_of(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, changed: &Changed) -> Result<Vec<Uuid>> {
    let rows = sqlx::query!(
        r#"SELECT r.run_id, jsonb_build_object('whatsapp', c.content -> 'whatsapp', 'translations',
                      coalesce((SELECT jsonb_object_agg(t.key, jsonb_build_object('whatsapp', t.value -> 'whatsapp'))
                                FROM jsonb_each(c.content -> 'translations') AS t), '{}')) AS "content!"
           FROM send.run r JOIN send.run_channel rc ON rc.run_id = r.run_id AND rc.channel = 'whatsapp'
           LEFT JOIN send.run_content v ON v.run_id = r.run_id AND v.version = r.content_version
           CROSS JOIN LATERAL (SELECT coalesce(v.content, r.content) AS content) AS c
           WHERE r.workspace_id = $1 AND r.status IN ('expanding', 'sending') AND $2 IN (rc.sender_id, rc.fallback_sender_id)
           ORDER BY r.run_id LIMIT $3"#,
        workspace.0,
        sender.0,
        MOST
    )
    .fetch_all(connection)
    .await?;
    let mut runs = Vec::new();
    for row in rows {
        let content: TemplateContent =
            serde_json::from_value(row.content).map_err(|error| Error::Corrupt { what: "run content", reason: error.to_string() })?;
        if content.registered().iter().any(|registered| changed.is(registered)) {
            runs.push(row.run_id);
        }
    }
    Ok(runs)
}
