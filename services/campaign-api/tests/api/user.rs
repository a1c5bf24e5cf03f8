//! What a workspace says of its people goes before what their tokens say.

use crate::{
    campaign_drafts::fields,
    support::{Api, Authorized, Workspace, until},
};
use domain::role::Role;
use proto::workspace::{
    CreateUserRequest, DeleteUserRequest, GetCallerRequest, GetUserRequest, ListUsersRequest, Role as WireRole, UpdateUserRequest, User,
    user_service_client::UserServiceClient,
};
use runtime::{auth::Grant, client::Outgoing};
use time::OffsetDateTime;
use tonic::{Code, Status, service::interceptor::InterceptedService};
use tonic_types::StatusExt as _;

/// Somebody whose tokens say that they may do what `role` may.
fn person(workspace: &Workspace<'_>, subject: &str, role: Role) -> UserServiceClient<Authorized> {
    let grant = Grant::new(subject, Some(workspace.id), role, OffsetDateTime::now_utc());
    let token = workspace.api.issuer.token(&grant).unwrap();
    UserServiceClient::new(InterceptedService::new(workspace.api.channel.clone(), Outgoing::new(&token.into()).unwrap()))
}

async fn create(workspace: &Workspace<'_>, subject: &str, role: WireRole) -> User {
    let request = CreateUserRequest { subject: subject.to_owned(), role: role.into(), ..CreateUserRequest::default() };
    workspace.users(Role::Admin).create_user(request).await.unwrap().into_inner().user.unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// The role of a caller, once it is the expected one.
async fn has_role(workspace: &Workspace<'_>, subject: &str, token: Role, expected: WireRole) {
    until(|| async {
        let caller = person(workspace, subject, token).get_caller(GetCallerRequest {}).await.ok()?.into_inner();
        (caller.role() == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_list_goes_before_the_token_both_up_and_down() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    create(&workspace, "ana", WireRole::Admin).await;
    create(&workspace, "bob", WireRole::Agent).await;
    has_role(&workspace, "ana", Role::Agent, WireRole::Admin).await;
    has_role(&workspace, "bob", Role::Admin, WireRole::Agent).await;
    has_role(&workspace, "eve", Role::Agent, WireRole::Agent).await;
    assert_eq!(person(&workspace, "ana", Role::Agent).list_users(ListUsersRequest::default()).await.unwrap().into_inner().users.len(), 2);
    let denied = person(&workspace, "bob", Role::Admin).list_users(ListUsersRequest::default()).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).as_str()), (Code::PermissionDenied, "ROLE_REQUIRED"));
    // Elsewhere she is nobody.
    let other = api.workspace().await;
    let denied = person(&other, "ana", Role::Agent).list_users(ListUsersRequest::default()).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_disabled_person_is_refused_and_let_in_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let ana = create(&workspace, "ana", WireRole::Agent).await;
    has_role(&workspace, "ana", Role::Agent, WireRole::Agent).await;
    let disable = |disabled| UpdateUserRequest { id: ana.id.clone(), disabled: Some(disabled), ..UpdateUserRequest::default() };
    let mut admin = workspace.users(Role::Admin);
    assert!(admin.update_user(disable(true)).await.unwrap().into_inner().user.unwrap().disabled);
    let refused = until(|| async { person(&workspace, "ana", Role::Agent).get_caller(GetCallerRequest {}).await.err() }).await;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "USER_DISABLED"));
    admin.update_user(disable(false)).await.unwrap();
    has_role(&workspace, "ana", Role::Agent, WireRole::Agent).await;
    // Off the list the token counts again.
    admin.delete_user(DeleteUserRequest { id: ana.id }).await.unwrap();
    has_role(&workspace, "ana", Role::Admin, WireRole::Admin).await;
}

#[tokio::test]
async fn nobody_takes_their_own_rights_away() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let ana = create(&workspace, "ana", WireRole::Admin).await;
    has_role(&workspace, "ana", Role::Agent, WireRole::Admin).await;
    let mut her = person(&workspace, "ana", Role::Agent);
    let update = UpdateUserRequest { id: ana.id.clone(), ..UpdateUserRequest::default() };
    let refusals = [
        her.update_user(UpdateUserRequest { disabled: Some(true), ..update.clone() }).await.unwrap_err(),
        her.update_user(UpdateUserRequest { role: WireRole::Agent.into(), ..update.clone() }).await.unwrap_err(),
        her.delete_user(DeleteUserRequest { id: ana.id.clone() }).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "OWN_RIGHTS"));
    }
    let renamed = her.update_user(UpdateUserRequest { name: Some("Ana".to_owned()), ..update }).await.unwrap();
    assert_eq!(renamed.into_inner().user.unwrap().name, "Ana");
}

#[tokio::test]
async fn people_are_listed_once_changed_in_part_and_logged() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut admin = workspace.users(Role::Admin);
    let request = CreateUserRequest {
        subject: "ana".to_owned(),
        name: " Ana ".to_owned(),
        email: "ana@example.com".to_owned(),
        role: WireRole::Agent.into(),
        request_id: "1".to_owned(),
    };
    let ana = admin.create_user(request.clone()).await.unwrap().into_inner().user.unwrap();
    assert_eq!((ana.name.as_str(), ana.disabled), ("Ana", false));
    assert_eq!(admin.create_user(request.clone()).await.unwrap().into_inner().user.unwrap(), ana, "the same call again");
    let twice = admin.create_user(CreateUserRequest { request_id: String::new(), ..request }).await.unwrap_err();
    assert_eq!(twice.code(), Code::AlreadyExists);

    let promote = UpdateUserRequest { id: ana.id.clone(), role: WireRole::Admin.into(), ..UpdateUserRequest::default() };
    let promoted = admin.update_user(promote.clone()).await.unwrap().into_inner().user.unwrap();
    assert_eq!((promoted.role(), promoted.email.as_str()), (WireRole::Admin, "ana@example.com"));
    admin.update_user(promote).await.unwrap();
    assert_eq!(admin.get_user(GetUserRequest { id: ana.id.clone() }).await.unwrap().into_inner().user.unwrap(), promoted);
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "user", ana.id.parse().unwrap()).await.unwrap();
    assert_eq!(
        log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(),
        ["user.create", "user.update"],
        "nothing changed, nothing logged"
    );
    assert_eq!((&log[1].before.as_ref().unwrap()["role"], &log[1].after.as_ref().unwrap()["role"]), (&"agent".into(), &"admin".into()));
}

#[tokio::test]
async fn what_is_wrong_with_a_person_is_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let wrong = CreateUserRequest {
        subject: "api_key:1".to_owned(),
        name: "a\nb".to_owned(),
        email: "ana".to_owned(),
        role: 9,
        request_id: String::new(),
    };
    let status = workspace.users(Role::Admin).create_user(wrong).await.unwrap_err();
    assert_eq!(fields(&status), ["role", "subject", "name", "email"]);
    let empty = workspace.users(Role::Admin).create_user(CreateUserRequest { role: 1, ..CreateUserRequest::default() }).await.unwrap_err();
    assert_eq!(fields(&empty), ["subject"]);
}
