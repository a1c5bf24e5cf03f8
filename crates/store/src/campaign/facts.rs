//! What `domain::campaign::gaps` needs to know of the things that campaigns refer to.

use crate::{Result, sender};
use domain::{
    ListId, TemplateId, WorkspaceId,
    campaign::{Facts, ListFacts, Settings, TemplateFacts},
    content::Network,
};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reads them for any number of campaigns of one workspace: three statements. Templates in their newest version.
///
/// # Errors
/// When a statement fails.
pub async fn facts(connection: &mut PgConnection, workspace: WorkspaceId, campaigns: &[&Settings]) -> Result<Facts> {
    read(connection, workspace, campaigns, None).await
}

/// Reads them for one campaign and a version of its template (None: the newest). A version that there isn't makes the template unknown.
///
/// # Errors
/// When a statement fails.
pub async fn facts_at(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    settings: &Settings,
    template_version: Option<i32>,
) -> Result<Facts> {
    read(connection, workspace, &[settings], template_version).await
}

async fn read(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaigns: &[&Settings],
    template_version: Option<i32>,
) -> Result<Facts> {
    let each = || campaigns.iter().copied();
    let template_ids: Vec<_> = each().filter_map(|settings| settings.template_id).map(|id| id.0).collect();
    let sender_ids: Vec<_> = each().flat_map(Settings::senders).map(|id| id.0).collect();
    let list_ids: Vec<_> = each().flat_map(|settings| settings.list_ids.iter().chain(&settings.exclude_list_ids)).map(|id| id.0).collect();
    let segments = each().flat_map(|settings| settings.segment_ids.iter().chain(&settings.exclude_segment_ids));
    let segment_ids: Vec<_> = segments.map(|id| id.0).collect();
    Ok(Facts {
        templates: templates(connection, workspace, &template_ids, template_version).await?,
        senders: sender::facts(connection, workspace, &sender_ids).await?,
        lists: lists(connection, workspace, &list_ids).await?,
        segments: crate::segment::facts(connection, workspace, &segment_ids).await?,
        consent: super::consent::facts(connection, workspace, campaigns).await?,
    })
}

async fn templates(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[Uuid],
    version: Option<i32>,
) -> Result<BTreeMap<TemplateId, TemplateFacts>> {
    // The keys of a WhatsApp variant are the providers' slugs, see `domain::content::WhatsappVariant`.
    let rows = sqlx::query!(
        r#"SELECT t.template_id, v.version, t.archived_at IS NOT NULL AS "archived!",
               coalesce(jsonb_typeof(v.content -> 'email') = 'object', false) AS "email!",
               coalesce(jsonb_typeof(v.content -> 'sms') = 'object', false) AS "sms!",
               ARRAY(SELECT w.key FROM jsonb_each(
                         CASE WHEN jsonb_typeof(v.content -> 'whatsapp') = 'object' THEN v.content -> 'whatsapp' ELSE '{}' END) AS w
                     WHERE jsonb_typeof(w.value) = 'object') AS "whatsapp!",
               coalesce(jsonb_typeof(v.content -> 'push') = 'object', false) AS "push!",
               coalesce(jsonb_typeof(v.content -> 'social') = 'object', false) AS "social!",
               ARRAY(SELECT jsonb_array_elements_text(CASE WHEN jsonb_typeof(v.content -> 'social' -> 'networks') = 'array'
                         THEN v.content -> 'social' -> 'networks' ELSE '[]' END)) AS "networks!"
           FROM core.template t
           JOIN core.template_version v ON v.template_id = t.template_id AND v.version = coalesce($3, t.version)
           WHERE t.workspace_id = $1 AND t.template_id = ANY($2)"#,
        workspace.0,
        ids,
        version
    )
    .fetch_all(connection)
    .await?;
    let facts = rows.into_iter().map(|row| {
        // A post that names none is for all of them.
        let named: Vec<Network> = row.networks.iter().filter_map(|name| name.parse().ok()).collect();
        let social = match (row.social, row.networks.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => Network::ALL.to_vec(),
            (true, false) => named,
        };
        let facts = TemplateFacts {
            version: row.version,
            email: row.email,
            sms: row.sms,
            whatsapp: row.whatsapp,
            push: row.push,
            social,
            archived: row.archived,
        };
        (row.template_id.into(), facts)
    });
    Ok(facts.collect())
}

async fn lists(connection: &mut PgConnection, workspace: WorkspaceId, ids: &[Uuid]) -> Result<BTreeMap<ListId, ListFacts>> {
    let rows = sqlx::query!(
        r#"SELECT list_id, archived_at IS NOT NULL AS "archived!" FROM core.list
           WHERE workspace_id = $1 AND list_id = ANY($2) AND kind = 'list'"#,
        workspace.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.list_id.into(), ListFacts { archived: row.archived })).collect())
}
