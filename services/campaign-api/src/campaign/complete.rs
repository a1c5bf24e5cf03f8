//! Whether a campaign may go to review, or be sent: complete, and within the workspace's limit on a run.

use crate::{provider_template, template};
use domain::campaign::gaps;
use runtime::status::{self, Violations};
use store::{
    PgConnection, audience,
    campaign::{self, Campaign},
    list,
    workspace::Workspace,
};
use time::OffsetDateTime;
use tonic::Status;

/// Checks it as of now. Answers with the version of its template, the newest until one is submitted, and with how many contacts it is for.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is missing; FAILED_PRECONDITION when its audience is over the limit.
pub async fn check(
    connection: &mut PgConnection,
    workspace: &Workspace,
    campaign: &Campaign,
    now: OffsetDateTime,
) -> Result<(i32, u64), Status> {
    let settings = &campaign.settings;
    let facts = campaign::facts_at(connection, workspace.workspace_id, settings, campaign.template_version).await.map_err(status::store)?;
    let mut violations = Violations::new();
    let own = list::copy::count(&mut *connection, &[campaign.campaign_id]).await.map_err(status::store)?;
    for gap in gaps(settings, &facts).into_iter().filter(|gap| own.is_empty() || !gap.is_no_audience()) {
        violations.add(gap.field, gap.problem);
    }
    violations.check()?;
    let version = settings.template_id.and_then(|id| facts.templates.get(&id)).map_or(0, |template| template.version);
    if let Some(id) = settings.template_id {
        provider_template::check::problems(connection, workspace.workspace_id, settings, (id, version), &facts, &mut violations)
            .await
            .map_err(status::store)?;
        violations.check()?;
        template::must_be_usable(&mut *connection, workspace.workspace_id, (id, version), settings.channels.keys().copied()).await?;
    }
    // What goes to everybody has no recipients to be counted.
    if !settings.has_contacts() {
        return Ok((version, 0));
    }
    let recipients = within_limit(connection, workspace, campaign, now).await?;
    Ok((version, recipients))
}

async fn within_limit(
    connection: &mut PgConnection,
    workspace: &Workspace,
    campaign: &Campaign,
    now: OffsetDateTime,
) -> Result<u64, Status> {
    let audience =
        audience::of_campaign(&mut *connection, campaign.workspace_id, campaign.campaign_id, now).await.map_err(status::store)?;
    let recipients = audience::count(connection, &audience).await.map_err(status::store)?;
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
