//! RetryFailed and SettleUnknown: what a person decides about deliveries that didn't arrive, or of which that can't be known.
//!
//! The scheduler does it, batch by batch, each of which stays done whatever becomes of the call. So what is asked is in the audit log
//! before, with the claim of its request id, and what came of it is in a second entry after. No transaction is open in between.

use crate::{
    audit::Change,
    convert::{self, commit, request_id},
    state::State,
};
use domain::{
    CampaignId, Channel,
    campaign::{Action, next},
    role::Role,
};
use proto::{
    campaign::{RetryFailedRequest, RetryFailedResponse, SettleUnknownRequest, SettleUnknownResponse, UnknownAction},
    convert::channel,
    scheduler::{RequeueRequest, requeue_request::What},
};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use serde_json::{Value, json};
use store::{campaign, request};
use tonic::{Request, Status};

/// Codes in one call at most, and the longest of them.
const MAX_CODES: usize = 100;
const MAX_CODE: usize = 100;
/// Single deliveries in one call at most; more are settled all at once, or channel by channel.
const MAX_DELIVERIES: usize = 5_000;

/// What is asked of the scheduler, and what the audit log says of it.
struct Wish<'a> {
    campaign: CampaignId,
    request: RequeueRequest,
    action: &'static str,
    asked: Value,
    /// Method and id of a call that may be repeated.
    key: (&'static str, &'a str),
}

pub async fn retry_failed(state: &State, request: Request<RetryFailedRequest>) -> Result<RetryFailedResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let campaign: CampaignId = status::id("campaign_id", &request.campaign_id)?;
    let mut violations = Violations::new();
    let channel = read_channel(request.channel, &mut violations);
    violations.expect(request.codes.len() <= MAX_CODES, "codes", "must be at most 100");
    for (index, code) in request.codes.iter().enumerate().take(MAX_CODES) {
        let fits = !code.is_empty() && code.len() <= MAX_CODE && !code.chars().any(char::is_control);
        violations.expect(fits, &format!("codes[{index}]"), "must be a code as `campaign deliveries` shows it, of at most 100 characters");
    }
    violations.check()?;
    let asked = json!({ "channel": channel, "codes": request.codes });
    let wish = Wish {
        campaign,
        request: RequeueRequest { codes: request.codes, ..wished(campaign, What::Failed, channel, &caller) },
        action: "campaign.retry_failed",
        asked,
        key: ("RetryFailed", request_id(&request.request_id)?),
    };
    Ok(RetryFailedResponse { queued: run(state, &caller, wish).await? })
}

pub async fn settle_unknown(state: &State, request: Request<SettleUnknownRequest>) -> Result<SettleUnknownResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let campaign: CampaignId = status::id("campaign_id", &request.campaign_id)?;
    let reason = convert::reason(&request.reason)?;
    let mut violations = Violations::new();
    let channel = read_channel(request.channel, &mut violations);
    let (what, verb) = match request.action() {
        UnknownAction::Resend => (What::Unknown, "resend"),
        UnknownAction::WriteOff => (What::WriteOff, "write_off"),
        UnknownAction::Unspecified => {
            violations.add("action", "must be RESEND (a person may get it twice) or WRITE_OFF (who may never have got it)");
            (What::Unspecified, "")
        }
    };
    let delivery_ids = delivery_ids(&request.delivery_ids, &mut violations);
    violations.check()?;
    let asked = json!({ "action": verb, "channel": channel, "deliveries": delivery_ids, "reason": reason });
    let wish = Wish {
        campaign,
        request: RequeueRequest { delivery_ids, ..wished(campaign, what, channel, &caller) },
        action: "campaign.settle_unknown",
        asked,
        key: ("SettleUnknown", ""),
    };
    Ok(SettleUnknownResponse { settled: run(state, &caller, wish).await? })
}

fn wished(campaign: CampaignId, what: What, channel: Option<Channel>, caller: &Caller) -> RequeueRequest {
    RequeueRequest {
        campaign_id: campaign.to_string(),
        what: what.into(),
        channel: channel.map(|channel| channel.to_string()).unwrap_or_default(),
        actor: caller.subject.clone(),
        ..RequeueRequest::default()
    }
}

fn read_channel(number: i32, violations: &mut Violations) -> Option<Channel> {
    let read = channel(number);
    violations.expect(read.is_some() || number == 0, "channel", "must be email, sms, whatsapp, push or social, or be left out for all");
    read
}

fn delivery_ids(texts: &[String], violations: &mut Violations) -> Vec<i64> {
    violations.expect(texts.len() <= MAX_DELIVERIES, "delivery_ids", "must be at most 5000: leave them out to settle all");
    let mut ids = Vec::with_capacity(texts.len().min(MAX_DELIVERIES));
    for (index, text) in texts.iter().enumerate().take(MAX_DELIVERIES) {
        match text.parse() {
            Ok(id) if id > 0 => ids.push(id),
            _ => {
                violations.add(format!("delivery_ids[{index}]"), "must be the id of a delivery");
            }
        }
    }
    ids
}

async fn run(state: &State, caller: &Caller, wish: Wish<'_>) -> Result<u64, Status> {
    let (workspace, (method, key)) = (caller.workspace, wish.key);
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    let campaign = campaign::get(&mut tx, workspace, wish.campaign).await.map_err(status::store)?;
    let campaign = campaign.ok_or_else(|| status::not_found("campaign"))?;
    let first = request::claim_number(&mut tx, workspace, method, key, state.clock.now()).await.map_err(status::store)?;
    // 0 stands there until a call has come to its end; one that did not is repeated, which does the rest.
    if let Some(first @ 1..) = first {
        return Ok(first);
    }
    next(campaign.status, Action::Requeue, false).map_err(|error| super::change::illegal(&error))?;
    if campaign.run_id.is_none() {
        return Err(status::precondition("NOT_SENT", "it has not begun to send yet, so there is nothing to settle"));
    }
    let entry = |after| Change { workspace, caller, action: wish.action, id: wish.campaign.0, before: None, after, at: state.clock.now() };
    entry(Some(&wish.asked)).record(&mut tx).await?;
    commit(tx).await?;
    let done = state.scheduler.requeue(wish.request).await;
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    entry(Some(&with_outcome(wish.asked.clone(), &done))).record(&mut tx).await?;
    if let (Ok(deliveries), false) = (&done, key.is_empty()) {
        request::answer(&mut tx, workspace, method, key, *deliveries).await.map_err(status::store)?;
    }
    commit(tx).await?;
    done
}

fn with_outcome(mut asked: Value, done: &Result<u64, Status>) -> Value {
    let (name, value) = match done {
        Ok(deliveries) => ("count", (*deliveries).into()),
        Err(failure) => ("failure", failure.message().into()),
    };
    if let Some(fields) = asked.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    asked
}
