//! A campaign over SMS and e-mail to a few people, as campaign-api and the scheduler would have written it.

use crate::support::Analytics;
use domain::{
    CampaignId, Channel, ContactId, ListId, RunId, SenderId, TemplateId, WorkerId, WorkspaceId,
    address::Address,
    campaign::{ChannelSettings, Settings, Status},
    content::TemplateContent,
    delivery::State,
    facts::key,
};
use proto::event::{Count, Fact, FactKind};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use store::{
    PgConnection, contact, expand, gate,
    record::{self, Tried},
    run,
    sender::Sender,
    stats::{self, Filter},
    template::Template,
    workspace::Workspace,
};
use time::OffsetDateTime;

pub struct Campaign {
    pub workspace: WorkspaceId,
    pub id: CampaignId,
    pub run: RunId,
    pub sender: SenderId,
    /// The SMS deliveries.
    pub deliveries: Vec<i64>,
}

impl Campaign {
    /// With `people` contacts that have a phone and no e-mail address.
    pub async fn start(analytics: &Analytics, people: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        let mut tx = analytics.db.begin().await.unwrap();
        let mut campaign = Self {
            workspace: WorkspaceId::new(),
            id: CampaignId::new(),
            run: RunId::new(),
            sender: SenderId::new(),
            deliveries: Vec::new(),
        };
        write_workspace(&mut tx, campaign.workspace, now).await;
        let (template, list) = (TemplateId::new(), ListId::new());
        write_template(&mut tx, campaign.workspace, template, now).await;
        write_people(&mut tx, campaign.workspace, list, people, now).await;
        let mail = SenderId::new();
        for (id, channel, provider) in [(campaign.sender, Channel::Sms, "twilio"), (mail, Channel::Email, "smtp")] {
            write_sender(&mut tx, campaign.workspace, id, channel, provider, now).await;
        }
        let settings = Settings {
            name: "Test".to_owned(),
            description: String::new(),
            template_id: Some(template),
            channels: [(Channel::Sms, campaign.sender), (Channel::Email, mail)]
                .map(|(channel, id)| (channel, ChannelSettings::of(id)))
                .into(),
            list_ids: vec![list],
            exclude_list_ids: Vec::new(),
            schedule: None,
            expires_after_hours: 1,
            ..Settings::default()
        };
        write_campaign(&mut tx, &campaign, settings, now).await;
        run::create(&mut tx, campaign.id, "once", campaign.run, now).await.unwrap();
        let expanding = expand::lock(&mut tx, campaign.run).await.unwrap().unwrap();
        assert!(expand::chunk(&mut tx, &expanding, 1_000, now).await.unwrap().done);
        let sms = Filter { channel: Some(Channel::Sms), wanted: None };
        let written = stats::deliveries(&mut tx, campaign.workspace, campaign.id, &sms, None, 1_000).await.unwrap();
        campaign.deliveries = written.iter().map(|delivery| delivery.delivery_id.0).collect();
        tx.commit().await.unwrap();
        campaign
    }

    /// What the scheduler says of the audience.
    pub fn expanded(&self) -> Vec<Fact> {
        let people = self.deliveries.len() as u64;
        let count = |channel: Channel, suppressed: HashMap<String, u64>| Fact {
            key: key(&format!("expanded/{channel}")).to_vec(),
            kind: FactKind::Expanded.into(),
            count: Some(Count {
                workspace_id: self.workspace.to_string(),
                campaign_id: self.id.to_string(),
                run_id: self.run.to_string(),
                channel: channel.to_string(),
                sender_id: self.sender.to_string(),
                target: people,
                suppressed,
                ..Count::default()
            }),
            ..Fact::default()
        };
        vec![count(Channel::Sms, HashMap::new()), count(Channel::Email, HashMap::from([("no_address".to_owned(), people)]))]
    }

    /// Lets all SMS deliveries through the gate, as fast as the sender's pace allows, and records them as accepted.
    pub async fn send(&self, analytics: &Analytics) {
        let mut sent = 0;
        while sent < self.deliveries.len() {
            let mut tx = analytics.db.begin().await.unwrap();
            let (passed, wait) = self.send_some(&mut tx).await;
            tx.commit().await.unwrap();
            sent += passed;
            tokio::time::sleep(wait.unwrap_or_default()).await;
        }
    }

