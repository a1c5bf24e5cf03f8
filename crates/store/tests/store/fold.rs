//! Facts into figures: whatever order they come in and however often, the counters are what a recount gives.

use crate::fixture::{Campaign, World, now};
use domain::{
    Channel, DeliveryId, SenderId, WorkspaceId,
    facts::{Kind, Metric, Tally, Wanted, key},
};
use std::collections::BTreeMap;
use store::{
    Role,
    fact::{self, Count, Fact, Folded},
    ingest, recount,
    stats::{self, Cursor, Filter},
};
use time::Duration;

/// Numbers that look random and are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

pub fn about(id: i64, kind: Kind, code: &str) -> Fact {
    Fact {
        key: key(&format!("{id}/{kind:?}")),
        kind,
        occurred_at: now() - Duration::seconds(100 - i64::from(kind.number())),
        code: code.to_owned(),
        delivery_id: Some(DeliveryId(id)),
        sender_id: None,
        provider_message_id: None,
        cost_micros: 0,
        count: None,
    }
}

pub fn reported(campaign: Campaign, message: &str, kind: Kind) -> Fact {
    Fact {
        key: key(&format!("{message}/{kind:?}")),
        delivery_id: None,
        sender_id: Some(campaign.sender),
        provider_message_id: Some(message.to_owned()),
        ..about(0, kind, "")
    }
}

fn expanded(campaign: Campaign, target: i64, suppressed: &[(&str, i64)]) -> Fact {
    let count = Count {
        workspace_id: campaign.workspace,
        campaign_id: campaign.campaign,
        run_id: campaign.run,
        channel: Channel::Sms,
        sender_id: campaign.sender,
        target,
        suppressed: suppressed.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
        cancelled: 0,
        expired: 0,
        rescued: 0,
    };
    Fact { key: key(&format!("expanded/{}", campaign.run)), delivery_id: None, count: Some(count), ..about(0, Kind::Expanded, "") }
}

impl World {
    /// As the service's own role, so that its rights are tested too.
    pub async fn fold(&self, facts: &[Fact]) -> Folded {
        let db = self.connect_as(Role::Analytics).await;
        let mut tx = db.begin().await.unwrap();
        let folded = fact::fold(&mut tx, facts, now()).await.unwrap();
        tx.commit().await.unwrap();
        folded
    }

    pub async fn counters(&self, campaign: Campaign) -> BTreeMap<Channel, Tally> {
        let mut connection = self.db.acquire().await.unwrap();
        stats::tallies(&mut connection, campaign.workspace, campaign.campaign).await.unwrap()
    }

    pub async fn recount(&self, campaign: Campaign) -> BTreeMap<Channel, Tally> {
        let db = self.connect_as(Role::Analytics).await;
        let mut tx = db.begin().await.unwrap();
        recount::snapshot(&mut tx).await.unwrap();
        recount::tallies(&mut tx, campaign.workspace, campaign.campaign).await.unwrap()
    }

    pub async fn set_state(&self, ids: &[i64], state: &str, reason: &str) {
        let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let reason = if reason.is_empty() { "NULL".to_owned() } else { format!("'{reason}'") };
        self.execute(format!("UPDATE send.delivery SET state = '{state}', reason = {reason} WHERE delivery_id IN ({ids})")).await;
    }
}

