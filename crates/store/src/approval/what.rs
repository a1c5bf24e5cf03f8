//! What a campaign is made of, read for the hash that its approval binds to.

use crate::{Error, Result};
use domain::{
    WorkspaceId,
    campaign::{
        Settings,
        approval::{Parts, What},
    },
};
use sqlx::PgConnection;
use uuid::Uuid;

/// Keeps a campaign's segments as they are until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn hold_segments(connection: &mut PgConnection, workspace: WorkspaceId, settings: &Settings) -> Result<()> {
    let segments = segments(settings);
    if !segments.is_empty() {
        sqlx::query!(
            "SELECT segment_id FROM core.segment WHERE workspace_id = $1 AND segment_id = ANY($2) ORDER BY segment_id FOR SHARE",
            workspace.0,
            &segments
        )
        .fetch_all(connection)
        .await?;
    }
    Ok(())
}

fn segments(settings: &Settings) -> Vec<Uuid> {
    settings.segment_ids.iter().chain(&settings.exclude_segment_ids).map(|id| id.0).collect()
}

/// Everything that a campaign with these settings and that version of its template is made of as of now: one statement. The content is
/// taken as it is stored, so that a later version of this code reads the same; of senders what a person sees of a message and pays for
/// it, and no secrets.
///
/// # Errors
/// When the statement fails.
pub async fn what(connection: &mut PgConnection, workspace: WorkspaceId, settings: &Settings, template_version: i32) -> Result<What> {
    let senders: Vec<_> = settings.senders().map(|id| id.0).collect();
    let segments = segments(settings);
    let row = sqlx::query!(
        r#"SELECT (SELECT v.content FROM core.template_version v
                   WHERE v.workspace_id = $1 AND v.template_id = $2 AND v.version = $3) AS content,
                  (SELECT coalesce(jsonb_object_agg(g.segment_id::text, g.filter), '{}') FROM core.segment g
                   WHERE g.workspace_id = $1 AND g.segment_id = ANY($4)) AS "segments!",
                  (SELECT coalesce(jsonb_object_agg(s.sender_id::text, jsonb_build_object(
                              'provider', s.provider, 'settings', s.settings, 'price_micros', s.price_micros, 'currency', s.currency,
                              -- Null without a list, which counts as left out.
                              'prices', (SELECT jsonb_object_agg(p.country, to_jsonb(p) - 'sender_id' - 'workspace_id' - 'country')
                                         FROM core.sender_price p WHERE p.sender_id = s.sender_id))), '{}')
                   FROM core.sender s WHERE s.workspace_id = $1 AND s.sender_id = ANY($5)) AS "senders!""#,
        workspace.0,
        settings.template_id.map(|id| id.0),
        template_version,
        &segments,
        &senders
    )
    .fetch_one(connection)
    .await?;
    let parts = Parts { template_version, content: row.content.unwrap_or_default(), segments: row.segments, senders: row.senders };
    What::new(settings, parts).map_err(|error| Error::Corrupt { what: "campaign settings", reason: error.to_string() })
}
