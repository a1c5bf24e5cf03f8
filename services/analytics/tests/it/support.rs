//! A service of its own for each test, its broker and its database.

use bus::{Bus, Subject};
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use domain::{CampaignId, WorkspaceId, facts::key, role::Role};
use proto::{
    analytics::{
        CampaignStats, ChannelStats, GetCampaignStatsRequest, RecountCampaignRequest, RecountCampaignResponse,
        analytics_service_client::AnalyticsServiceClient,
    },
    common::Channel as WireChannel,
    event::{Fact, FactBatch, FactKind},
};
use runtime::{
    Shutdown,
    auth::{Grant, Issuer},
    client::Outgoing,
    config,
};
use std::{path::PathBuf, time::Duration};
use store::Db;
use time::OffsetDateTime;
use tonic::{service::interceptor::InterceptedService, transport::Channel};
use uuid::Uuid;

pub type Client = AnalyticsServiceClient<InterceptedService<Channel, Outgoing>>;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running service.
pub struct Analytics {
    pub db: Db,
    pub bus: Bus,
    pub channel: Channel,
    issuer: Issuer,
    shutdown: Shutdown,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Analytics {
    pub async fn start() -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let folder = std::env::temp_dir().join(format!("fanfare-analytics-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        let issuer = Issuer::generate().unwrap();
        let public_key = folder.join("jwt.pem");
        std::fs::write(&public_key, issuer.public_pem()).unwrap();
        let mut common = config::Common::local(database.url.clone(), servers.nats_url.clone());
        common.subject_prefix = subject_prefix();
        common.ports_file = Some(folder.join("port.json"));
        let bus = Bus::connect(&servers.nats_url, &common.subject_prefix, 1).await.unwrap();
        let config = analytics::Config { common, auth: config::Auth::public_key(public_key), reconcile_every: 1, reconcile_after: 60 };
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let running = analytics::run(config, shutdown.clone());
        let service = tokio::spawn(async move { running.await.unwrap() });
        let port = until(|| async {
            assert!(!service.is_finished(), "analytics has stopped");
            let text = std::fs::read(folder.join("port.json")).ok()?;
            serde_json::from_slice::<serde_json::Value>(&text).ok()?["port"].as_u64()
        })
        .await;
        let channel = runtime::client::channel(&format!("http://127.0.0.1:{port}")).unwrap();
        let db = Db::connect(&database.url, store::Role::Owner, 4).await.unwrap();
        Self { db, bus, channel, issuer, shutdown, folder, _database: database }
    }

    /// A client of one of a workspace's people.
    pub fn client(&self, workspace: WorkspaceId, role: Role) -> Client {
        let grant = Grant::new("test", Some(workspace), role, OffsetDateTime::now_utc());
        let token = self.issuer.token(&grant).unwrap();
        AnalyticsServiceClient::with_interceptor(self.channel.clone(), Outgoing::new(&token.into()).unwrap())
    }

    /// Publishes facts as services do.
    pub async fn tell(&self, facts: Vec<Fact>) {
        self.bus.publish(&Subject::facts(), &FactBatch { facts }, &Uuid::now_v7().to_string(), "").await.unwrap();
    }

    pub async fn stats(&self, workspace: WorkspaceId, campaign: CampaignId) -> CampaignStats {
        let request = GetCampaignStatsRequest { campaign_id: campaign.to_string(), by_version: false };
        self.client(workspace, Role::Agent).get_campaign_stats(request).await.unwrap().into_inner().stats.unwrap()
    }

    /// The figures of a channel, once they are as wanted.
    pub async fn sms_when(&self, workspace: WorkspaceId, campaign: CampaignId, wanted: impl Fn(&ChannelStats) -> bool) -> ChannelStats {
        until(|| async { Some(line(&self.stats(workspace, campaign).await, WireChannel::Sms)).filter(|line| wanted(line)) }).await
    }

    pub async fn recount(&self, workspace: WorkspaceId, campaign: CampaignId) -> RecountCampaignResponse {
        let request = RecountCampaignRequest { campaign_id: campaign.to_string() };
        self.client(workspace, Role::Agent).recount_campaign(request).await.unwrap().into_inner()
    }
}

impl Drop for Analytics {
    fn drop(&mut self) {
        self.shutdown.begin();
        std::fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

/// The figures of one channel.
pub fn line(stats: &CampaignStats, channel: WireChannel) -> ChannelStats {
    stats.channels.iter().find(|line| line.channel() == channel).expect("the channel is shown").clone()
}

/// A fact about one delivery.
pub fn about(delivery: i64, kind: FactKind, code: &str) -> Fact {
    Fact {
        key: key(&format!("{delivery}/{}", kind.as_str_name())).to_vec(),
        kind: kind.into(),
        delivery_id: delivery,
        occurred_at_ms: 1_700_000_000_000,
        code: code.to_owned(),
        ..Fact::default()
    }
}

/// Asks again and again until there is an answer.
pub async fn until<T, Fut: Future<Output = Option<T>>>(mut ask: impl FnMut() -> Fut) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("the condition was not met in time")
}