/// 40 deliveries with every kind of fate, in the ledger and as facts.
pub async fn eventful(world: &World) -> (Campaign, Vec<Fact>) {
    let campaign = world.campaign(39, 1e6).await;
    world.contact(campaign, "", None).await;
    world.expand(campaign, 50).await;
    world.execute("UPDATE send.run_channel SET price_micros = 7".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    let waiting: Vec<i64> = {
        let mut connection = world.db.acquire().await.unwrap();
        sqlx::query_scalar("SELECT delivery_id FROM send.delivery WHERE state = 'queued' ORDER BY 1")
            .fetch_all(&mut *connection)
            .await
            .unwrap()
    };
    assert_eq!((ids.len(), waiting.len()), (40, 39));
    let mut facts = vec![expanded(campaign, 40, &[("no_address", 1)])];
    let (accepted, rest) = waiting.split_at(25);
    world.set_state(accepted, "accepted", "").await;
    for (n, id) in accepted.iter().enumerate() {
        facts.push(about(*id, Kind::Accepted, ""));
        let fate: &[(Kind, &str)] = match n % 5 {
            0 => &[(Kind::Sent, ""), (Kind::Delivered, "")],
            1 => &[(Kind::Delivered, ""), (Kind::Opened, ""), (Kind::Clicked, "")],
            2 => &[(Kind::Failed, "30003")],
            3 => &[(Kind::Failed, "30007"), (Kind::Delivered, "")],
            _ => &[(Kind::Clicked, ""), (Kind::Unsubscribed, "")],
        };
        facts.extend(fate.iter().map(|(kind, code)| about(*id, *kind, code)));
    }
    world.set_state(&rest[..3], "rejected", "21211").await;
    facts.extend(rest[..3].iter().map(|id| about(*id, Kind::Rejected, "21211")));
    world.set_state(&rest[3..6], "uncertain", "timeout").await;
    facts.extend(rest[3..6].iter().map(|id| about(*id, Kind::Uncertain, "timeout")));
    facts.push(about(rest[3], Kind::Delivered, ""));
    world.set_state(&rest[6..8], "suppressed", "opted_out").await;
    facts.extend(rest[6..8].iter().map(|id| about(*id, Kind::Suppressed, "opted_out")));
    world.set_state(&rest[8..9], "expired", "").await;
    facts.push(about(rest[8], Kind::Expired, ""));
    (campaign, facts)
}

fn check(tally: &Tally) {
    let get = |metric| tally.get(metric);
    assert_eq!((get(Metric::Target), get(Metric::Sent), get(Metric::Delivered)), (40, 26, 21));
    assert_eq!((get(Metric::Failed), get(Metric::Rejected), get(Metric::Uncertain)), (8, 3, 2));
    assert_eq!((get(Metric::Read), get(Metric::Clicked), get(Metric::Unsubscribed)), (10, 10, 5));
    assert_eq!((get(Metric::Suppressed), get(Metric::Expired), tally.pending()), (3, 1, 5));
    assert_eq!(tally.by_code(Metric::Failed), BTreeMap::from([("21211", 3), ("30003", 5)]));
    assert_eq!(tally.by_code(Metric::Suppressed), BTreeMap::from([("no_address", 1), ("opted_out", 2)]));
    assert_eq!(get(Metric::Cost), 26 * 7);
}

#[tokio::test]
async fn five_times_everything_in_any_order_counts_once_and_equals_a_recount() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    let mut random = Lcg(3);
    let mut told: Vec<Fact> = std::iter::repeat_n(facts.clone(), 5).flatten().collect();
    random.shuffle(&mut told);
    let (mut rest, mut new) = (told.as_slice(), 0);
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(1 + random.below(60)));
        new += world.fold(batch).await.new;
        rest = after;
    }
    assert_eq!(new, facts.len());
    check(&world.counters(campaign).await[&Channel::Sms]);
    assert_eq!(world.counters(campaign).await, world.recount(campaign).await);
}

#[tokio::test]
async fn folds_at_the_same_time_neither_lose_nor_double_nor_lock_up() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    let mut random = Lcg(5);
    let told: Vec<Vec<Fact>> = (0..4)
        .map(|_| {
            let mut facts = facts.clone();
            random.shuffle(&mut facts);
            facts
        })
        .collect();
    let one = |facts: Vec<Fact>| {
        let world = &world;
        async move {
            for batch in facts.chunks(17) {
                world.fold(batch).await;
            }
        }
    };
    let [a, b, c, d] = <[_; 4]>::try_from(told).unwrap();
    tokio::join!(one(a), one(b), one(c), one(d));
    check(&world.counters(campaign).await[&Channel::Sms]);
    assert_eq!(world.counters(campaign).await, world.recount(campaign).await);
}

