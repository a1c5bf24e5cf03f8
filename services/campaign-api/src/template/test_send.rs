//! TestSendTemplate and GetTestSend: a variant to a few addresses, to be looked at where it arrives.
//!
//! It is rendered here, so that whoever asks learns at once when it can't be; the channel's dispatcher finds it in the database and sends
//! it. Who may get nothing is told apart from who will.

mod ask;
mod view;

use super::preview::Reader;
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use ask::Asked;
use domain::{TestSendId, WorkspaceId, role::Role};
use proto::template::{GetTestSendRequest, GetTestSendResponse, TestSend as Wire, TestSendTemplateRequest, TestSendTemplateResponse};
use runtime::{Caller, auth, status};
use serde::Serialize;
use store::{
    PgConnection, request,
    test_send::{self, TestSend},
};
use time::{Duration, OffsetDateTime};
use tonic::{Request, Status};

/// Messages that a workspace may test with in an hour: enough to work on a template, too few to run a campaign past its approval.
const MAX_AN_HOUR: i64 = 100;

/// What the audit log keeps. Addresses can't be in it, because it can't be changed.
#[derive(Serialize)]
struct Record<'a> {
    template_version: i32,
    campaign_id: Option<String>,
    sender: &'a str,
    channel: &'a str,
    addresses: usize,
}

pub async fn run(state: &State, request: Request<TestSendTemplateRequest>) -> Result<TestSendTemplateResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?.to_owned();
    let (id, now) = (TestSendId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "TestSendTemplate", &key, id.0, now).await.map_err(status::store)? {
        let first = read(&mut tx, caller.workspace, first.into()).await?;
        return Ok(TestSendTemplateResponse { test_send: Some(first) });
    }
    let reader = Reader::find(&mut tx, caller.workspace, &request.contact_id, &request.locale).await?;
    let asked = Asked::read(&mut tx, caller.workspace, request).await?;
    within_limit(&mut tx, caller.workspace, asked.recipients.len(), now).await?;
    let contact_id = reader.contact_id;
    let (rendered, _) = reader.render(state, &asked.template.content, asked.channel.into(), asked.occasion_name()).await?;
    let test = TestSend {
        test_send_id: id,
        workspace_id: caller.workspace,
        template: Some((asked.template.template_id, asked.template.version)),
        campaign_id: asked.campaign.as_ref().map(|campaign| campaign.campaign_id),
        contact_id,
        sender_id: asked.sender.sender_id,
        channel: asked.channel,
        content: asked.for_provider(&rendered)?,
        created_by: caller.subject.clone(),
        created_at: now,
    };
    test_send::insert(&mut tx, &test, &asked.recipients).await.map_err(status::store)?;
    record(&mut tx, &caller, &asked, now).await?;
    let test_send = read(&mut tx, caller.workspace, id).await?;
    commit(tx).await?;
    Ok(TestSendTemplateResponse { test_send: Some(test_send) })
}

pub async fn get(state: &State, request: Request<GetTestSendRequest>) -> Result<GetTestSendResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: TestSendId = status::id("id", &request.get_ref().id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    Ok(GetTestSendResponse { test_send: Some(read(&mut tx, caller.workspace, id).await?) })
}

async fn read(connection: &mut PgConnection, workspace: WorkspaceId, id: TestSendId) -> Result<Wire, Status> {
    let found = test_send::get(connection, workspace, id).await.map_err(status::store)?;
    let (test, messages) = found.ok_or_else(|| status::not_found("test_send"))?;
    Ok(view::present(test, messages))
}

async fn within_limit(connection: &mut PgConnection, workspace: WorkspaceId, more: usize, now: OffsetDateTime) -> Result<(), Status> {
    let asked = test_send::asked_since(connection, workspace, now - Duration::HOUR).await.map_err(status::store)?;
    if asked.saturating_add(i64::try_from(more).unwrap_or(i64::MAX)) <= MAX_AN_HOUR {
        return Ok(());
    }
    let message =
        format!("a workspace tests with {MAX_AN_HOUR} messages in an hour at most, and {asked} were sent: wait, or use fewer addresses");
    Err(status::exhausted("TOO_MANY_TESTS", message))
}

async fn record(connection: &mut PgConnection, caller: &Caller, asked: &Asked, at: OffsetDateTime) -> Result<(), Status> {
    let record = Record {
        template_version: asked.template.version,
        campaign_id: asked.campaign.as_ref().map(|campaign| campaign.campaign_id.to_string()),
        sender: &asked.sender.name,
        channel: asked.channel.as_str(),
        addresses: asked.recipients.len(),
    };
    let change = Change {
        workspace: caller.workspace,
        caller,
        action: "template.test_send",
        id: asked.template.template_id.0,
        before: None,
        after: Some(&record),
        at,
    };
    change.record(connection).await
}
