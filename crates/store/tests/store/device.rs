//! Devices: whose they are, how many stay, and what the contact is known by.

use crate::fixture::{Campaign, World, now};
use domain::{ContactId, DeviceId, SenderId};
use std::time::{Duration, Instant};
use store::{
    Role, Tx,
    consent::{erase, export},
    device::{self, Gone, MAX_LIVE, New, NotRegistered, REPLACED, Which},
    page::Page,
};
use time::OffsetDateTime;

async fn api(world: &World, campaign: Campaign) -> Tx {
    world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap()
}

async fn app(world: &World, campaign: Campaign, provider: &str) -> SenderId {
    let (sender, workspace) = (SenderId::new(), campaign.workspace);
    world
        .execute(format!(
            "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                 rate_per_second, created_at, updated_at)
             VALUES ('{sender}', '{workspace}', '{sender}', 'push', '{provider}', '{{}}', '', '{{}}', 1, now(), now())"
        ))
        .await;
    sender
}

async fn person(world: &World, campaign: Campaign, number: u32) -> ContactId {
    world.contact(campaign, &format!("+97155000{number:04}"), None).await.into()
}

fn new(contact_id: ContactId, sender_id: SenderId, target: &str, seen_at: OffsetDateTime) -> New {
    let (platform, locale) = ("android".to_owned(), "ar".to_owned());
    let (kind, target) = ("token".to_owned(), target.to_owned());
    New { device_id: DeviceId::new(), contact_id, sender_id, kind, target, p256dh: None, auth: None, platform, locale, seen_at }
}

async fn senders(world: &World, contact: ContactId) -> String {
    world
        .text(&format!("SELECT coalesce(push_key, '') || ' ' || push_senders::text FROM core.contact WHERE contact_id = '{contact}'"))
        .await
}

#[tokio::test]
async fn a_device_has_one_owner_and_the_contact_says_which_apps_it_has() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let (one, two) = (person(&world, campaign, 1).await, person(&world, campaign, 2).await);
    let app = app(&world, campaign, "fcm").await;
    let mut tx = api(&world, campaign).await;
    let first = device::register(&mut tx, campaign.workspace, &new(one, app, "target", now()), now()).await.unwrap().unwrap();
    assert_eq!(first.before, None);
    let again = device::register(&mut tx, campaign.workspace, &new(one, app, "target", now()), now()).await.unwrap().unwrap();
    assert_eq!((again.device.device_id, again.before.is_some()), (first.device.device_id, true));
    tx.commit().await.unwrap();
    assert_eq!(senders(&world, one).await, format!("contact:{one} {{{app}}}"));

    let mut tx = api(&world, campaign).await;
    let moved = device::register(&mut tx, campaign.workspace, &new(two, app, "target", now()), now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!((moved.device.device_id, moved.device.contact_id), (first.device.device_id, two));
    assert_eq!((senders(&world, one).await, senders(&world, two).await), (" {}".to_owned(), format!("contact:{two} {{{app}}}")));
    let dispatcher = world.connect_as(Role::Dispatcher).await;
    let mut connection = dispatcher.acquire().await.unwrap();
    assert_eq!(device::live(&mut connection, app, one).await.unwrap(), []);
    assert_eq!(device::live(&mut connection, app, two).await.unwrap()[0].target, "target");
}

#[tokio::test]
async fn what_is_gone_gets_nothing_until_it_registers_again() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let (contact, app) = (person(&world, campaign, 1).await, app(&world, campaign, "fcm").await);
    let workspace = campaign.workspace;
    let mut tx = api(&world, campaign).await;
    let device = device::register(&mut tx, workspace, &new(contact, app, "target", now()), now()).await.unwrap().unwrap().device;
    let gone = |tried_at| Gone { device_id: device.device_id, code: "UNREGISTERED".to_owned(), tried_at };
    let before_it_came = [gone(device.last_seen_at - Duration::from_secs(1))];
    assert_eq!(device::mark_gone(&mut tx, workspace, &before_it_came, now()).await.unwrap(), 0, "it registered again after the try");
    // Told by two messages of one moment.
    assert_eq!(device::mark_gone(&mut tx, workspace, &[gone(now()), gone(now())], now()).await.unwrap(), 1);
    assert!(device::live(&mut tx, app, contact).await.unwrap().is_empty());
    let page = Page::parse(0, "").unwrap();
    assert!(device::list(&mut tx, workspace, Which::default(), page).await.unwrap().is_empty());
    let all =
        device::list(&mut tx, workspace, Which { include_gone: true, contact: Some(contact), sender: Some(app) }, page).await.unwrap();
    assert_eq!(all[0].gone_code, "UNREGISTERED");
    let late = new(contact, app, "target", device.last_seen_at - Duration::from_secs(1));
    let late = device::register(&mut tx, workspace, &late, now()).await.unwrap().unwrap().device;
    assert!(late.gone_at.is_some(), "a registration that is told late brings nothing back");
    let back = device::register(&mut tx, workspace, &new(contact, app, "target", now()), now()).await.unwrap().unwrap().device;
    assert_eq!((back.device_id, back.gone_at), (device.device_id, None));
    assert!(device::unregister(&mut tx, workspace, device.device_id, now()).await.unwrap());
    assert!(!device::unregister(&mut tx, workspace, device.device_id, now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(senders(&world, contact).await, " {}");
}

#[tokio::test]
async fn of_many_devices_those_seen_last_stay() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let (contact, app, other) = (person(&world, campaign, 1).await, app(&world, campaign, "fcm").await, app(&world, campaign, "fcm").await);
    let (workspace, begin) = (campaign.workspace, now());
    let mut tx = api(&world, campaign).await;
    for number in 0..=MAX_LIVE {
        let seen = begin + Duration::from_secs(number as u64);
        let sender = if number % 2 == 0 { app } else { other };
        device::register(&mut tx, workspace, &new(contact, sender, &format!("target {number}"), seen), now()).await.unwrap().unwrap();
    }
    let page = Page::parse(500, "").unwrap();
    let all = device::list(&mut tx, workspace, Which { include_gone: true, ..Which::default() }, page).await.unwrap();
    let gone: Vec<_> =
        all.iter().filter(|device| device.gone_at.is_some()).map(|device| (device.target.as_str(), device.gone_code.as_str())).collect();
    assert_eq!((all.len(), gone), (MAX_LIVE + 1, vec![("target 0", REPLACED)]));
    assert_eq!(device::live(&mut tx, app, contact).await.unwrap()[0].target, format!("target {MAX_LIVE}"));
}

