//! Workspaces.

use crate::support::Api;
use domain::role::Role;
use proto::{
    common::Channel,
    workspace::{
        CreateWorkspaceRequest, FrequencyCap, GetWorkspaceRequest, QuietHours, UpdateWorkspaceRequest,
        workspace_service_client::WorkspaceServiceClient,
    },
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

fn cap(channel: Option<Channel>, max_messages: u32, window_hours: u32) -> FrequencyCap {
    FrequencyCap { channel: channel.map_or(0, Into::into), max_messages, window_hours }
}

fn quiet(start: &str, end: &str) -> Option<QuietHours> {
    Some(QuietHours { start: start.to_owned(), end: end.to_owned() })
}

#[tokio::test]
async fn rules_about_when_and_how_often_are_kept_and_taken_away_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.workspaces(Role::Admin);
    let request = UpdateWorkspaceRequest {
        timezone: Some("Asia/Dubai".to_owned()),
        quiet_hours: quiet("21:00", "08:30"),
        frequency_caps: vec![cap(None, 5, 168), cap(Some(Channel::Sms), 2, 24)],
        replace_frequency_caps: true,
        ..UpdateWorkspaceRequest::default()
    };
    let updated = client.update_workspace(request).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!((updated.timezone.as_str(), &updated.quiet_hours), ("Asia/Dubai", &quiet("21:00", "08:30")));
    assert_eq!(updated.frequency_caps, [cap(Some(Channel::Sms), 2, 24), cap(None, 5, 168)]);
    let renamed = UpdateWorkspaceRequest { name: Some("Other".to_owned()), ..UpdateWorkspaceRequest::default() };
    let kept = client.update_workspace(renamed).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!((&kept.quiet_hours, &kept.frequency_caps), (&updated.quiet_hours, &updated.frequency_caps));
    let none = UpdateWorkspaceRequest { quiet_hours: quiet("", ""), replace_frequency_caps: true, ..UpdateWorkspaceRequest::default() };
    let bare = client.update_workspace(none).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!((bare.quiet_hours, bare.frequency_caps.len()), (None, 0));

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "workspace", workspace.id.0).await.unwrap();
    let after = log[1].after.as_ref().unwrap();
    assert_eq!((&after["quiet_hours"], &after["frequency_caps"][0]["max_messages"]), (&"21:00–08:30".into(), &2.into()));
}

#[tokio::test]
async fn rules_that_cannot_be_are_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let refused = async |request: UpdateWorkspaceRequest| {
        let status = workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap_err();
        status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect::<Vec<_>>()
    };
    let request = UpdateWorkspaceRequest {
        timezone: Some("Dubai".to_owned()),
        quiet_hours: quiet("9pm", ""),
        frequency_caps: vec![cap(None, 5, 8_784), cap(None, 1, 1), cap(Some(Channel::Sms), 0, 8_785)],
        replace_frequency_caps: true,
        ..UpdateWorkspaceRequest::default()
    };
    let expected = [
        "timezone",
        "quiet_hours.start",
        "quiet_hours.end",
        "frequency_caps[1].channel",
        "frequency_caps[2].max_messages",
        "frequency_caps[2].window_hours",
    ];
    assert_eq!(refused(request).await, expected);
    assert_eq!(refused(UpdateWorkspaceRequest { quiet_hours: quiet("21:00", "21:00"), ..Default::default() }).await, ["quiet_hours.end"]);
    let caps = UpdateWorkspaceRequest { frequency_caps: vec![cap(None, 1, 1)], ..Default::default() };
    assert_eq!(refused(caps).await, ["replace_frequency_caps"]);
}
