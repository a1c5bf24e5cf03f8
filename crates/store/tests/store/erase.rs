//! Erasing and exporting a person.

use crate::fixture::{Campaign, World, now};
use domain::{
    Channel, ContactId, TopicId,
    consent::{Evidence, source},
};
use serde_json::json;
use store::{
    Role, Tx,
    audit::{self, Entry},
    consent::{
        erase, event,
        event::{Page, Whose},
        export,
        topic::{self, Topic},
    },
    optout::{self, OptOut},
};
use uuid::Uuid;

const PHONE: &str = "+971500000000";

async fn api(world: &World, campaign: Campaign) -> Tx {
    world.connect_as(Role::Api).await.tenant(campaign.workspace).await.unwrap()
}

fn stop() -> OptOut {
    let evidence = Evidence { ip: "192.0.2.1".to_owned(), text: "STOP, says Sara".to_owned(), ..Evidence::default() };
    OptOut {
        channel: Some(Channel::Sms),
        address_key: PHONE.to_owned(),
        source: source::KEYWORD.to_owned(),
        reason: String::new(),
        created_at: now(),
        evidence,
    }
}

/// A campaign's first contact, who opted out and left a topic after a message.
async fn person(world: &World) -> (Campaign, ContactId, TopicId) {
    let campaign = world.campaign(2, 1.0).await;
    world.expand(campaign, 10).await;
    let contact: ContactId = world.text(&format!("SELECT contact_id FROM core.contact WHERE phone = '{PHONE}'")).await.parse().unwrap();
    let mut tx = api(world, campaign).await;
    optout::add(&mut tx, campaign.workspace, &[stop()], "").await.unwrap();
    let topic = Topic {
        topic_id: TopicId::new(),
        name: "Offers".to_owned(),
        description: String::new(),
        translations: [].into(),
        archived_at: None,
        created_at: now(),
    };
    topic::insert(&mut tx, campaign.workspace, &topic).await.unwrap();
    topic::leave(&mut tx, campaign.workspace, contact, &[topic.topic_id], source::PREFERENCE_PAGE, now()).await.unwrap();
    for id in [contact.0, Uuid::now_v7()] {
        let entry = Entry {
            workspace: campaign.workspace,
            actor: "agent",
            action: "contact.upsert",
            object_type: "contact",
            object_id: id,
            before: None,
            after: Some(json!({"phone": PHONE})),
            at: now(),
        };
        audit::record(&mut tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    (campaign, contact, topic.topic_id)
}

async fn erase(world: &World, campaign: Campaign, contact: ContactId) -> Option<erase::Erased> {
    let mut tx = api(world, campaign).await;
    let erased = erase::erase(&mut tx, campaign.workspace, contact, "admin", "asked", now()).await.unwrap();
    tx.commit().await.unwrap();
    erased
}

/// Tables that still have the phone in them somewhere, as text.
async fn traces(world: &World) -> Vec<String> {
    let mut connection = world.db.acquire().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relnamespace::regnamespace::text || '.' || c.relname FROM pg_class c
         WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('core', 'send', 'stats') ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let rows = world.text(&format!("SELECT count(*) FROM {table} AS t WHERE to_jsonb(t)::text LIKE '%500000000%'")).await;
        if rows != "0" {
            found.push(format!("{table}: {rows}"));
        }
    }
    found
}

#[tokio::test]
async fn nothing_that_names_an_erased_person_is_left_and_counts_stay() {
    let world = World::new().await;
    let (campaign, contact, _) = person(&world).await;
    world.execute("UPDATE send.delivery SET sent_at = now()".to_owned()).await;
    let urls = ["https://a.example/?p=%2B971500000000", "https://a.example/971500000000", "https://a.example/"];
    for (n, url) in urls.into_iter().enumerate() {
        world
            .execute(format!(
                "INSERT INTO send.short_link (workspace_id, run_id, link_key, url, created_at)
                 VALUES ('{}', '{}', decode(lpad('{n}', 32, '0'), 'hex'), '{url}', now())",
                campaign.workspace, campaign.run
            ))
            .await;
    }
    assert!(!traces(&world).await.is_empty());
    let erased = erase(&world, campaign, contact).await.unwrap();
    assert_eq!((erased.deliveries, erased.opt_outs, erased.consent_events, erased.audit_entries), (1, 1, 1, 1));
    assert_eq!(traces(&world).await, ["core.audit: 1"], "of another contact, whose business it is");
    assert_eq!(world.count("true").await, 2, "what was sent stays counted");
    assert_eq!(world.text("SELECT url FROM send.short_link").await, "https://a.example/", "others have that link as well");
    assert_eq!(world.text("SELECT count(*) FROM core.erasure WHERE erased_by = 'admin' AND reason = 'asked'").await, "1");
    assert_eq!(world.text("SELECT evidence FROM core.consent_event").await, "{}");
    assert_eq!(erase(&world, campaign, contact).await, None);
}

#[tokio::test]
async fn an_erased_opt_out_holds_again_when_the_address_comes_back() {
    let world = World::new().await;
    let (campaign, contact, topic) = person(&world).await;
    erase(&world, campaign, contact).await.unwrap();
    let mut tx = api(&world, campaign).await;
    let page = optout::Page::parse(0, "").unwrap();
    let kept = optout::list(&mut tx, campaign.workspace, Some(PHONE), &page).await.unwrap();
    assert!(kept.len() == 1 && kept[0].address_key.starts_with("erased:"), "{kept:?}");
    let events = event::list(&mut tx, campaign.workspace, &Whose::Address(PHONE.to_owned()), Page::parse(0, "").unwrap()).await.unwrap();
    assert_eq!(events.len(), 1, "found by whoever knows the address");
    drop(tx);
    let back = world.contact(campaign, PHONE, Some(PHONE)).await;
    let mut tx = api(&world, campaign).await;
    let held = optout::list(&mut tx, campaign.workspace, Some(PHONE), &page).await.unwrap();
    assert!(held.iter().any(|entry| entry.address_key == PHONE && entry.channel == Some(Channel::Sms)), "{held:?}");
    assert_eq!(
        world.text(&format!("SELECT count(*) FROM core.topic_opt_out WHERE topic_id = '{topic}' AND subject = '{PHONE}'")).await,
        "1"
    );
    // Another address brings nothing back; an admin may take it out for good.
    world.contact(campaign, "+971500000077", Some("+971500000077")).await;
    assert_eq!(world.text("SELECT count(*) FROM core.opt_out").await, "1");
    let removed = optout::remove(&mut tx, campaign.workspace, Some(Channel::Sms), PHONE).await.unwrap();
    assert_eq!(removed.map(|entry| entry.address_key).as_deref(), Some(PHONE));
    assert!(optout::list(&mut tx, campaign.workspace, Some(PHONE), &page).await.unwrap().is_empty());
    assert!(!back.is_nil());
}

#[tokio::test]
async fn who_came_back_and_said_yes_is_not_opted_out_again_by_the_next_import() {
    let world = World::new().await;
    let (campaign, contact, topic) = person(&world).await;
    erase(&world, campaign, contact).await.unwrap();
    let back = world.contact(campaign, PHONE, Some(PHONE)).await;
    let mut tx = api(&world, campaign).await;
    let sources = [source::KEYWORD.to_owned()];
    let taken = optout::take_back(&mut tx, campaign.workspace, Some(Channel::Sms), PHONE, &sources, now()).await.unwrap();
    assert_eq!(taken.map(|entry| entry.address_key).as_deref(), Some(PHONE));
    assert_eq!(topic::rejoin(&mut tx, campaign.workspace, ContactId(back), &[topic], now()).await.unwrap(), [topic]);
    tx.commit().await.unwrap();
    world.execute(format!("UPDATE core.contact SET name = 'Sara' WHERE contact_id = '{back}'")).await;
    assert_eq!(world.text("SELECT (SELECT count(*) FROM core.opt_out) + (SELECT count(*) FROM core.topic_opt_out)").await, "0");
}

#[tokio::test]
async fn what_another_contact_has_too_stays_theirs() {
    let world = World::new().await;
    let (campaign, contact, _) = person(&world).await;
    world.contact(campaign, PHONE, Some(PHONE)).await;
    let erased = erase(&world, campaign, contact).await.unwrap();
    assert_eq!(erased.opt_outs, 0);
    assert_eq!(world.text(&format!("SELECT count(*) FROM core.opt_out WHERE address_key = '{PHONE}'")).await, "1");
}

#[tokio::test]
async fn the_log_can_be_emptied_of_the_erased_contact_and_of_nothing_else() {
    let world = World::new().await;
    let (campaign, contact, _) = person(&world).await;
    let mut tx = api(&world, campaign).await;
    let update = "UPDATE core.audit SET before = NULL, after = NULL";
    assert_eq!(sqlx::query(update).execute(&mut *tx).await.unwrap().rows_affected(), 0, "nobody is being erased");
    sqlx::query("SELECT set_config('fanfare.erased_contact', $1, true)").bind(contact.to_string()).execute(&mut *tx).await.unwrap();
    assert!(sqlx::query("UPDATE core.audit SET after = '{}'").execute(&mut *tx).await.is_err(), "emptied, never rewritten");
    drop(tx);
    let mut tx = api(&world, campaign).await;
    for statement in ["UPDATE core.audit SET actor = 'x'", "DELETE FROM core.audit", "UPDATE core.consent_event SET source = 'x'"] {
        assert!(sqlx::query(statement).execute(&mut *tx).await.is_err(), "{statement}");
        tx = api(&world, campaign).await;
    }
}

#[tokio::test]
async fn a_person_is_handed_all_that_is_kept_about_them() {
    let world = World::new().await;
    let (campaign, contact, _) = person(&world).await;
    let mut tx = api(&world, campaign).await;
    let all = export::export(&mut tx, campaign.workspace, contact).await.unwrap().unwrap();
    assert_eq!(all["contact"]["phone"], PHONE);
    assert_eq!(all["lists"][0]["name"], "l");
    assert_eq!(all["topics_left"], json!(["Offers"]));
    assert_eq!(all["opt_outs"][0]["channel"], "sms");
    assert_eq!(all["consent"][0]["evidence"]["text"], "STOP, says Sara");
    assert_eq!((&all["messages"][0]["campaign"], &all["messages"][0]["address"]), (&json!("c"), &json!(PHONE)));
    assert!(export::export(&mut tx, campaign.workspace, ContactId::new()).await.unwrap().is_none());
}
