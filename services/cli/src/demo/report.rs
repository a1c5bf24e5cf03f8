//! What came of it: a table for people, `demo.json` for programs, and every check that did not hold.

use super::{
    audience::{Audience, Reach},
    play::Seconds,
    settle::{self, Settled},
};
use crate::{
    campaign::{preview::reasons, stats::parts},
    hub::sandbox::Logged,
    output::{Table, channel_name, number},
};
use anyhow::{Context, Result, bail};
use domain::Channel;
use proto::{
    analytics::{ChannelStats, Delivery},
    campaign::PreviewAudienceResponse,
    convert::channel,
};
use serde_json::{Map, Value, json};
use std::{collections::HashSet, fmt, path::Path};

/// Faults of one kind that are shown.
const SHOWN: usize = 5;

pub struct Outcome {
    settled: Settled,
    messages: usize,
    duplicates: usize,
    posts: Vec<Delivery>,
    seconds: Seconds,
    checks: Vec<Check>,
}

/// What the figures are held against.
pub struct Evidence<'a> {
    pub audience: &'a Audience,
    pub reach: &'a Reach,
    pub preview: &'a PreviewAudienceResponse,
    /// Every message that the sandbox took.
    pub log: &'a [Logged],
}

/// Something that must hold, and what speaks against it.
struct Check {
    holds: &'static str,
    faults: Vec<String>,
}

impl Outcome {
    pub fn new(settled: Settled, evidence: Evidence<'_>, posts: Vec<Delivery>, seconds: Seconds) -> Self {
        let log = evidence.log;
        let distinct: HashSet<_> = log.iter().map(|message| (message.channel, message.to.as_str())).collect();
        let duplicates = log.len() - distinct.len();
        let checks = checks(&settled, &evidence, &posts, duplicates);
        Self { settled, messages: log.len(), duplicates, posts, seconds, checks }
    }

    pub fn to_json(&self) -> Value {
        let channels = self.settled.stats.channels.iter().map(|part| (channel_name(part.channel).to_owned(), self.channel_json(part)));
        let Seconds { import, expand, send } = self.seconds;
        let seconds = json!({"import": rounded(import), "expand": rounded(expand), "send": rounded(send)});
        let posts: Vec<_> =
            self.posts.iter().map(|post| json!({"account": post.address, "status": post.status, "permalink": post.permalink})).collect();
        json!({"channels": channels.collect::<Map<_, _>>(), "posts": posts, "duplicates": self.duplicates, "seconds": seconds})
    }

