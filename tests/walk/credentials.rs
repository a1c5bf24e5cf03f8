//! Nobody gets in without a good credential, whatever the RPC.

use crate::{
    hub::Hub,
    none, rpc,
    wire::{Headers, bearer},
    world::World,
};
use domain::{WorkspaceId, role::Role};
use proto::{
    convert::timestamp,
    workspace::{
        CreateApiKeyRequest, CreateUserRequest, RevokeApiKeyRequest, Role as WireRole, UpdateUserRequest,
        api_key_service_client::ApiKeyServiceClient, user_service_client::UserServiceClient,
    },
};
use runtime::{
    auth::{Grant, Issuer},
    client::Outgoing,
};
use std::time::Duration;
use time::OffsetDateTime;
use tonic::{Code, service::interceptor::InterceptedService, transport::Channel};

/// Something that must not let anybody in.
struct Bad {
    what: &'static str,
    headers: Headers,
    code: Code,
    reason: &'static str,
    /// The reason of a service that takes tokens only, and doesn't ask who is listed.
    reason_of_tokens_only: &'static str,
}

fn refused(what: &'static str, headers: Headers, reason: &'static str) -> Bad {
    Bad { what, headers, code: Code::Unauthenticated, reason, reason_of_tokens_only: reason }
}

fn bad_key(what: &'static str, key: &str, reason: &'static str) -> Bad {
    Bad { reason_of_tokens_only: "API_KEY_INVALID", ..refused(what, bearer(key), reason) }
}

fn tokens(hub: &Hub, workspace: WorkspaceId) -> Vec<Bad> {
    let now = OffsetDateTime::now_utc();
    let grant = Grant::new("somebody", Some(workspace), Role::Admin, now);
    let token = |grant: Grant| bearer(&hub.issuer.token(&grant).unwrap());
    let minute = Duration::from_secs(60);
    let good = bearer(&hub.issuer.token(&grant).unwrap());
    let [(_, value)] = &good[..] else { panic!("one header") };
    let cut = vec![("authorization", value[..value.len() - 8].to_owned())];
    let (head, rest) = value.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = format!("{} eyJhbGciOiJub25lIn0.{}", head.split_once(' ').unwrap().0, rest.rsplit_once('.').unwrap().0);
    let expired = Grant { issued_at: now - Duration::from_secs(3_600), ttl: minute, ..grant.clone() };
    let early = Grant { issued_at: now + Duration::from_secs(3_600), ..grant.clone() };
    vec![
        refused("nothing", Vec::new(), "TOKEN_MISSING"),
        refused("a password", vec![("authorization", "Basic YW5hOmFuYQ==".to_owned())], "TOKEN_MISSING"),
        refused("an empty token", vec![("authorization", "Bearer".to_owned())], "TOKEN_INVALID"),
        refused("nonsense", bearer("nonsense"), "TOKEN_INVALID"),
        refused("an expired token", token(expired), "TOKEN_EXPIRED"),
        refused("a token that doesn't count yet", token(early), "TOKEN_INVALID"),
        refused("another audience's token", token(Grant { audience: "elsewhere".to_owned(), ..grant.clone() }), "TOKEN_INVALID"),
        refused("another issuer's token", token(Grant { issuer: "elsewhere".to_owned(), ..grant.clone() }), "TOKEN_INVALID"),
        refused("a token of another key", bearer(&Issuer::generate().unwrap().token(&grant).unwrap()), "TOKEN_INVALID"),
        refused("a token without a workspace", token(Grant { workspace: None, ..grant.clone() }), "TOKEN_INVALID"),
        refused("a token that plays an API key", token(Grant { subject: "api_key:1".to_owned(), ..grant.clone() }), "TOKEN_INVALID"),
        refused("a cut token", cut, "TOKEN_INVALID"),
        refused("an unsigned token", vec![("authorization", format!("{unsigned}."))], "TOKEN_INVALID"),
        refused("a token twice", [good.clone(), good.clone()].concat(), "TOKEN_INVALID"),
    ]
}

type Keys = ApiKeyServiceClient<InterceptedService<Channel, Outgoing>>;

