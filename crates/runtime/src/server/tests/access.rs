//! Who may call what.

use super::*;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt as _;

fn every_rpc() -> Vec<String> {
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap().file;
    files
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| service.method.iter().map(move |method| format!("/{package}.{}/{}", service.name(), method.name())))
        .collect()
}

#[tokio::test]
async fn every_rpc_wants_a_token() {
    let (running, issuer) = echo().await;
    let good = token(&issuer, Role::Admin);
    let (other, _) = trust();
    let bad = token(&other, Role::Admin);
    let rpcs = every_rpc();
    assert!(rpcs.len() > 20, "the descriptors hold the schema");
    for rpc in rpcs.iter().map(String::as_str).chain(["/unknown.Service/Method", "/fanfare.scheduler.v1.SchedulerService/Unknown", "/"]) {
        assert_eq!(web_status(post_web(&running, rpc, None, framed(b"")).await).await, "16", "{rpc} without a token");
        assert_eq!(web_status(post_web(&running, rpc, Some(&bad), framed(b"")).await).await, "16", "{rpc} with a stranger's token");
        assert_ne!(web_status(post_web(&running, rpc, Some(&good), framed(b"")).await).await, "16", "{rpc} with a token");
    }
}

#[tokio::test]
async fn paths_near_an_open_one_are_not_open() {
    let (running, _) = echo().await;
    for path in ["/grpc.health.v1.HealthX/Check", "/x/grpc.health.v1.Health/Check", "//grpc.health.v1.Health/Check"] {
        assert_eq!(web_status(post_web(&running, path, None, framed(b"")).await).await, "16", "{path}");
    }
}

#[tokio::test]
async fn the_caller_reaches_the_handler() {
    let (running, issuer) = echo().await;
    let answer = running.scheduler(&token(&issuer, Role::Internal)).start_campaign(StartCampaignRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().run_id, "ana");
}

#[tokio::test]
async fn another_role_is_denied_with_a_reason() {
    let (running, issuer) = echo().await;
    for role in [Role::Agent, Role::Admin] {
        let status = running.scheduler(&token(&issuer, role)).start_campaign(StartCampaignRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(status.get_details_error_info().unwrap().reason, "ROLE_REQUIRED");
    }
    let internal = running.scheduler(&token(&issuer, Role::Internal)).drop_remaining(DropRemainingRequest::default()).await;
    assert_eq!(internal.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn refusals_tell_missing_from_invalid_and_no_more() {
    let (running, issuer) = echo().await;
    let reason = |status: Status| (status.message().to_owned(), status.get_details_error_info().unwrap().reason);
    let missing = SchedulerServiceClient::new(running.channel()).start_campaign(StartCampaignRequest::default()).await.unwrap_err();
    assert_eq!(reason(missing), ("a bearer token or an API key is required".to_owned(), "TOKEN_MISSING".to_owned()));
    let good = token(&issuer, Role::Internal);
    let cut = Secret::from(&good[..good.len() - 4]);
    let invalid = running.scheduler(&cut).start_campaign(StartCampaignRequest::default()).await.unwrap_err();
    assert_eq!(reason(invalid), ("the token is invalid".to_owned(), "TOKEN_INVALID".to_owned()));
}

#[tokio::test]
async fn a_service_without_a_database_takes_no_api_key() {
    let (running, _) = echo().await;
    let key = crate::auth::ApiKeyText::generate(domain::ApiKeyId::new(), &ring::rand::SystemRandom::new()).unwrap().text();
    let status = running.scheduler(&key).start_campaign(StartCampaignRequest::default()).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().reason, "API_KEY_INVALID");
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let (running, issuer) = echo().await;
    let good = token(&issuer, Role::Admin);
    let request = http()
        .post(running.url("/fanfare.scheduler.v1.SchedulerService/DropRemaining"))
        .header("content-type", "application/grpc-web+proto")
        .header("authorization", format!("Bearer {}", &*good))
        .header("authorization", format!("Bearer {}", &*good))
        .body(framed(b""));
    assert_eq!(web_status(request.send().await.unwrap()).await, "16");
}

#[tokio::test]
async fn health_is_open_and_truthful() {
    let (_, authenticator) = trust();
    let server = Server::new(&common(), authenticator).add(SchedulerServiceServer::new(Echo)).ready("broker", || async { Err("away") });
    let running = Running::start(server).await;
    let mut health = HealthClient::new(running.channel());
    for service in ["", "fanfare.scheduler.v1.SchedulerService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing);
    }
    let unknown = HealthCheckRequest { service: "fanfare.x".to_owned() };
    assert_eq!(health.check(unknown.clone()).await.unwrap_err().code(), Code::NotFound);
    let mut watched = health.watch(unknown).await.unwrap().into_inner();
    assert_eq!(watched.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    };
    let (running, _) = echo().await;
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let asked = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("fanfare.scheduler.v1.SchedulerService".to_owned())),
    ]);
    let mut answers = ServerReflectionClient::new(running.channel()).server_reflection_info(asked).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.next().await.unwrap().unwrap().message_response else {
        panic!("no list")
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"fanfare.scheduler.v1.SchedulerService".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("CampaignService")), "only what is served: {names:?}");
    let Some(MessageResponse::FileDescriptorResponse(_)) = answers.next().await.unwrap().unwrap().message_response else {
        panic!("no file")
    };
}

#[tokio::test]
async fn reflection_speaks_the_old_version_too() {
    use tonic_reflection::pb::v1alpha::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
    };
    let (running, _) = echo().await;
    let asked = ServerReflectionRequest { host: String::new(), message_request: Some(MessageRequest::ListServices(String::new())) };
    let mut answers =
        ServerReflectionClient::new(running.channel()).server_reflection_info(tokio_stream::once(asked)).await.unwrap().into_inner();
    assert!(answers.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn reflection_can_be_turned_off() {
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_client::ServerReflectionClient};
    let (_, authenticator) = trust();
    let running = Running::start(Server::new(&Common { reflection: false, ..common() }, authenticator)).await;
    let asked = tokio_stream::once(ServerReflectionRequest::default());
    let status = ServerReflectionClient::new(running.channel()).server_reflection_info(asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn rpcs_without_an_authenticator_do_not_start() {
    let served = Server::plain(&common()).add(SchedulerServiceServer::new(Echo)).serve(&Shutdown::new(Duration::ZERO)).await;
    assert!(served.unwrap_err().to_string().contains("authenticator"));
}
