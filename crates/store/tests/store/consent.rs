//! Topics, lists that ask for confirmation, bounces, and the record of all that was said.

use crate::fixture::{Campaign, World, now};
use domain::{
    Channel, ContactId, DeliveryId, ListId, TopicId, WorkerId,
    consent::{Evidence, Kind, source},
    link::{LinkKey, Recipient},
};
use std::collections::BTreeMap;
use store::{
    Role, Tx,
    consent::{
        bounce::{self, Bounce},
        event::{self, About, Event, Page, Whose},
        list, note, person, prefer,
        topic::{self, Topic},
    },
    optout::{self, OptOut},
};
use time::Duration;
use uuid::Uuid;

/// A transaction as campaign-api.
async fn api(world: &World, campaign: Campaign) -> Tx {
    world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap()
}

async fn a_topic(tx: &mut Tx, campaign: Campaign, name: &str) -> TopicId {
    let topic = Topic {
        topic_id: TopicId::new(),
        name: name.to_owned(),
        description: String::new(),
        translations: BTreeMap::new(),
        archived_at: None,
        created_at: now(),
    };
    topic::insert(tx, campaign.workspace, &topic).await.unwrap();
    topic.topic_id
}

async fn contacts(world: &World) -> Vec<Uuid> {
    let mut connection = world.db.acquire().await.unwrap();
    sqlx::query_scalar("SELECT contact_id FROM core.contact ORDER BY phone").fetch_all(&mut *connection).await.unwrap()
}

#[tokio::test]
async fn who_has_left_the_topic_is_stopped_when_selected_and_at_the_gate() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    let people = contacts(&world).await;
    let mut tx = api(&world, campaign).await;
    let offers = a_topic(&mut tx, campaign, "Offers").await;
    let left = topic::leave(&mut tx, campaign.workspace, ContactId(people[0]), &[offers], source::API, now()).await.unwrap();
    assert_eq!(left, [offers]);
    tx.commit().await.unwrap();
    world.execute(format!("UPDATE core.campaign SET topic_id = '{offers}'")).await;
    world.expand(campaign, 10).await;
    assert_eq!(world.count("state = 'suppressed' AND reason = 'topic_opted_out'").await, 1);
    // The second one leaves while the message waits, and with another address than the message's.
    let mut tx = api(&world, campaign).await;
    topic::leave(&mut tx, campaign.workspace, ContactId(people[1]), &[offers], source::PREFERENCE_PAGE, now()).await.unwrap();
    tx.commit().await.unwrap();
    world.execute(format!("DELETE FROM core.topic_opt_out WHERE subject LIKE '+%' AND source = '{}'", source::PREFERENCE_PAGE)).await;
    world
        .execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 minute')", campaign.sender))
        .await;
    let ids = world.delivery_ids(campaign).await;
    let answer = world.pass(campaign, WorkerId::new(), &ids, 64).await;
    assert_eq!((answer.claimed.len(), answer.stopped.len()), (1, 1));
    assert_eq!(world.count("reason = 'topic_opted_out'").await, 2);
    assert_eq!(world.text("SELECT rule FROM send.decision WHERE verdict = 'suppressed'").await, "topic");
}

#[tokio::test]
async fn another_topic_stops_nobody() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    let people = contacts(&world).await;
    let mut tx = api(&world, campaign).await;
    let (offers, news) = (a_topic(&mut tx, campaign, "Offers").await, a_topic(&mut tx, campaign, "News").await);
    topic::leave(&mut tx, campaign.workspace, ContactId(people[0]), &[offers], source::API, now()).await.unwrap();
    tx.commit().await.unwrap();
    world.execute(format!("UPDATE core.campaign SET topic_id = '{news}'")).await;
    world.expand(campaign, 10).await;
    assert_eq!(world.count("state = 'queued'").await, 1);
    let mut tx = api(&world, campaign).await;
    let earlier = topic::rejoin(&mut tx, campaign.workspace, ContactId(people[0]), &[offers], now() - Duration::hours(1)).await.unwrap();
    assert!(earlier.is_empty(), "an older wish doesn't undo a newer one");
    let joined = topic::rejoin(&mut tx, campaign.workspace, ContactId(people[0]), &[offers, news], now()).await.unwrap();
    assert_eq!(joined, [offers]);
    let person = person::get(&mut tx, Some(campaign.workspace), ContactId(people[0])).await.unwrap().unwrap();
    assert!(person.topics.iter().all(|topic| !topic.left));
}

