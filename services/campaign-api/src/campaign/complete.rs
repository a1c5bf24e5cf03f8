//! Whether a campaign may go to review, or be sent: complete, and within the workspace's limit on a run.

use domain::campaign::gaps;
use runtime::status::{self, Violations};
use store::{
    PgConnection,
    audience::{self, Audience},
    campaign::{self, Campaign},
    workspace::Workspace,
};
use tonic::Status;

/// Checks it as of now. Answers with the newest version of its template, and with how many contacts it is for.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is missing; FAILED_PRECONDITION when its audience is over the limit.
pub async fn check(connection: &mut PgConnection, workspace: &Workspace, campaign: &Campaign) -> Result<(i32, u64), Status> {
    let settings = &campaign.settings;
    let facts = campaign::facts(connection, workspace.workspace_id, &[settings]).await.map_err(status::store)?;
    let mut violations = Violations::new();
    for gap in gaps(settings, &facts) {
        violations.add(gap.field, gap.problem);
    }
    violations.check()?;
    let recipients = within_limit(connection, workspace, campaign).await?;
    let version = settings.template_id.and_then(|id| facts.templates.get(&id)).map_or(0, |template| template.version);
    Ok((version, recipients))
}

/// Counts a campaign's contacts.
pub async fn count(connection: &mut PgConnection, campaign: &Campaign) -> Result<u64, Status> {
    audience::count(connection, audience_of(campaign)).await.map_err(status::store)
}

/// A campaign's audience, as the store takes it.
pub fn audience_of(campaign: &Campaign) -> Audience<'_> {
    let settings = &campaign.settings;
    Audience { workspace: campaign.workspace_id, include: &settings.list_ids, exclude: &settings.exclude_list_ids }
}

async fn within_limit(connection: &mut PgConnection, workspace: &Workspace, campaign: &Campaign) -> Result<u64, Status> {
    let recipients = count(connection, campaign).await?;
    let limit = u64::from(workspace.max_recipients.unsigned_abs());
    if recipients <= limit {
        return Ok(recipients);
    }
    let message = format!(
        "the audience has {recipients} contacts, and this workspace allows {limit} in a run: choose smaller lists, or raise max_recipients"
    );
    let facts = [("recipients", recipients.to_string()), ("max_recipients", limit.to_string())];
    Err(status::precondition_with("TOO_MANY_RECIPIENTS", message, facts.iter().map(|(key, value)| (*key, value.as_str()))))
}
