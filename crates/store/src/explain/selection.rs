//! Why a contact is in the audience or not.

use crate::{
    Result,
    segment::{self, read_filter},
};
use domain::{CampaignId, ContactId, WorkspaceId};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// What decides about the selection.
#[derive(Debug)]
pub(super) struct Selection {
    /// The campaign's.
    pub status: String,
    /// When the audience was frozen, if that was before its run.
    frozen_at: Option<OffsetDateTime>,
    run: Option<Run>,
    lists: Vec<OnList>,
    segments: Vec<InSegment>,
    /// Segments of a campaign that is over, whose contacts are not kept any more.
    forgotten: Vec<String>,
}

#[derive(Debug)]
struct Run {
    /// When the audience was frozen.
    created_at: OffsetDateTime,
    expanding: bool,
    /// Up to which contact the audience is written.
    cursor: Uuid,
}

/// A list of the campaign that the contact is on.
#[derive(Debug)]
struct OnList {
    name: String,
    kind: Kind,
    excluded: bool,
    added_at: OffsetDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    /// What a list was when the audience was frozen.
    FrozenList,
    /// What a segment was then.
    FrozenSegment,
    /// Contacts that were copied into the campaign.
    Own,
}

/// A segment of the campaign that isn't frozen and that the contact matches now.
#[derive(Debug)]
struct InSegment {
    name: String,
    excluded: bool,
}

pub(super) async fn read(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
    now: OffsetDateTime,
) -> Result<Selection> {
    let row = sqlx::query!(
        "SELECT status, audience_frozen_at FROM core.campaign WHERE campaign_id = $1 AND workspace_id = $2",
        campaign.0,
        workspace.0
    )
    .fetch_one(&mut *connection)
    .await?;
    let run = sqlx::query_as!(
        Run,
        r#"SELECT created_at, status = 'expanding' AS "expanding!", cursor FROM send.run
           WHERE campaign_id = $1 AND workspace_id = $2 ORDER BY created_at DESC LIMIT 1"#,
        campaign.0,
        workspace.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let lists = on_lists(&mut *connection, workspace, campaign, contact).await?;
    let (segments, forgotten) = in_segments(connection, workspace, campaign, contact, run.is_some(), now).await?;
    Ok(Selection { status: row.status, frozen_at: row.audience_frozen_at, run, lists, segments, forgotten })
}

async fn on_lists(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId, contact: ContactId) -> Result<Vec<OnList>> {
    let rows = sqlx::query!(
        r#"SELECT l.name, c.excluded AS "excluded!", m.added_at, l.kind,
                  c.source_segment_id IS NOT NULL AS "of_segment!"
           FROM core.campaign_audience c JOIN core.list l USING (list_id) JOIN core.list_member m USING (list_id)
           WHERE c.campaign_id = $1 AND c.workspace_id = $2 AND m.contact_id = $3 ORDER BY c.excluded, l.name"#,
        campaign.0,
        workspace.0,
        contact.0
    )
    .fetch_all(connection)
    .await?;
    let list = rows.into_iter().map(|row| {
        let kind = match row.kind.as_str() {
            "campaign" => Kind::Own,
            "snapshot" if row.of_segment => Kind::FrozenSegment,
            "snapshot" => Kind::FrozenList,
            _ => Kind::List,
        };
        OnList { name: row.name, kind, excluded: row.excluded, added_at: row.added_at }
    });
    Ok(list.collect())
}

/// Segments without a snapshot: before the run the contact is held against them as of now; afterwards nobody knows any more.
async fn in_segments(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
    has_run: bool,
    now: OffsetDateTime,
) -> Result<(Vec<InSegment>, Vec<String>)> {
    let rows = sqlx::query!(
        r#"SELECT s.name, g.excluded, coalesce(g.filter, s.filter) AS "filter!: Json<serde_json::Value>"
           FROM core.campaign_segment g JOIN core.segment s USING (segment_id)
           WHERE g.campaign_id = $1 AND g.workspace_id = $2
             AND NOT EXISTS (SELECT FROM core.list l WHERE l.campaign_id = $1 AND l.source_segment_id = g.segment_id)
           ORDER BY g.excluded, s.name"#,
        campaign.0,
        workspace.0
    )
    .fetch_all(&mut *connection)
    .await?;
    if has_run {
        return Ok((Vec::new(), rows.into_iter().map(|row| row.name).collect()));
    }
    let mut segments = Vec::new();
    for row in rows {
        if segment::holds(&mut *connection, workspace, &read_filter(row.filter.0)?, contact, now).await? {
            segments.push(InSegment { name: row.name, excluded: row.excluded });
        }
    }
    Ok((segments, Vec::new()))
}

impl OnList {
    fn in_words(&self, is_late: bool) -> String {
        let name = &self.name;
        match (self.kind, self.excluded) {
            (Kind::Own, _) => "copied into the campaign".to_owned(),
            (Kind::FrozenSegment, false) => format!("in the segment {name} when the audience was frozen"),
            (Kind::FrozenSegment, true) => format!("in the excluded segment {name} when the audience was frozen"),
            (_, true) => format!("on the excluded list {name}"),
            (Kind::FrozenList, _) => format!("on the list {name} when the audience was frozen"),
            (Kind::List, _) if is_late => format!("joined the list {name} after the audience was frozen"),
            (Kind::List, _) => format!("on the list {name}"),
        }
    }
}

impl Selection {
    pub fn in_words(&self, contact: ContactId, exists: bool, selected: bool) -> Vec<String> {
        let frozen_at = self.run.as_ref().map(|run| run.created_at);
        let late = |list: &OnList| frozen_at.is_some_and(|frozen_at| list.added_at > frozen_at);
        let mut words: Vec<String> = self.lists.iter().map(|list| list.in_words(late(list))).collect();
        words.extend(self.segments.iter().map(|segment| match segment.excluded {
            true => format!("matches the excluded segment {}", segment.name),
            false => format!("matches the segment {}", segment.name),
        }));
        words.extend(self.forgotten.iter().map(|name| format!("whom the segment {name} held is not kept any more")));
        let is_chosen = self.lists.iter().any(|list| !list.excluded) || self.segments.iter().any(|segment| !segment.excluded);
        if !exists {
            words.push("the contact has been deleted".to_owned());
        } else if !is_chosen && self.forgotten.is_empty() {
            words.push("on none of the campaign's lists".to_owned());
        }
        let eligible = self.lists.iter().any(|list| !list.excluded && !late(list)) && !self.lists.iter().any(|list| list.excluded);
        match &self.run {
            None if self.frozen_at.is_some() => words.push("the audience is frozen, and the campaign has not started".to_owned()),
            None => words.push("the campaign has not started".to_owned()),
            Some(run) if !selected && eligible && run.cursor < contact.0 => words.push(if run.expanding {
                "the audience is still being written".to_owned()
            } else {
                "the run ended before the whole audience was written".to_owned()
            }),
            Some(_) if !selected && eligible => words.push("the lists have changed since the audience was written".to_owned()),
            Some(_) => {}
        }
        words
    }
}
