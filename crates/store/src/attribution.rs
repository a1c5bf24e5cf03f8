//! Which delivery a person's deed is an answer to.

use crate::{Result, delivery::channel};
use domain::{CampaignId, Channel, ContactId, DeliveryId, SenderId, WorkspaceId, facts::DELIVERED};
use sqlx::{PgConnection, postgres::types::PgInterval};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Somebody's conversion, of which the cause is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    pub by: Converter,
    /// Only deliveries of this campaign.
    pub campaign_id: Option<CampaignId>,
    pub at: OffsetDateTime,
}

/// Who it was that converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converter {
    Contact(ContactId),
    /// Whoever clicked in this delivery at that time, whether that has been counted or not.
    Clicked(DeliveryId, OffsetDateTime),
}

/// The delivery that a conversion counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub delivery_id: DeliveryId,
    pub campaign_id: CampaignId,
    pub contact_id: ContactId,
    pub channel: Channel,
}

/// For each conversion the delivery that it counts for, in the order asked: the one that its author clicked last, else the one opened last,
/// else the newest that was delivered or taken by the provider; each no longer ago than `within`, and not after the conversion, but for
/// `clocks_differ`: those who tell of it have clocks of their own.
///
/// A delivery is taken to be clicked when it was first clicked, which is what is kept, unless the conversion knows better.
///
/// # Errors
/// When the statement fails.
pub async fn to_convert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    conversions: &[Converted],
    within: Duration,
    clocks_differ: Duration,
) -> Result<Vec<Option<Cause>>> {
    let sought: Vec<_> = conversions.iter().map(Sought::of).collect();
    let contacts: Vec<_> = sought.iter().map(|sought| sought.contact).collect();
    let deliveries: Vec<_> = sought.iter().map(|sought| sought.delivery).collect();
    let clicks: Vec<_> = sought.iter().map(|sought| sought.clicked_at).collect();
    let campaigns: Vec<_> = conversions.iter().map(|conversion| conversion.campaign_id.map(|id| id.0)).collect();
    let times: Vec<_> = conversions.iter().map(|conversion| conversion.at).collect();
    let rows = sqlx::query!(
        r#"SELECT cause.delivery_id AS "delivery_id?", cause.campaign_id AS "campaign_id?", cause.contact_id AS "contact_id?",
                  cause.channel AS "channel?"
           FROM (SELECT n, delivery, click, campaign, at - $7::interval AS since, at + $8::interval AS until,
                        coalesce(contact, (SELECT x.contact_id FROM send.delivery x WHERE x.delivery_id = delivery)) AS contact
                 FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::uuid[], $6::timestamptz[])
                      WITH ORDINALITY AS s (contact, delivery, click, campaign, at, n)) AS sought
           LEFT JOIN LATERAL (
             SELECT d.delivery_id, d.campaign_id, d.contact_id, d.channel
             FROM send.delivery d LEFT JOIN stats.delivery_status s USING (delivery_id)
             CROSS JOIN LATERAL (SELECT coalesce(d.sent_at, d.updated_at) AS sent,
                 CASE WHEN d.delivery_id = sought.delivery THEN greatest(s.clicked_at, sought.click) ELSE s.clicked_at END AS clicked) AS t
             CROSS JOIN LATERAL (SELECT CASE WHEN t.clicked BETWEEN sought.since AND sought.until THEN t.clicked END AS clicked,
                 CASE WHEN s.opened_at BETWEEN sought.since AND sought.until THEN s.opened_at END AS opened) AS did
             WHERE d.workspace_id = $1 AND d.contact_id = sought.contact
               AND (sought.campaign IS NULL OR d.campaign_id = sought.campaign)
               AND (did.clicked IS NOT NULL OR did.opened IS NOT NULL
                    OR t.sent BETWEEN sought.since AND sought.until AND (d.state = 'accepted' OR s.bits & $9 <> 0))
             ORDER BY did.clicked DESC NULLS LAST, did.opened DESC NULLS LAST, t.sent DESC, d.delivery_id DESC
             LIMIT 1) AS cause ON true
           ORDER BY sought.n"#,
        workspace.0,
        &contacts as &[Option<Uuid>],
        &deliveries as &[Option<i64>],
        &clicks as &[Option<OffsetDateTime>],
        &campaigns as &[Option<Uuid>],
        &times,
        interval(within),
        interval(clocks_differ),
        DELIVERED.0.cast_signed()
    )
    .fetch_all(connection)
    .await?;
    let cause = |row: Option<(i64, Uuid, Uuid, String)>| {
        let Some((delivery_id, campaign_id, contact_id, on)) = row else { return Ok(None) };
        let (campaign_id, contact_id) = (CampaignId(campaign_id), ContactId(contact_id));
        Ok(Some(Cause { delivery_id: DeliveryId(delivery_id), campaign_id, contact_id, channel: channel(&on)? }))
    };
    rows.into_iter()
        .map(|row| cause(row.delivery_id.zip(row.campaign_id).zip(row.contact_id).zip(row.channel).map(|(((a, b), c), d)| (a, b, c, d))))
        .collect()
}

