//! Messages that people send to a few addresses, to see a template where it arrives. None of them is a delivery, and none is counted.
//!
//! Here is what campaign-api does with them: it writes them with whether each address may get one, and reads what became of them. What
//! the dispatchers do is [`dispatch`].

pub mod dispatch;

use crate::{Error, Result, delivery};
use domain::{CampaignId, Channel, ContactId, SenderId, TemplateId, TestSendId, WorkspaceId};
use serde_json::Value;
use sqlx::PgConnection;
use std::str::FromStr;
use time::OffsetDateTime;
use uuid::Uuid;

/// Why an address got nothing: it is in the register.
pub const OPTED_OUT: &str = "opted_out";

/// One message, rendered, for a few addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSend {
    pub test_send_id: TestSendId,
    pub workspace_id: WorkspaceId,
    /// With its version; None for content that was not saved.
    pub template: Option<(TemplateId, i32)>,
    pub campaign_id: Option<CampaignId>,
    /// Whose data is in it.
    pub contact_id: Option<ContactId>,
    pub sender_id: SenderId,
    pub channel: Channel,
    /// What the provider is given, as JSON.
    pub content: Value,
    pub created_by: String,
    pub created_at: OffsetDateTime,
}

/// An address that a test goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub address: String,
    /// The form in which opt-outs are registered.
    pub key: String,
}

/// What has become of one message of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestState {
    Queued,
    Sending,
    /// The provider took it.
    Accepted,
    /// It was not sent, or not taken. It is never tried again.
    Refused,
    /// Whether it left can't be known. It is never tried again.
    Uncertain,
    /// Nobody took it in time.
    Expired,
}

impl TestState {
    const ALL: [Self; 6] = [Self::Queued, Self::Sending, Self::Accepted, Self::Refused, Self::Uncertain, Self::Expired];

    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more will become of it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending)
    }
}

impl FromStr for TestState {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| Error::Corrupt { what: "state of a test", reason: text.to_owned() })
    }
}

/// One message of a test, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestMessage {
    pub address: String,
    pub state: TestState,
    pub code: String,
    pub detail: String,
    pub provider_message_id: String,
    pub updated_at: OffsetDateTime,
}

/// Adds a test. Whoever has opted out of the channel is written as refused, also when they have been erased since.
///
/// # Errors
/// When a statement fails.
pub async fn insert(connection: &mut PgConnection, test: &TestSend, recipients: &[Recipient]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO send.test_send (test_send_id, workspace_id, template_id, template_version, campaign_id, contact_id, sender_id, channel,
                                     content, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        test.test_send_id.0,
        test.workspace_id.0,
        test.template.map(|(id, _)| id.0),
        test.template.map(|(_, version)| version),
        test.campaign_id.map(|id| id.0),
        test.contact_id.map(|id| id.0),
        test.sender_id.0,
        test.channel.as_str(),
        test.content,
        test.created_by,
        test.created_at
    )
    .execute(&mut *connection)
    .await?;
    let addresses: Vec<_> = recipients.iter().map(|recipient| recipient.address.clone()).collect();
    let keys: Vec<_> = recipients.iter().map(|recipient| recipient.key.clone()).collect();
    sqlx::query!(
        "INSERT INTO send.test_message (test_send_id, workspace_id, channel, address, address_key, state, code, detail, updated_at)
         SELECT $1, $2, $3, r.address, r.key, CASE WHEN o.opted_out THEN 'refused' ELSE 'queued' END,
                CASE WHEN o.opted_out THEN $7 ELSE '' END, CASE WHEN o.opted_out THEN 'this address has opted out' ELSE '' END, $6
         FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS r (address, key, place)
         CROSS JOIN LATERAL (
             SELECT EXISTS (SELECT FROM core.opt_out WHERE workspace_id = $2 AND address_key = r.key AND channel IN ($3, 'all'))
                    OR EXISTS (SELECT FROM core.erased_key e JOIN core.erasure_key k USING (workspace_id)
                               WHERE e.workspace_id = $2 AND e.channel IN ($3, 'all') AND e.topic_id IS NULL
                                 AND e.address_hash = core.address_hash(k.inner_key, k.outer_key, r.key)) AS opted_out) AS o
         ORDER BY r.place",
        test.test_send_id.0,
        test.workspace_id.0,
        test.channel.as_str(),
        &addresses,
        &keys,
        test.created_at,
        OPTED_OUT
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many messages of tests a workspace has asked for since then. Others of the workspace who ask wait until the transaction ends, so that
/// two can't both find room for the last ones.
///
/// # Errors
/// When the statement fails.
pub async fn asked_since(connection: &mut PgConnection, workspace: WorkspaceId, since: OffsetDateTime) -> Result<i64> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('test sends ' || $1::text, 0))", workspace.0.to_string())
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM send.test_send t JOIN send.test_message m USING (test_send_id)
           WHERE t.workspace_id = $1 AND t.created_at > $2"#,
        workspace.0,
        since
    )
    .fetch_one(connection)
    .await?)
}

/// Deletes what was sent to these addresses, because their person is erased. What is rendered with a person's data goes with the contact.
///
/// # Errors
/// When the statement fails.
pub async fn forget(connection: &mut PgConnection, workspace: WorkspaceId, keys: &[String]) -> Result<()> {
    sqlx::query!("DELETE FROM send.test_message WHERE workspace_id = $1 AND address_key = ANY($2)", workspace.0, keys)
        .execute(connection)
        .await?;
    Ok(())
}

struct Row {
    template_id: Option<Uuid>,
    template_version: Option<i32>,
    campaign_id: Option<Uuid>,
    contact_id: Option<Uuid>,
    sender_id: Uuid,
    channel: String,
    content: Value,
    created_by: String,
    created_at: OffsetDateTime,
}

/// A test of one workspace with its messages, in the order of the request.
///
/// # Errors
/// When a statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: TestSendId) -> Result<Option<(TestSend, Vec<TestMessage>)>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT template_id, template_version, campaign_id, contact_id, sender_id, channel, content, created_by, created_at
         FROM send.test_send WHERE workspace_id = $1 AND test_send_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let test = TestSend {
        test_send_id: id,
        workspace_id: workspace,
        template: row.template_id.map(TemplateId).zip(row.template_version),
        campaign_id: row.campaign_id.map(CampaignId),
        contact_id: row.contact_id.map(ContactId),
        sender_id: SenderId(row.sender_id),
        channel: delivery::channel(&row.channel)?,
        content: row.content,
        created_by: row.created_by,
        created_at: row.created_at,
    };
    Ok(Some((test, messages(connection, id).await?)))
}

async fn messages(connection: &mut PgConnection, id: TestSendId) -> Result<Vec<TestMessage>> {
    let rows = sqlx::query!(
        "SELECT address, state, code, detail, provider_message_id, updated_at FROM send.test_message
         WHERE test_send_id = $1 ORDER BY test_message_id",
        id.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(TestMessage {
                address: row.address,
                state: row.state.parse()?,
                code: row.code,
                detail: row.detail,
                provider_message_id: row.provider_message_id,
                updated_at: row.updated_at,
            })
        })
        .collect()
}
