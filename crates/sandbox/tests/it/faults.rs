//! The fault modes: what a hub sees when a provider is in trouble.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::behaviour::Behaviour;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{ACCOUNT, Hub, Running, TOKEN, config, eventually, json, smooth};

const FORM: [(&str, &str); 3] = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "x")];

#[tokio::test]
async fn a_server_error_accepts_nothing() {
    let running = Running::start(config(None, Behaviour { server_error: 1.0, ..smooth() })).await;
    let response = running.twilio(&FORM).await;
    assert_eq!(response.status(), 500);
    assert_eq!(json(response).await["code"], 20500);
    assert_eq!(running.sandbox.figures().sms.sent, 0);
    assert_eq!(running.twilio(&FORM).await.status(), 201);
}

#[tokio::test]
async fn a_reset_accepts_and_gives_no_answer() {
    let running = Running::start(config(None, Behaviour { reset: 1.0, ..smooth() })).await;
    let error = running.try_twilio(&FORM).await.unwrap_err();
    assert!(!error.is_connect() && !error.is_status(), "{error:?}");
    assert_eq!(running.sandbox.figures().sms.sent, 1);
    assert_eq!(running.twilio(&FORM).await.status(), 201);
    assert_eq!(running.sandbox.figures().sms.duplicates, 1);
}

#[tokio::test]
async fn a_hang_accepts_and_stays_silent() {
    let running = Running::start(config(None, Behaviour { hang: 1.0, ..smooth() })).await;
    let answer = running.try_twilio(&FORM);
    let waiting = tokio::time::timeout(Duration::from_millis(300), answer);
    assert!(waiting.await.is_err(), "there should be no answer");
    eventually("the message is accepted", || async { running.sandbox.figures().sms.sent == 1 }).await;
    running.stop().await;
}

#[tokio::test]
async fn a_sender_who_hangs_up_leaves_nothing_half_done() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    let login = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    for i in 0..40 {
        let body = format!("To=%2B155500055{i:02}&From=%2B15005550001&Body=x&StatusCallback={}/status?d={i}", hub.url);
        let request = format!(
            "POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Basic {login}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(running.sandbox.url().trim_start_matches("http://")).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    let last = [("To", "+15550005599"), ("From", "+15005550001"), ("Body", "x")];
    assert_eq!(running.twilio(&last).await.status(), 201);
    let figures = running.settled().await;
    assert_eq!(figures.sms.sent, figures.sms.delivered + 1, "all but the one that asked for no report");
}
