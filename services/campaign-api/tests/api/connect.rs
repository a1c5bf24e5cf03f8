//! Accounts that people connect in the browser, with the sandbox for the networks.

use crate::support::{Api, Authorized, Workspace, until};
use domain::role::Role;
use proto::{
    campaign::{ChannelSetting, CreateCampaignRequest, ListAlertsRequest, Settings, SubmitCampaignRequest},
    common::Channel,
    sender::{
        ConnectState, ConnectionStatus, CreateSenderRequest, DisconnectSenderRequest, FinishConnectRequest, GetSenderRequest,
        ListConnectableRequest, ListConnectableResponse, Sender, StartConnectRequest, TestSenderRequest, UpdateSenderRequest,
        sender_service_client::SenderServiceClient,
    },
};
use reqwest::{Client, redirect::Policy};
use sandbox::{
    Options, Sandbox,
    config::{Config, Facebook, OauthApp, X},
};
use std::{collections::HashMap, path::PathBuf};
use store::sender_task::{self, Kind};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// Networks on this machine.
struct Networks {
    sandbox: Sandbox,
    shutdown: CancellationToken,
    folder: PathBuf,
}

impl Networks {
    async fn start(token_seconds: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("fanfare-networks-{}", Uuid::now_v7().simple()));
        let any = "127.0.0.1:0".parse().unwrap();
        let options = Options { listen: any, smtp_listen: any, state_dir: folder.clone(), ports_file: None, allow_remote: false };
        let shutdown = CancellationToken::new();
        let sandbox = Sandbox::start(options, shutdown.clone()).await.unwrap();
        let app = OauthApp { token_seconds, ..OauthApp::default() };
        let x = X { access_token: None, user_id: "2244994945".into(), username: "acme".into(), max_characters: 280, app: app.clone() };
        let facebook = Facebook { access_token: "page-token".into(), page_id: "1234567890".into(), page_name: "Acme".into(), app };
        sandbox.configure(Config { x: Some(x), facebook: Some(facebook), ..Config::default() }).unwrap();
        Self { sandbox, shutdown, folder }
    }

    /// A sender of that network without an account.
    fn sender(&self, network: &str) -> CreateSenderRequest {
        let base = self.sandbox.url();
        let pair = |name: &str, value: String| (name.to_owned(), value);
        CreateSenderRequest {
            name: network.to_owned(),
            channel: Channel::Social.into(),
            provider: network.to_owned(),
            settings: HashMap::from([
                pair("client_id", "app".to_owned()),
                pair("authorize_url", format!("{base}/oauth/{network}/authorize")),
                pair("token_url", format!("{base}/oauth/{network}/token")),
                pair("base_url", base),
            ]),
            secrets: HashMap::from([pair("client_secret", "app-secret".to_owned())]),
            ..CreateSenderRequest::default()
        }
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        self.shutdown.cancel();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A browser that says yes (or whatever `more` makes of it), and comes back to the hub.
async fn browse(api: &Api, authorize_url: &str, more: &str) -> (u16, String, String) {
    let browser = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let asked = browser.get(format!("{authorize_url}{more}")).send().await.unwrap();
    let back = asked.headers()["location"].to_str().unwrap().to_owned();
    let back = back.strip_prefix("https://api.example").unwrap().to_owned();
    let (status, text) = come(api, &back).await;
    (status, text, back)
}

async fn come(api: &Api, back: &str) -> (u16, String) {
    let page = Client::builder().no_proxy().build().unwrap().get(format!("{}{back}", api.url)).send().await.unwrap();
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    (page.status().as_u16(), page.text().await.unwrap())
}

type Senders = SenderServiceClient<Authorized>;

async fn create(client: &mut Senders, request: CreateSenderRequest) -> Sender {
    client.create_sender(request).await.unwrap().into_inner().sender.unwrap()
}

async fn started(client: &mut Senders, sender: &Sender) -> (String, String) {
    let request = StartConnectRequest { sender_id: sender.id.clone(), request_id: String::new() };
    let answer = client.start_connect(request).await.unwrap().into_inner();
    (answer.connect_id, answer.authorize_url)
}

async fn listed(client: &mut Senders, connect_id: &str) -> ListConnectableResponse {
    client.list_connectable(ListConnectableRequest { connect_id: connect_id.to_owned() }).await.unwrap().into_inner()
}

async fn connected(api: &Api, client: &mut Senders, sender: &Sender) -> Sender {
    let (connect_id, url) = started(client, sender).await;
    assert_eq!(browse(api, &url, "").await.0, 200);
    let request = FinishConnectRequest { connect_id, external_id: String::new() };
    client.finish_connect(request).await.unwrap().into_inner().sender.unwrap()
}

fn status_of(sender: &Sender) -> ConnectionStatus {
    sender.connection.as_ref().unwrap().status()
}

#[tokio::test]
async fn an_account_is_connected_in_the_browser() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let workspace = api.workspace().await;
    let mut client = workspace.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("x")).await;
    assert_eq!(status_of(&sender), ConnectionStatus::Disconnected);
    let (connect_id, url) = started(&mut client, &sender).await;
    assert!(url.contains("code_challenge_method=S256") && !url.contains("app-secret"), "{url}");
    assert_eq!(listed(&mut client, &connect_id).await.state(), ConnectState::Waiting);
    let finish = FinishConnectRequest { connect_id: connect_id.clone(), external_id: String::new() };
    assert_eq!(reason(&client.finish_connect(finish.clone()).await.unwrap_err()), "NOT_READY");

    let (status, text, back) = browse(&api, &url, "").await;
    assert!(status == 200 && text.contains("Connected"), "{text}");
    assert_eq!(come(&api, &back).await.0, 404, "a state works once");
    let ready = listed(&mut client, &connect_id).await;
    assert_eq!((ready.state(), ready.accounts[0].handle.as_str()), (ConnectState::Ready, "@acme"));
    let wrong = FinishConnectRequest { external_id: "1".to_owned(), ..finish.clone() };
    assert_eq!(client.finish_connect(wrong).await.unwrap_err().code(), Code::InvalidArgument);
    let sender = client.finish_connect(finish.clone()).await.unwrap().into_inner().sender.unwrap();
    assert_eq!((status_of(&sender), sender.settings["user_id"].as_str()), (ConnectionStatus::Connected, "2244994945"));
    assert!(sender.connection.as_ref().unwrap().token_expires_at.is_some());
    assert!(["access_token", "refresh_token"].iter().all(|name| sender.secret_names.iter().any(|known| known == name)));
    let again = client.finish_connect(finish).await.unwrap().into_inner().sender.unwrap();
    assert_eq!(again.id, sender.id, "a repeated call is answered like the first");
    assert_eq!(listed(&mut client, &connect_id).await.state(), ConnectState::Finished);
    let tested = client.test_sender(TestSenderRequest { id: sender.id.clone() }).await.unwrap().into_inner();
    assert!(tested.testable && status_of(&tested.sender.unwrap()) == ConnectionStatus::Connected);

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "sender", sender.id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert!(actions.contains(&"sender.start_connect") && actions.contains(&"sender.connect"), "{actions:?}");
    assert!(!format!("{log:?}").contains("at-"), "no token is in the log");
}

