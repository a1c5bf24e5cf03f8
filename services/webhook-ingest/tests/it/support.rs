//! A service of its own for each test, with a sender of each provider, and what it published.

use crate::proxy::Proxy;
use bus::{Bus, Consumer, Delivered, Subject, Verdict};
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use domain::{Channel, DeliveryId, RunId, SenderId, WorkspaceId, link::LinkKey, tracking::Destination};
use prost::Message as _;
use proto::event::{Fact, FactBatch, Inbound, InboundBatch, InboundContent};
use reqwest::{Client, redirect::Policy};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use runtime::{Shutdown, config, seal::Kek};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use store::{Db, Role, sender::Sender, short_link::Wanted};
use time::OffsetDateTime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How the providers call the service; tests post to a local port instead.
pub const PUBLIC_URL: &str = "https://hub.example/in";
pub const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub const APP_SECRET: &str = "meta-app-secret";
pub const VERIFY_TOKEN: &str = "meta-verify-token";
/// What a person's browser calls itself.
pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(30);
/// Comes before the point of a P-256 key in a SubjectPublicKeyInfo (RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

pub struct Ingest {
    pub base: String,
    pub client: Client,
    pub broker: Proxy,
    pub database: Proxy,
    pub links: LinkKey,
    /// Where letters that come back are taken in.
    pub bounces: SocketAddr,
    pub workspace: WorkspaceId,
    pub twilio: SenderId,
    pub meta: SenderId,
    pub sendgrid: SenderId,
    pub sendgrid_key: EcdsaKeyPair,
    pub facts: UnboundedReceiver<Fact>,
    pub inbound: UnboundedReceiver<Inbound>,
    pub db: Db,
    /// What seals credentials, and what people write.
    pub kek: Kek,
    shutdown: Shutdown,
    stop: CancellationToken,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Ingest {
    pub async fn start() -> Self {
        Self::with_backlog(1_000).await
    }

    pub async fn with_backlog(backlog: i64) -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let (broker, proxied) = (Proxy::start(&servers.nats_url).await, Proxy::start(&database.url).await);
        let prefix = subject_prefix();
        let folder = std::env::temp_dir().join(format!("fanfare-ingest-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        let (kek, link_key) = (Kek::generate().unwrap(), Kek::generate().unwrap());
        let mut common = config::Common::local(proxied.url.clone(), broker.url.clone());
        common.subject_prefix = prefix.clone();
        common.ports_file = Some(folder.join("port.json"));
        let links = LinkKey::from_base64(&link_key).unwrap();
        let bounces = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = webhook_ingest::Config {
            common,
            kek: config::Kek { kek: Some(kek.clone().into()), kek_file: None },
            links: config::Links { link_key: link_key.into(), public_url: format!("{PUBLIC_URL}/") },
            backlog,
            client_ip_header: Some("x-forwarded-for".to_owned()),
            bounce_listen: Some(bounces),
            bounce_host: "bounces.invalid".to_owned(),
        };
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let running = webhook_ingest::run(config, shutdown.clone());
        let service = tokio::spawn(async move { running.await.unwrap() });
        let port = until(|| async {
            assert!(!service.is_finished(), "webhook-ingest has stopped");
            let text = std::fs::read(folder.join("port.json")).ok()?;
            serde_json::from_slice::<serde_json::Value>(&text).ok()?["port"].as_u64()
        })
        .await;
        let stop = CancellationToken::new();
        let bus = Bus::connect(&servers.nats_url, &prefix, 1).await.unwrap();
        let db = Db::connect(&database.url, Role::Owner, 4).await.unwrap();
        let facts = listen(&bus, &db, Subject::facts(), &stop, |batch: &FactBatch| batch.facts.clone()).await;
        let inbound = listen(&bus, &db, Subject::inbound(), &stop, |batch: &InboundBatch| batch.inbound.clone()).await;
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let mut ingest = Self {
            base: format!("http://127.0.0.1:{port}"),
            client: Client::builder().redirect(Policy::none()).user_agent(BROWSER).build().unwrap(),
            broker,
            database: proxied,
            links,
            bounces,
            workspace: WorkspaceId::new(),
            twilio: SenderId::new(),
            meta: SenderId::new(),
            sendgrid: SenderId::new(),
            sendgrid_key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap(),
            facts,
            inbound,
            db,
            kek: Kek::from_base64(&kek).unwrap(),
            shutdown,
            stop,
            folder,
            _database: database,
        };
        ingest.set_up().await;
        ingest
    }

    async fn set_up(&mut self) {
        let workspace = store::workspace::Workspace {
            workspace_id: self.workspace,
            name: "Test".to_owned(),
            default_country_code: "971".to_owned(),
            phone_strip_prefixes: Vec::new(),
            max_recipients: 1,
            approval_required: false,
            self_approval: true,
            opt_out_keywords: Vec::new(),
            timezone: "UTC".to_owned(),
            quiet_hours: None,
            frequency_caps: Vec::new(),
            tracking: domain::tracking::WorkspaceTracking::default(),
            consent: store::workspace::ConsentSettings::default(),
            created_at: OffsetDateTime::now_utc(),
        };
        let mut connection = self.db.acquire().await.unwrap();
        store::workspace::insert(&mut connection, &workspace).await.unwrap();
        drop(connection);
        let public_key = base64([SPKI.as_slice(), self.sendgrid_key.public_key().as_ref()].concat());
        let account_sid = "AC00000000000000000000000000000001";
        self.add_sender(
            self.twilio,
            Channel::Sms,
            "twilio",
            &[("account_sid", account_sid), ("from", "+15550001111")],
            &[("auth_token", AUTH_TOKEN)],
        )
        .await;
        let secrets = [("access_token", "token"), ("app_secret", APP_SECRET), ("verify_token", VERIFY_TOKEN)];
        self.add_sender(self.meta, Channel::Whatsapp, "meta", &[("phone_number_id", "106540352242922")], &secrets).await;
        let settings = [("from", "news@example.com"), ("webhook_public_key", &public_key)];
        self.add_sender(self.sendgrid, Channel::Email, "sendgrid", &settings, &[("api_key", "SG.test")]).await;
    }

    pub async fn add_sender(&self, id: SenderId, channel: Channel, provider: &str, settings: &[(&str, &str)], secrets: &[(&str, &str)]) {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        let now = OffsetDateTime::now_utc();
        let sender = Sender {
            sender_id: id,
            workspace_id: self.workspace,
            name: provider.to_owned(),
            channel,
            provider: provider.to_owned(),
            settings: map(settings),
            sealed_secrets: self.kek.seal(&serde_json::to_vec(&map(secrets)).unwrap(), id.0.as_bytes()).unwrap(),
            secret_names: secrets.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rate_per_second: 1.0,
            price_micros: 0,
            currency: "USD".to_owned(),
            created_at: now,
            updated_at: now,
        };
        let mut connection = self.db.acquire().await.unwrap();
        store::sender::insert(&mut connection, &sender).await.unwrap();
    }

    /// A delivery that was sent by one of the senders, on its channel.
    pub async fn delivery(&self, sender: SenderId, channel: Channel) -> DeliveryId {
        let run_id = self.run().await;
        let mut connection = self.db.acquire().await.unwrap();
        let sql = format!(
            "INSERT INTO send.delivery (delivery_id, workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, updated_at)
             OVERRIDING SYSTEM VALUE
             SELECT 4711, workspace_id, campaign_id, run_id, gen_random_uuid(), '{sender}', '{channel}', 'accepted', 'ann@example.net', now()
             FROM send.run WHERE run_id = '{run_id}'"
        );
        store::admin::raw(&mut connection, &sql).await.unwrap();
        DeliveryId(4711)
    }

    /// The number of a short link of some run.
    pub async fn short_link(&self, destination: &Destination) -> i64 {
        let run_id = self.run().await;
        let mut connection = self.db.acquire().await.unwrap();
        let wanted = Wanted { run_id, workspace_id: self.workspace, destination: destination.clone() };
        store::short_link::ensure(&mut connection, std::slice::from_ref(&wanted), OffsetDateTime::now_utc()).await.unwrap()[&wanted]
    }

    async fn run(&self) -> RunId {
        let run_id = RunId::new();
        let (template, campaign) = (Uuid::now_v7(), Uuid::now_v7());
        let mut connection = self.db.acquire().await.unwrap();
        for sql in [
            format!(
                "INSERT INTO core.campaign (campaign_id, workspace_id, name, status, created_by, created_at, updated_at)
                 VALUES ('{campaign}', '{}', 'c', 'ACTIVE', 'test', now(), now())",
                self.workspace
            ),
            format!(
                "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content,
                                       created_at, expires_at)
                 VALUES ('{run_id}', '{}', '{campaign}', 'once', 'sending', '{template}', 1, '{{}}', now(), now() + interval '1 day')",
                self.workspace
            ),
        ] {
            store::admin::raw(&mut connection, &sql).await.unwrap();
        }
        run_id
    }

    /// The next fact that was published.
    pub async fn fact(&mut self) -> Fact {
        tokio::time::timeout(DEADLINE, self.facts.recv()).await.expect("a fact was published").unwrap()
    }

    /// What a message says, opened.
    pub fn said(&self, message: &Inbound) -> String {
        assert!(message.text.is_empty(), "nothing is in clear");
        InboundContent::decode(self.kek.open(&message.sealed, &message.key).unwrap().as_slice()).unwrap().text
    }

    pub async fn message(&mut self) -> Inbound {
        tokio::time::timeout(DEADLINE, self.inbound.recv()).await.expect("an inbound message was published").unwrap()
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub async fn get_as(&self, agent: &str, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.base)).header("user-agent", agent).send().await.unwrap()
    }