#[tokio::test]
async fn a_report_that_overtakes_the_record_is_matched_when_the_message_is_known() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let folded = world.fold(&[reported(campaign, "SM1", Kind::Delivered), reported(campaign, "SM2", Kind::Delivered)]).await;
    assert_eq!((folded.new, folded.unmatched), (2, 2));
    assert!(world.counters(campaign).await.is_empty());

    // The dispatcher's record, and its fact.
    world.execute(format!("UPDATE send.delivery SET state = 'accepted', provider_message_id = 'SM1' WHERE delivery_id = {}", ids[0])).await;
    let accepted =
        Fact { sender_id: Some(campaign.sender), provider_message_id: Some("SM1".to_owned()), ..about(ids[0], Kind::Accepted, "") };
    assert_eq!(world.fold(&[accepted]).await.matched, 1);
    assert_eq!(world.counters(campaign).await[&Channel::Sms].get(Metric::Delivered), 1);

    // The other one is found by looking again.
    world.execute(format!("UPDATE send.delivery SET state = 'accepted', provider_message_id = 'SM2' WHERE delivery_id = {}", ids[1])).await;
    let retry = async |after: Duration| {
        let mut tx = world.db.begin().await.unwrap();
        let tried = fact::retry_unmatched(&mut tx, now() + after, 10).await.unwrap();
        tx.commit().await.unwrap();
        tried
    };
    assert_eq!(retry(Duration::ZERO).await, (0, 0), "not due yet");
    assert_eq!(retry(Duration::seconds(3)).await, (1, 1));
    assert_eq!(retry(Duration::days(30)).await, (0, 0));
    assert_eq!(world.counters(campaign).await[&Channel::Sms].get(Metric::Delivered), 2);
}

#[tokio::test]
async fn an_account_can_speak_only_of_its_own_deliveries() {
    let world = World::new().await;
    let (campaign, other) = (world.campaign(1, 1e6).await, world.campaign(1, 1e6).await);
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    world.execute("UPDATE send.delivery SET state = 'accepted', provider_message_id = 'SM1'".to_owned()).await;
    let forged = [
        Fact { sender_id: Some(other.sender), ..about(ids[0], Kind::Failed, "x") },
        reported(other, "SM1", Kind::Failed),
        Fact { sender_id: Some(SenderId::new()), ..about(ids[0], Kind::Delivered, "") },
    ];
    assert_eq!(world.fold(&forged).await.unmatched, 3);
    assert!(world.counters(campaign).await.is_empty());
    assert_eq!(world.fold(&[reported(campaign, "SM1", Kind::Delivered)]).await.unmatched, 0);
}

#[tokio::test]
async fn webhook_ingest_finds_the_delivery_of_a_message_and_reads_nothing_else_of_it() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    world.expand(campaign, 50).await;
    let id = world.delivery_ids(campaign).await[0];
    world.execute("UPDATE send.delivery SET provider_message_id = 'SM1'".to_owned()).await;
    let db = world.connect_as(Role::Ingest).await;
    let mut connection = db.acquire().await.unwrap();
    let find = async |connection: &mut _, sender, message| ingest::delivery_of(connection, sender, message).await.unwrap();
    assert_eq!(find(&mut connection, campaign.sender, "SM1").await, Some(DeliveryId(id)));
    assert_eq!(find(&mut connection, campaign.sender, "SM2").await, None);
    assert_eq!(find(&mut connection, SenderId::new(), "SM1").await, None);
    assert!(sqlx::query("SELECT address FROM send.delivery").execute(&mut *connection).await.is_err());
}

