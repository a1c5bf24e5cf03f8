//! A service of its own for each test, and what a test needs to speak to it.

use crate::scheduler::FakeScheduler;
use campaign_api::Config;
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use domain::{WorkspaceId, link::LinkKey, role::Role};
use proto::{
    campaign::{ChannelSetting, CreateCampaignRequest, Settings, campaign_service_client::CampaignServiceClient},
    common::Channel as WireChannel,
    consent::{consent_service_client::ConsentServiceClient, topic_service_client::TopicServiceClient},
    contact::{
        Contact, CreateListRequest, CreateSegmentRequest, Filter, UpsertContactRequest, contact_service_client::ContactServiceClient,
        list_service_client::ListServiceClient, segment_service_client::SegmentServiceClient,
    },
    conversation::conversation_service_client::ConversationServiceClient,
    device::device_service_client::DeviceServiceClient,
    optout::opt_out_service_client::OptOutServiceClient,
    sender::{CreateSenderRequest, sender_service_client::SenderServiceClient},
    template::{
        Content, CreateTemplateRequest, EmailVariant, SmsVariant, attachment_service_client::AttachmentServiceClient,
        layout_service_client::LayoutServiceClient, provider_template_service_client::ProviderTemplateServiceClient,
        template_service_client::TemplateServiceClient,
    },
    workspace::{
        CreateWorkspaceRequest, api_key_service_client::ApiKeyServiceClient, audit_service_client::AuditServiceClient,
        user_service_client::UserServiceClient, workspace_service_client::WorkspaceServiceClient,
    },
};
use runtime::{
    Shutdown,
    auth::{Grant, Issuer},
    client::Outgoing,
    config,
    seal::Kek,
};
use std::{collections::HashMap, path::PathBuf, time::Duration};
use store::Db;
use time::OffsetDateTime;
use tonic::{service::interceptor::InterceptedService, transport::Channel};
use uuid::Uuid;

pub type Authorized = InterceptedService<Channel, Outgoing>;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running campaign-api, its database and a stand-in for the scheduler.
pub struct Api {
    /// Where it answers.
    pub url: String,
    pub channel: Channel,
    pub issuer: Issuer,
    pub scheduler: FakeScheduler,
    /// The database as its owner sees it.
    pub db: Db,
    pub nats_url: String,
    pub prefix: String,
    /// The key of the service's links.
    pub links: LinkKey,
    /// What seals credentials and what people write.
    pub kek: Kek,
    shutdown: Shutdown,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Api {
    pub async fn start() -> Self {
        let scheduler = FakeScheduler::start().await;
        let url = scheduler.url.clone();
        Self::start_with(scheduler, url).await
    }

    /// One that is told of a scheduler at a port where nobody listens.
    pub async fn start_without_scheduler() -> Self {
        let scheduler = FakeScheduler::start().await;
        let url = format!("http://127.0.0.1:{}", devstack::free_port().unwrap());
        Self::start_with(scheduler, url).await
    }

    async fn start_with(scheduler: FakeScheduler, scheduler_url: String) -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let folder = std::env::temp_dir().join(format!("fanfare-api-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        let issuer = Issuer::generate().unwrap();
        let public_key = folder.join("jwt.pem");
        std::fs::write(&public_key, issuer.public_pem()).unwrap();
        let mut common = config::Common::local(database.url.clone(), servers.nats_url.clone());
        common.subject_prefix = subject_prefix();
        common.ports_file = Some(folder.join("port.json"));
        let prefix = common.subject_prefix.clone();
        let key = || Kek::generate().unwrap();
        let link_key = key();
        let links = LinkKey::from_base64(&link_key).unwrap();
        let kek = key();
        let config = Config {
            common,
            auth: config::Auth::public_key(public_key),
            kek: config::Kek { kek: Some(kek.clone().into()), kek_file: None },
            links: config::Links { link_key: link_key.clone().into(), public_url: "https://hub.example/".to_owned() },
            internal: config::Internal { scheduler_url, internal_token: "internal".into() },
            api_url: Some("https://api.example/".to_owned()),
        };
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let service = tokio::spawn(campaign_api::run(config, shutdown.clone()));
        let port = until(|| async {
            assert!(!service.is_finished(), "campaign-api has stopped");
            let text = std::fs::read(folder.join("port.json")).ok()?;
            serde_json::from_slice::<serde_json::Value>(&text).ok()?["port"].as_u64()
        })
        .await;
        let url = format!("http://127.0.0.1:{port}");
        let channel = runtime::client::channel(&url).unwrap();
        let db = Db::connect(&database.url, store::Role::Owner, 4).await.unwrap();
        let nats_url = servers.nats_url.clone();
        let kek = Kek::from_base64(&kek).unwrap();
        Self { url, channel, issuer, scheduler, db, nats_url, prefix, links, kek, shutdown, folder, _database: database }
    }

    pub fn token(&self, workspace: Option<WorkspaceId>, role: Role) -> String {
        self.token_of(&format!("test-{role}"), workspace, role)
    }

    fn token_of(&self, subject: &str, workspace: Option<WorkspaceId>, role: Role) -> String {
        self.issuer.token(&Grant::new(subject, workspace, role, OffsetDateTime::now_utc())).unwrap()
    }

    pub fn connection(&self, workspace: Option<WorkspaceId>, role: Role) -> Authorized {
        self.connection_of(&format!("test-{role}"), workspace, role)
    }

    pub fn connection_of(&self, subject: &str, workspace: Option<WorkspaceId>, role: Role) -> Authorized {
        let outgoing = Outgoing::new(&self.token_of(subject, workspace, role).into()).unwrap();
        InterceptedService::new(self.channel.clone(), outgoing)
    }

    /// A new workspace that asks for approval.
    pub async fn workspace(&self) -> Workspace<'_> {
        self.workspace_with(CreateWorkspaceRequest::default()).await
    }

    pub async fn workspace_with(&self, request: CreateWorkspaceRequest) -> Workspace<'_> {
        let mut client = WorkspaceServiceClient::new(self.connection(None, Role::Internal));
        let request = CreateWorkspaceRequest { name: "Test".to_owned(), ..request };
        let workspace = client.create_workspace(request).await.unwrap().into_inner().workspace.unwrap();
        Workspace { api: self, id: workspace.id.parse().unwrap() }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shutdown.begin();
        std::fs::remove_dir_all(&self.folder).unwrap_or_default();
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

/// A workspace of a test, and clients for its people.
#[derive(Clone, Copy)]
pub struct Workspace<'a> {
    pub api: &'a Api,
    pub id: WorkspaceId,
}

macro_rules! clients {
    ($($name:ident: $client:ident),* $(,)?) => {$(
        pub fn $name(&self, role: Role) -> $client<Authorized> {
            $client::new(self.api.connection(Some(self.id), role))
        }
    )*};
}

impl Workspace<'_> {
    clients! {
        workspaces: WorkspaceServiceClient,
        users: UserServiceClient,
        api_keys: ApiKeyServiceClient,
        audit: AuditServiceClient,
        contacts: ContactServiceClient,
        lists: ListServiceClient,
        segments: SegmentServiceClient,
        templates: TemplateServiceClient,
        layouts: LayoutServiceClient,
        attachments: AttachmentServiceClient,
        provider_templates: ProviderTemplateServiceClient,
        senders: SenderServiceClient,
        campaigns: CampaignServiceClient,
        opt_outs: OptOutServiceClient,
        conversations: ConversationServiceClient,
        devices: DeviceServiceClient,
        consents: ConsentServiceClient,
        topics: TopicServiceClient,
    }

