//! How the server ends, and what a trace sees of a call.

use super::*;
use axum::{Router, routing::get};
use std::sync::Arc;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    time::timeout,
};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_stream_ends_when_the_service_does() {
    let (running, _) = echo().await;
    let mut watched = HealthClient::new(running.channel()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(watched.next().await.unwrap().is_ok());
    running.shutdown.begin();
    let status = timeout(SOON, watched.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    timeout(SOON, running.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_is_under_way_is_finished() {
    let (started, has_started) = oneshot::channel();
    let (started, release) = (Arc::new(std::sync::Mutex::new(Some(started))), Arc::new(Notify::new()));
    let (signal, wait) = (Arc::clone(&started), Arc::clone(&release));
    let route = get(move || async move {
        if let Some(started) = signal.lock().unwrap().take() {
            started.send(()).unwrap();
        }
        wait.notified().await;
        "finished"
    });
    let running = Running::start(Server::plain(&common()).http(Router::new().route("/work", route))).await;
    let answer = tokio::spawn(http().get(running.url("/work")).send());
    has_started.await.unwrap();
    running.shutdown.begin();
    // The port is closed before the work is done.
    let closed = async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    timeout(SOON, closed).await.unwrap();
    release.notify_one();
    assert_eq!(answer.await.unwrap().unwrap().text().await.unwrap(), "finished");
    timeout(SOON, running.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_hangs_is_let_go_at_the_deadline() {
    let (issuer, authenticator) = trust();
    let server = Server::new(&common(), authenticator).add(SchedulerServiceServer::new(Echo));
    let running = Running::start_with(server, Shutdown::new(Duration::from_millis(300))).await;
    let mut scheduler = running.scheduler(&token(&issuer, Role::Internal));
    let hanging = tokio::spawn(async move { scheduler.start_campaign(StartCampaignRequest { campaign_id: "hang".to_owned() }).await });
    // Whatever the call has got to by now, the server must end.
    tokio::task::yield_now().await;
    running.shutdown.begin();
    timeout(SOON, running.task).await.unwrap().unwrap().unwrap();
    assert!(timeout(SOON, hanging).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let running = Running::start(Server::plain(&common())).await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    running.shutdown.begin();
    timeout(SOON, running.task).await.unwrap().unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn the_ports_file_tells_the_port() {
    let file = std::env::temp_dir().join(format!("fanfare-ports-{}.json", uuid::Uuid::new_v4()));
    let running = Running::start(Server::plain(&Common { ports_file: Some(file.clone()), ..common() })).await;
    let written = async {
        loop {
            match std::fs::read(&file) {
                Ok(bytes) => break bytes,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let written: serde_json::Value = serde_json::from_slice(&timeout(SOON, written).await.unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written, serde_json::json!({"port": running.address.port()}));
}

#[tokio::test]
async fn a_trace_goes_through_the_server() {
    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    crate::traceparent::tests::trace_all();
    let (running, issuer) = echo().await;
    let mut client = running.scheduler(&token(&issuer, Role::Internal));
    let mut request = Request::new(StartCampaignRequest { campaign_id: "trace".to_owned() });
    request.metadata_mut().insert("traceparent", GIVEN.parse().unwrap());
    let inside = client.start_campaign(request).await.unwrap().into_inner().run_id;
    assert_eq!(inside[..36], GIVEN[..36]);
    assert_ne!(inside, GIVEN);
}
