//! The moves of a person with a hub: people in, a campaign out, and a look at both sides' figures.

use anyhow::{Context, Result, bail};
use cli::{
    campaign::{create, moves, recount, stats},
    contacts::import,
    hub::{accounts, devices, sandbox::Sandbox, seed::Seeded},
};
use domain::Channel;
use proto::{
    analytics::{CampaignStats, ChannelStats},
    campaign::{ChannelSetting, Schedule, Settings},
    contact::ImportOptions,
    convert::channel_number,
    sender::UpdateSenderRequest,
    template::CreateTemplateRequest,
};
use std::{
    collections::HashSet,
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(100);

/// A workspace that is ready to send.
pub struct Desk {
    pub seeded: Seeded,
    /// How long to wait for something to come about.
    pub patience: Duration,
    /// For the files that are imported.
    pub(crate) folder: PathBuf,
}

/// A campaign that was sent, or will be.
pub struct Campaign {
    pub id: String,
    pub channels: Vec<Channel>,
}

/// Somebody to send to.
pub struct Contact {
    pub email: String,
    pub phone: String,
}

impl Contact {
    /// Person number `n`, with an address for every channel.
    #[must_use]
    pub fn numbered(n: usize) -> Self {
        Self { email: format!("person{n}@example.com"), phone: format!("+97150{:07}", 1_000_000 + n) }
    }
}

impl Desk {
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.seeded.sandbox
    }

    /// Imports people as a list; answers with its id.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn people(&self, contacts: &[Contact]) -> Result<String> {
        let mut csv = "external_id,name,email,phone\n".to_owned();
        for (n, contact) in contacts.iter().enumerate() {
            writeln!(csv, "p{n},Person {n},{},{}", contact.email, contact.phone)?;
        }
        let path = self.folder.join("people.csv");
        std::fs::write(&path, csv)?;
        let list_id = import::list_named(&self.seeded.agent, "People").await?;
        import::import(&self.seeded.agent, &path, ImportOptions { list_id: list_id.clone(), ..ImportOptions::default() }).await?;
        Ok(list_id)
    }

    /// Sets the pace of the sender of a channel.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn set_rate(&self, channel: Channel, rate_per_second: f64) -> Result<()> {
        self.set_pace(usual_sender(channel), rate_per_second).await
    }

    /// Sets the pace of a sender, by its name.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn set_pace(&self, sender: &str, rate_per_second: f64) -> Result<()> {
        let id = self.sender(sender)?;
        let request = UpdateSenderRequest { id, rate_per_second: Some(rate_per_second), ..UpdateSenderRequest::default() };
        self.seeded.admin.senders().update_sender(request).await?;
        Ok(())
    }

    /// A sender's id.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn sender(&self, name: &str) -> Result<String> {
        self.seeded.senders.get(name).cloned().with_context(|| format!("no sender {name:?}"))
    }

    /// An approved campaign to a list.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn approved(&self, list_id: String, channels: &[Channel], schedule: Option<Schedule>) -> Result<Campaign> {
        let senders: Vec<_> = channels.iter().map(|channel| (*channel, usual_sender(*channel))).collect();
        self.approved_with(&senders, Settings { list_ids: vec![list_id], schedule, ..Settings::default() }).await
    }

    /// An approved campaign with settings of one's own, over these channels by these senders.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn approved_with(&self, senders: &[(Channel, &str)], settings: Settings) -> Result<Campaign> {
        let channels: Vec<Channel> = senders.iter().map(|(channel, _)| *channel).collect();
        let request = CreateTemplateRequest {
            name: format!("Template {}", uuid::Uuid::now_v7()),
            content: Some(self.content(&channels)),
            request_id: String::new(),
        };
        let template = self.seeded.agent.templates().create_template(request).await?.into_inner().template.context("no template")?;
        let setting = |(channel, sender): &(Channel, &str)| {
            let also = every_sender(*channel).iter().filter(|name| *name != sender).map(|name| self.sender(name));
            let (sender_id, also_sender_ids) = (self.sender(sender)?, also.collect::<Result<_>>()?);
            Ok(ChannelSetting { channel: channel_number(*channel), sender_id, also_sender_ids, ..ChannelSetting::default() })
        };
        let settings = Settings {
            name: "Scenario".to_owned(),
            template_id: template.id,
            channels: senders.iter().map(setting).collect::<Result<_>>()?,
            ..settings
        };
        let campaign = create::create(&self.seeded.agent, settings).await?;
        moves::submit(&self.seeded.agent, campaign.id.clone()).await?;
        moves::approve(&self.seeded.admin, campaign.id.clone()).await?;
        Ok(Campaign { id: campaign.id, channels })
    }

    /// Gives the first so many of a list's people a device each: half an app, half a browser.
    ///
    /// # Errors
    /// When the hub or the sandbox refuses.
    pub async fn give_devices(&self, list_id: &str, count: usize) -> Result<HashSet<String>> {
        let ids = devices::members(&self.seeded, list_id).await?;
        let owner = |n| ids.get(&format!("p{n}")).cloned().with_context(|| format!("there is no person p{n}"));
        devices::give(&self.seeded, (0..count).map(owner).collect::<Result<_>>()?).await
    }

    /// An approved campaign that is on its way.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn sending(&self, list_id: String, channels: &[Channel]) -> Result<Campaign> {
        let campaign = self.approved(list_id, channels, None).await?;
        moves::send(&self.seeded.admin, campaign.id.clone()).await?;
        Ok(campaign)
    }

    /// The figures now.
    ///
    /// # Errors
    /// When analytics doesn't answer.
    pub async fn stats(&self, campaign: &Campaign) -> Result<CampaignStats> {
        stats::stats(&self.seeded.agent, campaign.id.clone()).await
    }

    /// Waits until the figures are as wanted. A service that is down right now is waited for too.
    ///
    /// # Errors
    /// When they are not in time; the last ones are in the message.
    pub async fn until(&self, campaign: &Campaign, what: &str, wanted: impl Fn(&CampaignStats) -> bool) -> Result<CampaignStats> {
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < self.patience {
            match self.stats(campaign).await {
                Ok(stats) if wanted(&stats) => return Ok(stats),
                Ok(stats) => last = format!("{} {}", stats.campaign_status, stats::describe(&stats)),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("not in time: {what}. Last seen:\n{last}")
    }

    /// Waits until the campaign has that status, the sandbox has played all its callbacks and both sides agree, recount included.
    ///
    /// # Errors
    /// When they don't in time.
    pub async fn agreed(&self, campaign: &Campaign, status: &str) -> Result<CampaignStats> {
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < self.patience {
            match self.disagreement(campaign, status).await {
                Ok((stats, None)) => return Ok(stats),
                Ok((stats, Some(found))) => last = format!("{found}\n{}", stats::describe(&stats)),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("the two sides don't agree: {last}")
    }

    async fn disagreement(&self, campaign: &Campaign, status: &str) -> Result<(CampaignStats, Option<String>)> {
        let figures = self.sandbox().figures().await?;
        let stats = self.stats(campaign).await?;
        let found = if stats.campaign_status != status {
            Some(format!("the campaign is {}", stats.campaign_status))
        } else if figures.pending > 0 {
            Some(format!("{} callbacks are to come", figures.pending))
        } else {
            let differences = cli::demo::settle::differences(&stats, &figures);
            (!differences.is_empty()).then(|| differences.join("; "))
        };
        if found.is_none() && !recount::recount(&self.seeded.agent, campaign.id.clone()).await?.equal {
            return Ok((stats, Some("a recount gives other figures".to_owned())));
        }
        Ok((stats, found))
    }

    /// Addresses that got more than one message on a channel, by the sandbox's log.
    ///
    /// # Errors
    /// When the sandbox doesn't answer.
    pub async fn duplicates(&self) -> Result<usize> {
        let log = self.sandbox().log().await?;
        let mut seen = HashSet::new();
        Ok(log.into_iter().filter(|message| !seen.insert((message.channel, message.to.to_lowercase()))).count())
    }
}

impl Campaign {
    /// The sum that must hold at every moment.
    ///
    /// # Panics
    /// When it doesn't.
    pub fn assert_accounted_for(stats: &CampaignStats) {
        for part in &stats.channels {
            assert!(accounted_for(part), "{part:?}");
        }
    }
}

/// Whether a channel's target is the sum of what became of it, which must hold at every moment.
#[must_use]
pub fn accounted_for(part: &ChannelStats) -> bool {
    let ChannelStats { target, pending, sent, rejected, uncertain, unknown, cancelled, expired, .. } = *part;
    let suppressed: u64 = part.suppressed.values().sum();
    target == suppressed + pending + sent + rejected + uncertain + unknown + cancelled + expired
}

const fn usual_sender(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => accounts::SENDGRID,
        Channel::Sms => accounts::TWILIO_SMS,
        Channel::Whatsapp => accounts::META,
        Channel::Push => accounts::FCM,
        Channel::Social => accounts::FACEBOOK,
    }
}

/// The apps and the accounts that a campaign goes by all at once; none on the other channels.
const fn every_sender(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Push => &accounts::PUSH,
        Channel::Social => &accounts::SOCIAL,
        Channel::Email | Channel::Sms | Channel::Whatsapp => &[],
    }
}
