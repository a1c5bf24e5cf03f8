//! RecordConversion: somebody did what the campaign was for. It counts for the delivery that most likely moved them to it.

use crate::{
    convert::{commit, request_id},
    inbound::ORIGIN,
    state::State,
};
use domain::{
    CampaignId, ContactId, DeliveryId, WorkspaceId,
    conversion::{BadWorth, Worth, order_id},
    facts,
    role::Role,
};
use proto::{
    campaign::{RecordConversionRequest, RecordConversionResponse},
    event::{Fact, FactKind},
};
use runtime::{
    auth,
    status::{self, Violations},
    traceparent,
};
use store::{
    PgConnection,
    attribution::{self, Cause, Converted, Converter},
    campaign,
    conversion::{self, New, Source},
    tracking,
};
use time::{Duration, OffsetDateTime};
use tonic::{Request, Status};
use uuid::Uuid;

/// How far another system's clock may be off ours.
pub const CLOCKS_DIFFER: Duration = Duration::minutes(5);

/// What a request says.
struct Told {
    campaign_id: Option<CampaignId>,
    worth: Option<Worth>,
    /// What names the conversion.
    order_id: String,
    at: OffsetDateTime,
}

/// A conversion that belongs to no delivery is forgotten, so that it may be told again when there is one.
pub async fn run(state: &State, request: Request<RecordConversionRequest>) -> Result<RecordConversionResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let (workspace, request, now) = (caller.workspace, request.into_inner(), state.clock.now());
    let told = read(&request, now)?;
    let mut tx = state.db.tenant(workspace).await.map_err(status::store)?;
    if let Some(id) = told.campaign_id {
        campaign::get(&mut tx, workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("campaign"))?;
    }
    let contact = contact(&mut tx, workspace, &request).await?;
    if let Some(first) = conversion::told_before(&mut tx, workspace, &told.order_id, told.worth).await.map_err(status::store)? {
        commit(tx).await?;
        return Ok(present(first));
    }
    let Some(cause) = cause(&mut tx, workspace, contact, &told).await? else { return Ok(RecordConversionResponse::default()) };
    let answer = (cause.delivery_id, cause.campaign_id);
    let Told { order_id, worth, at, .. } = told;
    let new = New { conversion_id: Uuid::now_v7(), order_id: order_id.clone(), cause, worth, source: Source::Api, converted_at: at };
    if conversion::add(&mut tx, workspace, &[new], now).await.map_err(status::store)?.is_empty() {
        // Another call was faster.
        let first = conversion::told_before(&mut tx, workspace, &order_id, worth).await.map_err(status::store)?;
        commit(tx).await?;
        return Ok(first.map(present).unwrap_or_default());
    }
    let traceparent = traceparent::current();
    let fact = fact(workspace, answer.0, &order_id, at, &traceparent);
    outbox::add(&mut tx, ORIGIN, vec![fact], &traceparent, now).await.map_err(status::store)?;
    commit(tx).await?;
    Ok(present(answer))
}

fn present((delivery, campaign): (DeliveryId, CampaignId)) -> RecordConversionResponse {
    RecordConversionResponse { delivery_id: delivery.to_string(), campaign_id: campaign.to_string() }
}

fn read(request: &RecordConversionRequest, now: OffsetDateTime) -> Result<Told, Status> {
    let mut violations = Violations::new();
    let campaign_id = (!request.campaign_id.is_empty()).then(|| status::id("campaign_id", &request.campaign_id)).transpose()?;
    let order = order_id(&request.order_id);
    violations.expect(order.is_some(), "order_id", "must be at most 128 characters in one line");
    let request_id = order_id(request_id(&request.request_id)?);
    violations.expect(request_id.is_some(), "request_id", "must be at most 128 characters in one line");
    let named = [order, request_id].into_iter().flatten().find(|name| !name.is_empty());
    if order.is_some() && request_id.is_some() {
        let remedy = "must be given unless there is an order_id: the same conversion is counted once by it";
        violations.expect(named.is_some(), "request_id", remedy);
    }
    let worth = Worth::new(request.value_micros, &request.currency);
    if let Err(problem) = worth {
        let field = if problem == BadWorth::Amount { "value_micros" } else { "currency" };
        violations.add(field, problem.to_string());
    }
    let at = read_time(request.converted_at, now);
    violations.expect(at.is_some(), "converted_at", "must be a time that has passed; leave it out for now");
    violations.check()?;
    Ok(Told { campaign_id, worth: worth.ok().flatten(), order_id: named.unwrap_or_default().to_owned(), at: at.unwrap_or(now) })
}

fn read_time(told: Option<prost_types::Timestamp>, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let Some(told) = told else { return Some(now) };
    let nanos = i128::from(told.seconds) * 1_000_000_000 + i128::from(told.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().filter(|at| *at <= now + CLOCKS_DIFFER)
}

async fn contact(tx: &mut PgConnection, workspace: WorkspaceId, request: &RecordConversionRequest) -> Result<ContactId, Status> {
    if request.external_id.is_empty() {
        return status::id("contact_id", &request.contact_id);
    }
    if !request.contact_id.is_empty() {
        return Err(status::invalid("external_id", "must be left out when there is a contact_id"));
    }
    let found = attribution::contact_of(tx, workspace, &request.external_id).await.map_err(status::store)?;
    found.ok_or_else(|| status::not_found("contact"))
}

async fn cause(tx: &mut PgConnection, workspace: WorkspaceId, contact: ContactId, told: &Told) -> Result<Option<Cause>, Status> {
    let within = tracking::get(tx, workspace).await.map_err(status::store)?.attribution_hours;
    let converted = Converted { by: Converter::Contact(contact), campaign_id: told.campaign_id, at: told.at };
    let found = attribution::to_convert(tx, workspace, &[converted], Duration::hours(within.into()), CLOCKS_DIFFER).await;
    Ok(found.map_err(status::store)?.into_iter().next().flatten())
}

/// The fact that a conversion counts for a delivery.
pub fn fact(workspace: WorkspaceId, delivery: DeliveryId, order_id: &str, at: OffsetDateTime, traceparent: &str) -> Fact {
    Fact {
        key: facts::key(&format!("converted/{workspace}/{order_id}")).to_vec(),
        kind: FactKind::Converted.into(),
        occurred_at_ms: outbox::millis(at),
        delivery_id: delivery.0,
        traceparent: traceparent.to_owned(),
        ..Fact::default()
    }
}
