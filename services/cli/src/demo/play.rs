//! The play: import, template, campaign, approval, sending, watching.

use super::{
    Script,
    audience::Reach,
    report::{Evidence, Outcome},
    settle::settle,
};
use crate::{
    campaign::{self, preview, stats, watch},
    contacts::import,
    hub::{Place, accounts, devices, seed::Seeded},
    optout,
    output::{channel_name, number},
    session::request_id,
    template,
};
use anyhow::{Context, Result, bail};
use devstack::Secrets;
use domain::Channel;
use proto::{
    analytics::{CampaignStats, Delivery, ListDeliveriesRequest},
    campaign::{ChannelSetting, PreviewAudienceResponse, Settings},
    contact::ImportOptions,
    convert::channel_number,
};
use serde_json::json;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use time::OffsetDateTime;

/// Longer than any machine needs that can build this.
const SENDING_TIMEOUT: Duration = Duration::from_secs(100);
/// The campaign's channels and who carries each.
const CHANNELS: [(Channel, &[&str]); 5] = [
    (Channel::Email, &[accounts::SENDGRID]),
    (Channel::Sms, &[accounts::TWILIO_SMS]),
    (Channel::Whatsapp, &[accounts::META]),
    (Channel::Push, &accounts::PUSH),
    (Channel::Social, &accounts::SOCIAL),
];
/// The example's host, which is nobody's: what is fetched from it comes from the sandbox.
const NOBODYS_HOST: &str = "https://lumen.example/";

/// How long the parts took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seconds {
    pub import: f64,
    pub expand: f64,
    pub send: f64,
}

/// Plays everything; what did not agree is in the outcome.
pub async fn play(script: &Script, place: &Place) -> Result<Outcome> {
    let seeded = stage(place, script).await?;
    let started = Instant::now();
    let list_id = bring_contacts(script, &seeded).await?;
    let mut seconds = Seconds { import: started.elapsed().as_secs_f64(), ..Seconds::default() };
    let reach = Reach { devices: bring_devices(script, &seeded, &list_id).await?, accounts: accounts::SOCIAL.len() as u64 };
    let template_id = make_template(script, &seeded, place).await?;
    let campaign_id = make_campaign(script, &seeded, list_id, template_id).await?;
    let audience = preview::preview(&seeded.agent, campaign_id.clone()).await?;
    script.step("audience", &in_line(&audience))?;
    send(script, &seeded, &campaign_id, &audience, &mut seconds).await?;
    let settled = settle(&seeded, &campaign_id).await?;
    script.step("settled", "every callback is in, and the figures stand still")?;
    let log = seeded.sandbox.log().await?;
    let posts = posts(&seeded, &campaign_id).await?;
    Ok(Outcome::new(settled, Evidence { audience: &script.audience, reach: &reach, preview: &audience, log: &log }, posts, seconds))
}

/// What became of the post on each account.
async fn posts(seeded: &Seeded, campaign_id: &str) -> Result<Vec<Delivery>> {
    let channel = channel_number(Channel::Social);
    let request = ListDeliveriesRequest { campaign_id: campaign_id.to_owned(), channel, ..ListDeliveriesRequest::default() };
    Ok(seeded.agent.analytics().list_deliveries(request).await?.into_inner().deliveries)
}

/// A workspace and provider accounts that no earlier run has used, so that nothing of one can reach this one's figures.
async fn stage(place: &Place, script: &Script) -> Result<Seeded> {
    let name = format!("Demo {}", OffsetDateTime::now_utc().unix_timestamp());
    let workspace = place.create_workspace(&name, script.output).await?;
    let accounts = Secrets::generate()?;
    let seeded = place.seed(workspace, &accounts, &json!({}), script.output).await?;
    seeded.sandbox.reset().await?;
    Ok(seeded)
}

async fn bring_contacts(script: &Script, seeded: &Seeded) -> Result<String> {
    let list_id = import::list_named(&seeded.agent, "Everybody").await?;
    let options = ImportOptions { list_id: list_id.clone(), columns: script.audience.columns_left_out(), ..ImportOptions::default() };
    let imported = import::import(&seeded.agent, &script.contacts, options).await?;
    let summary = import::summary(&imported);
    script.step("import", summary.lines().next().unwrap_or_default())?;
    let opt_outs = script.audience.opt_outs();
    let added = optout::add(&seeded.agent, opt_outs).await?;
    script.step("opt-outs", &format!("{} that the file names", number::of(added, "entry", "entries")))?;
    Ok(list_id)
}

async fn bring_devices(script: &Script, seeded: &Seeded, list_id: &str) -> Result<HashSet<String>> {
    let ids = devices::members(seeded, list_id).await?;
    let owner = |external_id: &String| ids.get(external_id).cloned().with_context(|| format!("{external_id} was not imported"));
    let owners = script.audience.with_device().iter().map(owner).collect::<Result<Vec<_>>>()?;
    let given = devices::give(seeded, owners).await?;
    let people = number::of(given.len() as u64, "person has", "people have");
    script.step("devices", &format!("{people} the app, or said yes in a browser"))?;
    Ok(given)
}

