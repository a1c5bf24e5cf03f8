//! A database with a large list and campaigns that are being sent.

use anyhow::Result;
use devstack::{TestDatabase, test_database};
use domain::{CampaignId, Channel, RunId, SenderId, WorkspaceId};
use runtime::seal::Kek;
use std::time::Instant;
use store::{Db, Role, admin::raw, expand, job::Job};
use time::OffsetDateTime;
use uuid::Uuid;

pub struct Stage {
    pub db: Db,
    pub database: TestDatabase,
    pub workspace: WorkspaceId,
    /// The key that credentials are sealed with, as a service is configured with it.
    pub kek: String,
    list: Uuid,
    template: Uuid,
}

#[derive(Clone, Copy)]
pub struct Campaign {
    pub id: CampaignId,
    pub run: RunId,
    pub sender: SenderId,
}

pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Things per second.
pub fn rate(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}

impl Stage {
    /// A workspace with a list of that many contacts.
    pub async fn new(contacts: usize) -> Result<Self> {
        let database = test_database().await?;
        let db = Db::connect(&database.url, Role::Owner, 16).await?;
        let stage =
            Self { db, database, workspace: WorkspaceId::new(), kek: Kek::generate()?, list: Uuid::now_v7(), template: Uuid::now_v7() };
        let (workspace, list, template) = (stage.workspace, stage.list, stage.template);
        let content = r#"{"sms": {"text": "Hello {{ name }}, 20% off at https://example.com. STOP to opt out"},
                          "email": {"subject": "Hello {{ name }}", "text": "Hello {{ name }}",
                                    "html": "<html><body><p>Hello {{ name }}</p><a href=\"https://example.com\">Offer</a></body></html>"}}"#;
        for sql in [
            format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{workspace}', 'w', now())"),
            format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', 'l', now())"),
            format!(
                "INSERT INTO core.template (template_id, workspace_id, name, version, created_at, updated_at)
                     VALUES ('{template}', '{workspace}', 't', 1, now(), now())"
            ),
            format!(
                "INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
                     VALUES ('{template}', 1, '{workspace}', '{content}', now(), 'bench')"
            ),
            format!(
                "INSERT INTO core.contact (contact_id, workspace_id, name, email, email_key, phone, phone_key, created_at, updated_at)
                     SELECT uuidv7(), '{workspace}', 'Person ' || n, 'p' || n || '@example.com', 'p' || n || '@example.com',
                            '+97150' || 1000000 + n, '+97150' || 1000000 + n, now(), now() FROM generate_series(1, {contacts}) AS n"
            ),
            format!(
                "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
                     SELECT '{list}', contact_id, '{workspace}', now() FROM core.contact"
            ),
            "ANALYZE".to_owned(),
        ] {
            stage.raw(&sql).await?;
        }
        Ok(stage)
    }

    pub async fn raw(&self, sql: &str) -> Result<u64> {
        let mut connection = self.db.acquire().await?;
        Ok(raw(&mut connection, sql).await?)
    }

    /// A campaign to the whole list over one channel, whose run has started.
    pub async fn campaign(&self, channel: &str, provider: &str, settings: &str, secrets: &str) -> Result<Campaign> {
        let campaign = Campaign { id: CampaignId::new(), run: RunId::new(), sender: SenderId::new() };
        let (workspace, list, template) = (self.workspace, self.list, self.template);
        let (id, sender) = (campaign.id, campaign.sender);
        let sealed = Kek::from_base64(&self.kek)?.seal(secrets.as_bytes(), sender.0.as_bytes())?;
        let sealed = sealed.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for sql in [
            format!("INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                                              rate_per_second, created_at, updated_at)
                     VALUES ('{sender}', '{workspace}', '{sender}', '{channel}', '{provider}', '{settings}', '\\x{sealed}', '{{}}', 1e6,
                             now(), now())"),
            format!("INSERT INTO core.campaign (campaign_id, workspace_id, name, status, template_id, due_at, created_by, created_at, updated_at)
                     VALUES ('{id}', '{workspace}', 'c', 'SCHEDULED', '{template}', now(), 'bench', now(), now())"),
            format!("INSERT INTO core.campaign_channel (campaign_id, channel, sender_id, workspace_id)
                     VALUES ('{id}', '{channel}', '{sender}', '{workspace}')"),
            format!("INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id)
                     VALUES ('{id}', '{list}', false, '{workspace}')"),
            format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{sender}', now())"),
        ] {
            self.raw(&sql).await?;
        }
        let mut tx = self.db.begin().await?;
        store::run::create(&mut tx, id, "once", campaign.run, now()).await?;
        tx.commit().await?;
        Ok(campaign)
    }

    /// Expands the whole audience; answers how many deliveries were written.
    pub async fn expand(&self, campaign: Campaign) -> Result<usize> {
        let mut count = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let Some(run) = expand::lock(&mut tx, campaign.run).await? else { return Ok(count) };
            let chunk = expand::chunk(&mut tx, &run, 2_000, now()).await?;
            tx.commit().await?;
            count += chunk.written.iter().map(|written| written.count as usize).sum::<usize>();
        }
    }

    /// Ids of a run's SMS deliveries.
    pub async fn delivery_ids(&self, campaign: Campaign) -> Result<Vec<i64>> {
        let jobs = self.jobs(campaign, Channel::Sms).await?;
        Ok(jobs.into_iter().flat_map(|job| job.delivery_ids).collect())
    }

    /// The jobs of a run.
    pub async fn jobs(&self, campaign: Campaign, channel: Channel) -> Result<Vec<Job>> {
        let mut connection = self.db.acquire().await?;
        let jobs = store::job::take_publishable(&mut connection, channel, i64::MAX / 2, i64::MAX / 2).await?;
        Ok(jobs.into_iter().filter(|job| job.run_id == campaign.run).collect())
    }
}