#[tokio::test]
async fn a_no_and_a_strange_state_connect_nothing() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let mut client = api.workspace().await.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("x")).await;
    let (connect_id, url) = started(&mut client, &sender).await;
    let (status, text, _) = browse(&api, &url, "&deny=1").await;
    assert!(status == 200 && text.contains("Not connected"));
    let failed = listed(&mut client, &connect_id).await;
    assert_eq!((failed.state(), failed.detail.as_str()), (ConnectState::Failed, "the network said: access_denied"));
    for strange in ["", "?state=guess&code=1", "?code=1", "?state=%00&state=x"] {
        assert_eq!(come(&api, &format!("/oauth/callback{strange}")).await.0, 404, "{strange}");
    }
    // A code that is none.
    let (connect_id, url) = started(&mut client, &sender).await;
    let state = url::Url::parse(&url).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    assert_eq!(come(&api, &format!("/oauth/callback?state={state}&code=forged")).await.0, 200);
    let failed = listed(&mut client, &connect_id).await;
    assert!(failed.state() == ConnectState::Failed && failed.detail.starts_with("invalid_grant"), "{failed:?}");
}

#[tokio::test]
async fn a_page_brings_its_own_token_and_stays_the_senders() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let mut client = api.workspace().await.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("facebook")).await;
    let sender = connected(&api, &mut client, &sender).await;
    let connection = sender.connection.clone().unwrap();
    assert_eq!((connection.handle.as_str(), connection.token_expires_at), ("Acme", None));
    assert!(!sender.secret_names.iter().any(|name| name == "refresh_token"));
    let gone = client.disconnect_sender(DisconnectSenderRequest { id: sender.id.clone() }).await.unwrap().into_inner().sender.unwrap();
    assert_eq!((status_of(&gone), gone.connection.unwrap().handle.as_str()), (ConnectionStatus::Disconnected, "Acme"));
    assert_eq!(gone.secret_names, ["client_secret"]);
    let other = Facebook { access_token: "t".into(), page_id: "99".into(), page_name: "Other".into(), app: OauthApp::default() };
    networks.sandbox.configure(Config { facebook: Some(other), ..Config::default() }).unwrap();
    let (connect_id, url) = started(&mut client, &sender).await;
    browse(&api, &url, "").await;
    let refused = client.finish_connect(FinishConnectRequest { connect_id, external_id: "99".to_owned() }).await.unwrap_err();
    assert_eq!(reason(&refused), "OTHER_ACCOUNT");
}