async fn make_template(script: &Script, seeded: &Seeded, place: &Place) -> Result<String> {
    let mut request = template::file::read(&script.template)?;
    request.request_id = request_id();
    if let Some(social) = request.content.as_mut().and_then(|content| content.social.as_mut()) {
        for url in social.media_urls.iter_mut().filter(|url| url.starts_with(NOBODYS_HOST)) {
            *url = format!("{}/picture.jpg", place.addresses.sandbox);
        }
    }
    let template = seeded.agent.templates().create_template(request).await?.into_inner().template;
    let template = template.context("the hub's answer has no template")?;
    script.step("template", &format!("{:?}, written once for {} channels", template.name, CHANNELS.len()))?;
    Ok(template.id)
}

async fn make_campaign(script: &Script, seeded: &Seeded, list_id: String, template_id: String) -> Result<String> {
    let settings = Settings {
        name: "Lumen One launch".to_owned(),
        template_id,
        channels: CHANNELS.iter().map(|(channel, senders)| setting(seeded, *channel, senders)).collect::<Result<_>>()?,
        list_ids: vec![list_id],
        ..Settings::default()
    };
    let campaign = campaign::create::create(&seeded.agent, settings).await?;
    campaign::moves::submit(&seeded.agent, campaign.id.clone()).await?;
    campaign::moves::approve(&seeded.admin, campaign.id.clone()).await?;
    script.step("campaign", "drafted and submitted by an agent, approved by an admin")?;
    Ok(campaign.id)
}

fn setting(seeded: &Seeded, channel: Channel, senders: &[&str]) -> Result<ChannelSetting> {
    let id = |name: &&str| seeded.senders.get(*name).cloned().with_context(|| format!("there is no sender {name:?}"));
    let mut ids = senders.iter().map(id).collect::<Result<Vec<_>>>()?.into_iter();
    let sender_id = ids.next().context("a channel needs a sender")?;
    Ok(ChannelSetting { channel: channel_number(channel), sender_id, also_sender_ids: ids.collect(), ..ChannelSetting::default() })
}

fn in_line(audience: &PreviewAudienceResponse) -> String {
    let parts = audience.channels.iter().map(|part| format!("{} {}", channel_name(part.channel), number::count(part.reachable)));
    format!("{}, reachable: {}", number::of(audience.contacts, "contact", "contacts"), parts.collect::<Vec<_>>().join(", "))
}

/// Sends it and follows it to its end.
async fn send(
    script: &Script,
    seeded: &Seeded,
    campaign_id: &str,
    audience: &PreviewAudienceResponse,
    seconds: &mut Seconds,
) -> Result<()> {
    let target = audience.channels.iter().map(|part| part.target).sum();
    campaign::moves::send(&seeded.admin, campaign_id.to_owned()).await?;
    let sent_at = Instant::now();
    script.step("send", "and away")?;
    let mut last = CampaignStats::default();
    let followed = watch::follow(&seeded.admin, campaign_id.to_owned(), 1, |stats| {
        mark(seconds, stats, target, sent_at.elapsed().as_secs_f64());
        last = stats.clone();
        Ok(())
    });
    let Ok(end) = tokio::time::timeout(SENDING_TIMEOUT, followed).await else {
        bail!("the campaign is not done after {} s:\n{}", SENDING_TIMEOUT.as_secs(), stats::describe(&last))
    };
    let end = end?;
    if end.campaign_status != "COMPLETED" {
        bail!("the campaign ended otherwise than completed:\n{}", stats::describe(&end));
    }
    Ok(())
}

/// Notes when the audience was written, and when nothing waited any more.
fn mark(seconds: &mut Seconds, stats: &CampaignStats, target: u64, now: f64) {
    let written = stats.channels.iter().map(|part| part.target).sum::<u64>() >= target;
    if written && seconds.expand == 0.0 {
        seconds.expand = now;
    }
    if written && seconds.send == 0.0 && stats.channels.iter().all(|part| part.pending == 0) {
        seconds.send = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::analytics::ChannelStats;

    #[test]
    fn each_moment_is_noted_once() {
        let stats = |target, pending| CampaignStats {
            channels: vec![ChannelStats { target, pending, ..Default::default() }],
            ..Default::default()
        };
        let mut seconds = Seconds::default();
        mark(&mut seconds, &stats(50, 0), 100, 0.5);
        assert_eq!(seconds, Seconds::default());
        mark(&mut seconds, &stats(100, 80), 100, 1.0);
        mark(&mut seconds, &stats(100, 0), 100, 4.0);
        mark(&mut seconds, &stats(100, 0), 100, 9.0);
        assert_eq!(seconds, Seconds { import: 0.0, expand: 1.0, send: 4.0 });
    }
}
