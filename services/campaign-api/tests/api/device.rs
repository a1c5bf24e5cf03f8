//! Devices: registering, moving, leaving, links, and what push services and browsers tell of them.

use crate::{
    inbound::{Post, now_ms},
    support::{Api, Workspace, until},
};
use domain::{Channel, ContactId, SenderId, facts::key, link::DeviceLink, role::Role};
use proto::{
    campaign::{ChannelSetting, CreateCampaignRequest, Settings},
    common::Channel as WireChannel,
    device::{CreateDeviceLinkRequest, Device, DeviceKind, ListDevicesRequest, RegisterDeviceRequest, UnregisterDeviceRequest},
    event::{GoneDevice, Inbound, NewDevice},
    sender::CreateSenderRequest,
    workspace::ListAuditEntriesRequest,
};
use time::OffsetDateTime;
use tonic::Code;
use tonic_types::StatusExt as _;

/// A pair of RFC 8291's examples.
const VAPID_PUBLIC: &str = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
const VAPID_PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const ENDPOINT: &str = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

async fn app(workspace: Workspace<'_>) -> String {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = CreateSenderRequest {
        name: "Shop".to_owned(),
        channel: WireChannel::Push.into(),
        provider: "webpush".to_owned(),
        settings: [pair("vapid_public_key", VAPID_PUBLIC), pair("subject", "mailto:push@example.com")].into(),
        secrets: [pair("vapid_private_key", VAPID_PRIVATE)].into(),
        ..CreateSenderRequest::default()
    };
    workspace.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap().id
}

fn subscription(contact: &str, app: &str) -> RegisterDeviceRequest {
    RegisterDeviceRequest {
        contact_id: contact.to_owned(),
        sender_id: app.to_owned(),
        kind: DeviceKind::Webpush.into(),
        target: ENDPOINT.to_owned(),
        p256dh: P256DH.to_owned(),
        auth: AUTH.to_owned(),
        platform: "chrome".to_owned(),
        locale: "ar".to_owned(),
    }
}

async fn register(workspace: Workspace<'_>, request: RegisterDeviceRequest) -> Result<Device, tonic::Status> {
    workspace.devices(Role::Agent).register_device(request).await.map(|answer| answer.into_inner().device.unwrap())
}

async fn devices(workspace: Workspace<'_>, include_gone: bool) -> Vec<Device> {
    let request = ListDevicesRequest { include_gone, ..ListDevicesRequest::default() };
    workspace.devices(Role::Agent).list_devices(request).await.unwrap().into_inner().devices
}

#[tokio::test]
async fn a_device_is_registered_once_and_shown_without_its_target() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (app, contact) = (app(workspace).await, workspace.contact("one@example.com", "", &[]).await);
    let device = register(workspace, subscription(&contact, &app)).await.unwrap();
    assert_eq!((device.kind(), device.target_end.as_str(), device.platform.as_str()), (DeviceKind::Webpush, "4rJUsV", "chrome"));
    assert_eq!(register(workspace, subscription(&contact, &app)).await.unwrap().id, device.id);
    let other = workspace.contact("two@example.com", "", &[]).await;
    assert_eq!(register(workspace, subscription(&other, &app)).await.unwrap().id, device.id);
    let shown = devices(workspace, false).await;
    assert_eq!((shown.len(), shown[0].contact_id.as_str()), (1, other.as_str()));
    let unregister = UnregisterDeviceRequest { id: device.id.clone() };
    for _ in 0..2 {
        workspace.devices(Role::Agent).unregister_device(unregister.clone()).await.unwrap();
    }
    assert!(devices(workspace, false).await.is_empty());
    assert_eq!(devices(workspace, true).await[0].gone_code, "unregistered");
    let entries = workspace.audit(Role::Admin).list_audit_entries(ListAuditEntriesRequest::default()).await.unwrap().into_inner().entries;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).filter(|action| action.starts_with("device.")).collect();
    assert_eq!(actions.iter().filter(|action| **action == "device.register").count(), 3);
    assert_eq!(actions.iter().filter(|action| **action == "device.unregister").count(), 1, "doing it again changes nothing");
    assert!(!format!("{entries:?}").contains("push.example.net"), "who reads the log can't pass for the app");
}

