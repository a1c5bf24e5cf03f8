//! `fanfare up`: the whole hub on this machine until Ctrl-C.

use super::{DEV_ORIGINS, Place, Running, interrupted, seed::Seeded};
use crate::{args::Global, output::Output};
use anyhow::{Context, Result};
use clap::Args;
use devstack::{Endpoints, dirs};
use serde_json::json;
use std::{fs, future, path::PathBuf};
use uuid::Uuid;

#[derive(Debug, Args)]
pub struct UpArgs {
    /// An origin whose pages may call the hub, beside the usual ones of a front end under development; repeat for more
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
}

/// # Errors
/// When something doesn't start, or a process of the hub ends by itself.
pub async fn run(args: UpArgs, global: &Global) -> Result<()> {
    let output = Output::new(global.json);
    output.say("Starting the hub …")?;
    let origins: Vec<_> = DEV_ORIGINS.iter().map(ToString::to_string).chain(args.origins).collect();
    let start = async {
        tokio::select! { started = Running::start(&origins) => started.map(Some), stopped = interrupted() => stopped.map(|()| None) }
    };
    let Some(mut running) = start.await? else { return Ok(()) };
    let place = running.place();
    let result = running.during(serve(&place, output)).await;
    output.say("Stopping the hub …")?;
    let stopped = running.stop().await;
    result.map(|_| ()).and(stopped)
}

async fn serve(place: &Place, output: Output) -> Result<()> {
    let workspace = workspace(place, output).await?;
    let seeded = place.seed(workspace, &place.secrets, &json!({}), output).await?;
    seeded.sandbox.return_letters_to(place.addresses.bounce_port).await?;
    output.value(&summary(place, &seeded), &greeting(place, &seeded))?;
    future::pending().await
}

/// The workspace of the last time, or a new one.
async fn workspace(place: &Place, output: Output) -> Result<Uuid> {
    let path = workspace_file(place);
    if let Ok(text) = fs::read_to_string(&path) {
        let workspace = text.trim().parse().with_context(|| format!("{} is damaged: delete it", path.display()))?;
        if place.has_workspace(workspace, output).await? {
            return Ok(workspace);
        }
    }
    let workspace = place.create_workspace("My workspace", output).await?;
    dirs::write_private(&path, workspace.to_string().as_bytes())?;
    Ok(workspace)
}

fn workspace_file(place: &Place) -> PathBuf {
    place.state_dir.join("workspace")
}

fn summary(place: &Place, seeded: &Seeded) -> serde_json::Value {
    let to = &place.addresses;
    json!({
        "campaign_api": to.campaign_api, "scheduler": to.scheduler, "analytics": to.analytics, "webhook_ingest": to.webhook_ingest,
        "sandbox": to.sandbox, "workspace_id": seeded.workspace_id, "endpoints": Endpoints::path(&place.state_dir),
    })
}

fn greeting(place: &Place, seeded: &Seeded) -> String {
    let to = &place.addresses;
    let names: Vec<_> = seeded.senders.keys().map(String::as_str).collect();
    format!(
        "The hub is up.\n  campaign-api    {}   gRPC and gRPC-web\n  analytics       {}   gRPC and gRPC-web\n  webhook-ingest  {}\n  \
         sandbox         {}   open it in a browser: it shows what arrived\n  endpoints       {}\n  logs            {}\n  senders         {}\n\n\
         Try `fanfare campaign list`, or `fanfare --help`. Ctrl-C stops everything.",
        to.campaign_api,
        to.analytics,
        to.webhook_ingest,
        to.sandbox,
        Endpoints::path(&place.state_dir).display(),
        place.state_dir.join("logs").display(),
        names.join(", "),
    )
}
