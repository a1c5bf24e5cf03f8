//! Workspaces: tenants. A caller sees and changes its own only; creating one is for the hub's operators.

mod consent;
mod create;
mod get;
mod limits;
mod rules;
pub mod tracking;
mod update;

use crate::state::State;
use proto::{
    convert::channel_number,
    workspace::{
        CreateWorkspaceRequest, CreateWorkspaceResponse, FrequencyCap, GetWorkspaceRequest, GetWorkspaceResponse, QuietHours,
        UpdateWorkspaceRequest, UpdateWorkspaceResponse, Workspace,
        workspace_service_server::{WorkspaceService, WorkspaceServiceServer},
    },
};
use store::workspace::clock;
use tonic::{Request, Response, Status};

pub struct Workspaces(State);

pub fn service(state: State) -> WorkspaceServiceServer<Workspaces> {
    WorkspaceServiceServer::new(Workspaces(state))
}

#[tonic::async_trait]
impl WorkspaceService for Workspaces {
    async fn create_workspace(&self, request: Request<CreateWorkspaceRequest>) -> Result<Response<CreateWorkspaceResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn get_workspace(&self, request: Request<GetWorkspaceRequest>) -> Result<Response<GetWorkspaceResponse>, Status> {
        get::run(&self.0, request).await.map(Response::new)
    }

    async fn update_workspace(&self, request: Request<UpdateWorkspaceRequest>) -> Result<Response<UpdateWorkspaceResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }
}

fn present(workspace: store::workspace::Workspace) -> Workspace {
    Workspace {
        id: workspace.workspace_id.to_string(),
        name: workspace.name,
        default_country_code: workspace.default_country_code,
        phone_strip_prefixes: workspace.phone_strip_prefixes,
        max_recipients: workspace.max_recipients.unsigned_abs(),
        approval_required: workspace.approval_required,
        self_approval: workspace.self_approval,
        opt_out_keywords: workspace.opt_out_keywords,
        help_text: workspace.consent.help_text,
        opt_in_keywords: workspace.consent.opt_in_keywords,
        help_keywords: workspace.consent.help_keywords,
        bounces_before_opt_out: workspace.consent.bounces_before_opt_out.unsigned_abs(),
        timezone: workspace.timezone,
        quiet_hours: workspace.quiet_hours.map(|quiet| QuietHours { start: clock(quiet.start), end: clock(quiet.end) }),
        frequency_caps: workspace.frequency_caps.into_iter().map(present_cap).collect(),
        tracking: Some(tracking::present(&workspace.tracking)),
    }
}

fn present_cap(cap: store::workspace::FrequencyCap) -> FrequencyCap {
    FrequencyCap {
        channel: cap.channel.map(channel_number).unwrap_or_default(),
        max_messages: cap.max_messages.unsigned_abs(),
        window_hours: cap.window_hours.unsigned_abs(),
    }
}
