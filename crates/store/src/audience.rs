//! Who a campaign is for, and who of them can be reached. What [`preview`] counts, [`crate::expand`] writes and
//! [`crate::dry_run`] reads: a change to one is a change to all.
//!
//! An audience is made of lists, and of segments as long as it isn't frozen ([`crate::freeze`]).

mod addresses;
mod preview;
mod tally;

pub use preview::{Preview, Terms, preview};
pub use tally::Reach;

use crate::{
    Result,
    segment::{
        self,
        compile::{Scope, Sql, condition, on_list},
        read_filter,
    },
};
use domain::{CampaignId, ListId, SegmentId, WorkspaceId, filter::Filter};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// Whom a message is for: members of the lists and who matches the filters, less those of the excluded ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Audience {
    pub workspace: WorkspaceId,
    pub include: Vec<ListId>,
    pub exclude: Vec<ListId>,
    /// Of segments that aren't frozen.
    pub include_filters: Vec<Filter>,
    pub exclude_filters: Vec<Filter>,
    /// What the messages are about: who has left it isn't sent to.
    pub topic: Option<Uuid>,
    /// As of when filters hold.
    pub now: OffsetDateTime,
}

/// What makes an audience that no campaign has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pub lists: Vec<ListId>,
    pub exclude_lists: Vec<ListId>,
    pub segments: Vec<SegmentId>,
    pub exclude_segments: Vec<SegmentId>,
}

/// A campaign's audience as it stands: what is frozen of it, and what its other segments mean as of `now`.
///
/// # Errors
/// When a statement fails, or a filter can't be read.
pub async fn of_campaign(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    now: OffsetDateTime,
) -> Result<Audience> {
    let (include, exclude) = lists(&mut *connection, campaign).await?;
    let segments = sqlx::query!(
        r#"SELECT g.excluded, coalesce(g.filter, s.filter) AS "filter!: Json<serde_json::Value>"
           FROM core.campaign_segment g JOIN core.segment s USING (segment_id)
           WHERE g.campaign_id = $1 AND g.workspace_id = $2
             AND NOT EXISTS (SELECT FROM core.list l WHERE l.campaign_id = $1 AND l.source_segment_id = g.segment_id)
           ORDER BY g.segment_id"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(&mut *connection)
    .await?;
    let topic =
        sqlx::query_scalar!("SELECT topic_id FROM core.campaign WHERE campaign_id = $1 AND workspace_id = $2", campaign.0, workspace.0)
            .fetch_optional(connection)
            .await?;
    let (mut include_filters, mut exclude_filters) = (Vec::new(), Vec::new());
    for segment in segments {
        let filters = if segment.excluded { &mut exclude_filters } else { &mut include_filters };
        filters.push(read_filter(segment.filter.0)?);
    }
    Ok(Audience { workspace, include, exclude, include_filters, exclude_filters, topic: topic.flatten(), now })
}

/// The lists, included and excluded, that make a campaign's audience as far as it is made of lists.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn lists(connection: &mut PgConnection, campaign: CampaignId) -> Result<(Vec<ListId>, Vec<ListId>)> {
    let rows = sqlx::query!(
        r#"SELECT list_id AS "list_id!", excluded AS "excluded!" FROM core.campaign_audience WHERE campaign_id = $1 ORDER BY 1"#,
        campaign.0
    )
    .fetch_all(connection)
    .await?;
    let part = |excluded: bool| rows.iter().filter(|row| row.excluded == excluded).map(|row| row.list_id.into()).collect();
    Ok((part(false), part(true)))
}

/// An audience that no campaign has. Lists and segments that aren't the workspace's hold nobody.
///
/// # Errors
/// When a statement fails, or a filter can't be read.
pub async fn of_choice(connection: &mut PgConnection, workspace: WorkspaceId, choice: Choice, now: OffsetDateTime) -> Result<Audience> {
    let include_filters = segment::filters(&mut *connection, workspace, &choice.segments).await?.into_values().collect();
    let exclude_filters = segment::filters(connection, workspace, &choice.exclude_segments).await?.into_values().collect();
    Ok(Audience { workspace, include: choice.lists, exclude: choice.exclude_lists, include_filters, exclude_filters, topic: None, now })
}

