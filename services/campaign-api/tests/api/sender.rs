//! Senders: checked by their provider, and never telling a secret.

use crate::support::{Api, sender_request};
use domain::role::Role;
use proto::{
    campaign::ListAlertsRequest,
    common::Channel,
    sender::{
        ConnectionStatus, CreateSenderRequest, GetSenderRequest, ListProvidersRequest, ListSendersRequest, PauseSenderRequest,
        ResumeSenderRequest, Sender, TestSenderRequest, UpdateSenderRequest,
    },
};
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let mut fields: Vec<_> = status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
    fields.sort();
    fields
}

fn pair(name: &str, value: &str) -> HashMap<String, String> {
    [(name.to_owned(), value.to_owned())].into()
}

#[tokio::test]
async fn a_sender_is_read_back_with_its_urls_and_without_its_secrets() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let request = CreateSenderRequest { price_micros: 7_900, currency: "AED".to_owned(), ..sender_request("SMS", Channel::Sms) };
    let created = workspace.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap();
    let get = GetSenderRequest { id: created.id.clone() };
    let read = workspace.senders(Role::Agent).get_sender(get).await.unwrap().into_inner().sender.unwrap();
    assert_eq!(read, created);
    assert_eq!((read.secret_names.as_slice(), read.rate_per_second, read.currency.as_str()), (&["auth_token".to_owned()][..], 10.0, "AED"));
    assert_eq!(read.webhook_urls["status"], format!("https://hub.example/webhooks/twilio/{}/status", read.id));
    assert!(!format!("{read:?}").contains("0123456789abcdef"));

    let mut connection = api.db.acquire().await.unwrap();
    let stored = store::sender::find(&mut connection, read.id.parse().unwrap()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&stored.sealed_secrets).contains("0123456789abcdef"));
    let log = store::audit::of_object(&mut connection, workspace.id, "sender", stored.sender_id.0).await.unwrap();
    assert_eq!(log[0].after.as_ref().unwrap()["secret_names"][0], "auth_token");
    assert!(!format!("{log:?}").contains("0123456789abcdef"));
}

#[tokio::test]
async fn errors_name_the_field_and_come_all_at_once() {
    let api = Api::start().await;
    let mut client = api.workspace().await.senders(Role::Admin);
    let request = CreateSenderRequest {
        name: String::new(),
        rate_per_second: f64::NAN,
        price_micros: -1,
        currency: "coins".to_owned(),
        settings: pair("colour", "red"),
        secrets: HashMap::new(),
        ..sender_request("", Channel::Sms)
    };
    let status = client.create_sender(request).await.unwrap_err();
    let expected = ["currency", "name", "price_micros", "rate_per_second", "secrets.auth_token", "settings.account_sid", "settings.colour"];
    assert_eq!(fields(&status), expected);

    let mut request = sender_request("SMS", Channel::Sms);
    request.settings.insert("account_sid".to_owned(), "not a SID".to_owned());
    assert_eq!(fields(&client.create_sender(request).await.unwrap_err()), ["settings.account_sid"]);
    let request = CreateSenderRequest { provider: "pigeon".to_owned(), ..sender_request("SMS", Channel::Sms) };
    assert_eq!(fields(&client.create_sender(request).await.unwrap_err()), ["provider"]);
    let request = CreateSenderRequest { channel: Channel::Email.into(), ..sender_request("SMS", Channel::Sms) };
    assert_eq!(fields(&client.create_sender(request).await.unwrap_err()), ["channel"]);
    let request = CreateSenderRequest { channel: 0, ..sender_request("SMS", Channel::Sms) };
    assert_eq!(fields(&client.create_sender(request).await.unwrap_err()), ["channel"]);
}

#[tokio::test]
async fn an_update_merges_and_is_checked_as_a_whole() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let id = workspace.sender("SMS", Channel::Sms).await;
    let mut client = workspace.senders(Role::Admin);
    let request = UpdateSenderRequest { id: id.clone(), settings: pair("from", "+15552223333"), ..UpdateSenderRequest::default() };
    let updated = client.update_sender(request).await.unwrap().into_inner().sender.unwrap();
    assert_eq!(updated.settings["from"], "+15552223333");
    assert_eq!(updated.settings["account_sid"], "AC00000000000000000000000000000001");
    assert_eq!(updated.secret_names, ["auth_token"]);

    let request = UpdateSenderRequest { id: id.clone(), secrets: pair("auth_token", ""), ..UpdateSenderRequest::default() };
    assert_eq!(fields(&client.update_sender(request).await.unwrap_err()), ["secrets.auth_token"]);
    let request = UpdateSenderRequest { id: id.clone(), rate_per_second: Some(0.0), ..UpdateSenderRequest::default() };
    assert_eq!(fields(&client.update_sender(request).await.unwrap_err()), ["rate_per_second"]);
    let request = UpdateSenderRequest { id, name: Some("Renamed".to_owned()), ..UpdateSenderRequest::default() };
    assert_eq!(client.update_sender(request).await.unwrap().into_inner().sender.unwrap().name, "Renamed");
}