#[tokio::test]
async fn deliveries_are_listed_by_status_page_by_page_and_only_to_their_workspace() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    world.fold(&facts).await;
    let db = world.connect_as(Role::Analytics).await;
    let mut connection = db.acquire().await.unwrap();
    let mut seen = BTreeMap::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = stats::deliveries(&mut connection, campaign.workspace, campaign.campaign, &Filter::default(), cursor.as_ref(), 7)
            .await
            .unwrap();
        for delivery in &page {
            *seen.entry(delivery.status).or_insert(0) += 1;
        }
        let Some(last) = page.last() else { break };
        cursor = Some(Cursor::parse(&Cursor::after(last).to_token()).unwrap());
    }
    let expected = [("clicked", 10), ("delivered", 11), ("expired", 1), ("failed", 8), ("queued", 5), ("suppressed", 3), ("uncertain", 2)];
    assert_eq!(seen, BTreeMap::from(expected));
    for (status, count) in expected {
        let filter = Filter { channel: Some(Channel::Sms), wanted: Some(Wanted::parse(status).unwrap()) };
        let found = stats::deliveries(&mut connection, campaign.workspace, campaign.campaign, &filter, None, 100).await.unwrap();
        assert_eq!(found.len(), count, "{status}");
        assert!(found.iter().all(|delivery| delivery.status == status));
    }
    let reasons = Filter { channel: None, wanted: Some(Wanted::parse("failed").unwrap()) };
    let found = stats::deliveries(&mut connection, campaign.workspace, campaign.campaign, &reasons, None, 100).await.unwrap();
    assert_eq!(found.iter().filter(|delivery| delivery.reason.as_deref() == Some("30003")).count(), 5);

    let stranger = WorkspaceId::new();
    let none = stats::deliveries(&mut connection, stranger, campaign.campaign, &Filter::default(), None, 100).await.unwrap();
    assert!(none.is_empty());
    assert!(stats::tallies(&mut connection, stranger, campaign.campaign).await.unwrap().is_empty());
    assert!(recount::tallies(&mut connection, stranger, campaign.campaign).await.unwrap().is_empty());
    assert_eq!(stats::head(&mut connection, stranger, campaign.campaign).await.unwrap(), None);
}

impl World {
    /// A sender of the campaign's workspace that steps in for its own, at another price.
    async fn fallback(&self, campaign: Campaign, price_micros: i64) -> SenderId {
        let sender = SenderId::new();
        self.execute(format!(
            "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                                      rate_per_second, created_at, updated_at)
             VALUES ('{sender}', '{}', 'other', 'sms', 'twilio', '{{}}', '', '{{}}', 1, now(), now())",
            campaign.workspace
        ))
        .await;
        self.execute(format!("UPDATE send.run_channel SET fallback_sender_id = '{sender}', fallback_price_micros = {price_micros}")).await;
        sender
    }

