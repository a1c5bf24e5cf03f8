//! Why a contact is in the audience or not.

use crate::Result;
use domain::{CampaignId, ContactId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// What decides about the selection.
#[derive(Debug)]
pub(super) struct Selection {
    /// The campaign's.
    pub status: String,
    run: Option<Run>,
    lists: Vec<OnList>,
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
    excluded: bool,
    added_at: OffsetDateTime,
}

pub(super) async fn read(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
) -> Result<Selection> {
    let status =
        sqlx::query_scalar!("SELECT status FROM core.campaign WHERE campaign_id = $1 AND workspace_id = $2", campaign.0, workspace.0)
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
    let lists = sqlx::query_as!(
        OnList,
        "SELECT l.name, c.excluded, m.added_at FROM core.campaign_list c JOIN core.list l USING (list_id) JOIN core.list_member m USING (list_id)
         WHERE c.campaign_id = $1 AND c.workspace_id = $2 AND m.contact_id = $3 ORDER BY c.excluded, l.name",
        campaign.0,
        workspace.0,
        contact.0
    )
    .fetch_all(connection)
    .await?;
    Ok(Selection { status, run, lists })
}

impl Selection {
    pub fn in_words(&self, contact: ContactId, exists: bool, selected: bool) -> Vec<String> {
        let mut words = Vec::new();
        let frozen_at = self.run.as_ref().map(|run| run.created_at);
        let late = |list: &OnList| frozen_at.is_some_and(|frozen_at| list.added_at > frozen_at);
        for list in &self.lists {
            words.push(match (list.excluded, late(list)) {
                (true, _) => format!("on the excluded list {}", list.name),
                (false, true) => format!("joined the list {} after the audience was frozen", list.name),
                (false, false) => format!("on the list {}", list.name),
            });
        }
        if !exists {
            words.push("the contact has been deleted".to_owned());
        } else if !self.lists.iter().any(|list| !list.excluded) {
            words.push("on none of the campaign's lists".to_owned());
        }
        let eligible = self.lists.iter().any(|list| !list.excluded && !late(list)) && !self.lists.iter().any(|list| list.excluded);
        match &self.run {
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