#[tokio::test]
async fn a_list_with_double_opt_in_holds_back_whom_it_was_not_confirmed_by() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1.0).await;
    let people = contacts(&world).await;
    let list = ListId::new();
    let workspace = campaign.workspace;
    world
        .execute(format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', 'news', now())"))
        .await;
    let mut tx = api(&world, campaign).await;
    store::list::add_members(&mut tx, workspace, list, &people[..1], now()).await.unwrap();
    list::set_double_opt_in(&mut tx, workspace, list, true).await.unwrap();
    store::list::add_members(&mut tx, workspace, list, &people, now()).await.unwrap();
    let asking = list::get(&mut tx, workspace, list).await.unwrap().unwrap();
    assert_eq!((asking.pending, asking.confirmed), (2, 0), "who was a member stays one");
    let members = |list: store::list::List| list.member_count;
    assert_eq!(store::list::get(&mut tx, workspace, list).await.unwrap().map(members), Some(1));
    let confirmed = list::confirm(&mut tx, workspace, list, &people[1..2], now(), now()).await.unwrap();
    assert_eq!(confirmed.iter().map(|confirmed| confirmed.contact_id.0).collect::<Vec<_>>(), people[1..2]);
    assert!(list::confirm(&mut tx, workspace, list, &people[1..2], now(), now()).await.unwrap().is_empty());
    assert_eq!(store::list::get(&mut tx, workspace, list).await.unwrap().map(members), Some(2));
    // Taken off and added again: the confirmation still holds.
    store::list::remove_members(&mut tx, workspace, list, &people[1..2]).await.unwrap();
    store::list::add_members(&mut tx, workspace, list, &people[1..], now()).await.unwrap();
    assert_eq!(store::list::get(&mut tx, workspace, list).await.unwrap().map(members), Some(2));
    let page = store::page::Page::parse(10, "").unwrap();
    let pending = list::pending(&mut tx, workspace, list, page).await.unwrap();
    assert_eq!(pending.iter().map(|pending| pending.contact_id.0).collect::<Vec<_>>(), people[2..]);
}

#[tokio::test]
async fn a_wording_is_never_changed_but_followed_by_another() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    let people = contacts(&world).await;
    let mut tx = api(&world, campaign).await;
    let (workspace, list) = (campaign.workspace, ListId(campaign.list));
    let wording = |text: &str| [(String::new(), text.to_owned()), ("ar".to_owned(), format!("{text} ar"))].into();
    assert_eq!(list::add_wording(&mut tx, workspace, list, &wording("one"), "test", now()).await.unwrap(), 1);
    let evidence = Evidence { language: "ar".to_owned(), wording_version: Some(1), ip: "192.0.2.1".to_owned(), ..Evidence::default() };
    let event = Event {
        at: now(),
        kind: Kind::ListConfirmed,
        about: About::List(list),
        address_key: None,
        contact_id: Some(ContactId(people[0])),
        source: source::CONFIRMATION_PAGE.to_owned(),
        actor: String::new(),
        evidence: evidence.clone(),
    };
    note(&mut tx, workspace, &[event]).await.unwrap();
    assert_eq!(list::add_wording(&mut tx, workspace, list, &wording("two"), "test", now()).await.unwrap(), 2);
    let asking = list::get(&mut tx, workspace, list).await.unwrap().unwrap();
    assert_eq!((asking.wording_version, asking.wording[""].as_str()), (2, "two"));
    let whose = Whose::Contact(ContactId(people[0]));
    let events = event::list(&mut tx, workspace, &whose, Page::parse(0, "").unwrap()).await.unwrap();
    assert_eq!((events[0].wording.as_str(), &events[0].event.evidence), ("one ar", &evidence));
}

#[tokio::test]
async fn everything_that_was_said_is_read_back_newest_first() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    let mut tx = api(&world, campaign).await;
    let workspace = campaign.workspace;
    let entry = |channel, key: &str| OptOut {
        channel,
        address_key: key.to_owned(),
        source: source::KEYWORD.to_owned(),
        reason: String::new(),
        created_at: now(),
        evidence: Evidence { text: "STOP".to_owned(), ..Evidence::default() },
    };
    for _ in 0..2 {
        // Said twice, registered once.
        optout::add(&mut tx, workspace, &[entry(Some(Channel::Sms), "+1"), entry(None, "+2")], "").await.unwrap();
    }
    for n in 0..5 {
        optout::add(&mut tx, workspace, &[entry(Some(Channel::Email), &format!("p{n}@example.com"))], "agent").await.unwrap();
        optout::add(&mut tx, workspace, &[entry([Channel::Sms, Channel::Whatsapp].get(n).copied(), "+3")], "agent").await.unwrap();
    }
    let all = async |tx: &mut Tx, key: &str| {
        event::list(tx, workspace, &Whose::Address(key.to_owned()), Page::parse(2, "").unwrap()).await.unwrap()
    };
    assert_eq!(all(&mut tx, "+1").await.len(), 1);
    let mut first = all(&mut tx, "+3").await;
    assert_eq!(first.len(), 3, "one more than the page");
    assert_eq!(first[0].event.about, About::Channel(None));
    assert_eq!((first[0].event.actor.as_str(), first[0].event.evidence.text.as_str()), ("agent", "STOP"));
    let page = Page::parse(2, "").unwrap();
    let token = page.finish(&mut first);
    let rest = event::list(&mut tx, workspace, &Whose::Address("+3".to_owned()), Page::parse(2, &token).unwrap()).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert!(rest[0].event_id < first[1].event_id);
    assert!(Page::parse(2, "x").is_err());
}