#[tokio::test]
async fn what_cannot_be_written_to_is_refused_field_by_field() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (app, contact) = (app(workspace).await, workspace.contact("one@example.com", "", &[]).await);
    let sms = workspace.sender("Texts", WireChannel::Sms).await;
    let good = || subscription(&contact, &app);
    let token = || RegisterDeviceRequest {
        kind: DeviceKind::Token.into(),
        target: "x:APA91bxxxxxxxxxxxxxxx".into(),
        p256dh: String::new(),
        auth: String::new(),
        ..good()
    };
    for (request, field) in [
        (RegisterDeviceRequest { kind: 0, ..good() }, "kind"),
        (token(), "kind"),
        (RegisterDeviceRequest { target: "push.example.com/x".into(), ..good() }, "target"),
        (RegisterDeviceRequest { p256dh: AUTH.into(), ..good() }, "p256dh"),
        (RegisterDeviceRequest { auth: String::new(), ..good() }, "auth"),
        (RegisterDeviceRequest { locale: "?".into(), ..good() }, "locale"),
        (RegisterDeviceRequest { platform: "x".repeat(51), ..good() }, "platform"),
        (RegisterDeviceRequest { sender_id: sms, ..good() }, "sender_id"),
    ] {
        let refused = register(workspace, request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, field));
        assert!(!violations[0].description.is_empty());
    }
    let nobody = RegisterDeviceRequest { contact_id: ContactId::new().to_string(), ..good() };
    assert_eq!(register(workspace, nobody).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn further_apps_of_a_campaign_are_of_its_own_workspace() {
    let api = Api::start().await;
    let (ours, theirs) = (api.workspace().await, api.workspace().await);
    let (own, foreign) = (app(ours).await, app(theirs).await);
    let text = ours.sender("Texts", WireChannel::Sms).await;
    let create = async |also: &str| {
        let setting = ChannelSetting {
            channel: WireChannel::Push.into(),
            sender_id: own.clone(),
            also_sender_ids: vec![also.to_owned()],
            ..ChannelSetting::default()
        };
        let settings = Settings { name: "Spring".to_owned(), channels: vec![setting], ..Settings::default() };
        let request = CreateCampaignRequest { settings: Some(settings), ..CreateCampaignRequest::default() };
        ours.campaigns(Role::Agent).create_campaign(request).await.map(|answer| answer.into_inner().campaign.unwrap())
    };
    let nothing = SenderId::new().to_string();
    for also in [&foreign, &nothing, &text, &own] {
        let refused = create(also).await.unwrap_err();
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert!(refused.code() == Code::InvalidArgument && fields[0].field.contains("also_sender_ids"), "{refused} {fields:?}");
    }
}

#[tokio::test]
async fn a_link_names_the_contact_and_the_app_for_a_while() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (app, contact) = (app(workspace).await, workspace.contact("one@example.com", "", &[]).await);
    let request = CreateDeviceLinkRequest { contact_id: contact.clone(), sender_id: app.clone(), valid_seconds: 60 };
    let link = workspace.devices(Role::Agent).create_device_link(request.clone()).await.unwrap().into_inner();
    assert_eq!(link.vapid_public_key, VAPID_PUBLIC);
    let token = link.url.strip_prefix("https://hub.example/devices/").unwrap();
    let expected = DeviceLink { contact_id: contact.parse().unwrap(), sender_id: app.parse().unwrap() };
    let now = OffsetDateTime::now_utc();
    assert_eq!(api.links.read_device(token, now), Some(expected));
    assert_eq!(api.links.read_device(token, now + time::Duration::minutes(2)), None);
    let too_long = CreateDeviceLinkRequest { valid_seconds: 2_592_001, ..request };
    assert_eq!(workspace.devices(Role::Agent).create_device_link(too_long).await.unwrap_err().code(), Code::InvalidArgument);
}

fn told(post: &Post<'_>, more: Inbound) -> Inbound {
    let name = format!("{} {}", post.workspace.id, uuid::Uuid::new_v4());
    Inbound {
        key: key(&name).to_vec(),
        workspace_id: post.workspace.id.to_string(),
        source: "device".to_owned(),
        occurred_at_ms: now_ms(),
        ..more
    }
}

#[tokio::test]
async fn what_browsers_and_push_services_tell_takes_effect() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let workspace = post.workspace;
    let (app, contact) = (app(workspace).await, workspace.contact("device@example.com", "", &[]).await);
    let device = NewDevice {
        kind: "webpush".to_owned(),
        target: ENDPOINT.to_owned(),
        p256dh: vec![4; 65],
        auth: vec![7; 16],
        ..NewDevice::default()
    };
    let new = |contact_id: &str, sender_id: &str| {
        told(
            &post,
            Inbound {
                contact_id: contact_id.to_owned(),
                sender_id: sender_id.to_owned(),
                new_device: Some(device.clone()),
                ..Inbound::default()
            },
        )
    };
    // Of nobody, and of no app: neither holds the others up.
    post.publish(vec![new(&ContactId::new().to_string(), &app), new(&contact, &SenderId::new().to_string()), new(&contact, &app)]).await;
    let registered = until(async || devices(workspace, false).await.pop()).await;
    assert_eq!((registered.contact_id.as_str(), devices(workspace, true).await.len()), (contact.as_str(), 1));
    let gone = GoneDevice { device_id: registered.id.clone(), code: "http_410".to_owned() };
    let mut early = told(&post, Inbound { gone_device: Some(gone.clone()), ..Inbound::default() });
    early.occurred_at_ms -= 3_600_000;
    post.publish(vec![early]).await;
    post.settled().await;
    assert_eq!(devices(workspace, false).await.len(), 1, "it has registered since that try");
    post.publish(vec![told(&post, Inbound { gone_device: Some(gone), channel: Channel::Push.to_string(), ..Inbound::default() })]).await;
    let gone = until(async || devices(workspace, true).await.pop().filter(|device| device.gone_at.is_some())).await;
    assert_eq!(gone.gone_code, "http_410");
    assert!(devices(workspace, false).await.is_empty());
}
