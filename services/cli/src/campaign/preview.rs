//! `fanfare campaign preview`: whom it would reach as of now, before anything is sent.

use super::Which;
use crate::{
    output::{Table, channel_name, number},
    session::Session,
};
use anyhow::Result;
use proto::campaign::{PreviewAudienceRequest, PreviewAudienceResponse};
use std::collections::HashMap;

pub async fn run(which: &Which, session: &Session) -> Result<()> {
    let audience = preview(session, which.id(session).await?).await?;
    session.output.message(&audience, describe)
}

/// Asks for a campaign's audience.
///
/// # Errors
/// When the hub refuses.
pub async fn preview(session: &Session, id: String) -> Result<PreviewAudienceResponse> {
    Ok(session.campaigns().preview_audience(PreviewAudienceRequest { id }).await?.into_inner())
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
