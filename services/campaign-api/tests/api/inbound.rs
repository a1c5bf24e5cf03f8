//! STOP, START and unsubscribe links, from the stream to the register and back as facts.

use crate::{
    mover::{Mover, start_run},
    support::{Api, Workspace, until},
};
use bus::{Bus, Consumer, Subject, Verdict};
use domain::{Channel, RunId, SenderId, WorkerId, delivery::State, facts::key, role::Role};
use proto::{
    campaign::GetCampaignRequest,
    event::{Fact, FactBatch, FactKind, Inbound, InboundBatch, InboundIntent},
    optout::{AddOptOutsRequest, ListOptOutsRequest, OptOut, RemoveOptOutRequest},
    workspace::CreateWorkspaceRequest,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use store::{gate, optout::Addressee, record::Tried};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

pub const PHONE: &str = "+971501234567";
pub const EMAIL: &str = "one@example.com";

pub fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap()
}

/// A workspace whose one contact was sent an e-mail and an SMS, and the broker's other end.
pub struct Post<'a> {
    pub workspace: Workspace<'a>,
    bus: Bus,
    senders: BTreeMap<Channel, SenderId>,
    facts: Arc<Mutex<Vec<Fact>>>,
    /// What was sent, by channel.
    pub deliveries: BTreeMap<Channel, i64>,
    _stop: tokio_util::sync::DropGuard,
}