impl Audience {
    /// Pushes the condition that the contact of this name is in the audience.
    pub(crate) fn belongs(&self, sql: &mut Sql, contact: &'static str) {
        let scope = Scope { workspace: self.workspace, now: self.now };
        sql.push("(");
        on_list(sql, ids(&self.include), contact);
        for filter in &self.include_filters {
            sql.push(" OR ");
            condition(sql, filter, contact, scope);
        }
        sql.push(")");
        if !self.exclude.is_empty() {
            sql.push(" AND NOT ");
            on_list(sql, ids(&self.exclude), contact);
        }
        for filter in &self.exclude_filters {
            sql.push(" AND NOT ");
            condition(sql, filter, contact, scope);
        }
    }

    /// Pushes what to select the audience's contacts from, each once under the name `c`, and a condition to which others can be added.
    pub(crate) fn contacts(&self, sql: &mut Sql) {
        self.contacts_with(sql, "");
    }

    /// The same, with a join to something else.
    pub(crate) fn contacts_with(&self, sql: &mut Sql, join: &'static str) {
        let scope = Scope { workspace: self.workspace, now: self.now };
        // Contacts and lists in the same order, each from an index: they are merged, and nothing has to be sorted or hashed.
        sql.push("core.contact c");
        for (lists, name) in [(&self.include, "l"), (&self.exclude, "x")] {
            if !lists.is_empty() {
                sql.push(" LEFT JOIN (");
                members(sql, lists);
                sql.push(") AS ").push(name).push(" ON ").push(name).push(".contact_id = c.contact_id");
            }
        }
        sql.push(join).push(" WHERE c.workspace_id = ").push_bind(self.workspace.0);
        sql.push(if self.include.is_empty() { " AND (false" } else { " AND (l.contact_id IS NOT NULL" });
        for filter in &self.include_filters {
            sql.push(" OR ");
            condition(sql, filter, "c", scope);
        }
        sql.push(if self.exclude.is_empty() { ")" } else { ") AND x.contact_id IS NULL" });
        for filter in &self.exclude_filters {
            sql.push(" AND NOT ");
            condition(sql, filter, "c", scope);
        }
    }
}

/// Pushes the members of lists, each once.
fn members(sql: &mut Sql, lists: &[ListId]) {
    if lists.len() > MERGED_LISTS {
        sql.push("SELECT m.contact_id FROM core.list_member m WHERE m.list_id = ANY(").push_bind(ids(lists)).push(") GROUP BY 1");
        return;
    }
    for (index, list) in lists.iter().enumerate() {
        sql.push(if index == 0 { "" } else { " UNION " });
        sql.push("SELECT m.contact_id FROM core.list_member m WHERE m.list_id = ").push_bind(list.0);
    }
}

/// Lists that are merged in their order at most; the members of more are gathered first.
const MERGED_LISTS: usize = 8;

/// As SQL takes them.
pub(crate) fn ids(lists: &[ListId]) -> Vec<Uuid> {
    lists.iter().map(|list| list.0).collect()
}

/// Room and processors for statements that look at all of a workspace's contacts; for this transaction only.
pub(crate) async fn make_room(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(
        "SELECT set_config('work_mem', '128MB', true), set_config('max_parallel_workers_per_gather', '2', true),
                set_config('jit', 'off', true)",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Has lists and contacts merged in their order rather than hashed, which takes twice as long; for this transaction only.
async fn by_merging(connection: &mut PgConnection, merge: bool) -> Result<()> {
    let hash = if merge { "off" } else { "on" };
    sqlx::query("SELECT set_config('enable_hashjoin', $1, true)").bind(hash).execute(connection).await?;
    Ok(())
}

/// Counts the distinct contacts of an audience.
///
/// # Errors
/// When the statement fails.
pub async fn count(connection: &mut PgConnection, audience: &Audience) -> Result<u64> {
    make_room(&mut *connection).await?;
    let mut sql = Sql::new("SELECT count(*) FROM ");
    audience.contacts(&mut sql);
    by_merging(&mut *connection, true).await?;
    let count: i64 = sql.build_query_scalar().persistent(false).fetch_one(&mut *connection).await?;
    by_merging(connection, false).await?;
    Ok(count.unsigned_abs())
}