#[tokio::test]
async fn bounces_are_counted_once_a_message_and_forgotten_after_a_while() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut tx = api(&world, campaign).await;
    let bounce = |delivery: Option<i64>, days_ago: i64| Bounce {
        address_key: "a@example.com".to_owned(),
        delivery_id: delivery.map(DeliveryId),
        at: now() - Duration::days(days_ago),
    };
    let mut count = async |bounces: &[Bounce]| {
        bounce::count(&mut tx, campaign.workspace, bounces).await.unwrap().get("a@example.com").copied().unwrap_or_default()
    };
    assert_eq!(count(&[bounce(Some(1), 200), bounce(Some(1), 200)]).await, 1);
    assert_eq!(count(&[bounce(Some(1), 199)]).await, 1, "the same message again");
    assert_eq!(count(&[bounce(Some(2), 150)]).await, 2);
    assert_eq!(count(&[bounce(Some(3), 10)]).await, 1, "long after the one before");
    assert_eq!(count(&[bounce(None, 5), bounce(None, 5)]).await, 3);
    assert_eq!(count(&[]).await, 0);
}

#[tokio::test]
async fn a_persons_page_shows_what_they_may_change() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    world.execute("UPDATE core.contact SET email = 'S@x.com', email_key = 's@x.com', locale = 'ar-AE'".to_owned()).await;
    let people = contacts(&world).await;
    world.expand(campaign, 10).await;
    let delivery = DeliveryId(world.delivery_ids(campaign).await[0]);
    let ingest = world.connect_as(Role::Ingest).await;
    let mut tx = ingest.begin().await.unwrap();
    assert_eq!(person::greeting(&mut tx, delivery).await.unwrap(), Some(("ar-AE".to_owned(), "w".to_owned())));
    let contact = person::of_recipient(&mut tx, Recipient::Delivery(delivery)).await.unwrap().unwrap();
    assert_eq!(contact.0, people[0]);
    let see = async |tx: &mut Tx| person::get(tx, None, contact).await.unwrap().unwrap();
    let person = see(&mut tx).await;
    assert_eq!(
        person.channels.iter().map(|on| (on.channel, on.opted_out)).collect::<Vec<_>>(),
        [(Channel::Sms, false)],
        "no mail is sent here"
    );
    drop(tx);
    for (channel, by, revocable) in [("sms", "keyword", true), ("all", "api", false)] {
        world
            .execute(format!(
                "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
                 VALUES ('{}', '{channel}', '+971500000000', '{by}', now())",
                campaign.workspace
            ))
            .await;
        let mut tx = ingest.begin().await.unwrap();
        let on = see(&mut tx).await.channels.remove(0);
        assert_eq!((on.opted_out, on.revocable), (true, revocable), "{by}");
    }
}

#[tokio::test]
async fn a_confirmation_is_asked_of_the_address_that_the_link_was_made_for() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    let contact = ContactId(contacts(&world).await[0]);
    world.expand(campaign, 10).await;
    let delivery = DeliveryId(world.delivery_ids(campaign).await[0]);
    let key = LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let list = ListId(campaign.list);
    let links = [key.contact_confirmation_token(list, contact, "+971500000000"), key.confirmation_token(list, delivery)];
    let ingest = world.connect_as(Role::Ingest).await;
    let ask = async |token: &str| {
        let mut tx = ingest.begin().await.unwrap();
        person::question(&mut tx, &key.read_confirmation(token).unwrap(), &key).await.unwrap()
    };
    for link in &links {
        let question = ask(link).await.unwrap();
        assert_eq!((question.contact_id, question.workspace_id, question.confirmed), (contact, campaign.workspace, false));
    }
    assert!(ask(&key.contact_confirmation_token(ListId::new(), contact, "+971500000000")).await.is_none(), "no such list");
    world.execute("UPDATE core.contact SET phone_key = '+971500000099'".to_owned()).await;
    for link in &links {
        assert!(ask(link).await.is_none(), "somebody else may have that address by now");
    }
}

#[tokio::test]
async fn the_newest_preferences_win() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1.0).await;
    let contact = ContactId(contacts(&world).await[0]);
    let mut tx = api(&world, campaign).await;
    let at = now();
    assert!(prefer::is_newest(&mut tx, campaign.workspace, contact, at).await.unwrap());
    assert!(!prefer::is_newest(&mut tx, campaign.workspace, contact, at).await.unwrap());
    assert!(!prefer::is_newest(&mut tx, campaign.workspace, contact, at - Duration::SECOND).await.unwrap());
    assert!(prefer::is_newest(&mut tx, campaign.workspace, contact, at + Duration::SECOND).await.unwrap());
    assert!(!prefer::is_newest(&mut tx, campaign.workspace, ContactId::new(), at).await.unwrap());
}
