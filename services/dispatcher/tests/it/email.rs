//! What only e-mails have: domains that are slow, many in one call, files, and an address that they come back to.

use crate::world::World;
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use domain::{Channel, DeliveryId, link::LinkKey};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

/// A relay that keeps what is said to it, and passes on that `slow.example` takes nothing while that is so.
#[derive(Clone)]
struct Relay {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
    is_slow: Arc<AtomicBool>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), heard: Arc::default(), is_slow: Arc::new(AtomicBool::new(true)) };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let relay = serving.clone();
                tokio::spawn(async move { relay.serve(BufReader::new(stream)).await });
            }
        });
        relay
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    fn tries_at(&self, domain: &str) -> usize {
        self.heard().lines().filter(|line| line.starts_with("RCPT") && line.contains(domain)).count()
    }

    async fn serve(&self, mut stream: BufReader<TcpStream>) -> Option<()> {
        stream.write_all(b"220 here\r\n").await.ok()?;
        let mut in_letter = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            self.heard.lock().unwrap().push_str(&line);
            let answer = match line.as_str() {
                ".\r\n" if in_letter => "250 2.0.0 taken\r\n",
                _ if in_letter => continue,
                data if data.starts_with("DATA") => "354 go on\r\n",
                rcpt if rcpt.contains("@slow.example") && self.is_slow.load(Ordering::Relaxed) => "451 4.7.1 try later\r\n",
                _ => "250 2.0.0 fine\r\n",
            };
            in_letter = answer.starts_with("354");
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}

#[tokio::test]
async fn a_slow_domain_is_held_and_keeps_back_nobody_else() {
    let (world, relay) = (World::of(Channel::Email).await, Relay::start().await);
    world.campaign(relay.address, 8, 1e6, "bulk").await;
    world.execute("UPDATE send.delivery SET address = delivery_id || '@Slow.example' WHERE delivery_id % 2 = 0").await;
    world.execute("UPDATE send.delivery SET address = lower(address)").await;
    let _running = world.dispatch(|_| ());
    world.until(4, "state = 'accepted'").await;
    world.poll("the slow domain's wait", async || world.deliveries("state = 'retry_wait'").await == 4).await;
    assert_eq!(world.deliveries("state = 'accepted' AND address LIKE '%@slow.example'").await, 0);
    assert_eq!(world.count("send.domain_hold", "domain = 'slow.example' AND until > now() AND code = '4.7.1'").await, 1);
    let tries = relay.tries_at("slow.example");
    assert!(tries <= 4, "{tries}");

    // Whatever comes back before the time is put off by the gate, and isn't tried.
    world.execute("UPDATE send.delivery SET next_attempt_at = now() WHERE state = 'retry_wait'").await;
    let deferred = "verdict = 'deferred' AND reason = 'domain_held'";
    world.until_true("the gate puts them off", async || world.count("send.decision", deferred).await >= 4).await;
    assert_eq!(relay.tries_at("slow.example"), tries);

    relay.is_slow.store(false, Ordering::Relaxed);
    world.execute("UPDATE send.domain_hold SET until = now()").await;
    world.poll("all are put off", async || world.deliveries("state = 'retry_wait'").await == 4).await;
    world.execute("UPDATE send.delivery SET next_attempt_at = now() WHERE state = 'retry_wait'").await;
    world.until(8, "state = 'accepted'").await;
}

/// What SendGrid was called with.
type Calls = Arc<Mutex<Vec<Value>>>;

async fn sendgrid() -> (SocketAddr, Calls) {
    async fn take(State(calls): State<Calls>, Json(call): Json<Value>) -> (StatusCode, [(&'static str, String); 1]) {
        let mut calls = calls.lock().unwrap();
        calls.push(call);
        (StatusCode::ACCEPTED, [("x-message-id", format!("call{}", calls.len()))])
    }
    let (listener, calls) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Calls::default());
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v3/mail/send", post(take)).with_state(calls.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, calls)
}

#[tokio::test]
async fn messages_share_calls_and_each_has_its_own_id() {
    let (world, (address, calls)) = (World::of(Channel::Email).await, sendgrid().await);
    let campaign = world.campaign(address, 60, 1e6, "bulk").await;
    let sealed = world.seal(br#"{"api_key": "SG.test"}"#, campaign.sender.0.as_bytes());
    let settings = format!(r#"{{"from": "news@example.com", "base_url": "http://{address}"}}"#);
    world.execute(format!("UPDATE core.sender SET provider = 'sendgrid', settings = '{settings}', sealed_secrets = '\\x{sealed}'")).await;
    let _running = world.dispatch(|_| ());
    world.until(60, "state = 'accepted' AND provider_message_id LIKE 'call%'").await;
    assert_eq!(world.execute("SELECT DISTINCT provider_message_id FROM send.delivery").await, 60);
    let calls = calls.lock().unwrap();
    let people: Vec<String> = calls
        .iter()
        .flat_map(|call| call["personalizations"].as_array().unwrap())
        .map(|one| one["to"][0]["email"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((people.len(), people.iter().collect::<BTreeSet<_>>().len()), (60, 60), "each once");
    assert!(calls.len() < 30, "{} calls", calls.len());
}

#[tokio::test]
async fn a_letter_carries_its_files_and_comes_back_by_its_name() {
    let (world, relay) = (World::of(Channel::Email).await, Relay::start().await);
    let sender = world.campaign(relay.address, 1, 1e6, "bulk").await.sender;
    let (file, test) = (Uuid::now_v7(), Uuid::now_v7());
    world.execute(r#"UPDATE core.sender SET settings = settings || '{"bounce_address": "bounces@mail.example.com"}'"#).await;
    world
        .execute(format!(
            "INSERT INTO core.attachment (attachment_id, workspace_id, name, media_type, size_bytes, sha256, bytes, created_at)
             SELECT '{file}', workspace_id, 'offer.pdf', 'application/pdf', 8, sha256('x'), '%PDF-1.7', now() FROM core.sender"
        ))
        .await;
    world
        .execute(format!(
            r#"INSERT INTO send.test_send (test_send_id, workspace_id, sender_id, channel, content, created_by, created_at)
               SELECT '{test}', workspace_id, sender_id, channel,
                      '{{"email": {{"subject": "Look", "html": "<p>Look</p>", "files": [{{"id": "{file}"}}]}}}}', 'test', now()
               FROM core.sender WHERE sender_id = '{sender}'"#
        ))
        .await;
    world
        .execute(format!(
            "INSERT INTO send.test_message (test_send_id, workspace_id, channel, address, address_key, state, updated_at)
             SELECT test_send_id, workspace_id, channel, 'ann@example.net', 'ann@example.net', 'queued', now()
             FROM send.test_send WHERE test_send_id = '{test}'"
        ))
        .await;
    let _running = world.dispatch(|_| ());
    world.poll("the test is sent", async || world.count("send.test_message", "state = 'accepted'").await == 1).await;
    let heard = relay.heard();
    assert!(heard.contains("filename=\"offer.pdf\""), "{heard}");
    let back = heard.lines().find_map(|line| line.strip_prefix("MAIL FROM:<bounces+")).unwrap();
    let token = back.split_once("@mail.example.com>").unwrap().0;
    let key = LinkKey::from_base64(crate::world::LINK_KEY).unwrap();
    assert!(key.read_bounce(token).is_some_and(|DeliveryId(id)| id < 0), "a test has a number below zero");
}
