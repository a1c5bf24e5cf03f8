//! A campaign that runs is changed: its content, budgets, expiry and rules, for what hasn't left yet.
//!
//! What is asked for waits for an admin, who approves it by ApproveCampaign. From then on what the gate lets through is made of the new
//! version of the content (`store::run_content`); what may have left already keeps its own.

mod check;

use super::{
    change::{Change, Changed},
    review::{self, About},
    settings, update,
};
use check::Wanted;
use domain::{
    RunId,
    campaign::{
        Action, Settings, Status as CampaignStatus,
        approval::{Subject, Verdict},
    },
    role::Role,
};
use proto::campaign::UpdateCampaignRequest;
use runtime::status;
use store::{
    alert::{self, kind},
    run_content::{self, Current},
};
use tonic::Status;

/// Asks for a change, and puts it into effect when nobody needs to be asked.
///
/// # Errors
/// INVALID_ARGUMENT with everything that can't be changed any more.
pub async fn propose(mut change: Change<'_>, request: UpdateCampaignRequest) -> Result<Changed, Status> {
    change.step(Action::Propose)?;
    update::check_revision(&change, request.base_revision)?;
    let settings = settings::read(&mut change.tx, change.campaign.workspace_id, request.settings).await?;
    let current = current(&mut change).await?;
    let wanted = check::wanted(&mut change, settings, request.template_version, &current).await?;
    let withdrawn = review::withdraw(&mut change, "another change took its place").await?;
    if !wanted.changes(&change.campaign.settings, &current) {
        return if withdrawn { take_back(change).await } else { change.unchanged().await };
    }
    change.campaign.revision = change.campaign.revision.saturating_add(1);
    let about = about(&mut change, &wanted, &current).await?;
    let review = review::open(&mut change, &about).await?;
    if let Some((action, verdict)) = at_once(&change, &wanted, &current) {
        change.step(action)?;
        let by = change.caller.subject.clone();
        let version = apply(&mut change, wanted, &current, &by).await?;
        review::decide(&mut change, review, verdict, &about, version, "").await?;
    }
    change.commit().await
}

async fn take_back(mut change: Change<'_>) -> Result<Changed, Status> {
    change.step(Action::Withdraw)?;
    change.campaign.revision = change.campaign.revision.saturating_add(1);
    change.commit().await
}

/// Puts the change that waits into effect.
///
/// # Errors
/// FAILED_PRECONDITION when none waits.
pub async fn approve(mut change: Change<'_>, hash: &str) -> Result<Changed, Status> {
    change.step(Action::Amend)?;
    let (review, by, wanted) = waiting(&mut change).await?;
    review::check_self(&change, &by)?;
    let current = current(&mut change).await?;
    check::still_fits(&mut change, &wanted, &current).await?;
    let about = about(&mut change, &wanted, &current).await?;
    review::check_hash(hash, &about)?;
    let version = apply(&mut change, wanted, &current, &by).await?;
    review::decide(&mut change, review, Verdict::Approved, &about, version, "").await?;
    // What is read before this must not be written back after it.
    change.campaign.revision = change.campaign.revision.saturating_add(1);
    change.campaign.approved_by.clone_from(&change.caller.subject);
    change.campaign.approved_at = Some(change.now);
    change.commit().await
}

/// Drops the change that waits.
///
/// # Errors
/// FAILED_PRECONDITION when none waits.
pub async fn decline(mut change: Change<'_>, reason: &str) -> Result<Changed, Status> {
    change.step(Action::Decline)?;
    let (review, _, wanted) = waiting(&mut change).await?;
    let current = current(&mut change).await?;
    let about = about(&mut change, &wanted, &current).await?;
    review::decide(&mut change, review, Verdict::Rejected, &about, None, reason).await?;
    change.commit().await
}

/// The change that waits: its review, who asked for it, and what it wants.
async fn waiting(change: &mut Change<'_>) -> Result<(uuid::Uuid, String, Wanted), Status> {
    let nothing = || status::precondition("NOTHING_TO_APPROVE", "no change of it waits for approval");
    let review = review::pending(change).await?.ok_or_else(nothing)?;
    let settings = review.proposed.ok_or_else(nothing)?;
    Ok((review.approval_id, review.submitted_by, Wanted { settings, template_version: review.template_version }))
}

fn run(change: &Change<'_>) -> Result<RunId, Status> {
    change.campaign.run_id.ok_or_else(|| status::precondition("NO_RUN", "it has not begun"))
}

async fn current(change: &mut Change<'_>) -> Result<Current, Status> {
    let run = run(change)?;
    run_content::current(&mut change.tx, run).await.map_err(status::store)
}

/// The change beside what holds now.
async fn about(change: &mut Change<'_>, wanted: &Wanted, current: &Current) -> Result<About, Status> {
    let settings = Settings { template_id: Some(current.template_id), ..change.campaign.settings.clone() };
    let before = review::what(change, &settings, current.template_version).await?;
    let what = review::what(change, &wanted.settings, wanted.template_version).await?;
    let changed = before.changes(&what);
    Ok(About { subject: Subject::Change, what, changed, template_version: wanted.template_version })
}

/// How a change is put into effect that needs nobody else's yes; None when it does. What leaves is an admin's to decide, always; an admin
/// who changes nothing but budgets has decided.
fn at_once(change: &Change<'_>, wanted: &Wanted, current: &Current) -> Option<(Action, Verdict)> {
    let only_budgets = wanted.changes_only_budgets(&change.campaign.settings, current);
    let action = if only_budgets { Action::ChangeBudget } else { Action::Amend };
    let workspace = &change.workspace;
    match change.caller.role.allows(Role::Admin) {
        true if !workspace.approval_required => Some((action, Verdict::Waived)),
        true if only_budgets && workspace.self_approval => Some((action, Verdict::Approved)),
        _ => None,
    }
}

/// Answers with the version of the run's content that it has made.
async fn apply(change: &mut Change<'_>, wanted: Wanted, current: &Current, by: &str) -> Result<Option<i32>, Status> {
    let (run_id, workspace_id, now) = (run(change)?, change.campaign.workspace_id, change.now);
    let before = &change.campaign.settings;
    let mut version = None;
    if let Some((template_id, template_version)) = wanted.content(current) {
        let new = run_content::New { workspace_id, run_id, template_id, template_version, created_by: by };
        version = Some(run_content::add(&mut change.tx, new, now).await.map_err(status::store)?);
    }
    let hours = wanted.later_by_hours(before);
    if hours != 0 {
        run_content::move_expiry(&mut change.tx, workspace_id, run_id, hours).await.map_err(status::store)?;
    }
    if change.campaign.status == CampaignStatus::Active && wanted.changes_budgets(before) {
        // It goes on with the new one by itself; of a paused one they are resolved when it is resumed.
        let id = change.campaign.campaign_id;
        alert::resolve(&mut change.tx, Some(id), None, &[kind::BUDGET_EXHAUSTED], by, now).await.map_err(status::store)?;
    }
    change.campaign.template_version = Some(wanted.template_version);
    change.campaign.settings = wanted.settings;
    Ok(version)
}