#[tokio::test]
async fn an_account_that_cannot_be_tested_says_so() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings =
        [("host", "127.0.0.1"), ("tls", "none"), ("from", "news@example.com")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = CreateSenderRequest {
        provider: "smtp".to_owned(),
        settings: settings.into(),
        secrets: HashMap::new(),
        ..sender_request("Mail", Channel::Email)
    };
    let sender = workspace.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap();
    let test = |role| {
        let (mut client, id) = (workspace.senders(role), sender.id.clone());
        async move { client.test_sender(TestSenderRequest { id }).await }
    };
    let tested = test(Role::Admin).await.unwrap().into_inner();
    assert_eq!((tested.testable, tested.sender), (false, Some(sender.clone())));
    assert_eq!(test(Role::Agent).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_test_keeps_what_it_found_out() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.senders(Role::Admin);
    // Nobody listens there.
    let mut request = sender_request("SMS", Channel::Sms);
    request.settings.insert("base_url".to_owned(), format!("http://127.0.0.1:{}", devstack::free_port().unwrap()));
    let sender = client.create_sender(request).await.unwrap().into_inner().sender.unwrap();
    assert!(sender.connection.is_none(), "nobody has tested it yet");
    let tested = client.test_sender(TestSenderRequest { id: sender.id.clone() }).await.unwrap().into_inner();
    assert!(tested.testable, "every provider with an interface of its own can be asked");
    let found = tested.sender.unwrap().connection.unwrap();
    assert_eq!((found.status(), found.detail.starts_with("connect")), (ConnectionStatus::Error, true), "{found:?}");
    let read = client.get_sender(GetSenderRequest { id: sender.id.clone() }).await.unwrap().into_inner().sender.unwrap();
    assert_eq!(read.connection, Some(found));
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "sender", sender.id.parse().unwrap()).await.unwrap();
    assert!(log.iter().any(|entry| entry.action == "sender.test"), "{log:?}");
}

#[tokio::test]
async fn a_repeated_call_answers_with_the_first_sender_and_a_taken_name_is_refused() {
    let api = Api::start().await;
    let mut client = api.workspace().await.senders(Role::Admin);
    let request = CreateSenderRequest { request_id: "k1".to_owned(), ..sender_request("SMS", Channel::Sms) };
    let first = client.create_sender(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_sender(request).await.unwrap().into_inner(), first);
    let status = client.create_sender(sender_request("SMS", Channel::Sms)).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn senders_are_paged_and_providers_listed() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    for name in ["a", "b", "c"] {
        workspace.sender(name, Channel::Sms).await;
    }
    let mut client = workspace.senders(Role::Agent);
    let first = client.list_senders(ListSendersRequest { page_size: 2, page_token: String::new() }).await.unwrap().into_inner();
    let rest = client.list_senders(ListSendersRequest { page_size: 2, page_token: first.next_page_token }).await.unwrap().into_inner();
    let names: Vec<_> = first.senders.iter().chain(&rest.senders).map(|sender| sender.name.as_str()).collect();
    assert_eq!((names, rest.next_page_token.as_str()), (vec!["a", "b", "c"], ""));
    let bad = ListSendersRequest { page_size: 2, page_token: "!".to_owned() };
    assert_eq!(fields(&client.list_senders(bad).await.unwrap_err()), ["page_token"]);

    let providers = client.list_providers(ListProvidersRequest {}).await.unwrap().into_inner().providers;
    let slugs: Vec<_> = providers.iter().map(|provider| provider.slug.as_str()).collect();
    assert_eq!(slugs, providers::registry::PROVIDERS.iter().map(|provider| provider.slug).collect::<Vec<_>>());
    assert!(providers.iter().all(|provider| provider.settings.iter().all(|field| !field.help.is_empty())));
}