    pub async fn head(&self, path: &str) -> reqwest::Response {
        self.client.head(format!("{}{path}", self.base)).send().await.unwrap()
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.shutdown.begin();
        self.stop.cancel();
        std::fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

/// Handles what is published, past the proxies.
async fn listen<M, T>(bus: &Bus, db: &Db, subject: Subject, stop: &CancellationToken, items: fn(&M) -> Vec<T>) -> UnboundedReceiver<T>
where
    M: prost::Message + Default + Sync + 'static,
    T: Send + 'static,
{
    bus.ensure_streams().await.unwrap();
    let (sender, received) = unbounded_channel();
    let (bus, db, stop) = (bus.clone(), db.clone(), stop.clone());
    tokio::spawn(async move {
        let wait = Duration::from_secs(30);
        let consumer = Consumer { durable: "test".to_owned(), subject, ack_wait: wait, max_ack_pending: 1_000, max_deliver: None };
        let take = |messages: Arc<[Delivered<M>]>| {
            messages.iter().flat_map(|message| items(&message.message)).for_each(|item| drop(sender.send(item)));
            let (db, ids) = (db.clone(), messages.iter().filter_map(|message| message.outbox_id).collect::<Vec<_>>());
            async move {
                store::outbox::delete(&mut db.acquire().await.unwrap(), &ids).await.unwrap();
                Verdict::Done
            }
        };
        bus.consume(consumer, 100, stop, take).await;
    });
    received
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
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
