//! Conversions: what people did that a campaign was for, each once, with the delivery that it counts for.

use crate::{Error, Result, attribution::Cause, delivery::channel, page::Page};
use domain::{CampaignId, Channel, ContactId, DeliveryId, WorkspaceId, conversion::Worth};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who told of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Api,
    /// Whoever holds a click's token: the site's pixel, or its own post.
    Pixel,
}

impl Source {
    /// The name used in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Pixel => "pixel",
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        let known = [Self::Api, Self::Pixel].into_iter().find(|source| source.as_str() == name);
        known.ok_or_else(|| Error::Corrupt { what: "conversion source", reason: format!("unknown source {name:?}") })
    }
}

/// A conversion that may be new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    pub conversion_id: Uuid,
    /// What names it in its workspace.
    pub order_id: String,
    pub cause: Cause,
    pub worth: Option<Worth>,
    pub source: Source,
    pub converted_at: OffsetDateTime,
}

/// A conversion that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    pub conversion_id: Uuid,
    pub order_id: String,
    pub campaign_id: CampaignId,
    pub delivery_id: DeliveryId,
    pub channel: Channel,
    /// None once the contact is deleted.
    pub contact_id: Option<ContactId>,
    pub value_micros: i64,
    pub currency: String,
    pub source: Source,
    pub converted_at: OffsetDateTime,
}

/// Adds those that are new, and answers with their order ids. One that another transaction is adding is waited for.
///
/// # Errors
/// When the statement fails.
pub async fn add(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    conversions: &[New],
    now: OffsetDateTime,
) -> Result<BTreeSet<String>> {
    // In one order everywhere, so that two that add the same ones don't wait for one another crosswise.
    let mut conversions: Vec<_> = conversions.iter().collect();
    conversions.sort_by(|one, other| one.order_id.cmp(&other.order_id));
    let each = || conversions.iter().copied();
    let ids: Vec<_> = each().map(|new| new.conversion_id).collect();
    let orders: Vec<_> = each().map(|new| new.order_id.clone()).collect();
    let campaigns: Vec<_> = each().map(|new| new.cause.campaign_id.0).collect();
    let deliveries: Vec<_> = each().map(|new| new.cause.delivery_id.0).collect();
    let channels: Vec<_> = each().map(|new| new.cause.channel.as_str().to_owned()).collect();
    let contacts: Vec<_> = each().map(|new| new.cause.contact_id.0).collect();
    let micros: Vec<_> = each().map(|new| new.worth.map_or(0, |worth| worth.micros)).collect();
    let currencies: Vec<_> = each().map(|new| new.worth.map_or("", |worth| worth.currency.as_str()).to_owned()).collect();
    let sources: Vec<_> = each().map(|new| new.source.as_str().to_owned()).collect();
    let times: Vec<_> = each().map(|new| new.converted_at).collect();
    // A delivery outlives its contact.
    let added = sqlx::query_scalar!(
        "INSERT INTO core.conversion (conversion_id, workspace_id, order_id, campaign_id, delivery_id, channel, contact_id, value_micros,
                                      currency, source, converted_at, created_at)
         SELECT n.id, $1, n.order_id, n.campaign, n.delivery, n.channel,
                (SELECT c.contact_id FROM core.contact c WHERE c.contact_id = n.contact), n.micros, n.currency, n.source, n.at, $12
         FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::uuid[], $8::bigint[], $9::text[], $10::text[],
                     $11::timestamptz[]) AS n (id, order_id, campaign, delivery, channel, contact, micros, currency, source, at)
         ON CONFLICT ON CONSTRAINT conversion_once DO NOTHING
         RETURNING order_id",
        workspace.0,
        &ids,
        &orders,
        &campaigns,
        &deliveries,
        &channels,
        &contacts,
        &micros,
        &currencies,
        &sources,
        &times,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(added.into_iter().collect())
}

/// The delivery that a conversion counts for which was told before; with a value, that value wins over one that only a pixel has told.
///
/// # Errors
/// When a statement fails.
pub async fn told_before(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    order_id: &str,
    worth: Option<Worth>,
) -> Result<Option<(DeliveryId, CampaignId)>> {
    if let Some(worth) = worth {
        sqlx::query!(
            "UPDATE core.conversion SET value_micros = $3, currency = $4, source = 'api'
             WHERE workspace_id = $1 AND order_id = $2 AND source = 'pixel'",
            workspace.0,
            order_id,
            worth.micros,
            worth.currency.as_str()
        )
        .execute(&mut *connection)
        .await?;
    }
    let row = sqlx::query!(
        "SELECT delivery_id, campaign_id FROM core.conversion WHERE workspace_id = $1 AND order_id = $2",
        workspace.0,
        order_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (DeliveryId(row.delivery_id), row.campaign_id.into())))
}

/// Of these deliveries, how many conversions a pixel has told of each; those without any are left out.
///
/// # Errors
/// When the statement fails.
pub async fn told_by_pixel(connection: &mut PgConnection, workspace: WorkspaceId, deliveries: &[i64]) -> Result<Vec<(DeliveryId, i64)>> {
    let rows = sqlx::query!(
        r#"SELECT delivery_id, count(*) AS "count!" FROM core.conversion
           WHERE workspace_id = $1 AND delivery_id = ANY($2) AND source = 'pixel' GROUP BY delivery_id"#,
        workspace.0,
        deliveries
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (DeliveryId(row.delivery_id), row.count)).collect())
}

/// A page of a campaign's conversions, newest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId, page: Page) -> Result<Vec<Conversion>> {
    sqlx::query!(
        "SELECT conversion_id, order_id, campaign_id, delivery_id, channel, contact_id, value_micros, currency, source, converted_at
         FROM core.conversion
         WHERE workspace_id = $1 AND campaign_id = $2 AND ($3::uuid IS NULL OR conversion_id < $3)
         ORDER BY conversion_id DESC LIMIT $4",
        workspace.0,
        campaign.0,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| {
        Ok(Conversion {
            conversion_id: row.conversion_id,
            order_id: row.order_id,
            campaign_id: row.campaign_id.into(),
            delivery_id: DeliveryId(row.delivery_id),
            channel: channel(&row.channel)?,
            contact_id: row.contact_id.map(Into::into),
            value_micros: row.value_micros,
            currency: row.currency,
            source: Source::from_name(&row.source)?,
            converted_at: row.converted_at,
        })
    })
    .collect()
}

/// A campaign's conversions on one channel that are worth something in one currency; or, without one, those that came without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub channel: Channel,
    pub currency: String,
    pub conversions: i64,
    pub value_micros: i64,
}

/// What a campaign's conversions come to, by channel and currency.
///
/// # Errors
/// When the statement fails, or a sum is beyond what can be counted.
pub async fn totals(connection: &mut PgConnection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Total>> {
    sqlx::query!(
        r#"SELECT channel, currency, count(*) AS "conversions!", sum(value_micros)::bigint AS "value_micros!" FROM core.conversion
           WHERE workspace_id = $1 AND campaign_id = $2 GROUP BY channel, currency ORDER BY channel, currency"#,
        workspace.0,
        campaign.0
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| {
        let channel = channel(&row.channel)?;
        Ok(Total { channel, currency: row.currency, conversions: row.conversions, value_micros: row.value_micros })
    })
    .collect()
}
