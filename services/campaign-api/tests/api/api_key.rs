//! API keys: from their making to the refusal of their last call.

use crate::{
    campaign_drafts::fields,
    support::{Api, Workspace, until},
};
use domain::role::Role;
use proto::{
    contact::{CreateListRequest, ListListsRequest, list_service_client::ListServiceClient},
    convert::timestamp,
    workspace::{
        CreateApiKeyRequest, CreateApiKeyResponse, GetApiKeyRequest, GetCallerRequest, ListApiKeysRequest, RevokeApiKeyRequest,
        Role as WireRole, api_key_service_client::ApiKeyServiceClient, user_service_client::UserServiceClient,
    },
};
use runtime::client::Outgoing;
use time::{Duration, OffsetDateTime};
use tonic::{Code, Request, Status, metadata::MetadataValue, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt as _;

type WithKey = InterceptedService<Channel, Outgoing>;

fn request(name: &str, role: WireRole) -> CreateApiKeyRequest {
    CreateApiKeyRequest { name: name.to_owned(), role: role.into(), ..CreateApiKeyRequest::default() }
}

async fn create(workspace: &Workspace<'_>, name: &str, role: WireRole) -> CreateApiKeyResponse {
    workspace.api_keys(Role::Admin).create_api_key(request(name, role)).await.unwrap().into_inner()
}

fn with_key(api: &Api, key: &str) -> WithKey {
    InterceptedService::new(api.channel.clone(), Outgoing::new(&key.into()).unwrap())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_key_calls_for_its_workspace_and_role_until_it_is_revoked() {
    let api = Api::start().await;
    let (workspace, other) = (api.workspace().await, api.workspace().await);
    let made = create(&workspace, "shop", WireRole::Agent).await;
    let key = made.api_key.unwrap();
    assert!(made.key.starts_with(&format!("ffk_{}_", key.id.replace('-', ""))), "{}", made.key);
    workspace.list("Readers").await;
    other.list("Strangers").await;

    let mut lists = ListServiceClient::new(with_key(&api, &made.key));
    let seen = lists.list_lists(ListListsRequest::default()).await.unwrap().into_inner().lists;
    assert_eq!(seen.iter().map(|list| list.name.as_str()).collect::<Vec<_>>(), ["Readers"]);
    let caller = UserServiceClient::new(with_key(&api, &made.key)).get_caller(GetCallerRequest {}).await.unwrap().into_inner();
    let expected = (workspace.id.to_string(), format!("api_key:{}", key.id), WireRole::Agent, key.id.clone());
    assert_eq!((caller.workspace_id.clone(), caller.subject.clone(), caller.role(), caller.api_key_id), expected);
    let denied = ApiKeyServiceClient::new(with_key(&api, &made.key)).list_api_keys(ListApiKeysRequest::default()).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).as_str()), (Code::PermissionDenied, "ROLE_REQUIRED"));

    let mut admin = workspace.api_keys(Role::Admin);
    let revoked = admin.revoke_api_key(RevokeApiKeyRequest { id: key.id.clone() }).await.unwrap().into_inner().api_key.unwrap();
    assert!(revoked.revoked_at.is_some() && revoked.last_used_at.is_some());
    let refused = until(|| async {
        let mut lists = ListServiceClient::new(with_key(&api, &made.key));
        lists.list_lists(ListListsRequest::default()).await.err()
    })
    .await;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "API_KEY_REVOKED"));
    let again = admin.revoke_api_key(RevokeApiKeyRequest { id: key.id }).await.unwrap().into_inner().api_key.unwrap();
    assert_eq!(again, revoked);
}

#[tokio::test]
async fn a_key_may_come_in_its_own_header() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let made = create(&workspace, "shop", WireRole::Agent).await;
    let call = async |headers: &[(&'static str, String)]| {
        let mut request = Request::new(ListListsRequest::default());
        for (name, value) in headers {
            request.metadata_mut().insert(*name, MetadataValue::try_from(value.as_str()).unwrap());
        }
        ListServiceClient::new(api.channel.clone()).list_lists(request).await.map(drop)
    };
    let (token, bearer) = (api.token(Some(workspace.id), Role::Agent), |text: &str| ("authorization", format!("Bearer {text}")));
    assert!(call(&[("x-api-key", made.key.clone())]).await.is_ok());
    assert!(call(&[bearer(&made.key)]).await.is_ok());
    let both = call(&[bearer(&token), ("x-api-key", made.key.clone())]).await.unwrap_err();
    assert_eq!((both.code(), reason(&both).as_str()), (Code::Unauthenticated, "TOKEN_INVALID"));
    let wrong_door = call(&[("x-api-key", token)]).await.unwrap_err();
    assert_eq!((wrong_door.code(), reason(&wrong_door).as_str()), (Code::Unauthenticated, "API_KEY_INVALID"));
}

