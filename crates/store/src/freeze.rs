//! The moment at which it is settled whom a campaign is for.
//!
//! What a segment holds is written into a hidden list of the campaign, a snapshot; of an audience that is frozen at scheduling, what its lists
//! hold too. From then on the audience is made of lists alone, see [`crate::audience`]. Lists that are left out are never snapshotted:
//! who is put on one later still gets nothing.

use crate::{
    Result, audience,
    segment::{
        compile::{Scope, Sql, condition},
        read_filter,
    },
};
use domain::{CampaignId, ListId, WorkspaceId, campaign::Freeze, filter::Filter};
use sqlx::{PgConnection, types::Json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long snapshots are kept after their campaign is over, for explanations.
const KEPT: Duration = Duration::days(30);
/// Members deleted in one go.
const SWEPT_AT_ONCE: i64 = 20_000;

/// When a person has the campaign sent: its segments mean from now on what they mean now, and with [`Freeze::Scheduling`] its audience is
/// frozen. In the transaction that has locked the campaign.
///
/// # Errors
/// When a statement fails; `list_member_contact_id_fkey` when a contact was deleted meanwhile.
pub async fn at_scheduling(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    freeze: Freeze,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.campaign_segment g SET filter = s.filter FROM core.segment s WHERE s.segment_id = g.segment_id AND g.campaign_id = $1",
        campaign.0
    )
    .execute(&mut *connection)
    .await?;
    thaw(&mut *connection, campaign).await?;
    if freeze == Freeze::Scheduling {
        snapshot_lists(&mut *connection, campaign, now).await?;
        snapshot_segments(&mut *connection, workspace, campaign, now).await?;
        let audience = audience::of_campaign(&mut *connection, workspace, campaign, now).await?;
        let contacts = audience::count(&mut *connection, &audience).await?;
        mark(connection, campaign, contacts, now).await?;
    }
    Ok(())
}

/// Before a run starts: freezes what isn't frozen yet. The campaign isn't locked meanwhile, which may take a while; so whoever locks it then asks
/// [`is_current`] with the revision that this answers with. None when it isn't scheduled any more, or somebody else is at it.
///
/// # Errors
/// As [`at_scheduling`].
pub async fn at_sending(connection: &mut PgConnection, campaign: CampaignId, now: OffsetDateTime) -> Result<Option<i32>> {
    let row = sqlx::query!(
        r#"SELECT workspace_id, revision, audience_freeze,
                  EXISTS (SELECT FROM core.campaign_segment g WHERE g.campaign_id = c.campaign_id) AS "has_segments!"
           FROM core.campaign c WHERE campaign_id = $1 AND status = 'SCHEDULED'"#,
        campaign.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.has_segments {
        let is_ours = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock(hashtextextended('freeze:' || $1::text, 0)) AS "is_ours!""#,
            campaign.to_string()
        )
        .fetch_one(&mut *connection)
        .await?;
        if !is_ours {
            return Ok(None);
        }
        if row.audience_freeze != Freeze::Scheduling.as_str() {
            unlink(&mut *connection, campaign).await?;
        }
        snapshot_segments(connection, row.workspace_id.into(), campaign, now).await?;
    }
    Ok(Some(row.revision))
}

/// Whether a campaign has segments, so that freezing its audience may take a while.
///
/// # Errors
/// When the statement fails.
pub async fn has_segments(connection: &mut PgConnection, campaign: CampaignId) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM core.campaign_segment WHERE campaign_id = $1) AS "exists!""#, campaign.0)
        .fetch_one(connection)
        .await?)
}

/// Whether a campaign, locked by now, is still the one that was frozen, with all its segments.
///
/// # Errors
/// When the statement fails.
pub async fn is_current(connection: &mut PgConnection, campaign: CampaignId, revision: i32) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM core.campaign c WHERE c.campaign_id = $1 AND c.revision = $2 AND NOT EXISTS (
               SELECT FROM core.campaign_segment g WHERE g.campaign_id = $1 AND NOT EXISTS (
                 SELECT FROM core.list s WHERE s.campaign_id = $1 AND s.source_segment_id = g.segment_id))) AS "is_current!""#,
        campaign.0,
        revision
    )
    .fetch_one(connection)
    .await?)
}

