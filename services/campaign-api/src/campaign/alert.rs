//! ListAlerts and ResolveAlert.

use crate::{
    audit::Change,
    convert::{commit, page, timestamp},
    state::State,
};
use domain::{CampaignId, role::Role};
use proto::{
    campaign::{Alert as Wire, ListAlertsRequest, ListAlertsResponse, ResolveAlertRequest, ResolveAlertResponse},
    convert::channel_number,
};
use runtime::{auth, status};
use store::{
    Tx,
    alert::{self, About, Alert},
    campaign,
};
use tonic::{Request, Status};
use uuid::Uuid;

pub async fn list(state: &State, request: Request<ListAlertsRequest>) -> Result<ListAlertsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let about = if request.campaign_id.is_empty() {
        About::Workspace
    } else {
        let id: CampaignId = status::id("campaign_id", &request.campaign_id)?;
        let campaign = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        let campaign = campaign.ok_or_else(|| status::not_found("campaign"))?;
        About::Campaign(id, campaign.settings.senders().collect())
    };
    let mut alerts = alert::list(&mut tx, caller.workspace, &about, request.resolved, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut alerts, |alert| alert.alert_id);
    Ok(ListAlertsResponse { alerts: alerts.into_iter().map(present).collect(), next_page_token })
}

/// Resolving one that is resolved already changes nothing.
pub async fn resolve(state: &State, request: Request<ResolveAlertRequest>) -> Result<ResolveAlertResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let id: Uuid = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = find(&mut tx, caller.workspace, id).await?;
    if before.resolved_at.is_some() {
        return Ok(ResolveAlertResponse { alert: Some(present(before)) });
    }
    let now = state.clock.now();
    alert::resolve_one(&mut tx, caller.workspace, id, &caller.subject, now).await.map_err(status::store)?;
    let after = Alert { resolved_at: Some(now), resolved_by: caller.subject.clone(), ..before.clone() };
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "alert.resolve",
        id,
        before: Some(&before),
        after: Some(&after),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(ResolveAlertResponse { alert: Some(present(after)) })
}

async fn find(tx: &mut Tx, workspace: domain::WorkspaceId, id: Uuid) -> Result<Alert, Status> {
    let alert = alert::get(tx, workspace, id).await.map_err(status::store)?;
    alert.ok_or_else(|| status::not_found("alert"))
}

/// An alert as callers see it.
pub fn present(alert: Alert) -> Wire {
    Wire {
        id: alert.alert_id.to_string(),
        kind: alert.kind,
        campaign_id: alert.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
        sender_id: alert.sender_id.map(|id| id.to_string()).unwrap_or_default(),
        channel: alert.channel.map(channel_number).unwrap_or_default(),
        code: alert.code,
        detail: alert.detail,
        times: alert.times.unsigned_abs(),
        raised_at: Some(timestamp(alert.raised_at)),
        last_at: Some(timestamp(alert.last_at)),
        resolved_at: alert.resolved_at.map(timestamp),
        resolved_by: alert.resolved_by,
    }
}
