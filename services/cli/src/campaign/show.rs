//! `fanfare campaign show|list`.

use super::{Which, approvals, audience, consent, guards, name, present, status};
use crate::{alerts, output::number, resolve, session::Session};
use anyhow::Result;
use proto::{
    campaign::{Campaign, CampaignStatus, GetCampaignRequest},
    convert::channel,
    sender::Sender,
};

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only those in this state, such as active
    #[arg(long, value_parser = state)]
    status: Option<CampaignStatus>,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

fn state(text: &str) -> Result<CampaignStatus, String> {
    let name = format!("CAMPAIGN_STATUS_{}", text.to_uppercase().replace('-', "_"));
    CampaignStatus::from_str_name(&name)
        .filter(|status| *status != CampaignStatus::Unspecified)
        .ok_or_else(|| "use draft, in_review, approved, scheduled, active, paused, completed, cancelled or failed".to_owned())
}

pub async fn list(args: ListArgs, session: &Session) -> Result<()> {
    let campaigns = resolve::campaigns(session, args.limit, args.status.unwrap_or_default()).await?;
    session.output.rows(["id", "name", "status", "channels", "ready"], &campaigns, |campaign| {
        let ready = if campaign.ready { "yes" } else { "no" };
        [campaign.id.clone(), name(campaign).to_owned(), status(campaign.status).to_owned(), channels(campaign), ready.to_owned()]
    })
}

fn channels(campaign: &Campaign) -> String {
    let settings = campaign.settings.iter().flat_map(|settings| &settings.channels);
    settings.filter_map(|setting| channel(setting.channel)).map(|channel| channel.as_str()).collect::<Vec<_>>().join(", ")
}

pub async fn one(which: &Which, session: &Session) -> Result<()> {
    let request = GetCampaignRequest { id: which.id(session).await? };
    let campaign = present(session.campaigns().get_campaign(request).await?.into_inner().campaign)?;
    let named = campaign.settings.iter().flat_map(|settings| &settings.channels).any(|of| !of.fallback_sender_id.is_empty());
    let senders = if named && !session.output.is_json() { resolve::senders(session).await? } else { Vec::new() };
    session.output.message(&campaign, |campaign| describe(campaign, &senders))
}

fn describe(campaign: &Campaign, senders: &[Sender]) -> String {
    let settings = campaign.settings.clone().unwrap_or_default();
    let schedule =
        settings.schedule.as_ref().map_or_else(|| "at once when sent".to_owned(), |s| format!("{} {}", s.local_time, s.timezone));
    let mut fields = vec![
        ("id", campaign.id.clone()),
        ("name", settings.name.clone()),
        ("description", settings.description.clone()),
        ("status", status(campaign.status).to_owned()),
        ("why", campaign.status_reason.clone()),
        ("ready", if campaign.ready { "yes" } else { "no: audience, content or senders are incomplete" }.to_owned()),
        ("channels", channels(campaign)),
        ("template", settings.template_id.clone()),
        ("lists", settings.list_ids.join(", ")),
        ("left out", settings.exclude_list_ids.join(", ")),
        ("schedule", schedule),
        ("version", versions(campaign)),
        ("approved by", campaign.approved_by.clone()),
        ("review", campaign.review.as_ref().map(approvals::line).unwrap_or_default()),
        ("would change", campaign.proposed.iter().flat_map(|_| &campaign.review).map(|review| review.changed.join(", ")).collect()),
        ("run", campaign.run_id.clone()),
    ];
    fields.extend(audience::describe(&settings, campaign.audience.as_ref()));
    fields.extend(consent::describe(&settings));
    fields.extend(guards::describe(&settings, senders));
    if campaign.spent_micros > 0 {
        fields.push(("spent", number::amount(campaign.spent_micros)));
    }
    fields.extend(campaign.alerts.iter().map(|alert| ("ALERT", alerts::line(alert))));
    let lines = fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name:<12} {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Which version of its template it has, and what its run sends of it.
fn versions(campaign: &Campaign) -> String {
    match (campaign.template_version, campaign.content_version) {
        (0, _) => String::new(),
        (template, 0) => format!("{template} of the template"),
        (template, content) => format!("{template} of the template, sent as version {content}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_may_be_typed_in_small_letters() {
        assert_eq!(state("in-review").unwrap(), CampaignStatus::InReview);
        assert_eq!(state("ACTIVE").unwrap(), CampaignStatus::Active);
        assert!(state("unspecified").is_err());
    }
}
