//! GetCaller.

use domain::role::Role;
use proto::{
    convert::role_number,
    workspace::{GetCallerRequest, GetCallerResponse},
};
use runtime::auth;
use tonic::{Request, Status};

pub fn run(request: &Request<GetCallerRequest>) -> Result<GetCallerResponse, Status> {
    let caller = auth::authorize(request, Role::Agent)?;
    Ok(GetCallerResponse {
        workspace_id: caller.workspace.to_string(),
        role: role_number(caller.role),
        api_key_id: caller.api_key.map(|id| id.to_string()).unwrap_or_default(),
        subject: caller.subject,
    })
}