impl<'a> Post<'a> {
    pub async fn new(api: &'a Api) -> Self {
        let request = CreateWorkspaceRequest { opt_out_keywords: vec!["إلغاء".to_owned()], ..Default::default() };
        let workspace = api.workspace_with(request).await;
        let bus = Bus::connect(&api.nats_url, &api.prefix, 1).await.unwrap();
        bus.ensure_streams().await.unwrap();
        let (facts, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        tokio::spawn(listen(bus.clone(), facts.clone(), stop.clone()));
        let (deliveries, senders) = send(api, workspace).await;
        Self { workspace, bus, senders, facts, deliveries, _stop: stop.drop_guard() }
    }

    pub fn text(&self, channel: Channel, text: &str) -> Inbound {
        Inbound {
            key: key(&format!("{channel} {text} {}", uuid::Uuid::new_v4())).to_vec(),
            workspace_id: self.workspace.id.to_string(),
            channel: channel.to_string(),
            sender_id: self.senders.get(&channel).map(ToString::to_string).unwrap_or_default(),
            from: PHONE.to_owned(),
            text: text.to_owned(),
            source: "keyword".to_owned(),
            occurred_at_ms: now_ms(),
            ..Inbound::default()
        }
    }

    pub async fn publish(&self, inbound: Vec<Inbound>) {
        let id = uuid::Uuid::new_v4().to_string();
        self.bus.publish(&Subject::inbound(), &InboundBatch { inbound }, &id, "").await.unwrap();
    }

    /// The register, as (channel, address, source).
    pub async fn register(&self) -> Vec<(i32, String, String)> {
        let answer = self.workspace.opt_outs(Role::Agent).list_opt_outs(ListOptOutsRequest::default()).await.unwrap();
        answer.into_inner().opt_outs.into_iter().map(|entry| (entry.channel, entry.address, entry.source)).collect()
    }

    pub async fn until_registered(&self, expected: &[(Channel, &str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(channel, address, source)| (proto::convert::channel_number(*channel), (*address).to_owned(), (*source).to_owned()))
            .collect();
        until(async || (self.register().await == expected).then_some(())).await;
    }

    /// Waits until everything published so far has been handled: until a message of its own has.
    pub async fn settled(&self) {
        let probe = format!("{}@settled.example", uuid::Uuid::new_v4());
        let inbound = Inbound {
            from: probe.clone(),
            intent: InboundIntent::Stop.into(),
            source: "bounce".to_owned(),
            ..self.text(Channel::Email, "")
        };
        self.publish(vec![inbound]).await;
        until(async || self.register().await.iter().any(|(_, address, _)| *address == probe).then_some(())).await;
        let remove =
            RemoveOptOutRequest { channel: proto::convert::channel_number(Channel::Email), address: probe, reason: "test".to_owned() };
        self.workspace.opt_outs(Role::Admin).remove_opt_out(remove).await.unwrap();
    }

    pub fn unsubscribed(&self) -> Vec<i64> {
        self.told(FactKind::Unsubscribed)
    }

    fn replied(&self) -> Vec<i64> {
        self.told(FactKind::Replied)
    }

    pub fn told(&self, kind: FactKind) -> Vec<i64> {
        self.facts.lock().unwrap().iter().filter(|fact| fact.kind() == kind).map(|fact| fact.delivery_id).collect()
    }
}

async fn listen(bus: Bus, facts: Arc<Mutex<Vec<Fact>>>, stop: CancellationToken) {
    let consumer = Consumer {
        durable: "test-facts".to_owned(),
        subject: Subject::facts(),
        ack_wait: Duration::from_secs(30),
        max_ack_pending: 100,
        max_deliver: None,
    };
    bus.consume(consumer, 10, stop, async |messages: Arc<[bus::Delivered<FactBatch>]>| {
        facts.lock().unwrap().extend(messages.iter().flat_map(|message| message.message.facts.clone()));
        Verdict::Done
    })
    .await;
}

/// Does the scheduler's and the dispatchers' part.
async fn send(api: &Api, workspace: Workspace<'_>) -> (BTreeMap<Channel, i64>, BTreeMap<Channel, SenderId>) {
    let settings = workspace.complete_settings("Spring").await;
    let senders: BTreeMap<Channel, SenderId> =
        settings.channels.iter().map(|c| (proto::convert::channel(c.channel).unwrap(), c.sender_id.parse().unwrap())).collect();
    let campaign = Mover(&workspace).sent(settings).await;
    start_run(api, &campaign.id).await;
    let request = GetCampaignRequest { id: campaign.id };
    let read = workspace.campaigns(Role::Agent).get_campaign(request).await.unwrap().into_inner().campaign.unwrap();
    let run_id: RunId = read.run_id.parse().unwrap();
    let mut sent = BTreeMap::new();
    for (&channel, &sender_id) in &senders {
        let (worker, now) = (WorkerId::new(), OffsetDateTime::now_utc());
        let mut tx = api.db.begin().await.unwrap();
        let delivery_ids = delivery_ids(&mut tx, workspace, channel).await;
        tx.commit().await.unwrap();
        let ask = gate::Ask { run_id, channel, sender_id, worker_id: worker, delivery_ids: &delivery_ids, limit: 10 };
        let claimed = until(async || claim(api, ask).await).await;
        let tried = Tried::new(claimed.delivery_id, claimed.attempt, State::Accepted);
        let mut tx = api.db.begin().await.unwrap();
        store::record::record(&mut tx, worker, &[tried], now).await.unwrap();
        tx.commit().await.unwrap();
        sent.insert(channel, delivery_ids[0]);
    }
    (sent, senders)
}

/// Passes the gate; it lets the first message through only after a moment.
async fn claim(api: &Api, ask: gate::Ask<'_>) -> Option<gate::Claimed> {
    let mut tx = api.db.begin().await.unwrap();
    let answer = gate::pass(&mut tx, ask, OffsetDateTime::now_utc()).await.unwrap();
    tx.commit().await.unwrap();
    answer.claimed.into_iter().next()
}

/// The contact's delivery on a channel. Ids are few and small in a database of its own.
async fn delivery_ids(tx: &mut store::PgConnection, workspace: Workspace<'_>, channel: Channel) -> Vec<i64> {
    let candidates: Vec<i64> = (1..100).collect();
    let addressees = store::optout::addressees(tx, workspace.id, &candidates).await.unwrap();
    addressees.into_iter().filter(|(_, Addressee { channel: of, .. })| *of == channel).map(|(id, _)| id.0).collect()
}

/// The facts that go over the broker.
pub struct Facts {
    heard: Arc<Mutex<Vec<Fact>>>,
    _stop: tokio_util::sync::DropGuard,
}

impl Facts {
    pub async fn listen(bus: &Bus) -> Self {
        bus.ensure_streams().await.unwrap();
        let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        tokio::spawn(listen(bus.clone(), heard.clone(), stop.clone()));
        Self { heard, _stop: stop.drop_guard() }
    }

    /// All of a kind that came so far.
    pub fn of(&self, kind: FactKind) -> Vec<Fact> {
        self.heard.lock().unwrap().iter().filter(|fact| fact.kind() == kind).cloned().collect()
    }
}

#[tokio::test]
async fn a_message_that_is_no_word_of_the_register_is_a_reply_to_what_its_author_got() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let sms = post.deliveries[&Channel::Sms];
    let by_stranger = Inbound { from: "+971509999999".to_owned(), ..post.text(Channel::Sms, "Yes!") };
    let to_another = Inbound { sender_id: SenderId::new().to_string(), ..post.text(Channel::Sms, "Yes!") };
    post.publish(vec![by_stranger, to_another, post.text(Channel::Sms, "STOP"), post.text(Channel::Sms, "START")]).await;
    post.settled().await;
    assert_eq!(post.replied(), [0; 0]);
    let first = post.text(Channel::Sms, "Yes, two seats please");
    post.publish(vec![first.clone(), post.text(Channel::Sms, "and a window")]).await;
    until(async || (post.replied() == [sms]).then_some(())).await;
    let fact = post.facts.lock().unwrap().iter().find(|fact| fact.kind() == FactKind::Replied).cloned().unwrap();
    assert_eq!((fact.key, fact.occurred_at_ms), (key(&format!("replied/{sms}")).to_vec(), first.occurred_at_ms));

    let mut connection = api.db.acquire().await.unwrap();
    store::admin::raw(&mut connection, "UPDATE send.delivery SET sent_at = now() - interval '73 h'").await.unwrap();
    post.publish(vec![post.text(Channel::Sms, "too late")]).await;
    post.settled().await;
    assert_eq!(post.replied(), [sms]);
}

#[tokio::test]
async fn stop_opts_out_on_its_channel_and_counts_for_the_message_it_answers() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![post.text(Channel::Sms, "what is this?"), post.text(Channel::Sms, " Stop! ")]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword")]).await;
    until(async || (post.unsubscribed() == [post.deliveries[&Channel::Sms]]).then_some(())).await;
    let fact = post.facts.lock().unwrap().iter().find(|fact| fact.kind() == FactKind::Unsubscribed).cloned().unwrap();
    assert_eq!(fact.key, key(&format!("unsubscribed/{}", fact.delivery_id)));
}

