//! Filters in SQL say what filters in memory say: random filters over random contacts.

use crate::fixture::World;
use domain::{
    CampaignId, Channel, ListId, SegmentId, WorkspaceId,
    facts::Bits,
    filter::{AttributeTest, Deed, Delivery, Engaged, Filter, NumberTest, ProfileField, Subject, TextTest, TimeTest},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use store::{
    Role,
    segment::{self, Segment},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const CONTACTS: usize = 90;
const FILTERS: usize = 400;

/// What contacts have and filters ask for; a few have nothing to do with the others.
const TEXTS: [&str; 14] =
    ["", "", "Dubai", "DUBAI", "dubai marina", "Москва", "москва", "İstanbul", "ΣΊΣΥΦΟΣ", "100%", "a_b", "a\\b", "'; --", "दुबई"];
const NAMES: [&str; 5] = ["plan", "age", "vip", "tags", "renewal"];

fn value(rng: &mut StdRng, now: OffsetDateTime) -> Value {
    let day = (now + Duration::days(rng.random_range(-40..40))).date().to_string();
    let values = [
        json!(TEXTS.choose(rng).unwrap()),
        json!(rng.random_range(-3..4)),
        json!(f64::from(rng.random_range(-6..7)) / 2.0),
        json!(rng.random_range(-3..4).to_string()),
        json!(format!("+{}.50", rng.random_range(0..3))),
        json!("1e3"),
        json!(rng.random_bool(0.5)),
        json!(["true", "FALSE", "yes"].choose(rng).unwrap()),
        json!(null),
        json!(day),
        json!(format!("{day}T23:30:00.250-05:30")),
        json!(["2026-02-30", "2026-13-01", "0999-01-01", "2026-01-01T24:00:00Z", "2026-01-01T10:00:00"].choose(rng).unwrap()),
        json!([TEXTS.choose(rng).unwrap(), rng.random_range(-3..4), null, [1]]),
        json!([]),
        json!({"plan": "Dubai"}),
    ];
    values.choose(rng).unwrap().clone()
}

struct People {
    workspace: WorkspaceId,
    lists: Vec<ListId>,
    campaigns: Vec<CampaignId>,
    contacts: Vec<(Uuid, Subject)>,
    now: OffsetDateTime,
}

/// To the microsecond, which is what the database keeps.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.microsecond() * 1_000).unwrap()
}

fn days_ago(rng: &mut StdRng, now: OffsetDateTime) -> OffsetDateTime {
    now - Duration::hours(rng.random_range(0..20 * 24))
}

fn maybe(rng: &mut StdRng, now: OffsetDateTime) -> Option<OffsetDateTime> {
    rng.random_bool(0.4).then(|| days_ago(rng, now))
}

fn subject(rng: &mut StdRng, lists: &[ListId], now: OffsetDateTime) -> Subject {
    let text = |rng: &mut StdRng| (*TEXTS.choose(rng).unwrap()).to_owned();
    let names = NAMES.iter().filter(|_| rng.random_bool(0.6)).copied().collect::<Vec<_>>();
    let attributes: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), value(rng, now))).collect();
    Subject {
        external_id: if rng.random_bool(0.3) { String::new() } else { Uuid::now_v7().to_string() },
        name: text(rng),
        email: text(rng),
        phone: format!("+9715{}", rng.random_range(0..4)),
        locale: text(rng),
        timezone: text(rng),
        role: ["customer", "partner"].choose(rng).map(|role| (*role).to_owned()).unwrap(),
        city: text(rng),
        postal_code: text(rng),
        attributes,
        last_active_at: maybe(rng, now),
        created_at: days_ago(rng, now),
        lists: lists.iter().filter(|_| rng.random_bool(0.3)).copied().collect(),
        deliveries: Vec::new(),
    }
}