    fn channel_json(&self, part: &ChannelStats) -> Value {
        let named = |counts: [u64; 6]| settle::SHARED.iter().zip(counts).map(|(name, count)| ((*name).to_owned(), json!(count)));
        let mut fields = Map::from_iter(named(settle::of_hub(part)));
        fields.insert("target".to_owned(), json!(part.target));
        fields.insert("suppressed".to_owned(), json!(part.suppressed));
        fields.insert("failed_by_code".to_owned(), json!(part.failed_by_code));
        if let Some(channel) = channel(part.channel) {
            let sandbox = named(settle::of_sandbox(self.settled.figures.channel(channel)));
            fields.insert("sandbox".to_owned(), Value::Object(sandbox.collect()));
        }
        Value::Object(fields)
    }

    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = format!("{:#}\n", self.to_json());
        std::fs::write(path, json).with_context(|| format!("{} can't be written", path.display()))
    }

    /// # Errors
    /// When anything did not hold.
    pub fn verdict(&self) -> Result<()> {
        let failed: Vec<_> = self.checks.iter().filter(|check| !check.faults.is_empty()).map(|check| check.holds).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("the demo failed, this did not hold: {}", failed.join("; "))
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

fn checks(settled: &Settled, evidence: &Evidence<'_>, posts: &[Delivery], duplicates: usize) -> Vec<Check> {
    let Evidence { audience, reach, preview, log } = *evidence;
    let twice = settled.stats.channels.iter().filter_map(|part| channel(part.channel)).filter_map(|channel| {
        let count = settled.figures.channel(channel).duplicates;
        (count > 0).then(|| format!("{channel}: the sandbox counts {count}"))
    });
    let twice_in_log = (duplicates > 0).then(|| format!("{duplicates} messages in the sandbox's log are repeats"));
    let pending = settled.figures.pending;
    let owed = (pending > 0).then(|| format!("the sandbox still owes {}", number::of(pending, "callback", "callbacks")));
    let recount = (!settled.recounted).then(|| "`fanfare campaign recount` differs from the figures".to_owned());
    vec![
        Check {
            holds: "the hub's figures are those of the sandbox's log",
            faults: settle::differences(&settled.stats, &settled.figures).into_iter().chain(owed).collect(),
        },
        Check { holds: "a recount of the deliveries gives the same", faults: recount.into_iter().collect() },
        Check { holds: "every delivery is accounted for", faults: settled.stats.channels.iter().filter_map(unaccounted).collect() },
        Check { holds: "the audience is what the file says", faults: audience.compare(preview, reach) },
        Check { holds: "nobody was messaged who opted out or has no valid address", faults: audience.trespasses(log, reach) },
        Check { holds: "each account has its post, and the world can see it", faults: hidden(posts, log, reach) },
        Check { holds: "no message was sent twice", faults: twice.chain(twice_in_log).collect() },
    ]
}

/// Posts that are up and nowhere to be seen, and accounts without one; a post that a network refused is told in the table.
fn hidden(posts: &[Delivery], log: &[Logged], reach: &Reach) -> Vec<String> {
    let fewer = (posts.len() as u64 != reach.accounts).then(|| format!("{} posts for {} accounts", posts.len(), reach.accounts));
    let up = posts.iter().filter(|post| post.status == "sent" || post.status == "delivered");
    let seen = log.iter().filter(|message| message.channel == Channel::Social).count();
    let other = (up.clone().count() != seen).then(|| format!("{} posts are up, the sandbox has {seen}", up.clone().count()));
    let lost = up.filter(|post| post.permalink.is_empty()).map(|post| format!("the post of {} has no link", post.address));
    fewer.into_iter().chain(other).chain(lost).collect()
}

fn unaccounted(part: &ChannelStats) -> Option<String> {
    let sum: u64 = parts(part).iter().map(|(_, count)| count).sum();
    let left = part.pending + part.uncertain + part.unknown + part.cancelled + part.expired;
    let name = channel_name(part.channel);
    if sum != part.target {
        return Some(format!("{name}: a target of {} comes to {sum}", part.target));
    }
    (left > 0).then(|| format!("{name}: {left} of {} were neither sent nor refused nor suppressed", part.target))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.table())?;
        for part in &self.settled.stats.channels {
            for (what, counts) in [("suppressed", &part.suppressed), ("failed", &part.failed_by_code)] {
                let reasons = reasons(counts);
                if !reasons.is_empty() {
                    writeln!(f, "  {} {what}: {reasons}", channel_name(part.channel))?;
                }
            }
        }
        for post in &self.posts {
            let seen = if post.permalink.is_empty() { &post.reason } else { &post.permalink };
            writeln!(f, "  {}: {} {seen}", post.address, post.status)?;
        }
        writeln!(f)?;
        for check in &self.checks {
            writeln!(f, "{} {}", if check.faults.is_empty() { "✓" } else { "✗" }, check.holds)?;
            for fault in check.faults.iter().take(SHOWN) {
                writeln!(f, "    {fault}")?;
            }
            if check.faults.len() > SHOWN {
                writeln!(f, "    and {} more", check.faults.len() - SHOWN)?;
            }
        }
        let Seconds { import, expand, send } = self.seconds;
        let messages = number::of(self.messages as u64, "message", "messages");
        write!(f, "\n{messages}; import {import:.1} s, audience {expand:.1} s, sending {send:.1} s")
    }
}

impl Outcome {
    fn table(&self) -> String {
        let mut table = Table::new(["channel", "target", "suppressed", "sent", "delivered", "failed", "read", "clicked", "unsubscribed"]);
        for part in &self.settled.stats.channels {
            let [sent, delivered, failed, read, clicked, unsubscribed] = settle::of_hub(part).map(number::count);
            let (target, suppressed) = (number::count(part.target), number::count(part.suppressed.values().sum()));
            table.row([channel_name(part.channel).to_owned(), target, suppressed, sent, delivered, failed, read, clicked, unsubscribed]);
            if let Some(channel) = channel(part.channel) {
                table.row(self.sandbox_row(channel));
            }
        }
        table.to_string()
    }

    fn sandbox_row(&self, channel: Channel) -> [String; 9] {
        let [sent, delivered, failed, read, clicked, unsubscribed] =
            settle::of_sandbox(self.settled.figures.channel(channel)).map(number::count);
        ["  its log".to_owned(), String::new(), String::new(), sent, delivered, failed, read, clicked, unsubscribed]
    }
}
