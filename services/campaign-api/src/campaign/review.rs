//! Reviews: opened when a campaign is submitted or a change of it is asked for, decided by an admin, and bound to the hash of everything
//! that the campaign is made of.

use super::change::Change;
use domain::campaign::{
    Settings,
    approval::{Subject, Verdict, What},
};
use runtime::status;
use store::approval::{self, Approval, Decision, Filter, New};
use tonic::Status;
use uuid::Uuid;

/// What a review is about.
pub struct About {
    pub subject: Subject,
    pub what: What,
    /// In what it differs from what was approved before.
    pub changed: Vec<String>,
    pub template_version: i32,
}

/// What a campaign of these settings is made of as of now.
///
/// # Errors
/// When the database fails.
pub async fn what(change: &mut Change<'_>, settings: &Settings, template_version: i32) -> Result<What, Status> {
    approval::what(&mut change.tx, change.campaign.workspace_id, settings, template_version).await.map_err(status::store)
}

/// The campaign itself as of now, beside what was approved of it before.
///
/// # Errors
/// When the database fails.
pub async fn of_campaign(change: &mut Change<'_>) -> Result<About, Status> {
    let template_version = change.campaign.template_version.unwrap_or_default();
    let settings = change.campaign.settings.clone();
    let what = what(change, &settings, template_version).await?;
    let before = approved(change, None).await?;
    let changed = before.map(|before| before.changes(&what)).unwrap_or_default();
    Ok(About { subject: Subject::Campaign, what, changed, template_version })
}

/// Opens a review by the caller; one that waits is withdrawn.
///
/// # Errors
/// When the database fails.
pub async fn open(change: &mut Change<'_>, about: &About) -> Result<Uuid, Status> {
    withdraw(change, "it was submitted anew").await?;
    let new = New {
        workspace_id: change.campaign.workspace_id,
        campaign_id: change.campaign.campaign_id,
        subject: about.subject,
        revision: change.campaign.revision,
        what: &about.what,
        changed: &about.changed,
        template_version: about.template_version,
        submitted_by: &change.caller.subject,
    };
    approval::open(&mut change.tx, new, change.now).await.map_err(status::store)
}

/// The review that waits.
///
/// # Errors
/// When the database fails.
pub async fn pending(change: &mut Change<'_>) -> Result<Option<Approval>, Status> {
    let filter = Filter { campaign: Some(change.campaign.campaign_id), verdict: Some(Verdict::Pending), ..Filter::default() };
    approval::newest(&mut change.tx, change.campaign.workspace_id, filter).await.map_err(status::store)
}

/// Decides a review as the caller. `content_version` is the one that a change has made of the run's content.
///
/// # Errors
/// ABORTED when it was decided meanwhile.
pub async fn decide(
    change: &mut Change<'_>,
    id: Uuid,
    verdict: Verdict,
    about: &About,
    content_version: Option<i32>,
    reason: &str,
) -> Result<(), Status> {
    let decision = Decision {
        verdict,
        what: &about.what,
        changed: &about.changed,
        content_version,
        by: &change.caller.subject,
        role: change.caller.role.as_str(),
        reason,
    };
    if approval::decide(&mut change.tx, id, decision, change.now).await.map_err(status::store)? {
        return Ok(());
    }
    Err(status::conflict("APPROVAL_DECIDED", "it was decided meanwhile: read it again"))
}

/// Takes back what waits, if anything does.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(change: &mut Change<'_>, reason: &str) -> Result<bool, Status> {
    let (campaign, by) = (&change.campaign, (change.caller.subject.as_str(), change.caller.role.as_str()));
    approval::withdraw(&mut change.tx, campaign.workspace_id, campaign.campaign_id, by, reason, change.now).await.map_err(status::store)
}

/// What was approved last, of any subject or of one.
async fn approved(change: &mut Change<'_>, subject: Option<Subject>) -> Result<Option<What>, Status> {
    let filter = Filter { campaign: Some(change.campaign.campaign_id), verdict: Some(Verdict::Approved), subject };
    let workspace = change.campaign.workspace_id;
    let Some(newest) = approval::newest(&mut change.tx, workspace, filter).await.map_err(status::store)? else { return Ok(None) };
    let found = approval::get(&mut change.tx, workspace, newest.approval_id).await.map_err(status::store)?;
    Ok(found.map(|(_, what)| what))
}

/// Whether the campaign is still what was approved.
///
/// # Errors
/// FAILED_PRECONDITION when nobody has approved it, or it is something else by now.
pub async fn holds(change: &mut Change<'_>) -> Result<(), Status> {
    let not_approved = || status::precondition("NOT_APPROVED", "nobody has approved it as it is: submit it again");
    if change.campaign.approved_at.is_none() {
        return Err(not_approved());
    }
    let campaign = &change.campaign;
    approval::hold_segments(&mut change.tx, campaign.workspace_id, &campaign.settings).await.map_err(status::store)?;
    let about = of_campaign(change).await?;
    let approved = approved(change, Some(Subject::Campaign)).await?.ok_or_else(not_approved)?;
    let changed = approved.changes(&about.what);
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("it isn't what was approved any more ({}): submit it again", changed.join(", "));
    let (approved, now) = (approved.hash().to_string(), about.what.hash().to_string());
    Err(status::precondition_with("APPROVAL_STALE", message, [("approved_hash", approved.as_str()), ("hash", now.as_str())]))
}

/// Whether the caller has looked at what they decide about. An empty hash looks at nothing.
///
/// # Errors
/// ABORTED when it is something else by now.
pub fn check_hash(hash: &str, about: &About) -> Result<(), Status> {
    let now = about.what.hash().to_string();
    if hash.is_empty() || hash.eq_ignore_ascii_case(&now) {
        return Ok(());
    }
    Err(status::conflict("APPROVAL_CHANGED", format!("it is something else by now, with the hash {now}: look at it again")))
}

/// Whether the caller may decide about what was submitted by whom.
///
/// # Errors
/// PERMISSION_DENIED for one's own, when the workspace says so.
pub fn check_self(change: &Change<'_>, submitted_by: &str) -> Result<(), Status> {
    if change.workspace.self_approval || submitted_by != change.caller.subject {
        return Ok(());
    }
    Err(status::denied("SELF_APPROVAL", "you have submitted it yourself, and this workspace wants another admin to approve it"))
}