#[tokio::test]
async fn a_device_of_nobody_is_not_registered() {
    let world = World::new().await;
    let (campaign, foreign) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let (contact, theirs) = (person(&world, campaign, 1).await, person(&world, foreign, 2).await);
    let (own_app, their_app) = (app(&world, campaign, "fcm").await, app(&world, foreign, "fcm").await);
    let mut tx = api(&world, campaign).await;
    for (contact, sender, why) in [
        (theirs, own_app, NotRegistered::NoContact),
        (ContactId::new(), own_app, NotRegistered::NoContact),
        (contact, their_app, NotRegistered::NoSender),
        // It carries SMS.
        (contact, campaign.sender, NotRegistered::NoSender),
    ] {
        let outcome = device::register(&mut tx, campaign.workspace, &new(contact, sender, "target", now()), now()).await.unwrap();
        assert_eq!(outcome.unwrap_err(), why);
    }
}

#[tokio::test]
async fn two_devices_that_register_at_once_are_both_known() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let contact = person(&world, campaign, 1).await;
    let apps = [app(&world, campaign, "fcm").await, app(&world, campaign, "fcm").await];
    let db = world.connect_as(Role::Api).await;
    let registering = apps.map(|app| {
        let (db, workspace) = (db.clone(), campaign.workspace);
        tokio::spawn(async move {
            let mut tx = db.tenant(workspace).await.unwrap();
            device::register(&mut tx, workspace, &new(contact, app, "target", now()), now()).await.unwrap().unwrap();
            tx.commit().await.unwrap();
        })
    });
    for registering in registering {
        registering.await.unwrap();
    }
    let known = senders(&world, contact).await;
    assert!(apps.iter().all(|app| known.contains(&app.to_string())), "{known}");
}

#[tokio::test]
async fn a_persons_devices_are_theirs_to_have_and_go_with_them() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let (contact, app) = (person(&world, campaign, 1).await, app(&world, campaign, "fcm").await);
    let mut tx = api(&world, campaign).await;
    device::register(&mut tx, campaign.workspace, &new(contact, app, "target", now()), now()).await.unwrap().unwrap();
    let known = export::export(&mut tx, campaign.workspace, contact).await.unwrap().unwrap();
    assert_eq!((&known["devices"][0]["target"], &known["devices"][0]["platform"]), (&"target".into(), &"android".into()));
    assert!(known["devices"][0].get("auth").is_none());
    erase::erase(&mut tx, campaign.workspace, contact, "admin", "asked", now()).await.unwrap().unwrap();
    let page = Page::parse(0, "").unwrap();
    assert!(device::list(&mut tx, campaign.workspace, Which { include_gone: true, ..Which::default() }, page).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_device_that_registers_while_it_is_taken_out_waits_for_nobody_who_waits_for_it() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let (workspace, contact, app) = (campaign.workspace, person(&world, campaign, 1).await, app(&world, campaign, "fcm").await);
    let mut tx = api(&world, campaign).await;
    let known = device::register(&mut tx, workspace, &new(contact, app, "target", now()), now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let mut first = api(&world, campaign).await;
    device::register(&mut first, workspace, &new(contact, app, "another", now()), now()).await.unwrap().unwrap();
    let mut second = api(&world, campaign).await;
    let gone = Gone { device_id: known.device.device_id, code: "UNREGISTERED".to_owned(), tried_at: now() };
    let waiting = tokio::spawn(async move {
        let taken_out = device::mark_gone(&mut second, workspace, &[gone], now()).await;
        second.commit().await.unwrap();
        taken_out
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(10);
    while world.text(waits).await != "1" {
        assert!(Instant::now() < deadline, "the second doesn't wait");
    }
    let later = now() + Duration::from_secs(60);
    device::register(&mut first, workspace, &new(contact, app, "target", later), now()).await.unwrap().unwrap();
    first.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 0, "it has come back since");
}
