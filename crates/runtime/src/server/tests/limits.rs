//! What a client can't make the server do.

use super::*;
use axum::{Router, routing::post};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tonic::Code;

const SHORT: Duration = Duration::from_millis(200);

async fn impatient() -> Running {
    let (_, authenticator) = trust();
    let mut server = Server::new(&common(), authenticator);
    server.limits.first_request = SHORT;
    server.limits.next_header = SHORT;
    server.limits.idle = SHORT;
    Running::start(server).await
}

/// Sends a text byte by byte until the server hangs up; false if it hasn't within ten times its patience and a bit.
async fn is_hung_up_on(mut stream: TcpStream, text: &[u8]) -> bool {
    let until = Instant::now() + SHORT * 10 + super::super::connection::CLOSING * 2;
    let mut bytes = text.iter().copied();
    let mut read = [0; 1024];
    while Instant::now() < until {
        if let Some(byte) = bytes.next()
            && stream.write_all(&[byte]).await.is_err()
        {
            return true;
        }
        // A complaint such as 408 may precede the end.
        if let Ok(Ok(0) | Err(_)) = timeout(SHORT / 8, stream.read(&mut read)).await {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn slow_headers_are_hung_up_on() {
    let running = impatient().await;
    let endless = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: {}", "a".repeat(4000));
    let http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for text in ["", "P", "PRI * HT", "GET /healthz HTTP/1.1\r\nhost: x\r\n", endless.as_str(), http2] {
        let stream = TcpStream::connect(running.address).await.unwrap();
        assert!(is_hung_up_on(stream, text.as_bytes()).await, "{:?} is still served", &text[..text.len().min(30)]);
    }
}

#[tokio::test]
async fn a_second_slow_header_is_hung_up_on() {
    let running = impatient().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut read = [0; 1024];
    assert!(stream.read(&mut read).await.unwrap() > 0);
    assert!(is_hung_up_on(stream, b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await);
}

#[tokio::test]
async fn a_working_request_outlives_the_idle_limit() {
    let slow = post(|| async {
        sleep(SHORT * 3).await;
        "done"
    });
    let mut server = Server::plain(&common()).http(Router::new().route("/slow", slow));
    server.limits.first_request = SHORT;
    server.limits.idle = SHORT;
    let running = Running::start(server).await;
    let response = http().post(running.url("/slow")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "done");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let mut server = Server::plain(&common());
    server.limits.connections = 1;
    server.limits.first_request = SHORT;
    let running = Running::start(server).await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    let response = timeout(Duration::from_secs(10), http().get(running.url("/healthz")).send()).await;
    assert_eq!(response.unwrap().unwrap().status(), 200);
    drop(idle);
}

#[tokio::test]
async fn a_body_of_three_mebibytes_is_the_largest() {
    let routes = Router::new().route("/hook", post(|body: bytes::Bytes| async move { body.len().to_string() }));
    let running = Running::start(Server::plain(&common()).http(routes)).await;
    let largest = vec![b'x'; 3 * 1024 * 1024];
    let response = http().post(running.url("/hook")).body(largest.clone()).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), largest.len().to_string());
    let one_more = [largest.as_slice(), b"x"].concat();
    assert_eq!(http().post(running.url("/hook")).body(one_more.clone()).send().await.unwrap().status(), 413);
    // Without a declared length it is found out on the way.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"POST /hook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    stream.write_all(format!("{:x}\r\n", one_more.len()).as_bytes()).await.unwrap();
    drop(stream.write_all(&one_more).await);
    drop(stream.write_all(b"\r\n0\r\n\r\n").await);
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_message_over_four_mebibytes_is_refused() {
    let (running, issuer) = echo().await;
    let huge = StartCampaignRequest { campaign_id: "x".repeat(4 * 1024 * 1024 + 1) };
    let status = running.scheduler(&token(&issuer, Role::Internal)).start_campaign(huge).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn the_callers_deadline_holds() {
    let (running, issuer) = echo().await;
    // By hand: a gRPC client would hang up by itself.
    let request = http()
        .post(running.url("/fanfare.scheduler.v1.SchedulerService/StartCampaign"))
        .header("content-type", "application/grpc-web+proto")
        .header("grpc-timeout", "100m")
        .bearer_auth(&*token(&issuer, Role::Internal))
        .body(framed(&StartCampaignRequest { campaign_id: "hang".to_owned() }.encode_to_vec()));
    let response = timeout(Duration::from_secs(10), request.send()).await.unwrap().unwrap();
    assert_eq!(web_status(response).await, "4");
}
