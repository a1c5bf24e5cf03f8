//! Deliveries of a campaign with their standing, a page at a time.

use crate::{Result, delivery::state, page::BadToken};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    CampaignId, Channel, ContactId, DeliveryId, WorkspaceId,
    delivery::State,
    facts::{Bits, Wanted, status},
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A delivery as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub delivery_id: DeliveryId,
    pub contact_id: ContactId,
    pub channel: Channel,
    pub address: String,
    pub status: &'static str,
    /// Why it was suppressed, or the code of its failure.
    pub reason: Option<String>,
    pub attempts: u32,
    pub provider_message_id: Option<String>,
    pub updated_at: OffsetDateTime,
    /// Of its run's content, which its last try was made of; 0 before the first.
    pub content_version: u32,
    /// Where the world sees it.
    pub permalink: Option<String>,
    run_id: Uuid,
}

/// Which deliveries to read.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub channel: Option<Channel>,
    pub wanted: Option<Wanted>,
}

/// Where a page starts: beyond this delivery, in the order of the index that keeps a contact from being written twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    run_id: Uuid,
    contact_id: Uuid,
    channel: Channel,
}

impl Cursor {
    /// The page after one that ended with this delivery.
    #[must_use]
    pub fn after(last: &Delivery) -> Self {
        Self { run_id: last.run_id, contact_id: last.contact_id.0, channel: last.channel }
    }

    #[must_use]
    pub fn to_token(&self) -> String {
        let mut bytes = self.run_id.as_bytes().to_vec();
        bytes.extend_from_slice(self.contact_id.as_bytes());
        bytes.extend_from_slice(self.channel.as_str().as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When it isn't one of ours.
    pub fn parse(token: &str) -> std::result::Result<Self, BadToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
        let (run, rest) = bytes.split_first_chunk::<16>().ok_or(BadToken)?;
        let (contact, channel) = rest.split_first_chunk::<16>().ok_or(BadToken)?;
        let channel = std::str::from_utf8(channel).ok().and_then(|channel| channel.parse().ok()).ok_or(BadToken)?;
        Ok(Self { run_id: Uuid::from_bytes(*run), contact_id: Uuid::from_bytes(*contact), channel })
    }
}

/// Up to `limit` deliveries of a campaign.
///
/// # Errors
/// When the statement fails, or a row can't be read.
pub async fn deliveries(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let steps = match &filter.wanted {
        Some(Wanted::Known(steps)) => steps.as_slice(),
        _ => &[],
    };
    let waiting = match filter.wanted {
        Some(Wanted::Waiting(state)) => Some(state.as_str()),
        _ => None,
    };
    // `known` is what facts and ledger say together; see domain::facts::status.
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, d.contact_id, d.run_id, d.channel, d.address, d.state,
                  CASE WHEN d.state <> 'accepted' THEN d.reason END AS reason, d.attempt, d.provider_message_id, d.permalink,
                  coalesce(d.content_version, (d.attempt > 0)::int) AS "content_version!",
                  greatest(d.updated_at, s.updated_at) AS "updated_at!", coalesce(s.bits, 0) AS "bits!", s.code AS "code?"
           FROM send.run r JOIN send.delivery d USING (run_id)
           LEFT JOIN stats.delivery_status s ON s.delivery_id = d.delivery_id,
           LATERAL (SELECT coalesce(s.bits, 0) | ($9::int[])[array_position($8::text[], d.state)] AS known) AS k
           WHERE r.campaign_id = $1 AND r.workspace_id = $2 AND d.workspace_id = $2
             AND ($3::text IS NULL OR d.channel = $3)
             AND ($4::uuid IS NULL OR (d.run_id, d.channel, d.contact_id) > ($4, $5, $6))
             AND CASE
                   WHEN $10::text IS NOT NULL THEN d.state = $10 AND k.known & $11 = 0
                   WHEN $12 THEN EXISTS (SELECT FROM unnest($13::int[], $14::int[], $15::int[]) AS step(one, company, none)
                                         WHERE k.known & one <> 0 AND (company = 0 OR k.known & company <> 0) AND k.known & none = 0)
                   ELSE true
                 END
           ORDER BY d.run_id, d.channel, d.contact_id LIMIT $7"#,
        campaign.0,
        workspace.0,
        filter.channel.map(Channel::as_str),
        after.map(|cursor| cursor.run_id),
        after.map(|cursor| cursor.channel.as_str()),
        after.map(|cursor| cursor.contact_id),
        limit,
        &State::ALL.map(|state| state.as_str().to_owned()),
        &State::ALL.map(|state| Bits::of_state(state).0.cast_signed()),
        waiting,
        Wanted::DECIDED.0.cast_signed(),
        !steps.is_empty(),
        &steps.iter().map(|step| step.any.0.cast_signed()).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.with.0.cast_signed()).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.none.0.cast_signed()).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Delivery {
                delivery_id: DeliveryId(row.delivery_id),
                contact_id: row.contact_id.into(),
                channel: crate::delivery::channel(&row.channel)?,
                address: row.address,
                status: status(Bits(row.bits.cast_unsigned()), state(&row.state)?),
                reason: row.code.or(row.reason),
                attempts: u32::try_from(row.attempt).unwrap_or_default(),
                provider_message_id: row.provider_message_id,
                updated_at: row.updated_at,
                content_version: row.content_version.unsigned_abs(),
                permalink: row.permalink,
                run_id: row.run_id,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_written() {
        let cursor = Cursor { run_id: Uuid::from_u128(1), contact_id: Uuid::from_u128(2), channel: Channel::Whatsapp };
        assert_eq!(Cursor::parse(&cursor.to_token()), Ok(cursor));
        assert!(Cursor::parse("AAAA").is_err());
        assert!(Cursor::parse("not base64!").is_err());
    }
}
