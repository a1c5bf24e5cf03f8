//! What became of one contact in one campaign, and why: selection, decisions, tries and reports, in the order in which they happened.
//!
//! Who was never selected is judged as of now by the gate's own rules ([`crate::gate::judge`]), so that the answer is what would happen.
//! Reads only, one contact at a time; every reading names the workspace, because this role isn't fenced by the database.

mod prospect;
mod selection;
mod timeline;

use crate::{Result, delivery::state};
use domain::{
    CampaignId, Channel, ContactId, DeliveryId, WorkspaceId,
    address::{PhoneRules, any},
    delivery::State,
    facts::{Bits, status},
};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// How a contact is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    Id(ContactId),
    ExternalId(String),
    /// E-mail or phone, as a person writes it.
    Address(String),
}

/// The whole story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    pub contact_id: ContactId,
    pub contact_name: String,
    pub campaign_status: String,
    /// Why the contact was selected or not, in words.
    pub selection: Vec<String>,
    pub selected: bool,
    pub channels: Vec<Part>,
}

/// What happened on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub channel: Channel,
    /// None: there is no delivery, and `status` is what the gate would say now.
    pub delivery_id: Option<DeliveryId>,
    pub status: &'static str,
    pub reason: String,
    /// The rule that decided, in words.
    pub rule: String,
    /// Oldest first.
    pub timeline: Vec<Happening>,
    /// Of its run's content, which its last try was made of; 0 before the first.
    pub content_version: u32,
}

/// A decision of ours or a report of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    pub at: OffsetDateTime,
    pub what: String,
    pub reason: String,
    pub rule: String,
    /// Which try; 0 when it isn't known or there was none.
    pub attempt: u32,
}

/// The contact as far as it matters here.
#[derive(Debug, Clone)]
struct Person {
    contact_id: ContactId,
    name: String,
    /// False when only its deliveries are left.
    exists: bool,
}

/// A delivery to the contact.
#[derive(Debug)]
struct Delivery {
    delivery_id: i64,
    channel: Channel,
    state: State,
    reason: Option<String>,
    updated_at: OffsetDateTime,
    passed_at: Option<OffsetDateTime>,
    bits: Bits,
    code: Option<String>,
    selected_at: OffsetDateTime,
    rescue: bool,
    content_version: u32,
}

/// Tells what became of a contact; None when the workspace has no such contact.
///
/// # Errors
/// When a statement fails, or something stored can't be read.
pub async fn explain(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    who: &Who,
    now: OffsetDateTime,
) -> Result<Option<Story>> {
    let Some(person) = find(&mut *connection, workspace, campaign, who).await? else { return Ok(None) };
    let deliveries = deliveries(&mut *connection, workspace, campaign, person.contact_id).await?;
    let facts = selection::read(&mut *connection, workspace, campaign, person.contact_id, now).await?;
    let mut channels = timeline::parts(&mut *connection, &deliveries).await?;
    if person.exists {
        let reached: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.channel).collect();
        channels.extend(prospect::parts(connection, workspace, campaign, person.contact_id, &reached, now).await?);
    }
    channels.sort_by_key(|part| part.channel);
    let selected = !deliveries.is_empty();
    Ok(Some(Story {
        contact_id: person.contact_id,
        contact_name: person.name,
        campaign_status: facts.status.clone(),
        selection: facts.in_words(person.contact_id, person.exists, selected),
        selected,
        channels,
    }))
}

/// Finds the contact. Several may have the same address: one that the campaign has written to goes first, then the oldest.
async fn find(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId, who: &Who) -> Result<Option<Person>> {
    let (id, external_id, key) = match who {
        Who::Id(id) => (Some(id.0), None, None),
        Who::ExternalId(external_id) => (None, Some(external_id.clone()), None),
        Who::Address(written) => {
            let Some(key) = key(&mut *connection, workspace, written).await? else { return Ok(None) };
            (None, None, Some(key))
        }
    };
    let row = sqlx::query!(
        "SELECT contact_id, name FROM core.contact c
         WHERE workspace_id = $1 AND (contact_id = $2 OR external_id = $3 OR email_key = $4 OR phone_key = $4)
         ORDER BY EXISTS (SELECT FROM send.delivery d WHERE d.contact_id = c.contact_id AND d.campaign_id = $5) DESC, contact_id LIMIT 1",
        workspace.0,
        id,
        external_id,
        key,
        campaign.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = row {
        return Ok(Some(Person { contact_id: row.contact_id.into(), name: row.name, exists: true }));
    }
    let Who::Id(id) = who else { return Ok(None) };
    let gone = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM send.delivery WHERE contact_id = $1 AND workspace_id = $2 AND campaign_id = $3) AS "gone!""#,
        id.0,
        workspace.0,
        campaign.0
    )
    .fetch_one(connection)
    .await?;
    Ok(gone.then(|| Person { contact_id: *id, name: String::new(), exists: false }))
}

/// The key of an address as it is written; None when it can't be one.
async fn key(connection: &mut PgConnection, workspace: WorkspaceId, written: &str) -> Result<Option<String>> {
    let row = sqlx::query!("SELECT default_country_code, phone_strip_prefixes FROM core.workspace WHERE workspace_id = $1", workspace.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.and_then(|row| any(written, &PhoneRules::new(&row.default_country_code, &row.phone_strip_prefixes)).key))
}

async fn deliveries(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
) -> Result<Vec<Delivery>> {
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, d.channel, d.state, d.reason, d.updated_at, d.passed_at, d.rescues IS NOT NULL AS "rescue!", r.created_at,
                  coalesce(d.content_version, (d.attempt > 0)::int) AS "content_version!",
                  s.bits AS "bits?", s.code AS "code?"
           FROM send.delivery d JOIN send.run r USING (run_id) LEFT JOIN stats.delivery_status s USING (delivery_id)
           WHERE d.contact_id = $1 AND d.campaign_id = $2 AND d.workspace_id = $3 ORDER BY d.delivery_id LIMIT 100"#,
        contact.0,
        campaign.0,
        workspace.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Delivery {
                delivery_id: row.delivery_id,
                channel: crate::delivery::channel(&row.channel)?,
                state: state(&row.state)?,
                reason: row.reason,
                updated_at: row.updated_at,
                passed_at: row.passed_at,
                bits: Bits(row.bits.unwrap_or_default().cast_unsigned()),
                code: row.code,
                selected_at: row.created_at,
                rescue: row.rescue,
                content_version: row.content_version.unsigned_abs(),
            })
        })
        .collect()
}

impl Delivery {
    fn status(&self) -> &'static str {
        status(self.bits, self.state)
    }
}
