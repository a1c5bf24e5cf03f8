//! The fault modes: what a hub sees when a provider is in trouble.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::behaviour::{Behaviour, Faults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

fn faulty(faults: Faults) -> sandbox::Config {
    config(None, Behaviour { faults, ..smooth() })
}

/// What an impatient caller makes of one attempt: the status and whether it can be read, or why there is none.
async fn attempt(running: &Running) -> String {
    match tokio::time::timeout(Duration::from_millis(1_500), running.try_twilio(&FORM)).await {
        Err(_) => "silence".to_owned(),
        Ok(Err(_)) => "broken".to_owned(),
        Ok(Ok(response)) => {
            let status = response.status().as_u16();
            let body = response.text().await.unwrap_or_default();
            let readable = serde_json::from_str::<serde_json::Value>(&body).is_ok();
            format!("{status} {}", if readable { "readable" } else { "garbage" })
        }
    }
}

#[tokio::test]
async fn every_fault_takes_the_message_or_does_not_and_says_what_it_should() {
    let none = Faults::default();
    for (faults, heard, taken) in [
        (Faults { accept_then_hang: 1.0, ..none.clone() }, "silence", 1),
        (Faults { accept_then_reset: 1.0, ..none.clone() }, "broken", 1),
        (Faults { accept_then_500: 1.0, ..none.clone() }, "500 garbage", 1),
        (Faults { accept_then_garbage: 1.0, ..none.clone() }, "201 garbage", 1),
        (Faults { trickle: 1.0, ..none.clone() }, "silence", 1),
        (Faults { hang: 1.0, ..none.clone() }, "silence", 0),
        (Faults { reset: 1.0, ..none.clone() }, "broken", 0),
        (Faults { server_error: 1.0, ..none.clone() }, "500 readable", 0),
        (Faults { garbage: 1.0, ..none.clone() }, "200 garbage", 0),
        (Faults { throttle: 1.0, ..none.clone() }, "429 readable", 0),
        (none, "201 readable", 1),
    ] {
        let running = Running::start(faulty(faults.clone())).await;
        assert_eq!(attempt(&running).await, heard, "{faults:?}");
        let log = running.log().await;
        assert_eq!(log.len(), taken, "{faults:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_trickle_is_a_byte_a_second() {
    let running = Running::start(faulty(Faults { trickle: 1.0, ..Faults::default() })).await;
    let mut stream = TcpStream::connect(running.sandbox.url().trim_start_matches("http://")).await.unwrap();
    let login = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    let body = "To=%2B15550001111&From=%2B15005550001&Body=x";
    let head = format!(
        "POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Basic {login}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n"
    );
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let mut byte = [0; 64];
    let mut heard = Vec::new();
    for _ in 0..2 {
        let read = tokio::time::timeout(Duration::from_secs(3), stream.read(&mut byte)).await.unwrap().unwrap();
        heard.extend_from_slice(&byte[..read]);
    }
    assert_eq!(heard, b"HT");
}

#[tokio::test]
async fn each_attempt_is_decided_anew_and_the_same_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let faults = Faults { server_error: 0.3, throttle: 0.3, first_attempts: 6, ..Faults::default() };
        let running = Running::start(faulty(faults)).await;
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(running.twilio(&FORM).await.status().as_u16());
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0][..6].iter().any(|status| *status != 201) && runs[0][6..].iter().all(|status| *status == 201), "{:?}", runs[0]);
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
