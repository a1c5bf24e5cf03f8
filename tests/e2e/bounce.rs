//! E-mails by SMTP that can't be delivered come back as letters, by which the hub knows which of them failed, and why.

use cli::{campaign::moves, hub::accounts};
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::campaign::Settings;
use serde_json::json;

const PEOPLE: usize = 80;
/// How the sandbox's far servers send letters back: a full mailbox among them, to which the hub writes once more a day later.
const CODES: [&str; 3] = ["5.1.1", "5.2.2", "5.7.1"];

#[tokio::test]
async fn letters_that_come_back_are_failures() {
    let calm = json!({"refuse": 0.0, "throttle": 0.0, "fail": 0.3, "read": 0.0, "click": 0.0, "stop": 0.0});
    let world = World::start(calm).await.unwrap();
    world.sandbox().return_letters_to(world.hub.addresses.bounce_port).await.unwrap();
    let people: Vec<_> = (0..PEOPLE).map(Contact::numbered).collect();
    let list = world.people(&people).await.unwrap();
    let settings = Settings { list_ids: vec![list], ..Settings::default() };
    let campaign = world.approved_with(&[(Channel::Email, accounts::SMTP)], settings).await.unwrap();
    moves::send(&world.seeded.admin, campaign.id.clone()).await.unwrap();

    let for_good = ["5.1.1", "5.7.1"];
    let stats = world
        .until(&campaign, "letters came back for two reasons", |stats| {
            stats.channels.iter().any(|part| for_good.iter().all(|code| part.failed_by_code.contains_key(*code)))
        })
        .await
        .unwrap();

    Campaign::assert_accounted_for(&stats);
    let email = &stats.channels[0];
    assert!(email.failed_by_code.keys().all(|code| CODES.contains(&code.as_str())), "{email:?}");
    assert_eq!(email.failed_by_code.values().sum::<u64>(), email.failed, "each with the code that its letter told: {email:?}");
    let lost = world.sandbox().messages().await.unwrap().iter().filter(|message| message["fails_with"].is_string()).count();
    assert!(email.failed <= lost as u64 && lost < PEOPLE, "{lost} were lost: {email:?}");
    world.hub.stop().await.unwrap();
}