#[tokio::test]
async fn wrong_secrets_and_ended_keys_are_told_apart_only_to_whoever_has_the_secret() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (ours, other) = (create(&workspace, "a", WireRole::Agent).await.key, create(&workspace, "b", WireRole::Agent).await.key);
    let ending = CreateApiKeyRequest {
        expires_at: Some(timestamp(OffsetDateTime::now_utc() + Duration::hours(1))),
        ..request("ending", WireRole::Agent)
    };
    let ending = workspace.api_keys(Role::Admin).create_api_key(ending).await.unwrap().into_inner();
    let end = format!("UPDATE core.api_key SET expires_at = now() - interval '1 s' WHERE api_key_id = '{}'", ending.api_key.unwrap().id);
    store::admin::raw(&mut api.db.acquire().await.unwrap(), &end).await.unwrap();

    let crossed = format!("{}{}", &ours[..37], &other[37..]);
    let ended_guess = format!("{}{}", &ending.key[..37], &other[37..]);
    let unknown = format!("ffk_{}{}", uuid::Uuid::now_v7().simple(), &ours[36..]);
    let expected = [
        (crossed, "API_KEY_INVALID"),
        (ended_guess, "API_KEY_INVALID"),
        (unknown, "API_KEY_INVALID"),
        ("ffk_".to_owned(), "API_KEY_INVALID"),
        (ending.key, "API_KEY_EXPIRED"),
    ];
    for (key, expected) in expected {
        let refused = ListServiceClient::new(with_key(&api, &key)).list_lists(ListListsRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, expected), "{key}");
    }
}

#[tokio::test]
async fn a_key_makes_no_other_key_and_changes_no_user() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let made = create(&workspace, "admin", WireRole::Admin).await;
    let mut keys = ApiKeyServiceClient::new(with_key(&api, &made.key));
    assert_eq!(keys.list_api_keys(ListApiKeysRequest::default()).await.unwrap().into_inner().api_keys.len(), 1);
    let id = made.api_key.unwrap().id;
    let mut users = UserServiceClient::new(with_key(&api, &made.key));
    let refusals = [
        keys.create_api_key(request("other", WireRole::Agent)).await.unwrap_err(),
        keys.revoke_api_key(RevokeApiKeyRequest { id: id.clone() }).await.unwrap_err(),
        users.create_user(proto::workspace::CreateUserRequest::default()).await.unwrap_err(),
        users.update_user(proto::workspace::UpdateUserRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
        users.delete_user(proto::workspace::DeleteUserRequest { id }).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "TOKEN_REQUIRED"));
    }
}

#[tokio::test]
async fn the_secret_is_answered_once_and_kept_nowhere() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.api_keys(Role::Admin);
    let once = CreateApiKeyRequest { request_id: "1".to_owned(), ..request("shop", WireRole::Agent) };
    let first = client.create_api_key(once.clone()).await.unwrap().into_inner();
    let again = client.create_api_key(once).await.unwrap().into_inner();
    assert_eq!((again.key.as_str(), &again.api_key), ("", &first.api_key));
    let id = first.api_key.unwrap().id;
    client.get_api_key(GetApiKeyRequest { id: id.clone() }).await.unwrap();

    let secret = &first.key[37..];
    let kept = format!(
        "SELECT 1 FROM core.api_key WHERE api_key_id = '{id}' AND (api_key::text LIKE '%{secret}%' OR encode(secret_hash, 'base64') LIKE '%{secret}%')
         UNION ALL SELECT 1 FROM core.audit WHERE coalesce(before::text, '') || coalesce(after::text, '') LIKE '%{secret}%'"
    );
    let mut connection = api.db.acquire().await.unwrap();
    assert_eq!(store::admin::raw(&mut connection, &kept).await.unwrap(), 0);
    let log = store::audit::of_object(&mut connection, workspace.id, "api_key", id.parse().unwrap()).await.unwrap();
    let after = log[0].after.as_ref().unwrap();
    assert_eq!((log.len(), after["name"].as_str(), after["role"].as_str()), (1, Some("shop"), Some("agent")));
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.api_keys(Role::Admin);
    let wrong = CreateApiKeyRequest {
        name: " ".to_owned(),
        role: 0,
        expires_at: Some(timestamp(OffsetDateTime::now_utc() - Duration::seconds(1))),
        ..CreateApiKeyRequest::default()
    };
    assert_eq!(fields(&client.create_api_key(wrong).await.unwrap_err()), ["name", "role", "expires_at"]);
    create(&workspace, "shop", WireRole::Agent).await;
    let taken = client.create_api_key(request("shop", WireRole::Agent)).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn what_a_key_changes_is_in_the_log_under_its_name() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let made = create(&workspace, "shop", WireRole::Agent).await;
    let create = CreateListRequest { name: "Buyers".to_owned(), request_id: String::new() };
    ListServiceClient::new(with_key(&api, &made.key)).create_list(create).await.unwrap();
    let request = proto::workspace::ListAuditEntriesRequest { action: "list.create".to_owned(), ..Default::default() };
    let entries = workspace.audit(Role::Admin).list_audit_entries(request).await.unwrap().into_inner().entries;
    let expected = (format!("api_key:{}", made.api_key.unwrap().id), "shop".to_owned());
    assert_eq!(entries.into_iter().map(|entry| (entry.actor, entry.actor_name)).collect::<Vec<_>>(), [expected]);
}