/// A sender, an admin who looks after it, and the alerts about it.
struct Care<'a> {
    workspace: crate::support::Workspace<'a>,
    id: String,
}

impl Care<'_> {
    async fn pause(&self) -> Sender {
        let request = PauseSenderRequest { id: self.id.clone(), reason: "the number is being moved".to_owned() };
        self.workspace.senders(Role::Admin).pause_sender(request).await.unwrap().into_inner().sender.unwrap()
    }

    async fn resume(&self) -> Sender {
        let request = ResumeSenderRequest { id: self.id.clone() };
        self.workspace.senders(Role::Admin).resume_sender(request).await.unwrap().into_inner().sender.unwrap()
    }

    async fn update(&self, request: UpdateSenderRequest) -> Sender {
        let request = UpdateSenderRequest { id: self.id.clone(), ..request };
        self.workspace.senders(Role::Admin).update_sender(request).await.unwrap().into_inner().sender.unwrap()
    }

    /// Kinds of the open alerts.
    async fn alerts(&self) -> Vec<String> {
        let answer = self.workspace.campaigns(Role::Agent).list_alerts(ListAlertsRequest::default()).await.unwrap();
        answer.into_inner().alerts.into_iter().map(|alert| alert.kind).collect()
    }

    /// What a dispatcher writes when the provider refuses the account.
    async fn refuse(&self) {
        let mut connection = self.workspace.api.db.acquire().await.unwrap();
        for sql in [
            format!(
                "INSERT INTO send.sender_state (sender_id, workspace_id, paused_at, paused_code, failures, trips, open_until)
                 VALUES ('{0}', '{1}', now(), '20003', 7, 2, now() + interval '1 h')
                 ON CONFLICT (sender_id) DO UPDATE SET paused_at = now(), paused_code = '20003', open_until = now() + interval '1 h'",
                self.id, self.workspace.id
            ),
            format!(
                "INSERT INTO send.alert (alert_id, workspace_id, sender_id, kind, raised_at, last_at)
                 SELECT uuidv7(), '{1}', '{0}', kind, now(), now() FROM unnest('{{sender_paused,sender_down}}'::text[]) AS kind",
                self.id, self.workspace.id
            ),
        ] {
            store::admin::raw(&mut connection, &sql).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_person_pauses_a_sender_and_only_a_person_resumes_it() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let care = Care { workspace, id: workspace.sender("SMS", Channel::Sms).await };
    let paused = care.pause().await.health.unwrap();
    assert_eq!((paused.paused, paused.paused_detail.as_str()), (true, "the number is being moved"));
    assert_eq!(care.alerts().await, ["sender_paused"]);
    let updated = care.update(UpdateSenderRequest { secrets: pair("auth_token", "fedcba9876543210"), ..Default::default() }).await;
    assert!(updated.health.unwrap().paused, "new secrets are no word of a person's to go on");
    let resumed = care.resume().await;
    assert!(!resumed.health.as_ref().unwrap().paused);
    assert!(care.alerts().await.is_empty());
    let listed = workspace.senders(Role::Agent).list_senders(ListSendersRequest::default()).await.unwrap().into_inner().senders;
    assert_eq!(listed, [resumed]);

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "sender", care.id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["sender.create", "sender.pause", "sender.update", "sender.resume"]);
    assert_eq!(log[1].after.as_ref().unwrap()["paused_detail"], "the number is being moved");
}

#[tokio::test]
async fn new_settings_or_secrets_let_a_refused_sender_try_again() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let care = Care { workspace, id: workspace.sender("SMS", Channel::Sms).await };
    care.refuse().await;
    let renamed = care.update(UpdateSenderRequest { name: Some("Other".to_owned()), ..Default::default() }).await.health.unwrap();
    assert_eq!((renamed.paused, renamed.paused_code.as_str(), renamed.down_until.is_some()), (true, "20003", true));
    let mended = care.update(UpdateSenderRequest { secrets: pair("auth_token", "fedcba9876543210"), ..Default::default() }).await;
    let health = mended.health.unwrap();
    assert_eq!((health.paused, health.paused_code.as_str(), health.down_until), (false, "", None));
    assert!(care.alerts().await.is_empty());
    let mut connection = api.db.acquire().await.unwrap();
    let clean = "SELECT FROM send.sender_state WHERE failures = 0 AND trips = 0 AND open_until IS NULL";
    assert_eq!(store::admin::raw(&mut connection, clean).await.unwrap(), 1);
}
