//! Workspaces.

use crate::support::Api;
use domain::role::Role;
use proto::workspace::{
    CreateWorkspaceRequest, GetWorkspaceRequest, UpdateWorkspaceRequest, workspace_service_client::WorkspaceServiceClient,
};
use tonic::Code;
use tonic_types::StatusExt as _;

#[tokio::test]
async fn a_new_workspace_has_the_defaults() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let read = workspace.workspaces(Role::Agent).get_workspace(GetWorkspaceRequest {}).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!(read.id, workspace.id.to_string());
    assert_eq!((read.default_country_code.as_str(), read.max_recipients, read.approval_required), ("971", 10_000, true));
    assert_eq!(read.phone_strip_prefixes, ["0", "00971", "+971"]);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_new_workspace_is_named() {
    let api = Api::start().await;
    let mut client = WorkspaceServiceClient::new(api.connection(None, Role::Internal));
    let request = CreateWorkspaceRequest {
        name: " ".to_owned(),
        default_country_code: "+971".to_owned(),
        phone_strip_prefixes: vec!["0".to_owned(), "x".to_owned()],
        max_recipients: u32::MAX,
        skip_approval: false,
        opt_out_keywords: vec!["  ".to_owned()],
    };
    let status = client.create_workspace(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["name", "default_country_code", "phone_strip_prefixes[1]", "max_recipients", "opt_out_keywords[0]"]);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_is_in_the_audit_log() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.workspaces(Role::Admin);
    let request = UpdateWorkspaceRequest {
        max_recipients: Some(5),
        opt_out_keywords: vec!["توقف".to_owned(), " enough ".to_owned(), "enough".to_owned()],
        replace_opt_out_keywords: true,
        ..UpdateWorkspaceRequest::default()
    };
    let updated = client.update_workspace(request).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!((updated.name.as_str(), updated.max_recipients, updated.approval_required), ("Test", 5, true));
    assert_eq!(updated.opt_out_keywords, ["توقف", "enough"]);
    let read = client.get_workspace(GetWorkspaceRequest {}).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!(read, updated);

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "workspace", workspace.id.0).await.unwrap();
    let entries: Vec<_> = log.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    assert_eq!(entries, [("workspace.create", "test-internal"), ("workspace.update", "test-admin")]);
    assert_eq!(log[1].before.as_ref().unwrap()["max_recipients"], 10_000);
    assert_eq!(log[1].after.as_ref().unwrap()["max_recipients"], 5);
}

#[tokio::test]
async fn keywords_are_not_replaced_by_accident() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let request = UpdateWorkspaceRequest { opt_out_keywords: vec!["x".to_owned()], ..UpdateWorkspaceRequest::default() };
    let status = workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}
