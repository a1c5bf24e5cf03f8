use super::*;
use std::{fs, os::unix::fs::PermissionsExt};

/// Stands in for a service: writes its ports file and the environment it was given, then waits.
const STAND_IN: &str = r#"#!/bin/sh
ports=$FANFARE_PORTS_FILE
while [ $# -gt 0 ]; do [ "$1" = --ports-file ] && ports=$2; echo "argument $1"; shift; done
env
echo '{"port":1}' > "$ports"
exec sleep 600
"#;

fn stand_ins(state: &StateDir) -> HubOptions {
    let dir = state.path().join("bin");
    fs::create_dir(&dir).unwrap();
    for program in ["sandbox", "webhook-ingest", "scheduler", "analytics", "campaign-api", "dispatcher"] {
        let path = dir.join(program);
        fs::write(&path, STAND_IN).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    HubOptions { bin_dir: dir, ..HubOptions::new("postgres://db", "nats://bus").unwrap() }
}

fn setting(log: &str, name: &str) -> String {
    let start = format!("{name}=");
    log.lines().rev().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_service_gets_its_settings_and_keeps_its_port_over_a_restart() {
    let state = StateDir::scratch_blocking().unwrap();
    let channels = vec!["email", "sms", "whatsapp"];
    let options = HubOptions { channels, dispatchers: 2, schedulers: 2, env: vec![("EXTRA".into(), "1".into())], ..stand_ins(&state) };
    let mut hub = Hub::start(&state, &options).await.unwrap();
    assert_eq!(hub.names().count(), 6 + 2 * 3);
    assert!(hub.process("dispatcher-push").is_err(), "only the channels that were asked for");
    assert!(hub.process("scheduler-2").is_ok());
    let api = hub.addresses.campaign_api.clone();
    let process = hub.process("campaign-api").unwrap();
    let log = fs::read_to_string(process.log()).unwrap();
    assert_eq!(format!("http://{}", setting(&log, "FANFARE_LISTEN")), api);
    assert_eq!(
        (setting(&log, "DATABASE_URL"), setting(&log, "NATS_URL"), setting(&log, "EXTRA")),
        ("postgres://db".into(), "nats://bus".into(), "1".into())
    );
    process.kill9().await.unwrap();
    process.restart().await.unwrap();
    assert_eq!(format!("http://{}", setting(&fs::read_to_string(process.log()).unwrap(), "FANFARE_LISTEN")), api);
    let dispatcher = fs::read_to_string(hub.process("dispatcher-sms-2").unwrap().log()).unwrap();
    assert!(dispatcher.contains("argument --channel\nargument sms\n"), "{dispatcher}");
    assert_eq!(setting(&dispatcher, "FANFARE_PUBLIC_URL"), hub.addresses.webhook_ingest);
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_is_named() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut hub = Hub::start(&state, &stand_ins(&state)).await.unwrap();
    assert!(CHANNELS.iter().all(|channel| hub.process(&format!("dispatcher-{channel}")).is_ok()));
    hub.process("analytics").unwrap().signal(nix::sys::signal::Signal::SIGKILL).unwrap();
    let message = tokio::time::timeout(Duration::from_secs(10), hub.failed()).await.unwrap().unwrap();
    assert!(message.starts_with("analytics ended (signal: 9"), "{message}");
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_built_is_named_with_the_remedy() {
    let state = StateDir::scratch_blocking().unwrap();
    let options = stand_ins(&state);
    fs::remove_file(options.bin_dir.join("scheduler")).unwrap();
    let message = Hub::start(&state, &options).await.unwrap_err().to_string();
    assert!(message.contains("scheduler is not built: `cargo build"), "{message}");
}
