//! The whole path: 100,000 deliveries from *send* to the last callback's figure, every service a process of its own.

use anyhow::{Context, Result};
use domain::Channel;
use e2e::{Contact, World};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const DELIVERIES: usize = 100_000;

pub async fn whole() -> Result<Value> {
    let mut world = World::start(json!({"latency_ms": [0, 0], "callback_delay_ms": [0, 50], "throttle": 0.0})).await?;
    world.patience = Duration::from_secs(600);
    let people: Vec<_> = (0..DELIVERIES).map(Contact::numbered).collect();
    let started = Instant::now();
    let list = world.people(&people).await?;
    let import = started.elapsed().as_secs_f64();
    world.set_rate(Channel::Sms, 10_000.0).await?;
    let started = Instant::now();
    let campaign = world.sending(list, &[Channel::Sms]).await?;
    let target = DELIVERIES as u64;
    world.until(&campaign, "the audience is expanded", |stats| stats.channels[0].target == target).await?;
    let expand = started.elapsed().as_secs_f64();
    world.until(&campaign, "everything has left", |stats| stats.channels[0].target == target && stats.channels[0].pending == 0).await?;
    let sent = started.elapsed().as_secs_f64();
    world.agreed(&campaign, "COMPLETED").await?;
    let settled = started.elapsed().as_secs_f64();
    let duplicates = world.duplicates().await?;
    let memory = peak_memory(&mut world)?;
    world.hub.stop().await?;
    Ok(json!({
        "deliveries": DELIVERIES, "duplicates": duplicates,
        "seconds": {"import": import, "expand": expand, "send": sent, "settled": settled},
        "deliveries_per_second": DELIVERIES as f64 / sent,
        "peak_memory_mib": memory,
    }))
}

/// VmHWM of each process, in MiB (proc(5)).
fn peak_memory(world: &mut World) -> Result<BTreeMap<String, u64>> {
    let names: Vec<String> = world.hub.names().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| {
            let pid = world.hub.process(&name)?.pid().context("the process is gone")?;
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
            let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
            Ok((name, kib / 1024))
        })
        .collect()
}
