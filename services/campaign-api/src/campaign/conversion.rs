//! RecordConversion: somebody did what the campaign was for. It counts for the delivery that most likely moved them to it.

use crate::{
    convert::{commit, request_id},
    inbound::ORIGIN,
    state::State,
};
use domain::{CampaignId, ContactId, DeliveryId, WorkspaceId, facts, role::Role};
use proto::{
    campaign::{RecordConversionRequest, RecordConversionResponse},
    event::{Fact, FactKind},
};
use runtime::{auth, status, traceparent};
use store::{attribution, campaign, request};
use time::{Duration, OffsetDateTime};
use tonic::{Request, Status};

const METHOD: &str = "RecordConversion";
/// Longest request id of a conversion.
const MAX_REQUEST_ID: usize = 128;
/// A delivery that left longer ago has not caused it.
const CAUSED_WITHIN: Duration = Duration::days(30);
/// How far another system's clock may be ahead of ours.
const CLOCKS_DIFFER: Duration = Duration::minutes(5);

/// A conversion that belongs to no delivery is forgotten, so that it may be told again when there is one.
pub async fn run(state: &State, request: Request<RecordConversionRequest>) -> Result<RecordConversionResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let (workspace, now) = (caller.workspace, state.clock.now());
    let campaign: CampaignId = status::id("campaign_id", &request.campaign_id)?;
    let contact: ContactId = status::id("contact_id", &request.contact_id)?;
    let key = request_id(&request.request_id)?;
    if key.is_empty() || key.chars().count() > MAX_REQUEST_ID {
        let remedy = "must be given, and have at most 128 characters: the same conversion is counted once by it";
        return Err(status::invalid("request_id", remedy));
    }
    let at = read_time(request.converted_at, now)?;
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    campaign::get(&mut tx, workspace, campaign).await.map_err(status::store)?.ok_or_else(|| status::not_found("campaign"))?;
    if let Some(first) = request::claim_number(&mut tx, workspace, METHOD, key, now).await.map_err(status::store)? {
        return Ok(RecordConversionResponse { delivery_id: first.to_string() });
    }
    let found = attribution::to_convert(&mut tx, workspace, campaign, contact, at - CAUSED_WITHIN).await.map_err(status::store)?;
    let Some(delivery) = found else { return Ok(RecordConversionResponse::default()) };
    request::answer(&mut tx, workspace, METHOD, key, delivery.0.unsigned_abs()).await.map_err(status::store)?;
    let traceparent = traceparent::current();
    outbox::add(&mut tx, ORIGIN, vec![fact(workspace, delivery, key, at, &traceparent)], &traceparent, now).await.map_err(status::store)?;
    commit(tx).await?;
    Ok(RecordConversionResponse { delivery_id: delivery.to_string() })
}

fn read_time(told: Option<prost_types::Timestamp>, now: OffsetDateTime) -> Result<OffsetDateTime, Status> {
    let Some(told) = told else { return Ok(now) };
    let nanos = i128::from(told.seconds) * 1_000_000_000 + i128::from(told.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .filter(|at| *at <= now + CLOCKS_DIFFER)
        .ok_or_else(|| status::invalid("converted_at", "must be a time that has passed; leave it out for now"))
}

fn fact(workspace: WorkspaceId, delivery: DeliveryId, key: &str, at: OffsetDateTime, traceparent: &str) -> Fact {
    Fact {
        key: facts::key(&format!("converted/{workspace}/{key}")).to_vec(),
        kind: FactKind::Converted.into(),
        occurred_at_ms: outbox::millis(at),
        delivery_id: delivery.0,
        traceparent: traceparent.to_owned(),
        ..Fact::default()
    }
}
