//! What a page in a browser needs, and plain HTTP.

use super::*;
use axum::{Router, routing::post};
use prost::Message as _;
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

const ORIGIN: &str = "https://app.example";
const RPC: &str = "/fanfare.scheduler.v1.SchedulerService/StartCampaign";

async fn with_cors() -> Running {
    let (_, authenticator) = trust();
    let config = Common { cors_origins: vec!["https://other.example".to_owned(), ORIGIN.to_owned()], ..common() };
    Running::start(Server::new(&config, authenticator).add(SchedulerServiceServer::new(Echo))).await
}

async fn preflight(running: &Running, origin: &str) -> reqwest::Response {
    let request = http()
        .request(http::Method::OPTIONS, running.url(RPC))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent");
    request.send().await.unwrap()
}

fn listed(response: &reqwest::Response, header: &str) -> Vec<String> {
    let text = response.headers().get(header).map(|value| value.to_str().unwrap().to_ascii_lowercase()).unwrap_or_default();
    text.split(',').map(|word| word.trim().to_owned()).collect()
}

#[tokio::test]
async fn a_configured_origin_passes_the_preflight() {
    let running = with_cors().await;
    let response = preflight(&running, ORIGIN).await;
    assert!(response.status().is_success());
    assert_eq!(listed(&response, "access-control-allow-origin"), [ORIGIN]);
    assert!(listed(&response, "access-control-allow-methods").contains(&"post".to_owned()));
    let allowed = listed(&response, "access-control-allow-headers");
    for header in ["authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"] {
        assert!(allowed.contains(&header.to_owned()), "{header} in {allowed:?}");
    }
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn another_origin_gets_no_permission() {
    let running = with_cors().await;
    for origin in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        let response = preflight(&running, origin).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn a_refusal_can_be_read_by_the_page() {
    let running = with_cors().await;
    let request =
        http().post(running.url(RPC)).header("origin", ORIGIN).header("content-type", "application/grpc-web+proto").body(framed(b""));
    let response = request.send().await.unwrap();
    assert_eq!(listed(&response, "access-control-allow-origin"), [ORIGIN]);
    assert_eq!(listed(&response, "access-control-expose-headers"), ["grpc-status", "grpc-message", "grpc-status-details-bin"]);
    assert!(response.headers().contains_key("grpc-status-details-bin"));
    assert_eq!(web_status(response).await, "16");
}

#[tokio::test]
async fn without_origins_there_is_no_cors() {
    let (running, _) = echo().await;
    assert!(!preflight(&running, ORIGIN).await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn grpc_web_answers_over_http_1() {
    let (running, issuer) = echo().await;
    let response = post_web(&running, "/grpc.health.v1.Health/Check", None, framed(b"")).await;
    assert_eq!(response.headers()["content-type"], "application/grpc-web+proto");
    let body = response.bytes().await.unwrap();
    let length = usize::try_from(u32::from_be_bytes(body[1..5].try_into().unwrap())).unwrap();
    assert_eq!(HealthCheckResponse::decode(&body[5..5 + length]).unwrap().status(), ServingStatus::Serving);
    assert_eq!(body[5 + length], 0x80, "a trailers frame follows");

    let message = StartCampaignRequest { campaign_id: "c".to_owned() }.encode_to_vec();
    let response = post_web(&running, RPC, Some(&token(&issuer, Role::Internal)), framed(&message)).await;
    assert_eq!(web_status(response).await, "0");
}

#[tokio::test]
async fn plain_http_stands_beside_rpcs() {
    let (_, authenticator) = trust();
    let server = Server::new(&common(), authenticator).http(Router::new().route("/hook", post(|body: String| async move { body })));
    let running = Running::start(server).await;
    let posted = http().post(running.url("/hook")).body("hi").send().await.unwrap();
    assert_eq!(posted.text().await.unwrap(), "hi");
    assert_eq!(http().get(running.url("/healthz")).send().await.unwrap().status(), 200);
    assert_eq!(http().get(running.url("/readyz")).send().await.unwrap().status(), 200);
    assert_eq!(http().get(running.url("/nothing")).send().await.unwrap().status(), 404);
    assert_eq!(http().post(running.url(RPC)).body("x").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let server =
        Server::plain(&common()).ready("database", || async { Ok::<_, String>(()) }).ready("broker", || async { Err("password=hunter2") });
    let running = Running::start(server).await;
    let response = http().get(running.url("/readyz")).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let report: serde_json::Value = response.json().await.unwrap();
    assert_eq!(report, serde_json::json!({"ready": false, "checks": {"broker": "failed", "database": "ok"}}));
    assert_eq!(http().get(running.url("/healthz")).send().await.unwrap().status(), 200);
}