async fn make(keys: &mut Keys, name: &str) -> (String, String) {
    let end = OffsetDateTime::now_utc() + Duration::from_secs(3_600);
    let request = CreateApiKeyRequest {
        name: name.to_owned(),
        role: WireRole::Admin.into(),
        expires_at: Some(timestamp(end)),
        request_id: String::new(),
    };
    let made = keys.create_api_key(request).await.unwrap().into_inner();
    (made.api_key.unwrap().id, made.key)
}

async fn api_keys(hub: &Hub, workspace: WorkspaceId) -> Vec<Bad> {
    let token = hub.token(workspace, Role::Admin);
    let mut keys = Keys::new(InterceptedService::new(hub.api(), Outgoing::new(&token.as_str().into()).unwrap()));
    let (revoked, revoked_key) = make(&mut keys, "revoked").await;
    keys.revoke_api_key(RevokeApiKeyRequest { id: revoked }).await.unwrap();
    let (expired, expired_key) = make(&mut keys, "expired").await;
    hub.sql(&format!("UPDATE core.api_key SET expires_at = now() - interval '1 s' WHERE api_key_id = '{expired}'")).await;
    let (_, key) = make(&mut keys, "good").await;
    let wrong = format!("{}{}", &key[..37], &revoked_key[37..]);
    let unknown = format!("ffk_{}{}", uuid::Uuid::now_v7().simple(), &key[36..]);
    let in_header = |text: &str| vec![("x-api-key", text.to_owned())];
    vec![
        bad_key("a revoked key", &revoked_key, "API_KEY_REVOKED"),
        bad_key("an expired key", &expired_key, "API_KEY_EXPIRED"),
        bad_key("a key with another's secret", &wrong, "API_KEY_INVALID"),
        bad_key("an unknown key", &unknown, "API_KEY_INVALID"),
        bad_key("half a key", "ffk_0190", "API_KEY_INVALID"),
        refused("an unknown key in its header", in_header(&unknown), "API_KEY_INVALID"),
        refused("a token in the key's header", in_header(&token), "API_KEY_INVALID"),
        refused("a token and a key", [bearer(&token), in_header(&key)].concat(), "TOKEN_INVALID"),
    ]
}

async fn disabled(hub: &Hub, workspace: WorkspaceId) -> Bad {
    let token = hub.token(workspace, Role::Admin);
    let mut users = UserServiceClient::new(InterceptedService::new(hub.api(), Outgoing::new(&token.as_str().into()).unwrap()));
    let request = CreateUserRequest { subject: "gone".to_owned(), role: WireRole::Admin.into(), ..CreateUserRequest::default() };
    let id = users.create_user(request).await.unwrap().into_inner().user.unwrap().id;
    users.update_user(UpdateUserRequest { id, disabled: Some(true), ..UpdateUserRequest::default() }).await.unwrap();
    let grant = Grant::new("gone", Some(workspace), Role::Admin, OffsetDateTime::now_utc());
    let headers = bearer(&hub.issuer.token(&grant).unwrap());
    Bad {
        code: Code::PermissionDenied,
        reason_of_tokens_only: "ROLE_REQUIRED",
        ..refused("a disabled person's token", headers, "USER_DISABLED")
    }
}

#[tokio::test]
async fn no_rpc_answers_without_a_good_credential() {
    let hub = Hub::start().await;
    let workspace = World::new(&hub).await.workspace;
    let mut bad = tokens(&hub, workspace);
    bad.extend(api_keys(&hub, workspace).await);
    bad.push(disabled(&hub, workspace).await);
    let (mut found, mut calls) = (Vec::new(), 0);
    for rpc in rpc::all() {
        let tokens_only = hub.place(&rpc) == "scheduler";
        for bad in &bad {
            let outcome = hub.call(&rpc, Vec::new(), &bad.headers).await;
            let reason = if tokens_only { bad.reason_of_tokens_only } else { bad.reason };
            calls += 1;
            if (outcome.code, outcome.reason.as_str()) != (bad.code, reason) || !outcome.answers.is_empty() {
                found.push(format!("{} with {}: {}, expected {reason}", rpc.name(), bad.what, outcome.in_words()));
            }
        }
    }
    none(&found);
    assert!(calls > 1_500, "{calls} calls");
}
