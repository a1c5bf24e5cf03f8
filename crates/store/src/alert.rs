//! What a person should know and perhaps do. An alert about the same thing is raised once and counted while it is open.

mod read;

pub use read::{About, Alert, get, list, open, resolve_one};

use crate::Result;
use domain::{CampaignId, Channel, SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Kinds of alerts, as they are stored and shown.
pub mod kind {
    /// The provider refuses the account, or a person stopped it: nothing leaves by this sender until a person resumes it.
    pub const SENDER_PAUSED: &str = "sender_paused";
    /// The sender's token ends soon, and only a person can get another one.
    pub const TOKEN_EXPIRES: &str = "token_expires";
    /// The provider doesn't answer; it is tried again by itself.
    pub const SENDER_DOWN: &str = "sender_down";
    /// The provider warns of a sender, or takes something from it: it goes on as far as the provider lets it.
    pub const SENDER_WARNED: &str = "sender_warned";
    /// The provider refuses the template: nothing of this campaign leaves on this channel until it is resumed.
    pub const TEMPLATE_PAUSED: &str = "template_paused";
    /// The next message would pass the budget.
    pub const BUDGET_EXHAUSTED: &str = "budget_exhausted";
    /// Two ways of counting give different figures.
    pub const FIGURES_DISAGREE: &str = "figures_disagree";
}

/// What happened. About a campaign, a sender or both.
#[derive(Debug, Clone)]
pub struct Raise<'a> {
    pub workspace_id: WorkspaceId,
    pub campaign_id: Option<CampaignId>,
    pub sender_id: Option<SenderId>,
    pub channel: Option<Channel>,
    /// One of [`kind`].
    pub kind: &'static str,
    /// The provider's code; may be empty.
    pub code: &'a str,
    /// What happened and what to do, in words.
    pub detail: &'a str,
}

/// Raises an alert, or counts it once more when it is open. Answers with its id when it is new.
///
/// # Errors
/// When the statement fails.
pub async fn raise(connection: &mut PgConnection, alert: &Raise<'_>, now: OffsetDateTime) -> Result<Option<Uuid>> {
    let row = sqlx::query!(
        r#"INSERT INTO send.alert AS a (alert_id, workspace_id, campaign_id, sender_id, channel, kind, code, detail, raised_at, last_at)
           VALUES (uuidv7(), $1, $2, $3, $4, $5, $6, $7, $8, $8)
           ON CONFLICT (workspace_id, kind, campaign_id, sender_id, channel) WHERE resolved_at IS NULL
           DO UPDATE SET times = a.times + 1, last_at = EXCLUDED.last_at, code = EXCLUDED.code, detail = EXCLUDED.detail
           RETURNING alert_id, times"#,
        alert.workspace_id.0,
        alert.campaign_id.map(|id| id.0),
        alert.sender_id.map(|id| id.0),
        alert.channel.map(|channel| channel.as_str()).unwrap_or_default(),
        alert.kind,
        alert.code,
        alert.detail,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok((row.times == 1).then_some(row.alert_id))
}

/// Resolves the open alerts of some kinds about a campaign or a sender. Answers how many.
///
/// # Errors
/// When the statement fails.
pub async fn resolve(
    connection: &mut PgConnection,
    campaign: Option<CampaignId>,
    sender: Option<SenderId>,
    kinds: &[&str],
    by: &str,
    now: OffsetDateTime,
) -> Result<u64> {
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    Ok(sqlx::query!(
        "UPDATE send.alert SET resolved_at = $5, resolved_by = $4
         WHERE resolved_at IS NULL AND kind = ANY($3) AND ($1::uuid IS NULL OR campaign_id = $1) AND ($2::uuid IS NULL OR sender_id = $2)
           AND ($1::uuid IS NOT NULL OR $2::uuid IS NOT NULL)",
        campaign.map(|id| id.0),
        sender.map(|id| id.0),
        &kinds,
        by,
        now
    )
    .execute(connection)
    .await?
    .rows_affected())
}
