//! A workspace with campaigns that are being sent, a dispatcher, and the part of the scheduler that hands out jobs.

use bus::{Bus, Subject};
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use dispatcher::Config;
use domain::{CampaignId, Channel, RunId, SenderId, WorkspaceId};
use proto::event::SendJob;
use runtime::{Shutdown, config, seal::Kek};
use std::{net::SocketAddr, time::Duration};
use store::{Db, PgConnection, Role, admin::raw, expand, job};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(40);
pub const LINK_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub struct World {
    pub db: Db,
    pub bus: Bus,
    channel: Channel,
    kek: String,
    common: config::Common,
    database: TestDatabase,
}

#[derive(Clone, Copy)]
pub struct Campaign {
    pub id: CampaignId,
    pub run: RunId,
    pub sender: SenderId,
}

/// A running dispatcher.
pub struct Running {
    pub shutdown: Shutdown,
    pub ended: JoinHandle<anyhow::Result<()>>,
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

impl World {
    /// For SMS.
    pub async fn new() -> Self {
        Self::of(Channel::Sms).await
    }

    pub async fn of(channel: Channel) -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let mut common = config::Common::local(database.url.clone(), servers.nats_url.clone());
        common.subject_prefix = subject_prefix();
        let bus = Bus::connect(&servers.nats_url, &common.subject_prefix, 1).await.unwrap();
        bus.ensure_streams().await.unwrap();
        let db = Db::connect(&database.url, Role::Owner, 8).await.unwrap();
        Self { db, bus, channel, kek: Kek::generate().unwrap(), common, database }
    }

    pub async fn execute(&self, sql: impl AsRef<str>) -> u64 {
        let mut connection = self.db.acquire().await.unwrap();
        raw(&mut connection, sql.as_ref()).await.unwrap()
    }

    /// How many rows a table has that fulfil a condition.
    pub async fn count(&self, table: &str, condition: &str) -> u64 {
        self.execute(format!("SELECT FROM {table} WHERE {condition}")).await
    }

