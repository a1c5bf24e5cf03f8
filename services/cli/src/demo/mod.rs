//! `fanfare demo`: a whole campaign on a fresh workspace, through the sandbox, every figure checked against the sandbox's own log.
//!
//! [`play`] does what a marketing team would do, [`settle`] waits until the figures stand still, [`audience`] works out from the
//! file who may be messaged, and [`report`] says what came of it. It exits 0 only when all of that agrees.

mod audience;
mod play;
mod report;
pub mod settle;

use crate::{
    args::Global,
    hub::{DEV_ORIGINS, Running, interrupted},
    output::{self, Output},
};
use anyhow::{Context, Result, bail};
use audience::Audience;
use clap::Args;
use report::Outcome;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// CSV of contacts [default: examples/contacts.csv]
    #[arg(long, value_name = "FILE")]
    contacts: Option<PathBuf>,
    /// Template [default: examples/product-launch/template.json]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Keep the hub running afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// What the demo is played with.
struct Script {
    contacts: PathBuf,
    template: PathBuf,
    audience: Audience,
    output: Output,
}

impl Script {
    fn new(args: &DemoArgs, output: Output) -> Result<Self> {
        let examples = devstack::dirs::checkout()?.join("examples");
        let contacts = args.contacts.clone().unwrap_or_else(|| examples.join("contacts.csv"));
        let template = args.template.clone().unwrap_or_else(|| examples.join("product-launch/template.json"));
        let file = std::fs::File::open(&contacts).with_context(|| format!("{} can't be opened", contacts.display()))?;
        let audience = Audience::read(file).with_context(|| contacts.display().to_string())?;
        Ok(Self { contacts, template, audience, output })
    }

    /// A step that is done, with the time that has passed.
    fn step(&self, what: &str, text: &str) -> Result<()> {
        self.output.say(&format!("{}  {what:<10} {text}", self.output.clock()))
    }
}

/// # Errors
/// When something fails, or a single figure doesn't agree.
pub async fn run(args: DemoArgs, global: &Global) -> Result<()> {
    let output = Output::new(global.json);
    let keep = args.keep;
    // Reading 5,000 phones takes about as long as starting the hub.
    let reading = tokio::task::spawn_blocking(move || Script::new(&args, output));
    output.say("Fanfare's demo: one campaign over email, SMS, WhatsApp, push and social media, through the sandbox\n")?;
    let origins = DEV_ORIGINS.map(str::to_owned);
    let mut running = tokio::select! {
        started = Running::start(&origins) => started?,
        stopped = interrupted() => { stopped?; bail!("stopped before the hub was up") }
    };
    let result = match reading.await? {
        Ok(script) => perform(&script, &mut running, keep).await,
        Err(error) => Err(error),
    };
    let stopped = running.stop().await;
    let outcome = result?;
    stopped?;
    outcome.verdict()
}

async fn perform(script: &Script, running: &mut Running, keep: bool) -> Result<Outcome> {
    let place = running.place();
    script.step("hub", &format!("is up; {} shows what arrives", place.addresses.sandbox))?;
    let Some(outcome) = running.during(play::play(script, &place)).await? else { bail!("stopped before the campaign was done") };
    outcome.write(&place.state_dir.join("demo.json"))?;
    if script.output.is_json() {
        output::line(&outcome.to_json().to_string())?;
    } else {
        output::line(&outcome.to_string())?;
    }
    if keep {
        script.output.say(&format!("\nThe hub is kept running: {} shows what arrived. Ctrl-C stops it.", place.addresses.sandbox))?;
        running.during(std::future::pending::<Result<()>>()).await?;
    }
    Ok(outcome)
}
