//! Each role may what `services.rs` says, and no more; and `services.rs` speaks of every RPC.

use crate::{cases, hub::Hub, none, rpc, services, wire::bearer, world::World};
use domain::role::Role;
use proto::workspace::{CreateApiKeyRequest, Role as WireRole, api_key_service_client::ApiKeyServiceClient};
use runtime::client::Outgoing;
use std::collections::{BTreeMap, BTreeSet};
use tonic::{Code, service::interceptor::InterceptedService};

#[test]
fn every_rpc_has_a_case_and_every_case_an_rpc() {
    let cases = services::roles();
    let named: BTreeSet<_> = cases.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(named.len(), cases.len(), "a case is there twice");
    let served: BTreeSet<_> = rpc::all().iter().map(rpc::Rpc::name).collect();
    let missing: Vec<_> = served.difference(&named).map(|name| format!("services.rs doesn't say who may call {name}")).collect();
    let gone: Vec<_> = named.difference(&served).map(|name| format!("services.rs speaks of {name}, which isn't there")).collect();
    none(&[missing, gone].concat());
    let odd = cases::GIVEN
        .iter()
        .map(|(name, ..)| *name)
        .chain(cases::IGNORED.iter().chain(cases::COME_TO_NOTHING).map(|(name, _)| *name))
        .chain(cases::TOKEN_ONLY.iter().copied());
    none(
        &odd.filter(|name| !served.contains(*name)).map(|name| format!("cases.rs speaks of {name}, which isn't there")).collect::<Vec<_>>(),
    );
}

/// What no caller may ever see of a request that can be read.
const NEVER: [Code; 4] = [Code::Unauthenticated, Code::Unimplemented, Code::Internal, Code::Unknown];

#[tokio::test]
async fn each_role_may_what_its_case_says_and_no_more() {
    let hub = Hub::start().await;
    let workspace = World::new(&hub).await.workspace;
    let cases: BTreeMap<_, _> = services::roles().into_iter().collect();
    let mut found = Vec::new();
    for role in [Role::Agent, Role::Admin, Role::Internal] {
        let token = bearer(&hub.token(workspace, role));
        for rpc in rpc::all() {
            let Some(required) = cases.get(&rpc.name()) else { continue };
            let outcome = hub.call(&rpc, Vec::new(), &token).await;
            let denied = outcome.code == Code::PermissionDenied && outcome.reason == "ROLE_REQUIRED";
            if denied == role.allows(*required) || NEVER.contains(&outcome.code) {
                found.push(format!("{} as {role}: {}", rpc.name(), outcome.in_words()));
            }
        }
    }
    none(&found);
}

#[tokio::test]
async fn an_api_key_may_what_its_role_may_but_hand_out_access() {
    let hub = Hub::start().await;
    let workspace = World::new(&hub).await.workspace;
    let token = hub.token(workspace, Role::Admin);
    let mut keys = ApiKeyServiceClient::new(InterceptedService::new(hub.api(), Outgoing::new(&token.as_str().into()).unwrap()));
    let cases: BTreeMap<_, _> = services::roles().into_iter().collect();
    let mut found = Vec::new();
    for (wire, role) in [(WireRole::Agent, Role::Agent), (WireRole::Admin, Role::Admin)] {
        let request = CreateApiKeyRequest { name: role.to_string(), role: wire.into(), ..CreateApiKeyRequest::default() };
        let key = keys.create_api_key(request).await.unwrap().into_inner().key;
        for rpc in rpc::all().iter().filter(|rpc| hub.place(rpc) != "scheduler") {
            let Some(required) = cases.get(&rpc.name()) else { continue };
            let outcome = hub.call(rpc, Vec::new(), &bearer(&key)).await;
            let expected = match (role.allows(*required), cases::TOKEN_ONLY.contains(&rpc.name().as_str())) {
                (false, _) => Some("ROLE_REQUIRED"),
                (true, true) => Some("TOKEN_REQUIRED"),
                (true, false) => None,
            };
            let denied = Some(outcome.reason.as_str()).filter(|_| outcome.code == Code::PermissionDenied);
            if denied != expected || NEVER.contains(&outcome.code) {
                found.push(format!("{} with a key of the role {role}: {}", rpc.name(), outcome.in_words()));
            }
        }
    }
    none(&found);
}
