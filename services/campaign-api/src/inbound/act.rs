//! Acting on messages: one transaction for each workspace that has some.

use super::{
    ORIGIN, bounds, converse, conversions, devices, identity, news, pages,
    sort::{Reader, Wish, is_caused_by_delivery, named_delivery, revocable},
    unseal,
};
use crate::contact::phone_rules;
use domain::{
    DeliveryId, WorkspaceId,
    consent::{Kind, source},
    facts,
    keyword::Keywords,
};
use proto::event::{Fact, FactKind, Inbound};
use runtime::seal::Kek;
use std::collections::{BTreeMap, BTreeSet};
use store::{
    Db, PgConnection, Result,
    audit::{self, Entry},
    consent::{
        self, Event,
        bounce::{self, Bounce},
        event::About,
    },
    optout::{self, Addressee, OptOut},
    workspace::{self, Workspace},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How far back a message is looked for that an opt-out may be an answer to.
const ANSWERED_WITHIN: Duration = Duration::days(30);

/// Acts on messages of any workspaces, each once. Answers with reasons why some can't be acted on, as things are.
///
/// # Errors
/// When the database fails; what is done is done, and asking again does the rest.
pub async fn act(db: &Db, kek: &Kek, inbound: Vec<Inbound>, now: OffsetDateTime) -> Result<Vec<String>> {
    let (mut inbound, mut left_out) = unseal::open(kek, inbound);
    bounds::keep(&mut inbound);
    let mut by_workspace: BTreeMap<WorkspaceId, Vec<(Uuid, Inbound)>> = BTreeMap::new();
    let named = workspaces_of_links(db, &inbound).await?;
    for message in inbound {
        let workspace = match named_delivery(&message).and_then(|delivery| named.get(&delivery)) {
            Some(workspace) if message.workspace_id.is_empty() => Some(*workspace),
            _ => message.workspace_id.parse().ok(),
        };
        match (workspace, Uuid::from_slice(&message.key)) {
            (Some(workspace), Ok(key)) => by_workspace.entry(workspace).or_default().push((key, message)),
            _ => left_out.push("an inbound message has no workspace or no key".to_owned()),
        }
    }
    for (workspace, messages) in by_workspace {
        let mut tx = db.tenant(workspace).await?;
        act_for(&mut tx, kek, workspace, messages, now).await?;
        tx.commit().await?;
    }
    Ok(left_out)
}

/// The workspaces of links, which name their delivery only.
async fn workspaces_of_links(db: &Db, inbound: &[Inbound]) -> Result<BTreeMap<DeliveryId, WorkspaceId>> {
    let deliveries: Vec<_> =
        inbound.iter().filter(|message| message.workspace_id.is_empty()).filter_map(named_delivery).map(|id| id.0).collect();
    if deliveries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut tx = db.begin().await?;
    optout::workspaces(&mut tx, &deliveries).await
}

async fn act_for(tx: &mut PgConnection, kek: &Kek, id: WorkspaceId, messages: Vec<(Uuid, Inbound)>, now: OffsetDateTime) -> Result<()> {
    let Some(workspace) = workspace::get(tx, id).await? else {
        tracing::warn!(workspace.id = %id, "messages for a workspace that isn't there are dropped");
        return Ok(());
    };
    let keys: BTreeSet<_> = messages.iter().map(|(key, _)| *key).collect();
    let mut new = optout::claim(tx, id, &keys, now).await?;
    let mut messages: Vec<_> = messages.into_iter().filter(|(key, _)| new.remove(key)).map(|(_, message)| message).collect();
    identity::complete(tx, id, &mut messages, now).await?;
    let named: Vec<_> = messages.iter().filter_map(named_delivery).map(|delivery| delivery.0).collect();
    let addressees = optout::addressees(tx, id, &named).await?;
    let own = &workspace.consent;
    let keywords = Keywords::new(&workspace.opt_out_keywords).with_start(&own.opt_in_keywords).with_help(&own.help_keywords);
    let reader = Reader { keywords: &keywords, rules: &phone_rules(&workspace), addressees: &addressees };
    let mut wishes: Vec<_> = messages.iter().flat_map(|message| reader.wishes(message)).collect();
    // In the order in which people wished, whatever the order of arrival.
    wishes.sort_by_key(|wish| wish.at);
    let wishes = without_few_bounces(tx, &workspace, wishes).await?;
    register(tx, id, &wishes, now).await?;
    let mut facts = unsubscribed(tx, id, &wishes, now).await?;
    facts.extend(pages::apply(tx, id, &messages, now).await?);
    devices::apply(tx, id, &messages, now).await?;
    news::apply(tx, id, &messages, now).await?;
    facts.extend(converse::converse(tx, kek, &workspace, &messages, &reader, now).await?);
    identity::reports(tx, id, &messages, now).await?;
    facts.extend(conversions::record(tx, &workspace, &messages, now).await?);
    let traceparent = facts.first().map(|fact| fact.traceparent.clone()).unwrap_or_default();
    outbox::add(tx, ORIGIN, facts, &traceparent, now).await
}

/// Leaves out what is said of addresses that have bounced less often than the workspace bears.
async fn without_few_bounces(tx: &mut PgConnection, workspace: &Workspace, wishes: Vec<Wish>) -> Result<Vec<Wish>> {
    let most = workspace.consent.bounces_before_opt_out.unsigned_abs();
    if most <= 1 {
        return Ok(wishes);
    }
    let is_bounce = |wish: &Wish| wish.source == source::BOUNCE && !wish.wants_messages;
    let bounce = |wish: &Wish| Bounce { address_key: wish.addressee.address_key.clone(), delivery_id: wish.delivery, at: wish.at };
    let bounces: Vec<_> = wishes.iter().filter(|wish| is_bounce(wish)).map(bounce).collect();
    let counts = bounce::count(&mut *tx, workspace.workspace_id, &bounces).await?;
    let enough: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= most).map(|(key, _)| key).collect();
    bounce::forget(tx, workspace.workspace_id, &enough).await?;
    Ok(wishes.into_iter().filter(|wish| !is_bounce(wish) || enough.contains(&wish.addressee.address_key)).collect())
}

