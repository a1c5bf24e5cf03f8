//! ListApprovals and GetApproval: who has approved what.

use crate::{
    convert::{page, timestamp},
    state::State,
};
use domain::{
    campaign::approval::{Subject, Verdict},
    role::Role,
};
use proto::campaign::{
    Approval as Wire, ApprovalDecision, ApprovalSubject, GetApprovalRequest, GetApprovalResponse, ListApprovalsRequest,
    ListApprovalsResponse,
};
use runtime::{auth, status};
use store::{
    approval::{self, Approval, Filter},
    campaign,
};
use tonic::{Request, Status};
use uuid::Uuid;

pub async fn list(state: &State, request: Request<ListApprovalsRequest>) -> Result<ListApprovalsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let id = if request.campaign_id.is_empty() { None } else { Some(status::id("campaign_id", &request.campaign_id)?) };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(id) = id {
        let found = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        found.ok_or_else(|| status::not_found("campaign"))?;
    }
    let filter = Filter { campaign: id, verdict: request.pending.then_some(Verdict::Pending), ..Filter::default() };
    let mut approvals = approval::list(&mut tx, caller.workspace, filter, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut approvals, |approval| approval.approval_id);
    Ok(ListApprovalsResponse { approvals: approvals.iter().map(present).collect(), next_page_token })
}

pub async fn get(state: &State, request: Request<GetApprovalRequest>) -> Result<GetApprovalResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: Uuid = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let found = approval::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let (approval, what) = found.ok_or_else(|| status::not_found("approval"))?;
    Ok(GetApprovalResponse { approval: Some(Wire { what: what.canonical(), ..present(&approval) }) })
}

/// A review as callers see it, without what it is about.
pub fn present(approval: &Approval) -> Wire {
    Wire {
        id: approval.approval_id.to_string(),
        campaign_id: approval.campaign_id.to_string(),
        subject: subject(approval.subject).into(),
        decision: decision(approval.verdict).into(),
        hash: approval.hash.to_string(),
        revision: approval.revision.unsigned_abs(),
        submitted_by: approval.submitted_by.clone(),
        submitted_at: Some(timestamp(approval.submitted_at)),
        decided_by: approval.decided_by.clone(),
        decided_role: approval.decided_role.clone(),
        decided_at: approval.decided_at.map(timestamp),
        reason: approval.reason.clone(),
        changed: approval.changed.clone(),
        template_version: approval.template_version.unsigned_abs(),
        content_version: approval.content_version.unwrap_or_default().unsigned_abs(),
        what: String::new(),
    }
}

fn subject(subject: Subject) -> ApprovalSubject {
    match subject {
        Subject::Campaign => ApprovalSubject::Campaign,
        Subject::Change => ApprovalSubject::Change,
    }
}

fn decision(verdict: Verdict) -> ApprovalDecision {
    match verdict {
        Verdict::Pending => ApprovalDecision::Pending,
        Verdict::Approved => ApprovalDecision::Approved,
        Verdict::Rejected => ApprovalDecision::Rejected,
        Verdict::Withdrawn => ApprovalDecision::Withdrawn,
        Verdict::Waived => ApprovalDecision::Waived,
    }
}