/// What names the author of a conversion, as columns.
#[derive(Default)]
struct Sought {
    contact: Option<Uuid>,
    delivery: Option<i64>,
    clicked_at: Option<OffsetDateTime>,
}

impl Sought {
    fn of(conversion: &Converted) -> Self {
        match conversion.by {
            Converter::Contact(contact) => Self { contact: Some(contact.0), ..Self::default() },
            Converter::Clicked(delivery, at) => Self { delivery: Some(delivery.0), clicked_at: Some(at), ..Self::default() },
        }
    }
}

fn interval(span: Duration) -> PgInterval {
    // A workspace's window is a year at most, in whole hours.
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(span.whole_microseconds()).unwrap_or(i64::MAX) }
}

/// The contact with that id in another system.
///
/// # Errors
/// When the statement fails.
pub async fn contact_of(connection: &mut PgConnection, workspace: WorkspaceId, external_id: &str) -> Result<Option<ContactId>> {
    Ok(sqlx::query_scalar!("SELECT contact_id FROM core.contact WHERE workspace_id = $1 AND external_id = $2", workspace.0, external_id)
        .fetch_optional(connection)
        .await?
        .map(ContactId))
}

/// A message that somebody sent us, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub channel: Channel,
    pub sender_id: SenderId,
    /// Of the person, as deliveries are keyed.
    pub address_key: String,
}

/// For each reply the newest delivery that may have reached its author by that sender after `since`; in the order asked.
///
/// # Errors
/// When the statement fails.
pub async fn to_reply(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    replies: &[Reply],
    since: OffsetDateTime,
) -> Result<Vec<Option<DeliveryId>>> {
    if replies.is_empty() {
        return Ok(Vec::new());
    }
    let channels: Vec<_> = replies.iter().map(|reply| reply.channel.as_str().to_owned()).collect();
    let senders: Vec<_> = replies.iter().map(|reply| reply.sender_id.0).collect();
    let keys: Vec<_> = replies.iter().map(|reply| reply.address_key.clone()).collect();
    // By way of the runs that may have sent since then, because deliveries are found by address only within a run; OFFSET 0 keeps the
    // order out of the search.
    let found = sqlx::query_scalar!(
        r#"SELECT (SELECT delivery_id FROM (SELECT d.delivery_id, d.sent_at FROM send.run r JOIN send.delivery d USING (run_id)
                       WHERE r.workspace_id = $1 AND (r.status IN ('expanding', 'sending') OR r.completed_at >= $5)
                         AND d.channel = sought.channel AND d.address_key = sought.key AND d.sender_id = sought.sender_id
                         AND d.sent_at >= $5 AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown') OFFSET 0) AS d
                   ORDER BY sent_at DESC, delivery_id DESC LIMIT 1) AS delivery_id
           FROM unnest($2::text[], $3::uuid[], $4::text[]) WITH ORDINALITY AS sought(channel, sender_id, key, n) ORDER BY n"#,
        workspace.0,
        &channels,
        &senders,
        &keys,
        since
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|id| id.map(DeliveryId)).collect())
}
