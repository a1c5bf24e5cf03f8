//! Contacts that were copied from lists into a campaign: a hidden list of its own, beside those that it refers to.

use crate::Result;
use domain::{CampaignId, Channel, ListId, WorkspaceId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// What came of copying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub added: u64,
    /// Members of the lists who were in the campaign before.
    pub already: u64,
    /// Members of the lists who have opted out of each channel.
    pub opted_out: BTreeMap<Channel, u64>,
}

/// Puts the members of lists among a campaign's own contacts, once each. In the transaction that has locked the campaign.
///
/// # Errors
/// When a statement fails.
pub async fn into_campaign(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    lists: &[ListId],
    channels: &[Channel],
    now: OffsetDateTime,
) -> Result<Copied> {
    let lists: Vec<_> = lists.iter().map(|list| list.0).collect();
    crate::audience::make_room(&mut *connection).await?;
    let own = own_list(&mut *connection, workspace, campaign, now).await?;
    let members = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT contact_id FROM core.list_member WHERE list_id = ANY($1) GROUP BY 1) AS members"#,
        &lists
    )
    .fetch_one(&mut *connection)
    .await?;
    let added = sqlx::query!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT DISTINCT $2::uuid, contact_id, $1::uuid, $4::timestamptz FROM core.list_member
         WHERE workspace_id = $1 AND list_id = ANY($3) ORDER BY contact_id
         ON CONFLICT (list_id, contact_id) DO NOTHING",
        workspace.0,
        own,
        &lists,
        now
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let opted_out = opted_out(connection, workspace, &lists, channels).await?;
    Ok(Copied { added, already: members.unsigned_abs().saturating_sub(added), opted_out })
}

/// The campaign's own list, made when it has none.
async fn own_list(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId, now: OffsetDateTime) -> Result<Uuid> {
    let found = sqlx::query_scalar!("SELECT list_id FROM core.list WHERE campaign_id = $1 AND kind = 'campaign'", campaign.0)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(found) = found {
        return Ok(found);
    }
    let list = ListId::new();
    sqlx::query!(
        "INSERT INTO core.list (list_id, workspace_id, name, created_at, kind, campaign_id) VALUES ($1, $2, '', $3, 'campaign', $4)",
        list.0,
        workspace.0,
        now,
        campaign.0
    )
    .execute(connection)
    .await?;
    Ok(list.0)
}

async fn opted_out(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    lists: &[Uuid],
    channels: &[Channel],
) -> Result<BTreeMap<Channel, u64>> {
    let mut opted_out = BTreeMap::new();
    for channel in channels {
        // From the register's side, which is small beside the lists.
        let count = sqlx::query_scalar!(
            r#"SELECT count(DISTINCT c.contact_id) AS "count!"
               FROM core.opt_out o CROSS JOIN LATERAL (
                 SELECT e.contact_id FROM core.contact e WHERE $3 = 'email' AND e.workspace_id = $1 AND e.email_key = o.address_key
                 UNION ALL
                 SELECT e.contact_id FROM core.contact e
                 WHERE $3 IN ('sms', 'whatsapp') AND e.workspace_id = $1 AND e.phone_key = o.address_key
                 UNION ALL
                 SELECT e.contact_id FROM core.contact e
                 WHERE $3 = 'whatsapp' AND e.phone_key IS NULL AND e.workspace_id = $1 AND e.whatsapp_key = o.address_key
                 UNION ALL
                 SELECT e.contact_id FROM core.contact e
                 WHERE $3 = 'push' AND e.workspace_id = $1 AND e.push_key = o.address_key
                   AND e.contact_id = CASE WHEN o.address_key ~ '^contact:[0-9a-f-]{36}$' THEN substr(o.address_key, 9)::uuid END) AS c
               WHERE o.workspace_id = $1 AND o.channel IN ($3, 'all')
                 AND EXISTS (SELECT FROM core.list_member m WHERE m.contact_id = c.contact_id AND m.list_id = ANY($2))"#,
            workspace.0,
            lists,
            channel.as_str()
        )
        .fetch_one(&mut *connection)
        .await?;
        opted_out.insert(*channel, count.unsigned_abs());
    }
    Ok(opted_out)
}

/// Takes a campaign's own contacts out of it; the list itself is swept away later. Answers how many there were.
///
/// # Errors
/// When a statement fails.
pub async fn clear(connection: &mut PgConnection, campaign: CampaignId) -> Result<u64> {
    let own = count(&mut *connection, &[campaign]).await?;
    sqlx::query!("UPDATE core.list SET campaign_id = NULL WHERE campaign_id = $1 AND kind = 'campaign'", campaign.0)
        .execute(connection)
        .await?;
    Ok(own.into_values().sum())
}

/// How many own contacts campaigns have; those that have none are left out.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, campaigns: &[CampaignId]) -> Result<BTreeMap<CampaignId, u64>> {
    let rows = sqlx::query!(
        r#"SELECT l.campaign_id AS "campaign_id!", count(*) AS "contacts!" FROM core.list l JOIN core.list_member m USING (list_id)
           WHERE l.kind = 'campaign' AND l.campaign_id = ANY($1) GROUP BY 1"#,
        &campaigns.iter().map(|id| id.0).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.campaign_id.into(), row.contacts.unsigned_abs())).collect())
}

/// Gives a copy of a campaign the original's own contacts.
///
/// # Errors
/// When a statement fails.
pub async fn clone(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    from: CampaignId,
    to: CampaignId,
    now: OffsetDateTime,
) -> Result<()> {
    if count(&mut *connection, &[from]).await?.is_empty() {
        return Ok(());
    }
    let own = own_list(&mut *connection, workspace, to, now).await?;
    sqlx::query!(
        "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
         SELECT $2, m.contact_id, m.workspace_id, $3 FROM core.list l JOIN core.list_member m USING (list_id)
         WHERE l.kind = 'campaign' AND l.campaign_id = $1 ORDER BY m.contact_id",
        from.0,
        own,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
