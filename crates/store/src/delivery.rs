//! Small readings of the ledger that several modules share.

use crate::{Error, Result};
use domain::{
    CampaignId, Channel,
    delivery::{State, UnknownState},
    facts::Kind,
};
use sqlx::PgConnection;

/// Reads a stored channel.
pub(crate) fn channel(text: &str) -> Result<Channel> {
    text.parse().map_err(|error: domain::channel::UnknownChannel| Error::Corrupt { what: "channel", reason: error.to_string() })
}

/// Reads a stored state.
pub(crate) fn state(text: &str) -> Result<State> {
    text.parse().map_err(|error: UnknownState| Error::Corrupt { what: "delivery state", reason: error.to_string() })
}

/// Reads a stored kind of fact.
pub(crate) fn kind(number: i16) -> Result<Kind> {
    Kind::from_number(number.into()).ok_or_else(|| Error::Corrupt { what: "kind of fact", reason: number.to_string() })
}

/// How many deliveries of a campaign were dropped when it was cancelled.
///
/// # Errors
/// When the statement fails.
pub async fn count_cancelled(connection: &mut PgConnection, campaign: CampaignId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM send.run r JOIN send.delivery d USING (run_id)
           WHERE r.campaign_id = $1 AND d.state = 'cancelled'"#,
        campaign.0
    )
    .fetch_one(connection)
    .await?)
}
