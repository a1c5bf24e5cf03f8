//! `fanfare campaign dry-run`: everything up to the provider's door, and nothing written.

use super::{Which, preview::reasons};
use crate::{
    output::{Table, channel_name, json, line, number},
    progress::Board,
    session::Session,
};
use anyhow::{Result, bail};
use proto::campaign::{DryRunCampaignRequest, DryRunCampaignResponse};
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub struct DryRunArgs {
    #[command(flatten)]
    which: Which,
    /// Renderings shown for each channel, at most 20
    #[arg(long, default_value_t = 3)]
    samples: u32,
}

pub async fn run(args: DryRunArgs, session: &Session) -> Result<()> {
    let request = DryRunCampaignRequest { id: args.which.id(session).await?, samples: args.samples };
    let mut stream = session.campaigns().dry_run_campaign(request).await?.into_inner();
    let mut board = Board::new(session.output);
    let mut last = None;
    while let Some(answer) = stream.message().await? {
        board.set("contacts", answer.judged, answer.contacts, "judged");
        board.tick()?;
        if session.output.is_json() {
            line(&json::to_value(&answer)?.to_string())?;
        }
        last = Some(answer);
    }
    board.finish()?;
    match last {
        Some(answer) if answer.done => session.output.say(&describe(&answer)),
        _ => bail!("the hub ended the dry run before all were judged"),
    }
}

fn describe(answer: &DryRunCampaignResponse) -> String {
    let mut table = Table::new(["channel", "contacts", "now", "later", "not sent", "cost"]);
    for part in &answer.channels {
        let cells = [part.target, part.passed].map(number::count);
        let [target, passed] = cells;
        table.row([
            channel_name(part.channel).to_owned(),
            target,
            passed,
            reasons(&part.deferred),
            reasons(&part.suppressed),
            number::amount(part.cost_micros),
        ]);
    }
    let mut text = table.to_string();
    text.push_str(if answer.within_budget { "within its budget" } else { "MORE THAN ITS BUDGET: it would stop before all is sent" });
    for part in &answer.channels {
        for sample in &part.samples {
            let subject = if sample.subject.is_empty() { String::new() } else { format!("\n{}", sample.subject) };
            // Writing to a string can't fail.
            write!(text, "\n\n{} to {}{subject}\n{}", channel_name(part.channel), sample.contact_id, sample.body).ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use proto::{
        campaign::{ChannelDryRun, SampleRendering},
        convert::channel_number,
    };

    #[test]
    fn counts_reasons_cost_and_samples_are_shown() {
        let part = ChannelDryRun {
            channel: channel_number(Channel::Sms),
            target: 1_200,
            passed: 900,
            deferred: [("quiet_hours".to_owned(), 200)].into(),
            suppressed: [("opted_out".to_owned(), 60), ("frequency_cap".to_owned(), 40)].into(),
            cost_micros: 8_250_000,
            samples: vec![SampleRendering { contact_id: "c1".to_owned(), subject: String::new(), body: "Hi Sara".to_owned() }],
        };
        let answer = DryRunCampaignResponse { judged: 1_200, contacts: 1_200, channels: vec![part], done: true, within_budget: false };
        let text = describe(&answer);
        for shown in ["1,200", "quiet_hours 200", "opted_out 60, frequency_cap 40", "8.25", "MORE THAN ITS BUDGET", "sms to c1\nHi Sara"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }
}