#[tokio::test]
async fn the_workspaces_own_words_opt_out() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![post.text(Channel::Whatsapp, "إلغاء")]).await;
    post.until_registered(&[(Channel::Whatsapp, PHONE, "keyword")]).await;
    post.settled().await;
    assert!(post.unsubscribed().is_empty(), "nothing was sent to that channel");
}

#[tokio::test]
async fn an_unsubscribe_link_opts_its_recipient_out_of_email() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let delivery = post.deliveries[&Channel::Email];
    let link = Inbound {
        key: key(&format!("unsubscribe/{delivery}")).to_vec(),
        delivery_id: delivery,
        intent: InboundIntent::Stop.into(),
        source: "one_click".to_owned(),
        occurred_at_ms: now_ms(),
        ..Inbound::default()
    };
    post.publish(vec![link.clone()]).await;
    post.until_registered(&[(Channel::Email, EMAIL, "one_click")]).await;
    until(async || (post.unsubscribed() == [delivery]).then_some(())).await;
    post.publish(vec![link]).await;
    post.settled().await;
    assert_eq!(post.unsubscribed(), [delivery]);
}

#[tokio::test]
async fn start_takes_back_a_persons_own_opt_out_and_no_other() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let by_hand = OptOut { channel: proto::convert::channel_number(Channel::Whatsapp), address: PHONE.to_owned(), ..OptOut::default() };
    post.workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![by_hand] }).await.unwrap();
    post.publish(vec![post.text(Channel::Sms, "STOP")]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword"), (Channel::Whatsapp, PHONE, "api")]).await;
    post.publish(vec![post.text(Channel::Whatsapp, "START"), post.text(Channel::Sms, "Unstop")]).await;
    post.until_registered(&[(Channel::Whatsapp, PHONE, "api")]).await;
    let mut connection = api.db.acquire().await.unwrap();
    let id = post.workspace.id;
    let log = store::audit::of_object(&mut connection, id, "opt_out", id.0).await.unwrap();
    assert_eq!(log.last().map(|entry| (entry.action.as_str(), entry.actor.as_str())), Some(("opt_out.take_back", "recipient")));
}

#[tokio::test]
async fn what_was_wished_last_holds_whatever_the_order_of_arrival() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let at = |text: &str, minutes: i64| Inbound { occurred_at_ms: now_ms() + minutes * 60_000, ..post.text(Channel::Sms, text) };
    post.publish(vec![at("START", -1), at("STOP", -2)]).await;
    post.settled().await;
    assert!(post.register().await.is_empty());
    post.publish(vec![at("STOP", -3)]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword")]).await;
    post.publish(vec![at("START", -4)]).await;
    post.settled().await;
    assert_eq!(post.register().await.len(), 1, "an older START takes nothing back");
}

#[tokio::test]
async fn a_message_is_acted_on_once() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let stop = post.text(Channel::Sms, "STOP");
    post.publish(vec![stop.clone(), stop.clone()]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword")]).await;
    let remove = RemoveOptOutRequest {
        channel: proto::convert::channel_number(Channel::Sms),
        address: PHONE.to_owned(),
        reason: "by mistake".to_owned(),
    };
    post.workspace.opt_outs(Role::Admin).remove_opt_out(remove).await.unwrap();
    post.publish(vec![stop]).await;
    post.settled().await;
    assert!(post.register().await.is_empty());
    assert_eq!(post.unsubscribed().len(), 1);
}

#[tokio::test]
async fn a_bounce_opts_out_and_is_nobodys_unsubscribe() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let bounce = Inbound {
        from: String::new(),
        delivery_id: post.deliveries[&Channel::Email],
        intent: InboundIntent::Stop.into(),
        source: "bounce".to_owned(),
        ..post.text(Channel::Email, "")
    };
    post.publish(vec![bounce]).await;
    post.until_registered(&[(Channel::Email, EMAIL, "bounce")]).await;
    post.settled().await;
    assert!(post.unsubscribed().is_empty());
}

#[tokio::test]
async fn what_cannot_be_understood_does_not_hold_up_the_rest() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let nobodys = Inbound { workspace_id: String::new(), ..post.text(Channel::Sms, "STOP") };
    let keyless = Inbound { key: vec![1], ..post.text(Channel::Sms, "STOP") };
    let unknown_link = Inbound { from: String::new(), delivery_id: 4_711, ..nobodys.clone() };
    post.publish(vec![nobodys, post.text(Channel::Sms, "STOP"), keyless, unknown_link]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword")]).await;
    post.publish(vec![post.text(Channel::Whatsapp, "quit")]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword"), (Channel::Whatsapp, PHONE, "keyword")]).await;
}
