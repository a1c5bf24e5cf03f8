//! What came of it: a table for people, JSON for programs and Markdown for the record.

use crate::{
    evidence::Evidence,
    machines::Machines,
    options::Options,
    scenario::SCENARIOS,
    verdict::{Check, Counts},
};
use anyhow::Result;
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What came of one scenario.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    pub scenario: &'static str,
    /// Why it was not played.
    pub skipped: Option<String>,
    pub acts: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub counts: Counts,
    pub target: u64,
    /// Deliveries that workers held when something was killed, by channel.
    pub in_flight_at_kills: BTreeMap<String, u64>,
    pub looks_at_figures: u64,
    pub seconds: f64,
    /// From *send* until nothing was pending.
    pub sending_seconds: Option<f64>,
    pub messages_per_second: Option<f64>,
    pub peak_memory_mib: BTreeMap<String, u64>,
    /// Processes that ended by themselves and were started again.
    pub restarted: usize,
    pub notes: Vec<String>,
    pub checks: Vec<Check>,
}

impl Outcome {
    pub fn new(scenario: &'static str, evidence: &Evidence, machines: &Machines, counts: Counts, checks: Vec<Check>) -> Self {
        let sending_seconds = evidence.watched.sent_in.map(|time| time.as_secs_f64());
        Self {
            scenario,
            acts: machines.acts.clone(),
            target: evidence.watched.last.channels.iter().map(|part| part.target).sum(),
            in_flight_at_kills: machines.in_flight.iter().map(|(channel, count)| (channel.to_string(), *count)).collect(),
            looks_at_figures: evidence.watched.looks,
            sending_seconds,
            messages_per_second: sending_seconds.map(|seconds| counts.messages as f64 / seconds),
            peak_memory_mib: machines.memory_kib.iter().map(|(name, kib)| (name.clone(), kib.div_ceil(1024))).collect(),
            restarted: machines.fell.len(),
            counts,
            checks,
            ..Self::default()
        }
    }

    /// One that could not be played to its end.
    pub fn broken(scenario: &'static str, error: String) -> Self {
        Self { scenario, checks: vec![Check::new("it can be played to its end", vec![error])], ..Self::default() }
    }

    pub fn skipped(scenario: &'static str, why: impl Into<String>) -> Self {
        Self { scenario, skipped: Some(why.into()), ..Self::default() }
    }

    pub fn faults(&self) -> impl Iterator<Item = String> {
        self.checks.iter().flat_map(|check| check.faults.iter().map(|fault| format!("{}: {fault}", check.holds)))
    }

