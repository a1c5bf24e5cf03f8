//! Templates that WhatsApp's providers keep: read from a stand-in, heard of by webhooks, and what they keep from review or stop.

use crate::{
    campaign_drafts::fields,
    inbound::now_ms,
    mover::{Mover, reason, start_run},
    support::{Api, Workspace, sender_request, until},
};
use bus::{Bus, Subject};
use domain::{facts::key, role::Role};
use proto::{
    campaign::{CampaignStatus, ChannelSetting, ListAlertsRequest, Settings},
    common::Channel,
    event::{AccountNews, Inbound, InboundBatch, TemplateNews},
    sender::GetSenderRequest,
    template::{
        Content, CreateTemplateRequest, ListProviderTemplatesRequest, ProviderTemplate, SyncProviderTemplatesRequest, TwilioContent,
        WhatsappVariant,
    },
};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const SID: &str = "HX0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

/// A stand-in for the provider.
struct Provider {
    url: String,
    status: Arc<Mutex<&'static str>>,
}

impl Provider {
    /// What it says of our template from now on. The hub may ask at any time.
    fn says(&self, status: &'static str) {
        *self.status.lock().unwrap() = status;
    }
}

/// Answers every question with one page of Content templates, in which ours has this status.
async fn provider(status: &'static str) -> Provider {
    let status = Arc::new(Mutex::new(status));
    let said = status.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let status = *said.lock().unwrap();
            let body = format!(
                r#"{{"contents": [{{"sid": "{SID}", "friendly_name": "sale", "language": "en", "types": {{"twilio/text": {{"body": "Hi"}}}},
                    "approval_requests": {{"name": "sale", "category": "MARKETING", "status": "{status}", "rejection_reason": ""}}}}],
                    "messages": [], "next_page_uri": null, "meta": {{"next_page_url": null}}}}"#
            );
            let mut asked = [0; 4_096];
            if stream.read(&mut asked).await.is_ok() {
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.unwrap_or_default();
            }
        }
    });
    Provider { url: format!("http://{address}"), status }
}

/// A WhatsApp sender at that provider.
async fn sender(workspace: &Workspace<'_>, provider: &Provider) -> String {
    let mut request = sender_request("WA", Channel::Whatsapp);
    request.settings.insert("base_url".to_owned(), provider.url.clone());
    workspace.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap().id
}

/// Settings of a campaign by WhatsApp alone.
async fn settings(workspace: &Workspace<'_>, sender_id: &str) -> Settings {
    let list = workspace.list("Readers").await;
    workspace.contact("", "+971501234567", &[&list]).await;
    let twilio = TwilioContent { content_sid: SID.to_owned(), ..TwilioContent::default() };
    let content = Content { whatsapp: Some(WhatsappVariant { twilio: Some(twilio), ..WhatsappVariant::default() }), ..Content::default() };
    let request = CreateTemplateRequest { name: "Sale".to_owned(), content: Some(content), request_id: String::new() };
    let template = workspace.templates(Role::Agent).create_template(request).await.unwrap().into_inner().template.unwrap();
    let channel = ChannelSetting { channel: Channel::Whatsapp.into(), sender_id: sender_id.to_owned(), ..ChannelSetting::default() };
    Settings { name: "Sale".to_owned(), template_id: template.id, channels: vec![channel], list_ids: vec![list], ..Settings::default() }
}

async fn sync(workspace: &Workspace<'_>, sender_id: &str) -> Result<(u32, u32), tonic::Status> {
    let request = SyncProviderTemplatesRequest { sender_id: sender_id.to_owned() };
    let answer = workspace.provider_templates(Role::Agent).sync_provider_templates(request).await?.into_inner();
    Ok((answer.templates, answer.changed))
}

async fn templates(workspace: &Workspace<'_>) -> Vec<ProviderTemplate> {
    let request = ListProviderTemplatesRequest::default();
    workspace.provider_templates(Role::Agent).list_provider_templates(request).await.unwrap().into_inner().templates
}

