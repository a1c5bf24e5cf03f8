//! One campaign on several social accounts: each has its post and the address of it, one that fails keeps nobody back, and a post whose
//! answer is lost is looked for before anything is put up again.

use cli::{
    campaign::{create, moves},
    hub::accounts,
};
use domain::Channel;
use e2e::{Campaign, World};
use proto::{
    analytics::{CampaignStats, Delivery},
    campaign::{ChannelSetting, Settings},
    convert::channel_number,
    template::{Content, CreateTemplateRequest, SocialVariant},
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Instagram, which takes ten seconds to prepare a picture, is where all channels are.
const ACCOUNTS: [&str; 3] = [accounts::FACEBOOK, accounts::X, accounts::LINKEDIN];

/// Where a network shows a post, by the sandbox's log.
pub fn permalink(post: &Value) -> String {
    let id = post["provider_message_id"].as_str().unwrap();
    match post["provider"].as_str().unwrap() {
        "facebook" => format!("https://www.facebook.com/{id}"),
        "instagram" => format!("https://www.instagram.com/p/{id}/"),
        "x" => format!("https://x.com/i/web/status/{id}"),
        "linkedin" => format!("https://www.linkedin.com/feed/update/{id}"),
        other => panic!("{other} is no network"),
    }
}

/// A campaign of a post with a picture, on its way to all of the accounts. It goes to everybody, so it needs no list.
async fn post(world: &World) -> Campaign {
    let (agent, admin) = (&world.seeded.agent, &world.seeded.admin);
    let social = SocialVariant {
        text: "A lamp for everybody".to_owned(),
        media_urls: vec![format!("{}/picture.jpg", world.sandbox().base())],
        alt_texts: vec!["A lamp".to_owned()],
        ..SocialVariant::default()
    };
    let content = Content { social: Some(social), ..Content::default() };
    let request = CreateTemplateRequest { name: "Post".to_owned(), content: Some(content), request_id: String::new() };
    let template = agent.templates().create_template(request).await.unwrap().into_inner().template.unwrap();
    let mut senders = ACCOUNTS.iter().map(|name| world.sender(name).unwrap());
    let setting = ChannelSetting {
        channel: channel_number(Channel::Social),
        sender_id: senders.next().unwrap(),
        also_sender_ids: senders.collect(),
        ..ChannelSetting::default()
    };
    let settings = Settings { name: "Post".to_owned(), template_id: template.id, channels: vec![setting], ..Settings::default() };
    let id = create::create(agent, settings).await.unwrap().id;
    moves::submit(agent, id.clone()).await.unwrap();
    moves::approve(admin, id.clone()).await.unwrap();
    moves::send(admin, id.clone()).await.unwrap();
    Campaign { id, channels: vec![Channel::Social] }
}

/// Changes what the sandbox's networks take.
async fn change(world: &World, change: impl FnOnce(&mut Value)) {
    let url = format!("{}/sandbox/config", world.sandbox().base());
    let mut config: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    change(&mut config);
    world.sandbox().configure(&config).await.unwrap();
}

/// Each of these networks has one post, and its delivery says which, and where it is seen.
async fn assert_posted_once(world: &World, deliveries: &[Delivery], networks: &[&str]) {
    let posts = world.sandbox().messages().await.unwrap();
    let mut up: Vec<_> = posts.iter().map(|post| post["provider"].as_str().unwrap()).collect();
    up.sort_unstable();
    assert_eq!(up, networks);
    for post in &posts {
        let shown: Vec<_> = deliveries.iter().filter(|delivery| delivery.permalink == permalink(post)).collect();
        assert_eq!(shown.len(), 1, "{post}: {deliveries:?}");
        assert_eq!(
            (shown[0].provider_message_id.as_str(), shown[0].status.as_str()),
            (post["provider_message_id"].as_str().unwrap(), "sent")
        );
        assert!(shown[0].contact_id.is_empty(), "a post goes to nobody in particular: {shown:?}");
    }
}

#[tokio::test]
async fn an_account_that_fails_keeps_no_other_back() {
    let world = World::start_on(&[Channel::Social], json!({"refuse": 0.0, "throttle": 0.0})).await.unwrap();
    // From now on X finds every post too long.
    change(&world, |config| config["x"]["max_characters"] = json!(3)).await;
    let campaign = post(&world).await;
    let is_over = |stats: &CampaignStats| {
        stats.campaign_status == "COMPLETED" && stats.channels.iter().any(|part| part.sent == 2 && part.rejected == 1)
    };
    let stats = world.until(&campaign, "two are up and one has failed", is_over).await.unwrap();
    Campaign::assert_accounted_for(&stats);
    let social = &stats.channels[0];
    assert_eq!((social.target, social.pending, social.failed), (ACCOUNTS.len() as u64, 0, 1), "{social:?}");
    assert_eq!(social.failed_by_code, HashMap::from([("invalid-request".to_owned(), 1)]));

    let deliveries = world.deliveries(&campaign, Channel::Social).await.unwrap();
    assert_eq!(deliveries.len(), ACCOUNTS.len(), "one an account");
    assert_posted_once(&world, &deliveries, &["facebook", "linkedin"]).await;
    let failed: Vec<_> = deliveries.iter().filter(|delivery| delivery.status == "failed").collect();
    assert_eq!(failed.len(), 1, "{deliveries:?}");
    assert_eq!((failed[0].reason.as_str(), failed[0].permalink.as_str()), ("invalid-request", ""));
    world.hub.stop().await.unwrap();
}

/// Posts with this going wrong at each account's first try, after which so many are up; then all are, once.
async fn lose_the_first_answer(fault: &str, taken: usize) {
    let mut faults = json!({"first_attempts": 1});
    faults[fault] = json!(1.0);
    let world = World::start_on(&[Channel::Social], json!({"refuse": 0.0, "throttle": 0.0, "faults": faults})).await.unwrap();
    let campaign = post(&world).await;
    let all = ACCOUNTS.len() as u64;
    let are_lost = |stats: &CampaignStats| stats.channels.iter().any(|part| part.uncertain == all);
    world.until(&campaign, "all answers are lost", are_lost).await.unwrap();
    assert_eq!(world.sandbox().log().await.unwrap().len(), taken);
    // The hub waits a minute before it asks; here it asks now.
    let asked = world.sql("UPDATE send.delivery SET settle_at = now() WHERE state = 'uncertain'").await.unwrap();
    assert_eq!(asked, all);

    let are_up = |stats: &CampaignStats| stats.channels.iter().any(|part| part.sent == all && part.uncertain == 0);
    world.until(&campaign, "all are up", are_up).await.unwrap();
    let stats = world.agreed(&campaign, "COMPLETED").await.unwrap();
    Campaign::assert_accounted_for(&stats);
    let deliveries = world.deliveries(&campaign, Channel::Social).await.unwrap();
    assert_posted_once(&world, &deliveries, &["facebook", "linkedin", "x"]).await;
    assert_eq!(world.duplicates().await.unwrap(), 0);
    world.hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_and_not_put_up_again() {
    lose_the_first_answer("accept_then_reset", ACCOUNTS.len()).await;
}

#[tokio::test]
async fn a_post_that_was_lost_itself_is_put_up_after_all() {
    lose_the_first_answer("reset", 0).await;
}