    fn failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.passed()).count()
    }

    pub fn line(&self) -> String {
        if let Some(why) = &self.skipped {
            return format!("skipped: {why}");
        }
        let verdict =
            if self.failed() == 0 { "held".to_owned() } else { format!("{} of {} checks FAILED", self.failed(), self.checks.len()) };
        let Counts { messages, duplicates, lost, uncertain, unknown } = self.counts;
        format!("{verdict}: {messages} messages, {duplicates} duplicates, {lost} lost, {uncertain} uncertain, {unknown} unknown")
    }

    fn acts(&self) -> String {
        self.acts.iter().map(|(act, count)| format!("{count} × {act}")).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    memory_mib: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct Report {
    seed: u64,
    commit: String,
    at: String,
    machine: Machine,
    long: bool,
    command: String,
    seconds: f64,
    scenarios: Vec<Outcome>,
}

impl Report {
    pub fn new(options: &Options, seed: u64, time: Duration, mut scenarios: Vec<Outcome>) -> Self {
        scenarios.sort_by_key(|outcome| SCENARIOS.iter().position(|scenario| scenario.name == outcome.scenario));
        Self {
            seed,
            commit: commit(),
            at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            machine: Machine { cores: std::thread::available_parallelism().map_or(1, Into::into), memory_mib: memory_mib() },
            long: options.is_long(),
            command: options.again(seed),
            seconds: time.as_secs_f64(),
            scenarios,
        }
    }

    pub fn holds(&self) -> bool {
        self.scenarios.iter().all(|outcome| outcome.failed() == 0)
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<10} {:>8} {:>5} {:>5} {:>9} {:>7} {:>8} {:>7}  {}\n",
            "scenario", "messages", "dupl.", "lost", "uncertain", "unknown", "checks", "seconds", "acts"
        );
        for outcome in &self.scenarios {
            let Counts { messages, duplicates, lost, uncertain, unknown } = outcome.counts;
            let checks = match &outcome.skipped {
                Some(_) => "skipped".to_owned(),
                None => format!("{}/{}", outcome.checks.len() - outcome.failed(), outcome.checks.len()),
            };
            let (name, seconds, acts) = (outcome.scenario, outcome.seconds, outcome.acts());
            writeln!(
                text,
                "{name:<10} {messages:>8} {duplicates:>5} {lost:>5} {uncertain:>9} {unknown:>7} {checks:>8} {seconds:>7.0}  {acts}"
            )
            .unwrap_or_default();
        }
        write!(text, "seed {}, commit {}, {:.0} s", self.seed, self.commit, self.seconds).unwrap_or_default();
        text
    }

    /// Writes both files; answers with their names.
    pub fn write(&self, stem: &Path) -> Result<String> {
        if let Some(folder) = stem.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let (json, markdown) = (stem.with_extension("json"), stem.with_extension("md"));
        fs::write(&json, serde_json::to_vec_pretty(self)?)?;
        fs::write(&markdown, self.markdown())?;
        Ok(format!("{} and {}", json.display(), markdown.display()))
    }

    fn markdown(&self) -> String {
        let memory = self.machine.memory_mib.map(|mib| format!(", {} GiB of memory", mib / 1024)).unwrap_or_default();
        let mut text = format!(
            "`{}` on commit {}, {}, {} cores{memory}, {:.0} s.\n\n",
            self.command, self.commit, self.at, self.machine.cores, self.seconds
        );
        text.push_str("| scenario | acts | messages | duplicates | lost | uncertain | unknown | checks | messages/s | seconds |\n");
        text.push_str("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for outcome in &self.scenarios {
            text.push_str(&markdown_row(outcome));
        }
        for outcome in &self.scenarios {
            text.push_str(&markdown_notes(outcome));
        }
        text
    }
}

fn markdown_row(outcome: &Outcome) -> String {
    let Counts { messages, duplicates, lost, uncertain, unknown } = outcome.counts;
    let name = outcome.scenario;
    if let Some(why) = &outcome.skipped {
        return format!("| {name} | skipped: {why} | | | | | | | | |\n");
    }
    let checks = format!("{} of {}", outcome.checks.len() - outcome.failed(), outcome.checks.len());
    let pace = outcome.messages_per_second.map(|pace| format!("{pace:.0}")).unwrap_or_default();
    let (acts, seconds) = (outcome.acts(), outcome.seconds);
    format!("| {name} | {acts} | {messages} | {duplicates} | {lost} | {uncertain} | {unknown} | {checks} | {pace} | {seconds:.0} |\n")
}

fn markdown_notes(outcome: &Outcome) -> String {
    let mut text = String::new();
    let memory: Vec<_> = outcome.peak_memory_mib.iter().map(|(name, mib)| format!("{name} {mib}")).collect();
    let notes = outcome.notes.iter().cloned().chain((!memory.is_empty()).then(|| format!("peak memory in MiB: {}", memory.join(", "))));
    let faults = outcome.faults().map(|fault| format!("**fault**: {fault}"));
    let lines: Vec<_> = notes.chain(faults).collect();
    if !lines.is_empty() {
        write!(text, "\n{}\n\n", outcome.scenario).unwrap_or_default();
        for line in lines {
            writeln!(text, "- {}", line.replace('\n', " ")).unwrap_or_default();
        }
    }
    text
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let said = output.ok().filter(|output| output.status.success()).map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|| "unknown".to_owned())
}

/// proc_meminfo(5).
fn memory_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
