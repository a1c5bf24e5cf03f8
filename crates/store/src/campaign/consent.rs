//! What a campaign says about consent, and what is known of that.

use super::Campaign;
use crate::Result;
use domain::{
    ListId, TopicId, WorkspaceId,
    campaign::{AskingFacts, ConsentFacts, Settings, TopicFacts},
};
use sqlx::PgConnection;

/// Writes a campaign's topic and the list that it asks to confirm.
pub(super) async fn put(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    sqlx::query!(
        "UPDATE core.campaign SET topic_id = $2, confirm_list_id = $3
         WHERE campaign_id = $1 AND (topic_id IS DISTINCT FROM $2 OR confirm_list_id IS DISTINCT FROM $3)",
        campaign.campaign_id.0,
        campaign.settings.topic_id.map(|id| id.0),
        campaign.settings.confirm_list_id.map(|id| id.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What campaigns of one workspace refer to. No statement where they refer to nothing.
pub(super) async fn facts(connection: &mut PgConnection, workspace: WorkspaceId, campaigns: &[&Settings]) -> Result<ConsentFacts> {
    let topics: Vec<_> = campaigns.iter().filter_map(|settings| settings.topic_id).map(|id| id.0).collect();
    let lists: Vec<_> = campaigns.iter().filter_map(|settings| settings.confirm_list_id).map(|id| id.0).collect();
    let mut facts = ConsentFacts::default();
    if !topics.is_empty() {
        let rows = sqlx::query!(
            r#"SELECT topic_id, archived_at IS NOT NULL AS "archived!" FROM core.topic WHERE workspace_id = $1 AND topic_id = ANY($2)"#,
            workspace.0,
            &topics
        )
        .fetch_all(&mut *connection)
        .await?;
        facts.topics = rows.into_iter().map(|row| (TopicId(row.topic_id), TopicFacts { archived: row.archived })).collect();
    }
    if !lists.is_empty() {
        let rows = sqlx::query!(
            r#"SELECT list_id, archived_at IS NOT NULL AS "archived!", double_opt_in FROM core.list
               WHERE workspace_id = $1 AND list_id = ANY($2)"#,
            workspace.0,
            &lists
        )
        .fetch_all(connection)
        .await?;
        let asking = rows.into_iter().map(|row| {
            let facts = AskingFacts { archived: row.archived, double_opt_in: row.double_opt_in };
            (ListId(row.list_id), facts)
        });
        facts.asking = asking.collect();
    }
    Ok(facts)
}