async fn people(world: &World, rng: &mut StdRng) -> People {
    let (workspace, now) = (WorkspaceId::new(), now());
    world.execute(format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{workspace}', 'w', now())")).await;
    let lists: Vec<ListId> = (0..3).map(|_| ListId::new()).collect();
    for list in &lists {
        let sql = "INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES";
        world.execute(format!("{sql} ('{list}', '{workspace}', '{list}', now())")).await;
    }
    let campaigns: Vec<CampaignId> = (0..3).map(|_| CampaignId::new()).collect();
    let mut runs = Vec::new();
    for id in &campaigns {
        let run = Uuid::now_v7();
        let sql = "INSERT INTO core.campaign (campaign_id, workspace_id, name, status, created_by, created_at, updated_at) VALUES";
        world.execute(format!("{sql} ('{id}', '{workspace}', 'c', 'COMPLETED', 't', now(), now())")).await;
        let sql = "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content,
                                         created_at, expires_at) VALUES";
        let template = Uuid::now_v7();
        world.execute(format!("{sql} ('{run}', '{workspace}', '{id}', 'once', 'completed', '{template}', 1, '{{}}', now(), now())")).await;
        runs.push(run);
    }
    let mut contacts = Vec::new();
    for _ in 0..CONTACTS {
        let (id, mut subject) = (Uuid::now_v7(), subject(rng, &lists, now));
        insert(world, workspace, id, &subject).await;
        for (campaign_id, run) in campaigns.iter().zip(&runs) {
            for channel in Channel::ALL {
                if rng.random_bool(0.25) {
                    let sent = delivery(world, rng, (workspace, *campaign_id, *run), id, channel, now).await;
                    subject.deliveries.push(sent);
                }
            }
        }
        contacts.push((id, subject));
    }
    People { workspace, lists, campaigns, contacts, now }
}

async fn insert(world: &World, workspace: WorkspaceId, id: Uuid, subject: &Subject) {
    let mut connection = world.db.acquire().await.unwrap();
    sqlx::query(
        "INSERT INTO core.contact (contact_id, workspace_id, external_id, name, email, phone, locale, timezone, role, city, postal_code,
                                   attributes, last_active_at, created_at, updated_at)
         VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
    )
    .bind(id)
    .bind(workspace.0)
    .bind(&subject.external_id)
    .bind(&subject.name)
    .bind(&subject.email)
    .bind(&subject.phone)
    .bind(&subject.locale)
    .bind(&subject.timezone)
    .bind(&subject.role)
    .bind(&subject.city)
    .bind(&subject.postal_code)
    .bind(Value::Object(subject.attributes.clone()))
    .bind(subject.last_active_at)
    .bind(subject.created_at)
    .execute(&mut *connection)
    .await
    .unwrap();
    for list in &subject.lists {
        let sql = "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at) VALUES ($1, $2, $3, now())";
        sqlx::query(sql).bind(list.0).bind(id).bind(workspace.0).execute(&mut *connection).await.unwrap();
    }
}

