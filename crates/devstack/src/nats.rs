//! nats-server for one copy: JetStream with every write synced, on a free port, behind a random password.

use crate::{dirs, ports::free_port, process::Process, process::Ready, process::Spec, secrets, state::StateDir, tools};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

pub const NAME: &str = "nats-server";
const USER: &str = "fanfare";

/// Starts it on what the state folder holds of its streams.
pub async fn start(state: &StateDir) -> Result<(Process, String)> {
    let program = tools::nats_server().await?;
    let dir = dir(state.path());
    dirs::create_dir(&dir)?;
    let (port, password) = (free_port()?, secrets::random_text()?);
    let config = dir.join("nats.conf");
    dirs::write_private(&config, configuration(&store(state), port, &password)?.as_bytes())?;
    let spec = Spec {
        grace: Duration::from_secs(10),
        ..Spec::new(NAME, program, Ready::Listening(port)).args(["--config".into(), config.into_os_string()])
    };
    let process = Process::start(state, spec).await?;
    Ok((process, format!("nats://{USER}:{password}@127.0.0.1:{port}")))
}

/// Removes the streams, which mean nothing to a new database.
pub fn forget(state: &StateDir) -> Result<()> {
    let dir = dir(state.path());
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

/// Where it keeps its streams.
pub fn store(state: &StateDir) -> PathBuf {
    dir(state.path()).join("jetstream")
}

fn dir(state: &Path) -> std::path::PathBuf {
    state.join("nats")
}

/// The password is in a file since arguments can be read by every user of the machine. Streams reserve their largest size when they
/// are made, against three quarters of the free disk unless told otherwise: a few tests' streams would use that up.
fn configuration(store: &Path, port: u16, password: &str) -> Result<String> {
    let store = serde_json::to_string(&store.to_string_lossy())?;
    Ok(format!(
        "listen: \"127.0.0.1:{port}\"\n\
         max_payload: 8MB\n\
         jetstream {{ store_dir: {store}, max_file_store: 100TB, sync_interval: always }}\n\
         authorization {{ user: {USER}, password: \"{password}\" }}\n"
    ))
}
