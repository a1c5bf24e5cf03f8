//! A connection to the hub: where its services are, whose token is used, and a client for each service.

use crate::{
    args::{Global, Role},
    output::Output,
};
use anyhow::{Context, Result, bail};
use devstack::{Secrets, secrets::TokenRole};
use proto::{
    analytics::analytics_service_client::AnalyticsServiceClient,
    campaign::campaign_service_client::CampaignServiceClient,
    consent::{consent_service_client::ConsentServiceClient, topic_service_client::TopicServiceClient},
    contact::{
        contact_service_client::ContactServiceClient, list_service_client::ListServiceClient, segment_service_client::SegmentServiceClient,
    },
    conversation::conversation_service_client::ConversationServiceClient,
    device::device_service_client::DeviceServiceClient,
    optout::opt_out_service_client::OptOutServiceClient,
    sender::sender_service_client::SenderServiceClient,
    template::{
        attachment_service_client::AttachmentServiceClient, layout_service_client::LayoutServiceClient,
        provider_template_service_client::ProviderTemplateServiceClient, template_service_client::TemplateServiceClient,
    },
    workspace::{
        api_key_service_client::ApiKeyServiceClient, audit_service_client::AuditServiceClient, user_service_client::UserServiceClient,
        workspace_service_client::WorkspaceServiceClient,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For an answer to begin; a stream may go on for as long as it likes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// For what works through a whole campaign before it answers; the hub itself takes two minutes at most.
const LONG_ANSWER_TIMEOUT: Duration = Duration::from_secs(150);

/// How long a token lives that is made for one command.
const OPERATOR_TOKEN: Duration = Duration::from_secs(3600);

/// Adds the bearer token, or the API key, to every call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub type Authorized = InterceptedService<Channel, Bearer>;

/// What the endpoints file says that a caller needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    pub campaign_api: String,
    pub analytics: String,
    #[serde(default)]
    pub admin_token: String,
    #[serde(default)]
    pub agent_token: String,
}

#[derive(Deserialize)]
struct Scheduler {
    scheduler: String,
}

/// One caller's view of one hub.
#[derive(Clone)]
pub struct Session {
    pub output: Output,
    api: Channel,
    patient_api: Channel,
    analytics: Channel,
    bearer: Bearer,
}

macro_rules! clients {
    ($($name:ident -> $client:ident over $channel:ident),* $(,)?) => {$(
        pub fn $name(&self) -> $client<Authorized> {
            $client::with_interceptor(self.$channel.clone(), self.bearer.clone())
        }
    )*};
}

impl Session {
    /// Reads the endpoints file and chooses the token. Connects with the first call.
    ///
    /// # Errors
    /// When the file can't be read, or has no token for the role.
    pub fn open(global: &Global) -> Result<Self> {
        let path = endpoints_path(global)?;
        let addresses: Addresses = read(&path)?;
        let token = match (&global.token, global.role) {
            (Some(token), _) => token.clone(),
            (None, Role::Admin) => addresses.admin_token.clone(),
            (None, Role::Agent) => addresses.agent_token.clone(),
        };
        if token.is_empty() {
            bail!("{} has no token for this role: give one with --token or FANFARE_TOKEN", path.display());
        }
        Self::new(&addresses, &token, Output::new(global.json))
    }

    /// A session with a token.
    ///
    /// # Errors
    /// When an address is not a URL, or the token has characters that no token has.
    pub fn new(addresses: &Addresses, token: &str, output: Output) -> Result<Self> {
        Ok(Self {
            output,
            api: connect(&addresses.campaign_api, ANSWER_TIMEOUT)?,
            patient_api: connect(&addresses.campaign_api, LONG_ANSWER_TIMEOUT)?,
            analytics: connect(&addresses.analytics, ANSWER_TIMEOUT)?,
            bearer: bearer(token)?,
        })
    }

    clients! {
        workspaces -> WorkspaceServiceClient over api,
        users -> UserServiceClient over api,
        api_keys -> ApiKeyServiceClient over api,
        audit -> AuditServiceClient over api,
        contacts -> ContactServiceClient over api,
        lists -> ListServiceClient over api,
        segments -> SegmentServiceClient over api,
        templates -> TemplateServiceClient over api,
        layouts -> LayoutServiceClient over api,
        attachments -> AttachmentServiceClient over patient_api,
        provider_templates -> ProviderTemplateServiceClient over patient_api,
        senders -> SenderServiceClient over api,
        campaigns -> CampaignServiceClient over api,
        patient_campaigns -> CampaignServiceClient over patient_api,
        opt_outs -> OptOutServiceClient over api,
        conversations -> ConversationServiceClient over api,
        devices -> DeviceServiceClient over api,
        consents -> ConsentServiceClient over api,
        topics -> TopicServiceClient over api,
        analytics -> AnalyticsServiceClient over analytics,
    }
}

/// The scheduler of the endpoints file, and a token with the role internal: the one given, or one made with the keys that this
/// machine's hub keeps beside the file.
///
/// # Errors
/// When a file can't be read.
pub fn operator(global: &Global) -> Result<(Channel, Bearer)> {
    let path = endpoints_path(global)?;
    let place: Scheduler = read(&path)?;
    let token = match &global.token {
        Some(token) => token.clone(),
        None => {
            let folder = path.parent().filter(|folder| folder.join("secrets.json").is_file());
            let folder = folder.context("there are no keys beside the endpoints file: give a token of the role internal with --token")?;
            let now = time::OffsetDateTime::now_utc();
            Secrets::load_or_generate(folder)?.mint_token(TokenRole::Internal, uuid::Uuid::nil(), now, OPERATOR_TOKEN)?
        }
    };
    Ok((connect(&place.scheduler, ANSWER_TIMEOUT)?, bearer(&token)?))
}

fn endpoints_path(global: &Global) -> Result<PathBuf> {
    match &global.endpoints {
        Some(path) => Ok(path.clone()),
        None => Ok(devstack::dirs::state_dir()?.join("endpoints.json")),
    }
}

fn bearer(token: &str) -> Result<Bearer> {
    Ok(Bearer(format!("Bearer {}", token.trim()).parse().context("the token has characters that no token has")?))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let remedy = || format!("{} can't be read: start a hub with `fanfare up`, or name its file with --endpoints", path.display());
    let json = fs::read(path).with_context(remedy)?;
    serde_json::from_slice(&json).with_context(|| format!("{} is not an endpoints file", path.display()))
}

fn connect(url: &str, timeout: Duration) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url:?} is not a URL"))?;
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(timeout).tcp_nodelay(true).connect_lazy())
}

/// A new key that makes a repeated call harmless.
#[must_use]
pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_endpoints_file_names_the_remedy() {
        let global = Global { endpoints: Some(PathBuf::from("/nonexistent/endpoints.json")), ..Global::default() };
        let error = Session::open(&global).err().unwrap();
        assert!(format!("{error:#}").contains("fanfare up"), "{error:#}");
    }

    #[tokio::test]
    async fn a_token_is_one_line() {
        let addresses = Addresses {
            campaign_api: "http://127.0.0.1:1".into(),
            analytics: "http://127.0.0.1:2".into(),
            admin_token: String::new(),
            agent_token: String::new(),
        };
        assert!(Session::new(&addresses, "ey.a.b\n", Output::new(false)).is_ok());
        assert!(Session::new(&addresses, "ey\nx: y", Output::new(false)).is_err());
    }
}