    /// Something sealed as the services do, in hex.
    pub fn seal(&self, secret: &[u8], aad: &[u8]) -> String {
        let sealed = Kek::from_base64(&self.kek).unwrap().seal(secret, aad).unwrap();
        sealed.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub async fn deliveries(&self, condition: &str) -> u64 {
        self.count("send.delivery", condition).await
    }

    /// The provider's name, and the settings and secrets of an account there: as Twilio has them, a push service, or a mail server that
    /// takes one letter at a time.
    fn account(&self, provider: SocketAddr) -> (&'static str, String, &'static [u8]) {
        if self.channel == Channel::Push {
            return crate::push::account(provider);
        }
        if self.channel == Channel::Email {
            let port = provider.port();
            let settings =
                format!(r#"{{"host": "127.0.0.1", "port": "{port}", "tls": "none", "from": "news@example.com", "max_connections": "1"}}"#);
            return ("smtp", settings, b"{}");
        }
        let sid = "0".repeat(32);
        let settings = format!(r#"{{"account_sid": "AC{sid}", "from": "+12025550142", "base_url": "http://{provider}"}}"#);
        ("twilio", settings, br#"{"auth_token": "secret"}"#)
    }

    /// A campaign to so many people by a sender of its own, expanded; `lane` is bulk or transactional.
    pub async fn campaign(&self, provider: SocketAddr, contacts: usize, rate_per_second: f64, lane: &str) -> Campaign {
        let campaign = Campaign { id: CampaignId::new(), run: RunId::new(), sender: SenderId::new() };
        let (workspace, list, template) = (WorkspaceId::new(), Uuid::now_v7(), Uuid::now_v7());
        let (id, sender, channel) = (campaign.id, campaign.sender, self.channel);
        let (address, (provider, settings, secrets)) = (provider, self.account(provider));
        let sealed = Kek::from_base64(&self.kek).unwrap().seal(secrets, sender.0.as_bytes()).unwrap();
        let sealed = sealed.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for sql in [
            format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{workspace}', 'w', now())"),
            format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', 'l', now())"),
            format!(
                "INSERT INTO core.template (template_id, workspace_id, name, version, created_at, updated_at)
                 VALUES ('{template}', '{workspace}', 't', 1, now(), now())"
            ),
            format!(
                r#"INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
                   VALUES ('{template}', 1, '{workspace}',
                           '{{"sms": {{"text": "Hello"}}, "email": {{"subject": "Hello", "html": "<p>Hello</p>"}},
                             "push": {{"title": "Hello", "body": "World", "link": "https://shop.example/"}}}}', now(), 'test')"#
            ),
            format!(
                "INSERT INTO core.contact (contact_id, workspace_id, phone, phone_key, email, email_key, created_at, updated_at)
                 SELECT uuidv7(), '{workspace}', '+97150' || 1000000 + n, '+97150' || 1000000 + n, n || '@example.com', n || '@example.com',
                        now(), now()
                 FROM generate_series(1, {contacts}) AS n"
            ),
            format!(
                "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
                 SELECT '{list}', contact_id, '{workspace}', now() - interval '1 hour' FROM core.contact WHERE workspace_id = '{workspace}'"
            ),
            format!(
                "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                                          rate_per_second, created_at, updated_at)
                 VALUES ('{sender}', '{workspace}', 's', '{channel}', '{provider}', '{settings}', '\\x{sealed}', '{{}}', {rate_per_second},
                         now(), now())"
            ),
            format!(
                "INSERT INTO core.campaign (campaign_id, workspace_id, name, status, template_id, due_at, created_by, created_at, updated_at, lane)
                 VALUES ('{id}', '{workspace}', 'c', 'SCHEDULED', '{template}', now(), 'test', now(), now(), '{lane}')"
            ),
            format!(
                "INSERT INTO core.campaign_channel (campaign_id, channel, sender_id, workspace_id)
                 VALUES ('{id}', '{channel}', '{sender}', '{workspace}')"
            ),
            format!(
                "INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id) VALUES ('{id}', '{list}', false, '{workspace}')"
            ),
        ] {
            self.execute(sql).await;
        }
        if channel == Channel::Push {
            self.execute(crate::push::devices(workspace, sender, address)).await;
        }
        let mut tx = self.db.begin().await.unwrap();
        store::run::create(&mut tx, id, "once", campaign.run, now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = self.db.begin().await.unwrap();
        let run = expand::lock(&mut tx, campaign.run).await.unwrap().unwrap();
        expand::chunk(&mut tx, &run, 10_000, now()).await.unwrap();
        tx.commit().await.unwrap();
        campaign
    }

    /// Starts a dispatcher.
    pub fn dispatch(&self, change: impl FnOnce(&mut Config)) -> Running {
        let kek = config::Kek { kek: Some(self.kek.clone().into()), kek_file: None };
        let links = config::Links { link_key: LINK_KEY.to_owned().into(), public_url: "http://127.0.0.1:1".to_owned() };
        let mut config = Config::local(self.common.clone(), kek, links, self.channel);
        change(&mut config);
        let shutdown = Shutdown::new(runtime::shutdown::DRAIN);
        Running { ended: tokio::spawn(dispatcher::run(config, shutdown.clone())), shutdown }
    }

    /// Wakes retries and hands out jobs once, as the scheduler does; `window` is how many deliveries may be out.
    pub async fn hand_out(&self, window: i64) {
        self.wake().await;
        let mut tx = self.db.begin().await.unwrap();
        self.hand_out_in(&mut tx, window).await;
        tx.commit().await.unwrap();
    }

    /// Hands out all jobs there are, however slow their senders are.
    pub async fn hand_out_all(&self) {
        self.wake().await;
        let mut tx = self.db.begin().await.unwrap();
        // Nobody else sees these rates.
        raw(&mut tx, "UPDATE core.sender SET rate_per_second = rate_per_second * 1e9").await.unwrap();
        self.hand_out_in(&mut tx, 1_000_000).await;
        raw(&mut tx, "UPDATE core.sender SET rate_per_second = rate_per_second / 1e9").await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Committed first, as the scheduler does: a job must not reach a dispatcher before what it carries.
    async fn wake(&self) {
        let mut tx = self.db.begin().await.unwrap();
        job::wake_retries(&mut tx, now(), 1_000).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn hand_out_in(&self, connection: &mut PgConnection, window: i64) {
        let jobs = job::take_publishable(connection, self.channel, window, 1_000).await.unwrap();
        for job in &jobs {
            let message = SendJob {
                job_id: job.job_id.to_string(),
                run_id: job.run_id.to_string(),
                campaign_id: job.campaign_id.to_string(),
                workspace_id: job.workspace_id.to_string(),
                channel: self.channel.to_string(),
                sender_id: job.sender_id.to_string(),
                delivery_ids: job.delivery_ids.clone(),
            };
            let subject = if job.is_fast() { Subject::send_fast(self.channel) } else { Subject::send(self.channel) };
            self.bus.publish(&subject, &message, &Uuid::now_v7().to_string(), "").await.unwrap();
        }
        let ids: Vec<_> = jobs.iter().map(|job| job.job_id.0).collect();
        job::mark_published(connection, &ids).await.unwrap();
    }

    /// Hands out jobs until so many deliveries fulfil a condition.
    pub async fn until(&self, deliveries: u64, condition: &str) {
        self.until_true(condition, async || self.deliveries(condition).await == deliveries).await;
    }

    /// Hands out jobs until something holds.
    pub async fn until_true(&self, what: &str, holds: impl AsyncFn() -> bool) {
        self.poll(what, async || {
            self.hand_out(1_000_000).await;
            holds().await
        })
        .await;
    }

    /// Waits until something holds.
    pub async fn poll(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not in time: {what} ({})", self.database.url));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}
