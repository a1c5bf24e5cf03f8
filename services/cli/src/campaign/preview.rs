//! `fanfare campaign preview`: whom it would reach as of now, before anything is sent.

use crate::{
    output::{Table, channel_name, number},
    resolve,
    session::Session,
};
use anyhow::Result;
use clap::Args;
use domain::Channel;
use proto::{
    campaign::{Audience, PreviewAudienceRequest, PreviewAudienceResponse},
    convert::channel_number,
};
use std::collections::HashMap;

/// A campaign's audience, or with lists and segments another one in its place.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Id, or the name if only one campaign has it
    #[arg(required_unless_present_any = ["lists", "segments"])]
    campaign: Option<String>,
    /// List to send to (name or id); repeat for more
    #[arg(long = "list", value_name = "LIST")]
    lists: Vec<String>,
    /// List to leave out (name or id); repeat for more
    #[arg(long = "exclude", value_name = "LIST")]
    excluded: Vec<String>,
    /// Segment to send to (name or id); repeat for more
    #[arg(long = "segment", value_name = "SEGMENT")]
    segments: Vec<String>,
    /// Segment to leave out (name or id); repeat for more
    #[arg(long = "exclude-segment", value_name = "SEGMENT")]
    excluded_segments: Vec<String>,
    /// Without a campaign: only this channel; repeat for more
    #[arg(long = "channel", value_name = "CHANNEL", conflicts_with = "campaign")]
    channels: Vec<Channel>,
}

pub async fn run(args: PreviewArgs, session: &Session) -> Result<()> {
    let id = match &args.campaign {
        Some(campaign) => resolve::campaign(session, campaign).await?,
        None => String::new(),
    };
    let channels = args.channels.iter().map(|channel| channel_number(*channel)).collect();
    let request = PreviewAudienceRequest { id, audience: args.audience(session).await?, channels };
    session.output.message(&session.campaigns().preview_audience(request).await?.into_inner(), describe)
}

impl PreviewArgs {
    async fn audience(&self, session: &Session) -> Result<Option<Audience>> {
        let parts = [&self.lists, &self.excluded, &self.segments, &self.excluded_segments];
        if parts.iter().all(|part| part.is_empty()) {
            return Ok(None);
        }
        Ok(Some(Audience {
            list_ids: resolve::lists(session, &self.lists).await?,
            exclude_list_ids: resolve::lists(session, &self.excluded).await?,
            segment_ids: resolve::segments(session, &self.segments).await?,
            exclude_segment_ids: resolve::segments(session, &self.excluded_segments).await?,
        }))
    }
}

/// Asks for a campaign's audience.
///
/// # Errors
/// When the hub refuses.
pub async fn preview(session: &Session, id: String) -> Result<PreviewAudienceResponse> {
    let request = PreviewAudienceRequest { id, ..PreviewAudienceRequest::default() };
    Ok(session.campaigns().preview_audience(request).await?.into_inner())
}

pub fn describe(audience: &PreviewAudienceResponse) -> String {
    let mut table = Table::new(["channel", "contacts", "reachable", "not reachable"]);
    for part in &audience.channels {
        let name = channel_name(part.channel).to_owned();
        table.row([name, number::count(part.target), number::count(part.reachable), reasons(&part.unreachable)]);
    }
    let contacts = number::of(audience.contacts, "contact", "contacts");
    format!("{table}{contacts}; a run may have {}", number::count(audience.max_recipients))
}

/// `opted_out 12, no_address 3`, the most frequent first.
pub fn reasons(counts: &HashMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
    counts.into_iter().map(|(reason, count)| format!("{reason} {}", number::count(*count))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_comes_first() {
        let counts = [("opted_out", 12), ("no_address", 1_203), ("duplicate", 12), ("invalid_address", 0)];
        let counts = counts.map(|(reason, count)| (reason.to_owned(), count)).into();
        assert_eq!(reasons(&counts), "no_address 1,203, duplicate 12, opted_out 12");
    }
}
