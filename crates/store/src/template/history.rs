//! A template's past: who wrote which version, and which campaigns use it.

use crate::{Error, Result, page::Page};
use domain::{
    CampaignId, TemplateId, WorkspaceId,
    campaign::{Status, UnknownStatus},
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// One version, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub version: i32,
    pub created_at: OffsetDateTime,
    /// The subject of the token that wrote it.
    pub created_by: String,
}

impl Version {
    /// Its place in pages, see [`versions`].
    #[must_use]
    pub fn place(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.version.unsigned_abs().into())
    }
}

/// A page of a template's versions, newest first. The page's places are those of [`Version::place`].
///
/// # Errors
/// When the statement fails.
pub async fn versions(connection: &mut PgConnection, workspace: WorkspaceId, id: TemplateId, page: Page) -> Result<Vec<Version>> {
    let before = page.after.and_then(|place| i32::try_from(place.as_u64_pair().1).ok());
    Ok(sqlx::query_as!(
        Version,
        "SELECT version, created_at, created_by FROM core.template_version
         WHERE workspace_id = $1 AND template_id = $2 AND ($3::int IS NULL OR version < $3) ORDER BY version DESC LIMIT $4",
        workspace.0,
        id.0,
        before,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// A campaign that uses a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub campaign_id: CampaignId,
    pub campaign_name: String,
    pub status: Status,
    /// What was submitted; None while it is edited: then it is the newest when it is submitted.
    pub version: Option<i32>,
    /// What its runs send or have sent, edits on the way included.
    pub run_versions: Vec<i32>,
}

struct Row {
    campaign_id: Uuid,
    name: String,
    status: String,
    template_version: Option<i32>,
    run_versions: Vec<i32>,
}

impl TryFrom<Row> for Use {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let unknown = |error: UnknownStatus| Error::Corrupt { what: "campaign status", reason: error.to_string() };
        Ok(Self {
            campaign_id: row.campaign_id.into(),
            campaign_name: row.name,
            status: row.status.parse().map_err(unknown)?,
            version: row.template_version,
            run_versions: row.run_versions,
        })
    }
}

/// A page of the campaigns that use a template, or one version of it, newest first. A campaign that isn't submitted uses the newest.
///
/// # Errors
/// When the statement fails.
pub async fn uses(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: TemplateId,
    version: Option<i32>,
    page: Page,
) -> Result<Vec<Use>> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH sent AS (
             SELECT campaign_id, template_version FROM send.run WHERE workspace_id = $1 AND template_id = $2
             UNION
             SELECT r.campaign_id, e.template_version FROM send.run_content e JOIN send.run r USING (run_id)
             WHERE e.workspace_id = $1 AND e.template_id = $2
           ), used AS (
             SELECT campaign_id FROM core.campaign WHERE workspace_id = $1 AND template_id = $2 UNION SELECT campaign_id FROM sent
           )
           SELECT c.campaign_id, c.name, c.status, CASE WHEN c.template_id = $2 THEN c.template_version END AS template_version,
                  v.versions AS "run_versions!"
           FROM used JOIN core.campaign c USING (campaign_id)
           CROSS JOIN LATERAL (SELECT ARRAY(SELECT s.template_version FROM sent s
                                            WHERE s.campaign_id = c.campaign_id ORDER BY 1) AS versions) AS v
           WHERE ($3::int IS NULL OR $3 = ANY(v.versions)
                  OR (c.template_id = $2 AND $3 = coalesce(c.template_version, (SELECT version FROM core.template WHERE template_id = $2))))
             AND ($4::uuid IS NULL OR c.campaign_id < $4)
           ORDER BY c.campaign_id DESC LIMIT $5"#,
        workspace.0,
        id.0,
        version,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Use::try_from).collect()
}