/// A message to a contact: whether it left, what was reported of it, and when.
async fn delivery(
    world: &World,
    rng: &mut StdRng,
    (workspace, campaign_id, run): (WorkspaceId, CampaignId, Uuid),
    contact: Uuid,
    channel: Channel,
    now: OffsetDateTime,
) -> Delivery {
    let sets =
        [Bits::NONE, Bits::ACCEPTED, Bits::SENT, Bits::DELIVERED, Bits::MACHINE_OPENED, Bits::FAILED, Bits::SUPPRESSED, Bits::CLICKED];
    let mut delivery = Delivery {
        campaign_id,
        channel,
        bits: *sets.choose(rng).unwrap() | *sets.choose(rng).unwrap(),
        sent_at: maybe(rng, now),
        opened_at: maybe(rng, now),
        clicked_at: maybe(rng, now),
        replied_at: maybe(rng, now),
        converted_at: maybe(rng, now),
    };
    let mut connection = world.db.acquire().await.unwrap();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, sent_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'accepted', '', $7, now()) RETURNING delivery_id",
    )
    .bind(workspace.0)
    .bind(campaign_id.0)
    .bind(run)
    .bind(contact)
    .bind(Uuid::now_v7())
    .bind(channel.as_str())
    .bind(delivery.sent_at)
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    if rng.random_bool(0.15) {
        // Nothing is known of it yet.
        delivery = Delivery { bits: Bits::NONE, opened_at: None, clicked_at: None, replied_at: None, converted_at: None, ..delivery };
        return delivery;
    }
    sqlx::query(
        "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, opened_at, clicked_at, replied_at, converted_at)
         VALUES ($1, $2, $3, now(), $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(workspace.0)
    .bind(delivery.bits.0.cast_signed())
    .bind(delivery.opened_at)
    .bind(delivery.clicked_at)
    .bind(delivery.replied_at)
    .bind(delivery.converted_at)
    .execute(&mut *connection)
    .await
    .unwrap();
    delivery
}

fn text_test(rng: &mut StdRng) -> TextTest {
    let text = |rng: &mut StdRng| {
        let text = TEXTS[2..].choose(rng).unwrap();
        let letters = text.chars().count();
        // Often a piece of one, in some case.
        let piece: String = text.chars().take(rng.random_range(1..=letters)).collect();
        match rng.random_range(0..4) {
            0 => piece.to_uppercase(),
            1 => piece.to_lowercase(),
            2 => piece,
            _ => (*text).to_owned(),
        }
    };
    match rng.random_range(0..5) {
        0 => TextTest::Equals(text(rng)),
        1 => TextTest::OneOf((0..rng.random_range(1..4)).map(|_| text(rng)).collect()),
        2 => TextTest::StartsWith(text(rng)),
        3 => TextTest::Contains(text(rng)),
        _ => TextTest::Exists(rng.random_bool(0.5)),
    }
}

fn time_test(rng: &mut StdRng, people: &People) -> TimeTest {
    let at = match people.contacts.choose(rng).map(|(_, subject)| subject.created_at) {
        // A moment that some contact has exactly.
        Some(at) if rng.random_bool(0.5) => at,
        _ => days_ago(rng, people.now),
    };
    match rng.random_range(0..4) {
        0 => TimeTest::Before(at),
        1 => TimeTest::Since(at),
        2 => TimeTest::InLastDays(rng.random_range(1..30)),
        _ => TimeTest::InNextDays(rng.random_range(1..30)),
    }
}

fn attribute_test(rng: &mut StdRng, people: &People) -> AttributeTest {
    let number = f64::from(rng.random_range(-6..7)) / 2.0;
    let tests = [NumberTest::Equals, NumberTest::LessThan, NumberTest::AtMost, NumberTest::MoreThan, NumberTest::AtLeast];
    match rng.random_range(0..4) {
        0 => AttributeTest::Text(text_test(rng)),
        1 => AttributeTest::Number(tests.choose(rng).unwrap()(number)),
        2 => AttributeTest::Truth(rng.random_bool(0.5)),
        _ => AttributeTest::Time(time_test(rng, people)),
    }
}

fn filter(rng: &mut StdRng, people: &People, depth: usize) -> Filter {
    let parts = |rng: &mut StdRng| (0..rng.random_range(1..4)).map(|_| filter(rng, people, depth - 1)).collect();
    match rng.random_range(if depth == 0 { 3..9 } else { 0..9 }) {
        0 => Filter::All(parts(rng)),
        1 => Filter::Any(parts(rng)),
        2 => Filter::Not(Box::new(filter(rng, people, depth - 1))),
        3 => Filter::Profile { field: *ProfileField::ALL.choose(rng).unwrap(), is: text_test(rng) },
        4 => Filter::LastActive(time_test(rng, people)),
        5 => Filter::Created(time_test(rng, people)),
        6 => Filter::OnList((0..rng.random_range(1..3)).map(|_| *people.lists.choose(rng).unwrap()).collect()),
        7 => Filter::Attribute { name: (*NAMES.choose(rng).unwrap()).to_owned(), is: attribute_test(rng, people) },
        _ => Filter::Engaged(Engaged {
            did: *Deed::ALL.choose(rng).unwrap(),
            campaign_id: people.campaigns.choose(rng).copied().filter(|_| rng.random_bool(0.6)),
            channel: Channel::ALL.choose(rng).copied().filter(|_| rng.random_bool(0.4)),
            within_days: if rng.random_bool(0.5) { 0 } else { rng.random_range(1..20) },
        }),
    }
}

#[tokio::test]
async fn filters_agree_with_a_naive_evaluation_on_random_data() {
    let seed: u64 = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    let world = World::new().await;
    let people = people(&world, &mut rng).await;
    // Others, whom no filter may find.
    world.campaign(5, 1.0).await;
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(people.workspace).await.unwrap();
    let mut telling = 0;
    for n in 0..FILTERS {
        let filter = filter(&mut rng, &people, n % 4);
        assert!(people.contacts.len() < 500, "one page");
        let expected: Vec<Uuid> =
            people.contacts.iter().filter(|(_, subject)| filter.holds(subject, people.now)).map(|(id, _)| *id).collect();
        let found = segment::page(&mut tx, people.workspace, &filter, people.now, None, 500).await.unwrap();
        assert_eq!(found, expected, "seed {seed}: {filter:?}");
        telling += usize::from(!expected.is_empty() && expected.len() < CONTACTS);
    }
    assert!(telling > FILTERS / 3, "seed {seed}: only {telling} of {FILTERS} filters told anybody apart");
}

#[tokio::test]
async fn counts_pages_and_single_contacts_agree() {
    let mut rng = StdRng::seed_from_u64(7);
    let world = World::new().await;
    let people = people(&world, &mut rng).await;
    let filter = Filter::Profile { field: ProfileField::Role, is: TextTest::Equals("PARTNER".to_owned()) };
    let mut connection = world.db.acquire().await.unwrap();
    let all = segment::page(&mut connection, people.workspace, &filter, people.now, None, 500).await.unwrap();
    let counted = segment::count(&mut connection, people.workspace, &filter, people.now).await.unwrap();
    assert_eq!((counted.matching, counted.all), (all.len() as u64, CONTACTS as u64));
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = segment::page(&mut connection, people.workspace, &filter, people.now, after, 7).await.unwrap();
        after = page.last().copied();
        let is_last = page.len() < 7;
        paged.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(paged, all);
    for (id, _) in people.contacts.iter().take(20) {
        let holds = segment::holds(&mut connection, people.workspace, &filter, (*id).into(), people.now).await.unwrap();
        assert_eq!(holds, all.contains(id));
    }
    let elsewhere = segment::holds(&mut connection, WorkspaceId::new(), &filter, all[0].into(), people.now).await.unwrap();
    assert!(!elsewhere, "another workspace's contact");
}

#[tokio::test]
async fn segments_are_stored_and_read_back() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut connection = world.db.acquire().await.unwrap();
    let now = now();
    let mut one = Segment {
        segment_id: SegmentId::new(),
        name: "Golfers".to_owned(),
        description: String::new(),
        filter: Filter::Attribute { name: "sport".to_owned(), is: AttributeTest::Text(TextTest::Equals("golf".to_owned())) },
        revision: 1,
        archived_at: None,
        created_at: now,
        updated_at: now,
    };
    segment::insert(&mut connection, campaign.workspace, &one).await.unwrap();
    assert_eq!(segment::get(&mut connection, campaign.workspace, one.segment_id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(segment::get(&mut connection, WorkspaceId::new(), one.segment_id).await.unwrap(), None);
    one.filter = Filter::Created(TimeTest::Since(now));
    one.archived_at = Some(now);
    assert!(segment::update(&mut connection, campaign.workspace, &one).await.unwrap());
    let filters = segment::filters(&mut connection, campaign.workspace, &[one.segment_id, SegmentId::new()]).await.unwrap();
    assert_eq!(filters, [(one.segment_id, one.filter.clone())].into());
    let taken = Segment { segment_id: SegmentId::new(), ..one };
    assert!(segment::insert(&mut connection, campaign.workspace, &taken).await.unwrap_err().is_constraint("segment_name"));
}
