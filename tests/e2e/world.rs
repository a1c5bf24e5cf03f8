//! One hub a scenario, on servers that all scenarios share.

use anyhow::{Context, Result, bail};
use cli::{
    campaign::{create, moves, recount, stats},
    contacts::import,
    hub::{Place, accounts, sandbox::Sandbox, seed::Seeded},
    output::Output,
};
use devstack::{Hub, HubOptions, Secrets, StateDir, TestDatabase, TestServers, test_database};
use domain::Channel;
use proto::{
    analytics::{CampaignStats, ChannelStats},
    campaign::{ChannelSetting, Schedule, Settings},
    contact::ImportOptions,
    convert::channel_number,
    sender::UpdateSenderRequest,
    template::{Content, CreateTemplateRequest, EmailVariant, MetaTemplate, SmsVariant, TwilioContent, WhatsappVariant},
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(100);
/// Longer than any scenario takes that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// A hub with a workspace that is ready to send.
pub struct World {
    pub hub: Hub,
    pub seeded: Seeded,
    pub state: StateDir,
    /// How long to wait for something to come about.
    pub patience: Duration,
    _database: TestDatabase,
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

impl World {
    /// Starts a hub; `behaviour` is the sandbox's.
    ///
    /// # Errors
    /// When something doesn't start.
    pub async fn start(behaviour: Value) -> Result<Self> {
        runtime::install_crypto();
        let servers = TestServers::shared().await?;
        let database = test_database().await?;
        let state = StateDir::scratch(&devstack::dirs::state_dir()?).await?;
        let mut options = HubOptions::new(&database.url, &servers.nats_url)?;
        options.subject_prefix = devstack::subject_prefix();
        let hub = Hub::start(&state, &options).await?;
        let place = Place { state_dir: state.path().to_owned(), addresses: hub.addresses.clone(), secrets: hub.secrets.clone() };
        let workspace = place.create_workspace("Scenario", Output::new(true)).await?;
        let seeded = place.seed(workspace, &Secrets::generate()?, &behaviour, Output::new(true)).await?;
        Ok(Self { hub, seeded, state, patience: PATIENCE, _database: database })
    }

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
        let path = self.state.path().join("people.csv");
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
        let request =
            UpdateSenderRequest { id: self.sender(channel)?, rate_per_second: Some(rate_per_second), ..UpdateSenderRequest::default() };
        self.seeded.admin.senders().update_sender(request).await?;
        Ok(())
    }

    fn sender(&self, channel: Channel) -> Result<String> {
        let name = match channel {
            Channel::Email => accounts::SENDGRID,
            Channel::Sms => accounts::TWILIO_SMS,
            Channel::Whatsapp => accounts::META,
        };
        self.seeded.senders.get(name).cloned().with_context(|| format!("no sender {name:?}"))
    }

    /// An approved campaign to a list.
    ///
    /// # Errors
    /// When the hub refuses.
    pub async fn approved(&self, list_id: String, channels: &[Channel], schedule: Option<Schedule>) -> Result<Campaign> {
        let request = CreateTemplateRequest {
            name: format!("Template {}", uuid::Uuid::now_v7()),
            content: Some(content()),
            request_id: String::new(),
        };
        let template = self.seeded.agent.templates().create_template(request).await?.into_inner().template.context("no template")?;
        let setting = |channel: &Channel| Ok(ChannelSetting { channel: channel_number(*channel), sender_id: self.sender(*channel)? });
        let settings = Settings {
            name: "Scenario".to_owned(),
            template_id: template.id,
            channels: channels.iter().map(setting).collect::<Result<_>>()?,
            list_ids: vec![list_id],
            schedule,
            ..Settings::default()
        };
        let campaign = create::create(&self.seeded.agent, settings).await?;
        moves::submit(&self.seeded.agent, campaign.id.clone()).await?;
        moves::approve(&self.seeded.admin, campaign.id.clone()).await?;
        Ok(Campaign { id: campaign.id, channels: channels.to_vec() })
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
        let mut seen = std::collections::HashSet::new();
        Ok(log.into_iter().filter(|message| !seen.insert((message.channel, message.to.to_lowercase()))).count())
    }
}

/// The sum that must hold at every moment.
///
/// # Panics
/// When it doesn't.
#[expect(clippy::missing_panics_doc, reason = "documented above")]
impl Campaign {
    pub fn assert_accounted_for(stats: &CampaignStats) {
        for part in &stats.channels {
            let ChannelStats { target, pending, sent, rejected, uncertain, cancelled, expired, .. } = *part;
            let suppressed: u64 = part.suppressed.values().sum();
            assert_eq!(target, suppressed + pending + sent + rejected + uncertain + cancelled + expired, "{part:?}");
        }
    }
}

fn content() -> Content {
    Content {
        fragments: [("offer".to_owned(), "20% off".to_owned())].into(),
        email: Some(EmailVariant {
            subject: "{{ name }}, {{ fragments.offer }}".to_owned(),
            html: "<html><body><p>Hello {{ name }}</p><a href=\"https://example.com/offer\">{{ fragments.offer }}</a>
                   <a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></body></html>"
                .to_owned(),
            text: String::new(),
        }),
        sms: Some(SmsVariant { text: "{{ name }}: {{ fragments.offer }}. STOP to opt out".to_owned() }),
        whatsapp: Some(WhatsappVariant {
            twilio: Some(TwilioContent {
                content_sid: format!("HX{}", "0123456789abcdef".repeat(2)),
                variables: [("1".to_owned(), "{{ name }}".to_owned())].into(),
            }),
            meta: Some(MetaTemplate {
                name: "offer".to_owned(),
                language: "en".to_owned(),
                body: vec!["{{ name }}".to_owned(), "{{ fragments.offer }}".to_owned()],
                ..MetaTemplate::default()
            }),
        }),
    }
}
