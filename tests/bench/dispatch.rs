//! From a job to the provider's yes, against a bare client of the same provider.

use crate::{
    report::Row,
    sinks::Sink,
    stage::{Campaign, Stage, rate},
};
use anyhow::{Context, Result};
use bus::{Bus, Subject};
use domain::{
    Channel,
    content::{EmailVariant, Rendered, SmsVariant},
};
use futures::{StreamExt, stream};
use proto::event::SendJob;
use providers::{Account, Message, Outcome, Secret};
use runtime::{Shutdown, config};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

const COUNT: usize = 10_000;
const IN_FLIGHT: usize = 64;
const CONNECTIONS: usize = 16;
pub const SID: &str = "AC00000000000000000000000000000000";
pub const LINK_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn twilio_settings(sink: SocketAddr) -> String {
    format!(r#"{{"account_sid": "{SID}", "from": "+12025550142", "base_url": "http://{sink}"}}"#)
}

/// The adapter alone, and the whole dispatcher with gate, rendering and record.
pub async fn over_http() -> Result<Vec<Row>> {
    let sink = Sink::http().await?;
    let limit = bare_http(sink.address).await?;
    let adapter =
        adapter_alone("twilio", Channel::Sms, &twilio_settings(sink.address), r#"{"auth_token": "secret"}"#, IN_FLIGHT, &sms()).await?;
    let before = sink.count();
    let whole = whole_dispatcher(&sink, before).await?;
    let against = "a bare client, 64 in flight";
    Ok(vec![
        Row { name: "adapter over http", unit: "messages", rate: adapter, limit, against, aim: 0.3 },
        Row { name: "dispatch over http (gate..record)", unit: "messages", rate: whole, limit, against, aim: 0.3 },
    ])
}

async fn bare_http(sink: SocketAddr) -> Result<f64> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(IN_FLIGHT).build()?;
    let url = format!("http://{sink}/2010-04-01/Accounts/{SID}/Messages.json");
    let body = "To=%2B971501000000&From=%2B12025550142&Body=Hello+Person+1%2C+20%25+off+at+https%3A%2F%2Fexample.com.+STOP+to+opt+out";
    let post = async |_: usize| -> Result<()> {
        let post = client.post(&url).header("content-type", "application/x-www-form-urlencoded").basic_auth(SID, Some("secret"));
        post.body(body).send().await?.error_for_status()?.bytes().await?;
        Ok(())
    };
    let started = Instant::now();
    let done: Vec<_> = stream::iter(0..COUNT).map(post).buffer_unordered(IN_FLIGHT).collect().await;
    done.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(rate(COUNT, started))
}

fn sms() -> Message {
    message(
        "+971501000000",
        Rendered::Sms(SmsVariant {
            text: "Hello Person 1, 20% off at https://example.com. STOP to opt out".to_owned(),
            ..SmsVariant::default()
        }),
    )
}

fn message(to: &str, content: Rendered) -> Message {
    Message {
        to_name: Some("Person 1".to_owned()),
        status_callback: Some("http://127.0.0.1:1/webhooks/twilio/x/status?d=AAAAAAAAAAEAAAAAAAAAAA".to_owned()),
        unsubscribe_url: Some("http://127.0.0.1:1/u/AAAAAAAAAAEAAAAAAAAAAA".to_owned()),
        ..Message::new(to, content, "AAAAAAAAAAEAAAAAAAAAAA", "AAAAAAAAAAEAAAAAAAAAAA")
    }
}

async fn adapter_alone(slug: &str, channel: Channel, settings: &str, secrets: &str, in_flight: usize, message: &Message) -> Result<f64> {
    let provider = providers::find(slug).context("no such provider")?;
    let secrets: std::collections::BTreeMap<String, String> = serde_json::from_str(secrets)?;
    let secrets = secrets.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect();
    let send = (provider.sender)(&Account { settings: serde_json::from_str(settings)?, secrets }, channel)?;
    let mut best = 0.0_f64;
    // The first round opens the connections.
    for _ in 0..2 {
        let started = Instant::now();
        let outcomes: Vec<_> = stream::iter(0..COUNT).map(|_| send.send(message)).buffer_unordered(in_flight).collect().await;
        let accepted = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted { .. })).count();
        anyhow::ensure!(accepted == COUNT, "only {accepted} of {COUNT} accepted: {:?}", outcomes.first());
        best = best.max(rate(COUNT, started));
    }
    Ok(best)
}

