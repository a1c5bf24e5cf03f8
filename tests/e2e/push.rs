//! Notifications: one delivery a contact, whatever devices there are; what devices tell is counted, and devices that are gone are dropped.

use cli::hub::{accounts, devices, sandbox};
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{
    analytics::CampaignStats,
    device::{Device, DeviceKind, ListDevicesRequest, RegisterDeviceRequest, UnregisterDeviceRequest},
};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Registers a device for a contact; answers with its id.
async fn register(world: &World, contact_id: &str, sender: &str, device: &sandbox::Device) -> String {
    let kind = match device.kind.as_str() {
        "token" => DeviceKind::Token,
        "fid" => DeviceKind::Fid,
        _ => DeviceKind::Webpush,
    };
    let request = RegisterDeviceRequest {
        contact_id: contact_id.to_owned(),
        sender_id: world.sender(sender).unwrap(),
        kind: kind.into(),
        target: device.target.clone(),
        p256dh: device.p256dh.clone(),
        auth: device.auth.clone(),
        ..RegisterDeviceRequest::default()
    };
    world.seeded.agent.devices().register_device(request).await.unwrap().into_inner().device.unwrap().id
}

/// A subscription that its push service doesn't know any more.
fn left(device: &sandbox::Device) -> sandbox::Device {
    sandbox::Device { target: device.target.replace("/sim-", "/left-"), ..device.clone() }
}

async fn devices_of(world: &World, contact_id: &str) -> anyhow::Result<Vec<Device>> {
    let request = ListDevicesRequest { contact_id: contact_id.to_owned(), include_gone: true, ..ListDevicesRequest::default() };
    Ok(world.seeded.agent.devices().list_devices(request).await?.into_inner().devices)
}

/// Sends to a list, and waits until so many have been told opened and nothing is to come.
async fn send(world: &World, list: &str, read: u64) -> (Campaign, CampaignStats) {
    let campaign = world.sending(list.to_owned(), &[Channel::Push]).await.unwrap();
    let is_over = |stats: &CampaignStats| stats.campaign_status == "COMPLETED" && stats.channels[0].read >= read;
    world.until(&campaign, "everybody has opened it", is_over).await.unwrap();
    world.all_played().await.unwrap();
    // What a second device of the same person tells must change nothing.
    let stats = world.until(&campaign, "the figures are whole", |stats| stats.channels[0].delivered >= read).await.unwrap();
    Campaign::assert_accounted_for(&stats);
    (campaign, stats)
}

fn counts(stats: &CampaignStats) -> [u64; 6] {
    let part = &stats.channels[0];
    [part.target, part.suppressed.values().sum(), part.sent, part.rejected, part.delivered, part.read]
}

async fn reached(world: &World) -> Vec<String> {
    let mut to: Vec<_> = world.sandbox().log().await.unwrap().into_iter().map(|message| message.to).collect();
    to.sort();
    to
}

