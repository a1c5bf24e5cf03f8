//! CreateWorkspace.

use super::{limits, present};
use crate::{audit::Change, convert::commit, state::State};
use domain::{WorkspaceId, role::Role, tracking::WorkspaceTracking};
use proto::workspace::{CreateWorkspaceRequest, CreateWorkspaceResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::workspace::{self, ConsentSettings, Workspace};
use time::OffsetDateTime;
use tonic::{Request, Status};

const DEFAULT_COUNTRY_CODE: &str = "971";
const DEFAULT_STRIP_PREFIXES: [&str; 3] = ["0", "00971", "+971"];
const DEFAULT_TIMEZONE: &str = "UTC";
const DEFAULT_MAX_RECIPIENTS: u32 = 10_000;

pub async fn run(state: &State, request: Request<CreateWorkspaceRequest>) -> Result<CreateWorkspaceResponse, Status> {
    let caller = auth::authorize(&request, Role::Internal)?;
    let now = state.clock.now();
    let workspace = read(request.into_inner(), now)?;
    let id = workspace.workspace_id;
    let mut tx = state.db.tenant(id).await.map_err(status::store)?;
    workspace::insert(&mut tx, &workspace).await.map_err(status::store)?;
    let change =
        Change { workspace: id, caller: &caller, action: "workspace.create", id: id.0, before: None, after: Some(&workspace), at: now };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateWorkspaceResponse { workspace: Some(present(workspace)) })
}

fn read(request: CreateWorkspaceRequest, now: OffsetDateTime) -> Result<Workspace, Status> {
    let mut violations = Violations::new();
    let name = request.name.trim().to_owned();
    limits::name(&name, &mut violations);
    let default_country_code = or_default(request.default_country_code, DEFAULT_COUNTRY_CODE);
    limits::country_code(&default_country_code, &mut violations);
    let mut phone_strip_prefixes = request.phone_strip_prefixes;
    if phone_strip_prefixes.is_empty() {
        phone_strip_prefixes = DEFAULT_STRIP_PREFIXES.map(str::to_owned).into();
    }
    limits::strip_prefixes(&phone_strip_prefixes, &mut violations);
    let max_recipients = if request.max_recipients == 0 { DEFAULT_MAX_RECIPIENTS } else { request.max_recipients };
    let max_recipients = limits::max_recipients(max_recipients, &mut violations);
    let opt_out_keywords = limits::keywords("opt_out_keywords", &request.opt_out_keywords, &mut violations);
    violations.check()?;
    Ok(Workspace {
        workspace_id: WorkspaceId::new(),
        name,
        default_country_code,
        phone_strip_prefixes,
        max_recipients,
        approval_required: !request.skip_approval,
        self_approval: true,
        opt_out_keywords,
        timezone: DEFAULT_TIMEZONE.to_owned(),
        quiet_hours: None,
        frequency_caps: Vec::new(),
        tracking: WorkspaceTracking::default(),
        consent: ConsentSettings::default(),
        created_at: now,
    })
}

fn or_default(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}