async fn whole_dispatcher(sink: &Sink, before: usize) -> Result<f64> {
    let stage = Stage::new(COUNT).await?;
    let campaign = stage.campaign("sms", "twilio", &twilio_settings(sink.address), r#"{"auth_token": "secret"}"#).await?;
    stage.expand(campaign).await?;
    let (nats, prefix) = (devstack::TestServers::shared().await?.nats_url.clone(), devstack::subject_prefix());
    let bus = Bus::connect(&nats, &prefix, 1).await?;
    bus.ensure_streams().await?;
    let common = config::Common { subject_prefix: prefix, ..config::Common::local(stage.database.url.clone(), nats) };
    let kek = config::Kek { kek: Some(stage.kek.clone().into()), kek_file: None };
    let links = config::Links { link_key: LINK_KEY.to_owned().into(), public_url: "http://127.0.0.1:1".to_owned() };
    let config = dispatcher::Config::local(common, kek, links, Channel::Sms);
    publish(&stage, campaign, &bus).await?;
    let shutdown = Shutdown::new(Duration::from_secs(20));
    let started = Instant::now();
    let running = tokio::spawn(dispatcher::run(config, shutdown.clone()));
    while sink.count() < before + COUNT {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(120), "the dispatcher is stuck at {}", sink.count() - before);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let rate = rate(COUNT, started);
    shutdown.begin();
    running.await??;
    Ok(rate)
}

async fn publish(stage: &Stage, campaign: Campaign, bus: &Bus) -> Result<()> {
    for job in stage.jobs(campaign, Channel::Sms).await? {
        let message = SendJob {
            job_id: job.job_id.to_string(),
            run_id: job.run_id.to_string(),
            campaign_id: job.campaign_id.to_string(),
            workspace_id: job.workspace_id.to_string(),
            channel: Channel::Sms.to_string(),
            sender_id: job.sender_id.to_string(),
            delivery_ids: job.delivery_ids,
        };
        bus.publish(&Subject::send(Channel::Sms), &message, &job.job_id.to_string(), "").await?;
    }
    Ok(())
}

/// The SMTP adapter over 16 connections, against sockets that only write the same bytes and wait for the same answers.
pub async fn over_smtp() -> Result<Row> {
    let sink = Sink::smtp().await?;
    let content = EmailVariant {
        subject: "Hello Person 1".to_owned(),
        html: "<html><body><p>Hello Person 1</p><a href=\"https://example.com\">Offer</a></body></html>".to_owned(),
        text: "Hello Person 1\nOffer https://example.com".to_owned(),
        ..EmailVariant::default()
    };
    let settings = format!(
        r#"{{"host": "127.0.0.1", "port": "{}", "tls": "none", "from": "news@example.com", "max_connections": "{CONNECTIONS}"}}"#,
        sink.address.port()
    );
    let message = message("p1@example.com", Rendered::Email(content));
    let ours = adapter_alone("smtp", Channel::Email, &settings, "{}", CONNECTIONS, &message).await?;
    let started = Instant::now();
    let sockets: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(bare_smtp(sink.address, COUNT / CONNECTIONS))).collect();
    for socket in sockets {
        socket.await??;
    }
    let limit = rate(COUNT / CONNECTIONS * CONNECTIONS, started);
    Ok(Row { name: "dispatch over smtp", unit: "messages", rate: ours, limit, against: "bare sockets, 16 connections", aim: 0.3 })
}

async fn bare_smtp(sink: SocketAddr, count: usize) -> Result<()> {
    let stream = TcpStream::connect(sink).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let data = format!("Subject: Hello Person 1\r\n\r\n{}\r\n.\r\n", "x".repeat(1_200));
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let lines: Arc<[&str]> = ["MAIL FROM:<news@example.com>\r\n", "RCPT TO:<p1@example.com>\r\n", "DATA\r\n", &data].into();
    for _ in 0..count {
        for command in &*lines {
            stream.write_all(command.as_bytes()).await?;
            line.clear();
            stream.read_line(&mut line).await?;
        }
    }
    Ok(())
}
