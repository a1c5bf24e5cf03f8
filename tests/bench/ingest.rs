//! Callbacks made durable before they are answered, 256 clients at once, against bare publishes of 500-event messages.

use crate::{
    dispatch::{LINK_KEY, SID},
    report::Row,
    stage::{Stage, rate},
};
use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use bus::{Bus, Subject};
use futures::{StreamExt, TryStreamExt, stream};
use proto::event::{Fact, FactBatch, FactKind};
use reqwest::{Client, StatusCode};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use runtime::{Shutdown, config};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const CLIENTS: usize = 256;
/// As Twilio posts: one event each.
const SINGLE_POSTS: usize = 20_000;
/// As SendGrid posts: arrays.
const ARRAY_POSTS: usize = 400;
const EVENTS_IN_ARRAY: usize = 500;
const BACKOFF: Duration = Duration::from_millis(20);
const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// The uncompressed P-256 point follows this in a SubjectPublicKeyInfo (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

pub async fn ingest() -> Result<Vec<Row>> {
    let stage = Stage::new(1).await?;
    let key = event_key()?;
    let public_key = STANDARD.encode([&P256_SPKI, key.public_key().as_ref()].concat());
    let twilio = format!(r#"{{"account_sid": "{SID}", "from": "+12025550142"}}"#);
    let sms = stage.campaign("sms", "twilio", &twilio, &format!(r#"{{"auth_token": "{TWILIO_TOKEN}"}}"#)).await?;
    let sendgrid = format!(r#"{{"from": "news@example.com", "webhook_public_key": "{public_key}"}}"#);
    let email = stage.campaign("email", "sendgrid", &sendgrid, r#"{"api_key": "SG.bench"}"#).await?;
    let (nats, prefix) = (devstack::TestServers::shared().await?.nats_url.clone(), devstack::subject_prefix());
    let bus = Bus::connect(&nats, &prefix, 1).await?;
    bus.ensure_streams().await?;
    let limit = bare_publishes(&bus).await?;

    let port = devstack::ports::free_port()?;
    let base = format!("http://127.0.0.1:{port}");
    let config = webhook_ingest::Config {
        common: config::Common {
            subject_prefix: prefix,
            listen: ([127, 0, 0, 1], port).into(),
            ..config::Common::local(stage.database.url.clone(), nats)
        },
        kek: config::Kek { kek: Some(stage.kek.clone().into()), kek_file: None },
        links: config::Links { link_key: LINK_KEY.to_owned().into(), public_url: base.clone() },
        // Nothing folds here, so everything waits.
        backlog: i64::MAX / 2,
        client_ip_header: None,
        bounce_listen: None,
        bounce_host: "bounces.invalid".to_owned(),
    };
    let shutdown = Shutdown::new(Duration::from_secs(20));
    let running = tokio::spawn(webhook_ingest::run(config, shutdown.clone()));
    let client = Client::builder().pool_max_idle_per_host(CLIENTS).build()?;
    until_ready(&client, &base).await?;
    let bare_exchanges = exchanges(&client, &format!("{base}/healthz")).await?;
    let single = singles(&client, &format!("{base}/webhooks/twilio/{}/status", sms.sender)).await?;
    let arrays = arrays(&client, &format!("{base}/webhooks/sendgrid/{}", email.sender), &key).await?;
    shutdown.begin();
    running.await??;
    let against = "bare publishes of 500 events";
    Ok(vec![
        Row { name: "ingest, posts of 500 events", unit: "events", rate: arrays, limit, against, aim: 0.6 },
        Row { name: "ingest, posts of 1 event", unit: "events", rate: single, limit, against, aim: 0.6 },
        Row {
            name: "ingest, posts of 1 event, HTTP",
            unit: "posts",
            rate: single,
            limit: bare_exchanges,
            against: "bare exchanges with the same server",
            aim: 0.6,
        },
    ])
}

fn event_key() -> Result<EcdsaKeyPair> {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok().context("no key")?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.as_ref(), &random).ok().context("no key")
}

async fn bare_publishes(bus: &Bus) -> Result<f64> {
    const MESSAGES: usize = 400;
    let facts = (0..EVENTS_IN_ARRAY)
        .map(|n| Fact { key: vec![7; 16], kind: FactKind::Delivered.into(), delivery_id: n as i64, ..Fact::default() })
        .collect();
    let batch = FactBatch { facts };
    let publish = async |n: usize| bus.publish(&Subject::facts(), &batch, &format!("bare-{n}"), "").await;
    let started = Instant::now();
    stream::iter(0..MESSAGES).map(publish).buffer_unordered(64).try_collect::<Vec<()>>().await?;
    Ok(rate(MESSAGES * EVENTS_IN_ARRAY, started))
}

async fn until_ready(client: &Client, base: &str) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if client.get(format!("{base}/healthz")).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("webhook-ingest is not ready")
}

/// What HTTP alone costs: as many clients, the same server, no work.
async fn exchanges(client: &Client, url: &str) -> Result<f64> {
    let started = Instant::now();
    stream::iter(0..SINGLE_POSTS)
        .map(async |_| -> Result<()> {
            client.get(url).send().await?.error_for_status()?;
            Ok(())
        })
        .buffer_unordered(CLIENTS)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(rate(SINGLE_POSTS, started))
}

async fn singles(client: &Client, url: &str) -> Result<f64> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TWILIO_TOKEN.as_bytes());
    let posts: Vec<_> = (0..SINGLE_POSTS)
        .map(|n| {
            let sid = format!("SM{n:032x}");
            // The signed text is the URL, then each parameter's name and value in order of names (Twilio's security page).
            let signed = format!("{url}AccountSid{SID}MessageSid{sid}MessageStatusdelivered");
            (format!("AccountSid={SID}&MessageSid={sid}&MessageStatus=delivered"), STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
        })
        .collect();
    let started = Instant::now();
    stream::iter(posts)
        .map(async |(body, signature)| -> Result<()> {
            let post = client.post(url).header("content-type", "application/x-www-form-urlencoded");
            post.header("x-twilio-signature", signature).body(body).send().await?.error_for_status()?;
            Ok(())
        })
        .buffer_unordered(CLIENTS)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(rate(SINGLE_POSTS, started))
}

async fn arrays(client: &Client, url: &str, key: &EcdsaKeyPair) -> Result<f64> {
    let random = SystemRandom::new();
    let stamp = OffsetDateTime::now_utc().unix_timestamp().to_string();
    let mut posts = Vec::with_capacity(ARRAY_POSTS);
    for n in 0..ARRAY_POSTS {
        let events: Vec<_> = (0..EVENTS_IN_ARRAY)
            .map(|m| {
                format!(
                    r#"{{"email":"p{m}@example.com","timestamp":{stamp},"event":"delivered","sg_event_id":"e{n}-{m}","sg_message_id":"m{n}-{m}.x","response":"250 OK"}}"#
                )
            })
            .collect();
        let body = format!("[{}]", events.join(",\r\n"));
        let signature = key.sign(&random, format!("{stamp}{body}").as_bytes()).ok().context("not signed")?;
        posts.push((body, STANDARD.encode(signature.as_ref())));
    }
    let started = Instant::now();
    stream::iter(posts)
        .map(async |(body, signature)| -> Result<()> {
            // 503 is how ingest says that its queue is full; providers come again, and so do we.
            loop {
                let post = client.post(url).header("content-type", "application/json");
                let post = post.header("x-twilio-email-event-webhook-signature", &signature);
                let answer = post.header("x-twilio-email-event-webhook-timestamp", &stamp).body(body.clone()).send().await?;
                if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                    answer.error_for_status()?;
                    return Ok(());
                }
                tokio::time::sleep(BACKOFF).await;
            }
        })
        .buffer_unordered(CLIENTS)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(rate(ARRAY_POSTS * EVENTS_IN_ARRAY, started))
}
