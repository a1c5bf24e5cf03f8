//! LeaveTopics and RejoinTopics: what a contact said to one of ours. Taking an opt-out back is for admins, with a reason.

use super::preferences;
use crate::{
    audit::Change,
    convert::{commit, reason},
    state::State,
};
use domain::{
    ContactId, TopicId,
    consent::{Evidence, Kind, source},
    role::Role,
};
use proto::consent::{LeaveTopicsRequest, LeaveTopicsResponse, Preferences, RejoinTopicsRequest, RejoinTopicsResponse};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use serde::Serialize;
use store::{
    Tx,
    consent::{self, Event, event::About, person, topic},
};
use tonic::{Request, Status};

const MAX_TOPICS: usize = 100;

/// What the audit log keeps.
#[derive(Serialize)]
struct Record {
    topic_ids: Vec<TopicId>,
    reason: String,
}

pub async fn leave(state: &State, request: Request<LeaveTopicsRequest>) -> Result<LeaveTopicsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let call = Call::read(caller, &request.contact_id, &request.topic_ids, &request.reason)?;
    Ok(LeaveTopicsResponse { preferences: Some(call.run(state, Kind::TopicLeft).await?) })
}

pub async fn rejoin(state: &State, request: Request<RejoinTopicsRequest>) -> Result<RejoinTopicsResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let call = Call::read(caller, &request.contact_id, &request.topic_ids, &request.reason)?;
    if call.reason.is_empty() {
        return Err(status::invalid("reason", "must be given"));
    }
    Ok(RejoinTopicsResponse { preferences: Some(call.run(state, Kind::TopicJoined).await?) })
}

struct Call {
    caller: Caller,
    contact: ContactId,
    topics: Vec<TopicId>,
    reason: String,
}

impl Call {
    fn read(caller: Caller, contact: &str, topics: &[String], why: &str) -> Result<Self, Status> {
        let contact = status::id("contact_id", contact)?;
        let reason = reason(why)?;
        let mut violations = Violations::new();
        violations.expect(!reason.contains('\0'), "reason", "has a NUL character in it");
        violations.expect((1..=MAX_TOPICS).contains(&topics.len()), "topic_ids", "must be 1 to 100");
        let mut read = Vec::with_capacity(topics.len().min(MAX_TOPICS));
        for (index, id) in topics.iter().enumerate().take(MAX_TOPICS) {
            match id.parse() {
                Ok(id) => read.push(id),
                Err(_) => drop(violations.add(format!("topic_ids[{index}]"), "must be an id")),
            }
        }
        violations.check()?;
        Ok(Self { caller, contact, topics: read, reason })
    }

    async fn run(self, state: &State, kind: Kind) -> Result<Preferences, Status> {
        let workspace = self.caller.workspace;
        let now = state.clock.now();
        let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
        let person = person::get(&mut tx, Some(workspace), self.contact).await.map_err(status::store)?;
        let person = person.ok_or_else(|| status::not_found("contact"))?;
        let closed = topic::closed(&mut tx, workspace, &self.topics).await.map_err(status::store)?;
        let mut violations = Violations::new();
        for (index, _) in self.topics.iter().enumerate().filter(|(_, id)| closed.contains(id)) {
            violations.add(format!("topic_ids[{index}]"), "is no topic of this workspace, or it is archived");
        }
        violations.check()?;
        let changed = match kind {
            Kind::TopicJoined => topic::rejoin(&mut tx, workspace, self.contact, &self.topics, now).await,
            _ => topic::leave(&mut tx, workspace, self.contact, &self.topics, source::API, now).await,
        };
        let changed = changed.map_err(status::store)?;
        if changed.is_empty() {
            return preferences::of(&mut tx, workspace, self.contact).await;
        }
        let event = |topic: &TopicId| Event {
            at: now,
            kind,
            about: About::Topic(*topic),
            address_key: person.email_key.clone().or_else(|| person.phone_key.clone()),
            contact_id: Some(self.contact),
            source: source::API.to_owned(),
            actor: self.caller.subject.clone(),
            evidence: Evidence::note(&self.reason),
        };
        consent::note(&mut tx, workspace, &changed.iter().map(event).collect::<Vec<_>>()).await.map_err(status::store)?;
        self.record(&mut tx, kind, changed, now).await?;
        let preferences = preferences::of(&mut tx, workspace, self.contact).await?;
        commit(tx).await?;
        Ok(preferences)
    }

    async fn record(&self, tx: &mut Tx, kind: Kind, topic_ids: Vec<TopicId>, now: time::OffsetDateTime) -> Result<(), Status> {
        let change = Change {
            workspace: self.caller.workspace,
            caller: &self.caller,
            action: if kind == Kind::TopicJoined { "contact.rejoin_topics" } else { "contact.leave_topics" },
            id: self.contact.0,
            before: None,
            after: Some(&Record { topic_ids, reason: self.reason.clone() }),
            at: now,
        };
        change.record(tx).await
    }
}
