//! What a campaign's settings say of its audience beside lists: segments, and the moment at which it is frozen.

use super::Campaign;
use crate::Result;
use sqlx::PgConnection;

/// Writes it in place of what there was. What was frozen is frozen no longer: an edited campaign is sent anew.
pub async fn replace(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let (id, settings) = (campaign.campaign_id.0, &campaign.settings);
    crate::freeze::thaw(&mut *connection, campaign.campaign_id).await?;
    sqlx::query!("UPDATE core.campaign SET audience_freeze = $2 WHERE campaign_id = $1", id, settings.freeze.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM core.campaign_segment WHERE campaign_id = $1", id).execute(&mut *connection).await?;
    let included = settings.segment_ids.iter().map(|segment| (segment.0, false));
    let excluded = settings.exclude_segment_ids.iter().map(|segment| (segment.0, true));
    let (segments, excluded): (Vec<_>, Vec<_>) = included.chain(excluded).unzip();
    if segments.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO core.campaign_segment (campaign_id, workspace_id, segment_id, excluded)
         SELECT $1, $2, p.segment_id, p.excluded FROM unnest($3::uuid[], $4::boolean[]) AS p (segment_id, excluded)",
        id,
        campaign.workspace_id.0,
        &segments,
        &excluded
    )
    .execute(connection)
    .await?;
    Ok(())
}
