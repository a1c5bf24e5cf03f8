//! UpdateWorkspace.

use super::{consent, limits, present, rules, tracking};
use crate::{audit::Change, convert::commit, state::State};
use domain::role::Role;
use proto::workspace::{QuietHours, UpdateWorkspaceRequest, UpdateWorkspaceResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::workspace::{self, Workspace};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateWorkspaceRequest>) -> Result<UpdateWorkspaceResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    workspace::lock(&mut tx, caller.workspace).await.map_err(status::store)?;
    let before = workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("workspace"))?;
    let after = change(before.clone(), request)?;
    workspace::update(&mut tx, &after).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "workspace.update",
        id: caller.workspace.0,
        before: Some(&before),
        after: Some(&after),
        at: state.clock.now(),
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(UpdateWorkspaceResponse { workspace: Some(present(after)) })
}

fn change(mut workspace: Workspace, request: UpdateWorkspaceRequest) -> Result<Workspace, Status> {
    let mut violations = Violations::new();
    consent::change(&mut workspace.consent, &request, &mut violations);
    if let Some(name) = request.name {
        workspace.name = name.trim().to_owned();
        limits::name(&workspace.name, &mut violations);
    }
    if let Some(count) = request.max_recipients {
        workspace.max_recipients = limits::max_recipients(count, &mut violations);
    }
    if let Some(required) = request.approval_required {
        workspace.approval_required = required;
    }
    if let Some(allowed) = request.self_approval {
        workspace.self_approval = allowed;
    }
    if request.replace_opt_out_keywords {
        workspace.opt_out_keywords = limits::keywords("opt_out_keywords", &request.opt_out_keywords, &mut violations);
    } else {
        violations.expect(request.opt_out_keywords.is_empty(), "replace_opt_out_keywords", "must be set for the keywords to be replaced");
    }
    change_rules(&mut workspace, &request.timezone, request.quiet_hours.as_ref(), &mut violations);
    if request.replace_frequency_caps {
        workspace.frequency_caps = rules::frequency_caps(&request.frequency_caps, &mut violations);
    } else {
        violations.expect(request.frequency_caps.is_empty(), "replace_frequency_caps", "must be set for the caps to be replaced");
    }
    if let Some(settings) = request.tracking {
        workspace.tracking = tracking::read(settings, &mut violations);
    }
    violations.check()?;
    Ok(workspace)
}

fn change_rules(workspace: &mut Workspace, timezone: &Option<String>, quiet: Option<&QuietHours>, violations: &mut Violations) {
    if let Some(zone) = timezone {
        rules::timezone(zone, violations);
        zone.clone_into(&mut workspace.timezone);
    }
    if let Some(quiet) = quiet {
        workspace.quiet_hours = rules::quiet_hours(quiet, violations);
    }
}
