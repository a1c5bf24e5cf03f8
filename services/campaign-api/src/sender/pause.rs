//! PauseSender and ResumeSender: a person stops a sender for all campaigns, or says that what was wrong with it has been mended.

use super::view;
use crate::{audit::Change, convert, inbound::ORIGIN, state::State};
use domain::{SenderId, role::Role};
use proto::sender::{PauseSenderRequest, PauseSenderResponse, ResumeSenderRequest, ResumeSenderResponse, Sender as Wire};
use runtime::{Caller, auth, status, traceparent};
use store::{
    Tx,
    alert::{self, Raise, kind},
    sender::{self, Health, PAUSED_BY_PERSON, Sender},
};
use time::OffsetDateTime;
use tonic::{Request, Status};

const NO_REASON: &str = "a person paused it; it sends again when a person resumes it";

pub async fn run(state: &State, request: Request<PauseSenderRequest>) -> Result<PauseSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let reason = convert::reason(&request.reason)?;
    let reason = if reason.is_empty() { NO_REASON.to_owned() } else { reason };
    let mut turn = Turn::begin(state, &caller, &request.id).await?;
    let (workspace, id, now) = (caller.workspace, turn.sender.sender_id, turn.now);
    sender::pause(&mut turn.tx, workspace, id, &reason, now).await.map_err(status::store)?;
    let raise = Raise {
        workspace_id: workspace,
        campaign_id: None,
        sender_id: Some(id),
        channel: Some(turn.sender.channel),
        kind: kind::SENDER_PAUSED,
        code: PAUSED_BY_PERSON,
        detail: &reason,
    };
    outbox::raise_alert(&mut turn.tx, ORIGIN, &raise, &traceparent::current(), now).await.map_err(status::store)?;
    Ok(PauseSenderResponse { sender: Some(turn.end("sender.pause").await?) })
}

pub async fn resume(state: &State, request: Request<ResumeSenderRequest>) -> Result<ResumeSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let mut turn = Turn::begin(state, &caller, &request.get_ref().id).await?;
    clear(&mut turn.tx, &caller, turn.sender.sender_id, turn.now).await?;
    Ok(ResumeSenderResponse { sender: Some(turn.end("sender.resume").await?) })
}

/// Forgets what stopped a sender, and resolves the alerts that said so.
pub async fn clear(tx: &mut Tx, caller: &Caller, id: SenderId, now: OffsetDateTime) -> Result<(), Status> {
    sender::resume(tx, caller.workspace, id).await.map_err(status::store)?;
    let kinds = [kind::SENDER_PAUSED, kind::SENDER_DOWN];
    alert::resolve(tx, None, Some(id), &kinds, &caller.subject, now).await.map_err(status::store)?;
    Ok(())
}

/// A change of a sender's health by a person, in one transaction.
struct Turn<'a> {
    state: &'a State,
    caller: &'a Caller,
    tx: Tx,
    sender: Sender,
    before: Health,
    now: OffsetDateTime,
}

impl<'a> Turn<'a> {
    async fn begin(state: &'a State, caller: &'a Caller, id: &str) -> Result<Self, Status> {
        let id: SenderId = status::id("id", id)?;
        let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        sender::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        let sender = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        let sender = sender.ok_or_else(|| status::not_found("sender"))?;
        let before = view::health_of(&mut tx, &sender).await?;
        Ok(Self { state, caller, tx, sender, before, now: state.clock.now() })
    }

    async fn end(mut self, action: &str) -> Result<Wire, Status> {
        let after = view::health_of(&mut self.tx, &self.sender).await?;
        let change = Change {
            workspace: self.caller.workspace,
            caller: self.caller,
            action,
            id: self.sender.sender_id.0,
            before: Some(&self.before),
            after: Some(&after),
            at: self.now,
        };
        change.record(&mut self.tx).await?;
        let view = view::one(self.state, &mut self.tx, self.sender).await?;
        convert::commit(self.tx).await?;
        Ok(view)
    }
}
