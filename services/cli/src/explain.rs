//! `fanfare explain`: what became of one contact in one campaign, and why.

use crate::{output::channel_name, resolve, session::Session};
use anyhow::Result;
use proto::analytics::{ChannelExplanation, ExplainRequest, ExplainResponse, Happening};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Id, or the name if only one campaign has it
    campaign: String,
    /// The contact: its id, e-mail address, phone (with +) or external id
    contact: String,
}

pub async fn run(args: ExplainArgs, session: &Session) -> Result<()> {
    let campaign_id = resolve::campaign(session, &args.campaign).await?;
    let answer = session.analytics().explain(request(campaign_id, args.contact)).await?.into_inner();
    session.output.message(&answer, describe)
}

fn request(campaign_id: String, contact: String) -> ExplainRequest {
    let mut request = ExplainRequest { campaign_id, ..ExplainRequest::default() };
    if uuid::Uuid::parse_str(&contact).is_ok() {
        request.contact_id = contact;
    } else if contact.contains('@') || contact.starts_with('+') {
        request.address = contact;
    } else {
        request.external_id = contact;
    }
    request
}

fn describe(answer: &ExplainResponse) -> String {
    let selected = if answer.selected { "selected" } else { "never selected" };
    let mut lines = vec![
        format!("{}  {}", answer.contact_id, answer.contact_name).trim_end().to_owned(),
        format!("campaign is {}; {selected}: {}", answer.campaign_status, answer.selection.join(", ")),
    ];
    for part in &answer.channels {
        lines.push(String::new());
        lines.push(head(part));
        lines.extend(part.timeline.iter().map(moment));
    }
    lines.join("\n")
}

/// `sms  delivery 7: suppressed, opted_out (opt_out)`.
fn head(part: &ChannelExplanation) -> String {
    let delivery = match (part.delivery_id.as_str(), part.content_version) {
        ("", _) => "no delivery".to_owned(),
        (id, 0 | 1) => format!("delivery {id}"),
        (id, version) => format!("delivery {id} of version {version}"),
    };
    format!("{}  {delivery}: {}", channel_name(part.channel), because(&part.status, &part.reason, &part.rule))
}

fn moment(one: &Happening) -> String {
    let at = one.at.and_then(|at| {
        let at = OffsetDateTime::from_unix_timestamp(at.seconds).ok()? + time::Duration::milliseconds((at.nanos / 1_000_000).into());
        at.format(&Rfc3339).ok()
    });
    let attempt = if one.attempt > 0 { format!("  (try {})", one.attempt) } else { String::new() };
    format!("  {:<24}  {}{attempt}", at.unwrap_or_default(), because(&one.what, &one.reason, &one.rule))
}

fn because(what: &str, reason: &str, rule: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(", {reason}") };
    let rule = if rule.is_empty() { String::new() } else { format!(" ({rule})") };
    format!("{what}{reason}{rule}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_named_in_any_way() {
        let named = |contact: &str| request("c".into(), contact.into());
        assert_eq!(named("ann@example.com").address, "ann@example.com");
        assert_eq!(named("+971500000001").address, "+971500000001");
        assert_eq!(named("customer-7").external_id, "customer-7");
        assert_eq!(named("0198f1e2-0000-7000-8000-000000000000").contact_id, "0198f1e2-0000-7000-8000-000000000000");
    }

    #[test]
    fn the_story_is_told_in_lines() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 5_000_000 });
        let happened = |seconds, what: &str, attempt| Happening { at: at(seconds), what: what.into(), attempt, ..Default::default() };
        let sms = ChannelExplanation {
            channel: proto::convert::channel_number(domain::Channel::Sms),
            delivery_id: "7".into(),
            status: "suppressed".into(),
            reason: "opted_out".into(),
            rule: "opt_out".into(),
            timeline: vec![happened(0, "selected", 0), happened(1, "passed", 1)],
            content_version: 2,
        };
        let answer = ExplainResponse {
            contact_id: "id".into(),
            contact_name: "Ann".into(),
            campaign_status: "ACTIVE".into(),
            selection: vec!["on the list Customers".into()],
            selected: true,
            channels: vec![sms],
        };
        let expected = "id  Ann\ncampaign is ACTIVE; selected: on the list Customers\n\nsms  delivery 7 of version 2: suppressed, opted_out (opt_out)\n  \
                        1970-01-01T00:00:00.005Z  selected\n  1970-01-01T00:00:01.005Z  passed  (try 1)";
        assert_eq!(describe(&answer), expected);
    }
}