    pub async fn list(&self, name: &str) -> String {
        let request = CreateListRequest { name: name.to_owned(), request_id: String::new() };
        self.lists(Role::Agent).create_list(request).await.unwrap().into_inner().list.unwrap().id
    }

    /// A contact on lists.
    pub async fn contact(&self, email: &str, phone: &str, lists: &[&str]) -> String {
        let contact = Contact { name: "Someone".to_owned(), email: email.to_owned(), phone: phone.to_owned(), ..Contact::default() };
        let request = UpsertContactRequest { contact: Some(contact), list_ids: lists.iter().map(|id| (*id).to_owned()).collect() };
        self.contacts(Role::Agent).upsert_contact(request).await.unwrap().into_inner().contact.unwrap().id
    }

    /// A template for e-mail and SMS.
    pub async fn template(&self, name: &str) -> String {
        let content = Content {
            email: Some(EmailVariant { subject: "Hi".to_owned(), html: "<p>Hi {{ name }}</p>".to_owned(), ..EmailVariant::default() }),
            sms: Some(SmsVariant { text: "Hi {{ name }}".to_owned(), ..SmsVariant::default() }),
            ..Content::default()
        };
        let request = CreateTemplateRequest { name: name.to_owned(), content: Some(content), request_id: String::new() };
        self.templates(Role::Agent).create_template(request).await.unwrap().into_inner().template.unwrap().id
    }

    pub async fn sender(&self, name: &str, channel: WireChannel) -> String {
        let request = sender_request(name, channel);
        self.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap().id
    }

    /// Settings of a campaign that is complete: one contact, e-mail and SMS.
    pub async fn complete_settings(&self, name: &str) -> Settings {
        let list = self.list(name).await;
        self.contact("one@example.com", "+971501234567", &[&list]).await;
        let setting = |channel: WireChannel, sender_id| ChannelSetting { channel: channel.into(), sender_id, ..ChannelSetting::default() };
        Settings {
            name: name.to_owned(),
            template_id: self.template(name).await,
            channels: vec![
                setting(WireChannel::Email, self.sender(&format!("{name} mail"), WireChannel::Email).await),
                setting(WireChannel::Sms, self.sender(&format!("{name} sms"), WireChannel::Sms).await),
            ],
            list_ids: vec![list],
            ..Settings::default()
        }
    }

    pub async fn segment(&self, name: &str, filter: Filter) -> String {
        let request = CreateSegmentRequest { name: name.to_owned(), filter: Some(filter), ..CreateSegmentRequest::default() };
        self.segments(Role::Agent).create_segment(request).await.unwrap().into_inner().segment.unwrap().id
    }

    pub async fn draft(&self, settings: Settings) -> proto::campaign::Campaign {
        let request = CreateCampaignRequest { settings: Some(settings), request_id: String::new() };
        self.campaigns(Role::Agent).create_campaign(request).await.unwrap().into_inner().campaign.unwrap()
    }
}

/// A sender that any test may create.
pub fn sender_request(name: &str, channel: WireChannel) -> CreateSenderRequest {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<HashMap<_, _>>();
    let (provider, settings, secrets) = match channel {
        WireChannel::Email => {
            ("smtp", map(&[("host", "127.0.0.1"), ("port", "2525"), ("tls", "none"), ("from", "hi@example.com")]), map(&[]))
        }
        _ => (
            "twilio",
            // Its connection is tested now and then: by nobody who is asked.
            map(&[("account_sid", "AC00000000000000000000000000000001"), ("from", "+15550001111"), ("base_url", "http://127.0.0.1:9")]),
            map(&[("auth_token", "0123456789abcdef")]),
        ),
    };
    CreateSenderRequest {
        name: name.to_owned(),
        channel: channel.into(),
        provider: provider.to_owned(),
        settings,
        secrets,
        ..CreateSenderRequest::default()
    }
}