    async fn send_some(&self, tx: &mut PgConnection) -> (usize, Option<Duration>) {
        let (worker, now) = (WorkerId::new(), OffsetDateTime::now_utc());
        let ask = gate::Ask {
            run_id: self.run,
            channel: Channel::Sms,
            sender_id: self.sender,
            worker_id: worker,
            delivery_ids: &self.deliveries,
            limit: 1_000,
        };
        let answer = gate::pass(tx, ask, now).await.unwrap();
        let accepted = |claimed: &gate::Claimed| Tried {
            provider_message_id: Some(format!("SM{}", claimed.delivery_id)),
            ..Tried::new(claimed.delivery_id, claimed.attempt, State::Accepted)
        };
        let tried: Vec<_> = answer.claimed.iter().map(accepted).collect();
        (record::record(tx, worker, &tried, now).await.unwrap().len(), answer.wait)
    }

    pub async fn complete(&self, analytics: &Analytics) {
        let mut tx = analytics.db.begin().await.unwrap();
        run::finish(&mut tx, self.run, "completed", OffsetDateTime::now_utc()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn write_workspace(tx: &mut PgConnection, id: WorkspaceId, now: OffsetDateTime) {
    let workspace = Workspace {
        workspace_id: id,
        name: "Test".to_owned(),
        default_country_code: "971".to_owned(),
        phone_strip_prefixes: Vec::new(),
        max_recipients: 10_000,
        approval_required: false,
        self_approval: true,
        opt_out_keywords: Vec::new(),
        timezone: "UTC".to_owned(),
        quiet_hours: None,
        frequency_caps: Vec::new(),
        tracking: domain::tracking::WorkspaceTracking::default(),
        consent: store::workspace::ConsentSettings::default(),
        created_at: now,
    };
    store::workspace::insert(tx, &workspace).await.unwrap();
}

async fn write_template(tx: &mut PgConnection, workspace: WorkspaceId, id: TemplateId, now: OffsetDateTime) {
    let template = Template {
        template_id: id,
        name: "Test".to_owned(),
        version: 1,
        content: TemplateContent::default(),
        created_at: now,
        updated_at: now,
        archived_at: None,
    };
    store::template::insert(tx, workspace, &template, "test").await.unwrap();
}

async fn write_people(tx: &mut PgConnection, workspace: WorkspaceId, list: ListId, people: u32, now: OffsetDateTime) {
    let name = "Test".to_owned();
    let new = store::list::List { list_id: list, name, archived_at: None, created_at: now, member_count: 0, double_opt_in: false };
    store::list::insert(tx, workspace, &new).await.unwrap();
    for n in 0..people {
        let phone = format!("+9715000{n:05}");
        let phone = Address { shown: phone.clone(), key: Some(phone), problem: String::new() };
        let draft = contact::Draft { phone, ..contact::Draft::default() };
        let (id, _) = contact::upsert(tx, workspace, ContactId::new(), &draft, now).await.unwrap();
        store::list::add_members(tx, workspace, list, &[id.0], now).await.unwrap();
    }
}

async fn write_sender(tx: &mut PgConnection, workspace: WorkspaceId, id: SenderId, channel: Channel, provider: &str, now: OffsetDateTime) {
    let sender = Sender {
        sender_id: id,
        workspace_id: workspace,
        name: provider.to_owned(),
        channel,
        provider: provider.to_owned(),
        settings: BTreeMap::new(),
        sealed_secrets: Vec::new(),
        secret_names: Vec::new(),
        rate_per_second: 1e6,
        price_micros: 7_500,
        currency: "USD".to_owned(),
        created_at: now,
        updated_at: now,
    };
    store::sender::insert(tx, &sender).await.unwrap();
}

async fn write_campaign(tx: &mut PgConnection, campaign: &Campaign, settings: Settings, now: OffsetDateTime) {
    let stored = store::campaign::Campaign {
        campaign_id: campaign.id,
        workspace_id: campaign.workspace,
        settings,
        status: Status::Scheduled,
        paused_from: None,
        status_reason: String::new(),
        template_version: None,
        due_at: Some(now),
        revision: 1,
        approved_by: String::new(),
        approved_at: None,
        created_by: "test".to_owned(),
        created_at: now,
        updated_at: now,
        started_at: None,
        completed_at: None,
        traceparent: String::new(),
        run_id: None,
    };
    store::campaign::insert(tx, &stored).await.unwrap();
}