#[tokio::test]
async fn what_has_no_account_is_no_campaigns_sender() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let workspace = api.workspace().await;
    let mut client = workspace.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("x")).await;
    let channels = vec![ChannelSetting { channel: Channel::Social.into(), sender_id: sender.id.clone(), ..ChannelSetting::default() }];
    let settings = Settings { name: "Post".to_owned(), channels, ..Settings::default() };
    let campaign = CreateCampaignRequest { settings: Some(settings), ..CreateCampaignRequest::default() };
    let id = workspace.campaigns(Role::Agent).create_campaign(campaign).await.unwrap().into_inner().campaign.unwrap().id;
    let submit = SubmitCampaignRequest { id };
    let refused = workspace.campaigns(Role::Agent).submit_campaign(submit).await.unwrap_err();
    let fields = refused.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let found = fields.iter().any(|violation| violation.description.contains("connect it first"));
    assert!(found || refused.message().contains("connect it first"), "{refused} {fields:?}");
    // Neither app nor token: it can't ever be connected.
    let bare = CreateSenderRequest { settings: HashMap::new(), secrets: HashMap::new(), name: "bare".to_owned(), ..networks.sender("x") };
    let status = client.create_sender(bare).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "settings.client_id");
    let twilio = CreateSenderRequest { name: "SMS".to_owned(), ..crate::support::sender_request("SMS", Channel::Sms) };
    let twilio = create(&mut client, twilio).await;
    let refused = client.start_connect(StartConnectRequest { sender_id: twilio.id, request_id: String::new() }).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_CONNECTABLE");
}

#[tokio::test]
async fn a_repeated_start_is_answered_like_the_first_and_nobody_else_is() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let workspace = api.workspace().await;
    let mut client = workspace.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("x")).await;
    let request = StartConnectRequest { sender_id: sender.id, request_id: "once".to_owned() };
    let first = client.start_connect(request.clone()).await.unwrap().into_inner();
    let second = client.start_connect(request).await.unwrap().into_inner();
    assert_eq!(first, second);
    // What a person may post as is shown to whoever asked them, and to no other admin.
    let mut other = SenderServiceClient::new(api.connection_of("other-admin", Some(workspace.id), Role::Admin));
    let listed = other.list_connectable(ListConnectableRequest { connect_id: first.connect_id.clone() }).await.unwrap_err();
    let finish = FinishConnectRequest { connect_id: first.connect_id, external_id: String::new() };
    assert_eq!((listed.code(), other.finish_connect(finish).await.unwrap_err().code()), (Code::NotFound, Code::NotFound));
}

async fn get(client: &mut Senders, sender: &Sender) -> Sender {
    client.get_sender(GetSenderRequest { id: sender.id.clone() }).await.unwrap().into_inner().sender.unwrap()
}

/// Has the sender's token refreshed at once, as a dispatcher does whose call was answered 401.
async fn ask_refresh(api: &Api, workspace: &Workspace<'_>, sender: &Sender) {
    let mut connection = api.db.acquire().await.unwrap();
    let id = sender.id.parse().unwrap();
    sender_task::put(&mut connection, workspace.id, id, Kind::Refresh, OffsetDateTime::now_utc()).await.unwrap();
}

#[tokio::test]
async fn tokens_are_refreshed_once_each_and_a_dead_one_pauses_the_sender() {
    let (api, networks) = (Api::start().await, Networks::start(7_200).await);
    let workspace = api.workspace().await;
    let mut client = workspace.senders(Role::Admin);
    let sender = create(&mut client, networks.sender("x")).await;
    let sender = connected(&api, &mut client, &sender).await;
    let before = sender.connection.clone().unwrap().checked_at;
    let stored = |db: &store::Db, id: String| {
        let db = db.clone();
        async move {
            let mut connection = db.acquire().await.unwrap();
            store::sender::find(&mut connection, id.parse().unwrap()).await.unwrap().unwrap().sealed_secrets
        }
    };
    let first = stored(&api.db, sender.id.clone()).await;
    ask_refresh(&api, &workspace, &sender).await;
    until(|| async { (stored(&api.db, sender.id.clone()).await != first).then_some(()) }).await;
    // The refresh token works once: a second time must be with the new one.
    let second = stored(&api.db, sender.id.clone()).await;
    ask_refresh(&api, &workspace, &sender).await;
    until(|| async { (stored(&api.db, sender.id.clone()).await != second).then_some(()) }).await;
    let refreshed = get(&mut client, &sender).await;
    assert_eq!(status_of(&refreshed), ConnectionStatus::Connected);
    assert_ne!(refreshed.connection.unwrap().checked_at, before);

    let secrets = HashMap::from([("refresh_token".to_owned(), "rt-taken-back".to_owned())]);
    client.update_sender(UpdateSenderRequest { id: sender.id.clone(), secrets, ..UpdateSenderRequest::default() }).await.unwrap();
    ask_refresh(&api, &workspace, &sender).await;
    let ended = until(|| async {
        let mut client = client.clone();
        Some(get(&mut client, &sender).await).filter(|sender| status_of(sender) == ConnectionStatus::Expired)
    })
    .await;
    assert!(ended.health.unwrap().paused);
    let alerts = workspace.campaigns(Role::Agent).list_alerts(ListAlertsRequest::default()).await.unwrap().into_inner().alerts;
    assert!(alerts.iter().any(|alert| alert.kind == "sender_paused" && alert.detail.contains("Connect the account again")), "{alerts:?}");
    // Connected again it sends again.
    let again = connected(&api, &mut client, &sender).await;
    assert!(!again.health.clone().unwrap().paused && status_of(&again) == ConnectionStatus::Connected);
}