#[tokio::test]
async fn a_contact_gets_it_on_all_devices_and_one_that_is_gone_is_dropped() {
    let calm = json!({"refuse": 0.0, "throttle": 0.0, "fail": 0.0, "read": 1.0, "click": 0.0, "stop": 0.0});
    let world = World::start_on(&[Channel::Push], calm).await.unwrap();
    let people: Vec<_> = (0..5).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    let ids = devices::members(&world.seeded, &list).await.unwrap();
    let tokens = world.sandbox().devices("token", 3).await.unwrap();
    let fids = world.sandbox().devices("fid", 1).await.unwrap();
    let browsers = world.sandbox().devices("webpush", 4).await.unwrap();
    // Three devices have the app, which goes before the website.
    for device in [&tokens[0], &tokens[1], &fids[0]] {
        register(&world, &ids["p0"], accounts::FCM, device).await;
    }
    register(&world, &ids["p0"], accounts::WEBPUSH, &browsers[0]).await;
    register(&world, &ids["p1"], accounts::WEBPUSH, &browsers[1]).await;
    register(&world, &ids["p1"], accounts::WEBPUSH, &left(&browsers[2])).await;
    register(&world, &ids["p2"], accounts::WEBPUSH, &left(&browsers[3])).await;
    let id = register(&world, &ids["p3"], accounts::FCM, &tokens[2]).await;
    world.seeded.agent.devices().unregister_device(UnregisterDeviceRequest { id }).await.unwrap();

    let (first, stats) = send(&world, &list, 2).await;
    assert_eq!(counts(&stats), [5, 2, 2, 1, 2, 2], "target, suppressed, sent, rejected, delivered, read: {stats:?}");
    assert_eq!(stats.channels[0].failed_by_code, HashMap::from([("no_device".to_owned(), 1)]));
    let mut expected = vec![tokens[0].target.clone(), tokens[1].target.clone(), fids[0].target.clone(), "sim-2".to_owned()];
    expected.sort();
    assert_eq!(reached(&world).await, expected);
    let deliveries = world.deliveries(&first, Channel::Push).await.unwrap();
    let contacts: HashSet<_> = deliveries.iter().map(|delivery| delivery.contact_id.as_str()).collect();
    assert_eq!((deliveries.len(), contacts.len()), (5, 5), "one a contact: {deliveries:?}");

    for (person, live) in [("p1", 1), ("p2", 0)] {
        let is_told = async || {
            let devices = devices_of(&world, &ids[person]).await?;
            anyhow::Ok(devices.iter().any(|device| device.gone_at.is_some()).then_some(devices))
        };
        let devices = world.eventually("a device is known to be gone", is_told).await.unwrap();
        let gone: Vec<_> = devices.iter().filter(|device| device.gone_at.is_some()).map(|device| device.gone_code.as_str()).collect();
        assert_eq!((gone, devices.len() - 1), (vec!["http_404"], live), "{devices:?}");
    }
    let (_, stats) = send(&world, &list, 2).await;
    assert_eq!(counts(&stats), [5, 3, 2, 0, 2, 2], "{stats:?}");
    let twice: Vec<_> = expected.iter().flat_map(|to| [to.clone(), to.clone()]).collect();
    assert_eq!(reached(&world).await, twice);
    world.hub.stop().await.unwrap();
}

/// How far a notification came, by what its device was to do.
fn status(message: &Value) -> &'static str {
    match message["plays"].as_array().and_then(|plays| plays.last()).and_then(Value::as_str) {
        Some("click") => "clicked",
        Some("read") => "read",
        Some("delivered") => "delivered",
        None => "sent",
        other => panic!("no device does {other:?}"),
    }
}

/// Push services name messages by a path; its end is the message's own.
fn name(id: &str) -> &str {
    id.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn what_devices_tell_is_what_is_counted() {
    const DEVICES: usize = 60;
    let lively = json!({"refuse": 0.1, "throttle": 0.0, "fail": 0.2, "read": 0.7, "click": 0.5, "stop": 0.0});
    let world = World::start_on(&[Channel::Push], lively).await.unwrap();
    let people: Vec<_> = (0..DEVICES).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    world.give_devices(&list, DEVICES).await.unwrap();
    let campaign = world.sending(list, &[Channel::Push]).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    let push = &stats.channels[0];
    assert_eq!((push.target, push.sent + push.rejected), (DEVICES as u64, DEVICES as u64), "{push:?}");
    assert!(push.sent > push.delivered && push.delivered > push.read && push.read > push.clicked && push.clicked > 0, "{push:?}");

    let deliveries = world.deliveries(&campaign, Channel::Push).await.unwrap();
    let shown: HashMap<_, _> = deliveries.iter().map(|delivery| (name(&delivery.provider_message_id), delivery.status.as_str())).collect();
    let messages = world.sandbox().messages().await.unwrap();
    assert_eq!(messages.len() as u64, push.sent);
    for message in &messages {
        let id = message["provider_message_id"].as_str().unwrap();
        assert_eq!(shown.get(name(id)).copied(), Some(status(message)), "{message}");
        assert_eq!(message["subject"], "20% off", "{message}");
    }
    let failed: Vec<_> = deliveries.iter().filter(|delivery| delivery.status == "failed").collect();
    assert_eq!(failed.len() as u64, push.rejected);
    assert!(failed.iter().all(|delivery| delivery.reason == "no_device"), "{failed:?}");
    world.hub.stop().await.unwrap();
}