/// Notes when a campaign's audience was frozen and how many contacts it had. What was frozen at scheduling stays as it was noted then.
///
/// # Errors
/// When the statement fails.
pub async fn mark(connection: &mut PgConnection, campaign: CampaignId, contacts: u64, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "UPDATE core.campaign SET audience_frozen_at = $2, audience_contacts = $3
         WHERE campaign_id = $1 AND (audience_frozen_at IS NULL OR audience_freeze = 'sending')",
        campaign.0,
        now,
        contacts.cast_signed()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up what was frozen, because the campaign is edited.
pub(crate) async fn thaw(connection: &mut PgConnection, campaign: CampaignId) -> Result<()> {
    unlink(&mut *connection, campaign).await?;
    sqlx::query!(
        "UPDATE core.campaign SET audience_frozen_at = NULL, audience_contacts = NULL
         WHERE campaign_id = $1 AND audience_frozen_at IS NOT NULL",
        campaign.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a campaign's snapshots to be swept away.
async fn unlink(connection: &mut PgConnection, campaign: CampaignId) -> Result<()> {
    sqlx::query!("UPDATE core.list SET campaign_id = NULL WHERE campaign_id = $1 AND kind = 'snapshot'", campaign.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn snapshot_lists(connection: &mut PgConnection, campaign: CampaignId, now: OffsetDateTime) -> Result<()> {
    let snapshots = sqlx::query!(
        "INSERT INTO core.list (list_id, workspace_id, name, created_at, kind, campaign_id, source_list_id)
         SELECT uuidv7(), l.workspace_id, l.name, $2, 'snapshot', $1, l.list_id
         FROM core.campaign_list c JOIN core.list l USING (list_id) WHERE c.campaign_id = $1 AND NOT c.excluded
         RETURNING list_id",
        campaign.0,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    let snapshots: Vec<_> = snapshots.into_iter().map(|row| row.list_id).collect();
    sqlx::query!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT s.list_id, m.contact_id, m.workspace_id, $2
         FROM core.list s JOIN core.list_member m ON m.list_id = s.source_list_id
         WHERE s.list_id = ANY($1) ORDER BY s.list_id, m.contact_id",
        &snapshots,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A segment that has no snapshot yet.
struct Unfrozen {
    segment_id: Uuid,
    name: String,
    filter: Filter,
}

/// Who was left out by a segment is in a snapshot of its own, too.
async fn snapshot_segments(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId, now: OffsetDateTime) -> Result<()> {
    for segment in unfrozen(&mut *connection, campaign).await? {
        let list = ListId::new();
        sqlx::query!(
            "INSERT INTO core.list (list_id, workspace_id, name, created_at, kind, campaign_id, source_segment_id)
             VALUES ($1, $2, $3, $4, 'snapshot', $5, $6)",
            list.0,
            workspace.0,
            segment.name,
            now,
            campaign.0,
            segment.segment_id
        )
        .execute(&mut *connection)
        .await?;
        audience::make_room(&mut *connection).await?;
        let mut sql = Sql::new("INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at) SELECT ");
        sql.push_bind(list.0).push(", c.contact_id, c.workspace_id, ").push_bind(now);
        sql.push(" FROM core.contact c WHERE c.workspace_id = ").push_bind(workspace.0).push(" AND ");
        condition(&mut sql, &segment.filter, "c", Scope { workspace, now });
        sql.push(" ORDER BY c.contact_id");
        sql.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn unfrozen(connection: &mut PgConnection, campaign: CampaignId) -> Result<Vec<Unfrozen>> {
    let rows = sqlx::query!(
        r#"SELECT s.segment_id, s.name, coalesce(g.filter, s.filter) AS "filter!: Json<serde_json::Value>"
           FROM core.campaign_segment g JOIN core.segment s USING (segment_id)
           WHERE g.campaign_id = $1
             AND NOT EXISTS (SELECT FROM core.list l WHERE l.campaign_id = $1 AND l.source_segment_id = s.segment_id)
           ORDER BY s.segment_id"#,
        campaign.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok(Unfrozen { segment_id: row.segment_id, name: row.name, filter: read_filter(row.filter.0)? })).collect()
}

/// Deletes some of what hidden lists hold that nobody needs any more, and the lists themselves; answers whether there may be more.
///
/// # Errors
/// When a statement fails.
pub async fn sweep(connection: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
    sqlx::query!(
        "UPDATE core.list l SET campaign_id = NULL FROM core.campaign c
         WHERE l.kind = 'snapshot' AND c.campaign_id = l.campaign_id AND c.status IN ('COMPLETED', 'CANCELLED', 'FAILED')
           AND coalesce(c.completed_at, c.updated_at) < $1",
        now - KEPT
    )
    .execute(&mut *connection)
    .await?;
    let list = sqlx::query_scalar!("SELECT list_id FROM core.list WHERE kind <> 'list' AND campaign_id IS NULL ORDER BY list_id LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let Some(list) = list else { return Ok(false) };
    let swept = sqlx::query!(
        "DELETE FROM core.list_member WHERE list_id = $1
         AND contact_id IN (SELECT contact_id FROM core.list_member WHERE list_id = $1 ORDER BY contact_id LIMIT $2)",
        list,
        SWEPT_AT_ONCE
    )
    .execute(&mut *connection)
    .await?;
    if swept.rows_affected() == 0 {
        sqlx::query!("DELETE FROM core.list WHERE list_id = $1 AND campaign_id IS NULL", list).execute(connection).await?;
    }
    Ok(true)
}