/// Brings the register to what each person wished last.
async fn register(tx: &mut PgConnection, workspace: WorkspaceId, wishes: &[Wish], now: OffsetDateTime) -> Result<()> {
    let mut last: BTreeMap<(&str, &str), &Wish> = BTreeMap::new();
    for wish in wishes {
        last.insert((wish.addressee.channel.as_str(), &wish.addressee.address_key), wish);
    }
    let (starts, stops): (Vec<&Wish>, Vec<&Wish>) = last.into_values().partition(|wish| wish.wants_messages);
    let entries: Vec<_> = stops.into_iter().map(entry).collect();
    optout::add(tx, workspace, &entries, "").await?;
    for start in starts {
        let Addressee { channel, address_key } = &start.addressee;
        let taken_back = optout::take_back(tx, workspace, Some(*channel), address_key, &revocable(&start.source), start.at).await?;
        if let Some(taken_back) = taken_back {
            consent::note(tx, workspace, &[opted_in(start)]).await?;
            audit::record(tx, taken_back_entry(workspace, &taken_back, start, now)).await?;
        }
    }
    Ok(())
}

fn entry(stop: &Wish) -> OptOut {
    OptOut {
        channel: Some(stop.addressee.channel),
        address_key: stop.addressee.address_key.clone(),
        source: stop.source.clone(),
        reason: String::new(),
        created_at: stop.at,
        evidence: stop.evidence.clone(),
    }
}

fn opted_in(start: &Wish) -> Event {
    Event {
        at: start.at,
        kind: Kind::OptedIn,
        about: About::Channel(Some(start.addressee.channel)),
        address_key: Some(start.addressee.address_key.clone()),
        contact_id: None,
        source: start.source.clone(),
        actor: String::new(),
        evidence: start.evidence.clone(),
    }
}

/// Nobody of ours did it, but an entry of the register is gone: who asked must be known.
fn taken_back_entry<'a>(workspace: WorkspaceId, taken_back: &OptOut, start: &Wish, now: OffsetDateTime) -> Entry<'a> {
    Entry {
        workspace,
        actor: "recipient",
        action: "opt_out.take_back",
        object_type: "opt_out",
        object_id: workspace.0,
        before: serde_json::to_value(taken_back).ok(),
        after: Some(serde_json::json!({ "asked_by": start.source, "asked_at": start.at.unix_timestamp() })),
        at: now,
    }
}

/// The facts that say which deliveries people answered with an opt-out.
async fn unsubscribed(tx: &mut PgConnection, workspace: WorkspaceId, wishes: &[Wish], now: OffsetDateTime) -> Result<Vec<Fact>> {
    let stops: Vec<_> = wishes.iter().filter(|wish| !wish.wants_messages && is_caused_by_delivery(wish)).collect();
    let sought: Vec<_> = stops.iter().filter(|stop| stop.delivery.is_none()).map(|stop| stop.addressee.clone()).collect();
    let mut found = optout::newest_deliveries(tx, workspace, &sought, now - ANSWERED_WITHIN).await?.into_iter();
    let mut facts = BTreeMap::new();
    for stop in stops {
        let delivery = match stop.delivery {
            Some(delivery) => Some(delivery),
            None => found.next().flatten(),
        };
        // A test's message, whose number is below zero, is counted nowhere.
        if let Some(delivery) = delivery.filter(|delivery| delivery.0 > 0) {
            facts.entry(delivery).or_insert_with(|| fact(delivery, stop));
        }
    }
    Ok(facts.into_values().collect())
}

fn fact(delivery: DeliveryId, stop: &Wish) -> Fact {
    let at_ms = i64::try_from(stop.at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    unsubscribed_fact(delivery, at_ms, &stop.traceparent)
}

/// The fact that the recipient of a message opted out because of it.
pub(super) fn unsubscribed_fact(delivery: DeliveryId, occurred_at_ms: i64, traceparent: &str) -> Fact {
    Fact {
        // webhook-ingest says the same of links, under the same key.
        key: facts::key(&format!("unsubscribed/{delivery}")).to_vec(),
        kind: FactKind::Unsubscribed.into(),
        occurred_at_ms,
        delivery_id: delivery.0,
        traceparent: traceparent.to_owned(),
        ..Fact::default()
    }
}
