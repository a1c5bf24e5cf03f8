//! One campaign on all five channels, to people of whom some have an app or a browser, and to four social accounts: every figure is the
//! sandbox's, each account has its post, and a second round finds the devices that are gone.

use crate::social::permalink;
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{analytics::ChannelStats, convert::channel_number};
use serde_json::json;
use std::collections::HashSet;

const PEOPLE: usize = 200;
const DEVICES: usize = 80;
const ACCOUNTS: u64 = 4;

fn part(stats: &[ChannelStats], channel: Channel) -> &ChannelStats {
    stats.iter().find(|part| part.channel == channel_number(channel)).unwrap()
}

#[tokio::test]
async fn five_channels_agree_with_the_sandbox() {
    // Accounts have other ids each time: a share of refusals would strike a post now and then.
    let world = World::start_on(&Channel::ALL, json!({"refuse": 0.0, "throttle": 0.0})).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    let devices = world.give_devices(&list, DEVICES).await.unwrap();

    let campaign = world.sending(list, &Channel::ALL).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();

    Campaign::assert_accounted_for(&stats);
    assert_eq!(stats.channels.len(), Channel::ALL.len());
    assert_eq!(world.duplicates().await.unwrap(), 0);
    let push = part(&stats.channels, Channel::Push);
    let without: u64 = push.suppressed.values().sum();
    assert_eq!((push.target, without), (PEOPLE as u64, (PEOPLE - DEVICES) as u64), "{push:?}");
    assert!(push.read > 0 && push.clicked > 0, "devices tell what was done with a notification: {push:?}");
    let social = part(&stats.channels, Channel::Social);
    assert_eq!((social.target, social.sent), (ACCOUNTS, ACCOUNTS), "{social:?}");

    let log = world.sandbox().log().await.unwrap();
    let pushed: HashSet<_> = log.iter().filter(|message| message.channel == Channel::Push).map(|message| message.to.clone()).collect();
    assert!(pushed.is_subset(&devices), "only to devices that were registered");
    let networks: HashSet<_> =
        log.iter().filter(|message| message.channel == Channel::Social).map(|message| message.provider.as_str()).collect();
    assert_eq!(networks, HashSet::from(["facebook", "instagram", "x", "linkedin"]));
    let posts = world.deliveries(&campaign, Channel::Social).await.unwrap();
    assert_eq!(posts.len() as u64, ACCOUNTS);
    let shown: HashSet<_> = posts.iter().map(|post| post.permalink.clone()).collect();
    let messages = world.sandbox().messages().await.unwrap();
    let up: HashSet<_> = messages.iter().filter(|message| message["channel"] == "social").map(permalink).collect();
    assert_eq!(shown, up, "{posts:?}");
    world.hub.stop().await.unwrap();
}

#[tokio::test]
async fn devices_that_are_gone_get_nothing_again() {
    let calm = json!({"refuse": 0.3, "throttle": 0.0, "fail": 0.0, "read": 0.0, "click": 0.0, "stop": 0.0});
    let world = World::start_on(&[Channel::Push], calm).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    world.give_devices(&list, DEVICES).await.unwrap();
    let first = world.sending(list.clone(), &[Channel::Push]).await.unwrap();
    let stats = world.agreed(&first, "COMPLETED").await.unwrap();
    let (taken, gone) = (stats.channels[0].sent, stats.channels[0].failed);
    assert!(taken > 0 && gone > 0 && taken + gone == DEVICES as u64, "{stats:?}");
    // That a device is gone is told by a message: the next campaign counts on it once it was read.
    let second = world.approved(list, &[Channel::Push], None).await.unwrap();
    let started = std::time::Instant::now();
    loop {
        let preview = cli::campaign::preview::preview(&world.seeded.agent, second.id.clone()).await.unwrap();
        if preview.channels[0].reachable == taken {
            break;
        }
        assert!(started.elapsed() < world.patience, "{:?} devices are left, {taken} should be", preview.channels[0].reachable);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    world.hub.stop().await.unwrap();
}