    async fn notices(&self) -> Vec<(i64, String, String, Option<String>)> {
        let mut connection = self.db.acquire().await.unwrap();
        sqlx::query_as("SELECT delivery_id, kind, code, provider_message_id FROM stats.notice ORDER BY notice_id")
            .fetch_all(&mut *connection)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_delivery_that_moves_to_another_sender_counts_once_whoever_reports_it() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    world.execute("UPDATE send.run_channel SET price_micros = 7".to_owned()).await;
    let other = world.fallback(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    // The first is reported before it moves, the second after: each counts under the sender that had it then, and costs its price.
    let failed = Fact { sender_id: Some(campaign.sender), ..about(ids[0], Kind::Failed, "30003") };
    world.fold(&[expanded(campaign, 2, &[]), failed]).await;
    world.execute(format!("UPDATE send.delivery SET state = 'accepted', provider_message_id = 'SM2', sender_id = '{other}'")).await;
    let late = Fact { sender_id: Some(campaign.sender), ..about(ids[0], Kind::Sent, "") };
    let told = [
        Fact { sender_id: Some(other), ..about(ids[0], Kind::Accepted, "") },
        Fact { sender_id: Some(other), ..about(ids[1], Kind::Accepted, "") },
        late,
    ];
    assert_eq!(world.fold(&told).await.unmatched, 0);
    let by_message = Fact { sender_id: Some(other), ..reported(campaign, "SM2", Kind::Delivered) };
    assert_eq!(world.fold(&[by_message]).await.unmatched, 0);
    let sms = &world.counters(campaign).await[&Channel::Sms];
    assert_eq!((sms.get(Metric::Sent), sms.get(Metric::Cost)), (2, 7 + 50));
    assert_eq!(world.counters(campaign).await, world.recount(campaign).await);
}

#[tokio::test]
async fn the_ledger_is_told_what_settles_its_doubts_and_every_late_failure() {
    let world = World::new().await;
    let campaign = world.campaign(3, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    let message = |id, kind, message: &str, code: &str| Fact {
        key: key(&format!("{id}/{kind:?}/{message}")),
        provider_message_id: Some(message.to_owned()),
        ..about(id, kind, code)
    };
    let doubt = about(ids[0], Kind::Uncertain, "timeout");
    let delivered = message(ids[0], Kind::Delivered, "SM1", "");
    world.fold(&[doubt.clone(), about(ids[1], Kind::Accepted, ""), about(ids[2], Kind::Delivered, "")]).await;
    assert!(world.notices().await.is_empty());
    world.fold(&[delivered.clone(), message(ids[1], Kind::Failed, "SM2", "131049"), message(ids[2], Kind::Failed, "SM3", "x")]).await;
    // The same again says nothing new; the failure of the next try does.
    world.fold(&[doubt, delivered, message(ids[1], Kind::Failed, "SM2", "131049"), message(ids[1], Kind::Failed, "SM4", "131049")]).await;
    let notice = |id: i64, kind: &str, code: &str, message: &str| (id, kind.to_owned(), code.to_owned(), Some(message.to_owned()));
    let expected =
        [notice(ids[0], "reached", "", "SM1"), notice(ids[1], "failed", "131049", "SM2"), notice(ids[1], "failed", "131049", "SM4")];
    assert_eq!(world.notices().await, expected);
    // Who acts on them may take them away.
    let dispatcher = world.connect_as(Role::Dispatcher).await;
    let taken = sqlx::query("DELETE FROM stats.notice WHERE channel = 'sms'").execute(&mut *dispatcher.acquire().await.unwrap()).await;
    assert_eq!(taken.unwrap().rows_affected(), 3);
}

#[tokio::test]
async fn first_times_are_kept_whatever_comes_later_and_a_machine_is_nobody() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    world.expand(campaign, 50).await;
    let id = world.delivery_ids(campaign).await[0];
    let at = |seconds| now() - Duration::seconds(seconds);
    let fact = |kind, n: u8, occurred_at| Fact { key: key(&format!("{kind:?}{n}")), occurred_at, ..about(id, kind, "") };
    let (first, last) = (at(50), at(10));
    world.fold(&[fact(Kind::MachineOpened, 0, at(90)), fact(Kind::Clicked, 0, last), fact(Kind::Replied, 0, last)]).await;
    world.fold(&[fact(Kind::Clicked, 1, first), fact(Kind::Converted, 0, last), fact(Kind::Replied, 1, at(5))]).await;
    let mut connection = world.db.acquire().await.unwrap();
    let times: (Option<_>, Option<_>, Option<_>, Option<_>) =
        sqlx::query_as("SELECT opened_at, clicked_at, replied_at, converted_at FROM stats.delivery_status")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    let stored = |at: time::OffsetDateTime| Some(at.replace_microsecond(at.microsecond()).unwrap());
    assert_eq!(times, (stored(first), stored(first), stored(last), stored(last)));
}