#[tokio::test]
async fn only_an_approved_template_goes_to_review() {
    let api = Api::start().await;
    for (status, ready) in [("approved", true), ("paused", false), ("rejected", false)] {
        let workspace = api.workspace().await;
        let sender = sender(&workspace, &provider(status).await).await;
        // The task that reads them by itself may have been quicker.
        assert_eq!(sync(&workspace, &sender).await.unwrap().0, 1);
        let known = templates(&workspace).await;
        assert_eq!((known[0].provider_id.as_str(), known[0].status.as_str()), (SID, status.to_uppercase().as_str()));
        assert!(known[0].components_json.contains("twilio/text"));
        let draft = workspace.draft(settings(&workspace, &sender).await).await;
        match Mover(&workspace).submit(&draft.id).await {
            Ok(_) => assert!(ready, "{status}"),
            Err(refused) => {
                assert!(!ready, "{status}: {refused}");
                assert_eq!(fields(&refused), ["settings.template_id"]);
                assert!(refused.message().contains(status), "{}", refused.message());
            }
        }
    }
}

#[tokio::test]
async fn a_provider_without_templates_says_so() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let texts = workspace.sender("Texts", Channel::Sms).await;
    assert_eq!(reason(&sync(&workspace, &texts).await.unwrap_err()), "NO_TEMPLATES");
    let elsewhere = api.workspace().await;
    assert_eq!(sync(&elsewhere, &texts).await.unwrap_err().code(), tonic::Code::NotFound);
}

async fn publish(api: &Api, inbound: Vec<Inbound>) {
    let bus = Bus::connect(&api.nats_url, &api.prefix, 1).await.unwrap();
    let id = uuid_of(&inbound);
    bus.publish(&Subject::inbound(), &InboundBatch { inbound }, &id, "").await.unwrap();
}

fn uuid_of(inbound: &[Inbound]) -> String {
    inbound.iter().map(|one| format!("{:02x?}", one.key)).collect()
}

fn about(workspace: &Workspace<'_>, sender: &str, what: &str) -> Inbound {
    Inbound {
        key: key(&format!("{what} {sender}")).to_vec(),
        workspace_id: workspace.id.to_string(),
        sender_id: sender.to_owned(),
        channel: "whatsapp".to_owned(),
        source: "provider".to_owned(),
        occurred_at_ms: now_ms(),
        ..Inbound::default()
    }
}

fn template_news(workspace: &Workspace<'_>, sender: &str, status: &str) -> Inbound {
    let news = TemplateNews {
        provider_id: SID.to_owned(),
        name: "sale".to_owned(),
        language: "en".to_owned(),
        status: status.to_owned(),
        ..TemplateNews::default()
    };
    Inbound { template_news: Some(news), ..about(workspace, sender, status) }
}

/// The kinds of alerts that are open.
async fn alerts(workspace: &Workspace<'_>) -> Vec<String> {
    let answer = workspace.campaigns(Role::Agent).list_alerts(ListAlertsRequest::default()).await.unwrap().into_inner();
    answer.alerts.into_iter().filter(|alert| alert.resolved_at.is_none()).map(|alert| alert.kind).collect()
}

#[tokio::test]
async fn a_running_campaign_waits_while_its_template_is_paused() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let provider = provider("approved").await;
    let sender = sender(&workspace, &provider).await;
    sync(&workspace, &sender).await.unwrap();
    let campaign = Mover(&workspace).sent(settings(&workspace, &sender).await).await;
    assert_eq!(campaign.status(), CampaignStatus::Scheduled);
    start_run(&api, &campaign.id).await;
    provider.says("paused");
    publish(&api, vec![template_news(&workspace, &sender, "PAUSED")]).await;
    until(async || alerts(&workspace).await.contains(&"template_paused".to_owned()).then_some(())).await;
    assert_eq!(templates(&workspace).await[0].status, "PAUSED");
    provider.says("approved");
    publish(&api, vec![template_news(&workspace, &sender, "APPROVED")]).await;
    until(async || alerts(&workspace).await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn how_a_sender_fares_is_shown_with_it() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sender = sender(&workspace, &provider("approved").await).await;
    let news = |kind: &str, value: &str| {
        let told = AccountNews { kind: kind.to_owned(), value: value.to_owned(), detail: "because".to_owned() };
        Inbound { account_news: Some(told), ..about(&workspace, &sender, value) }
    };
    publish(&api, vec![news("limit", "TIER_1K"), news("quality", "FLAGGED")]).await;
    let standing = until(async || {
        let request = GetSenderRequest { id: sender.clone() };
        let read = workspace.senders(Role::Agent).get_sender(request).await.unwrap().into_inner().sender.unwrap();
        (read.standing.len() == 2).then_some(read.standing)
    })
    .await;
    let said: Vec<_> = standing.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
    assert_eq!(said, [("limit", "TIER_1K"), ("quality", "FLAGGED")]);
    assert_eq!(alerts(&workspace).await, ["sender_warned"]);
}
