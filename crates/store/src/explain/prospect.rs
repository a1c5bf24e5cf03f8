//! What the gate would say now of a contact that has no delivery on a channel.

use super::Part;
use crate::{
    Result,
    gate::{Subject, judge, policy},
};
use domain::{
    CampaignId, Channel, ContactId, WorkspaceId,
    delivery::reason,
    gate::{Decision, decide},
};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// A channel of the campaign, and where it would reach the contact.
#[derive(Debug)]
struct Prospect {
    channel: Channel,
    address: String,
    key: Option<String>,
    problem: String,
    /// Another contact with the same address has its delivery.
    taken: bool,
    rescue_only: bool,
}

/// A part for each of the campaign's channels but `reached`.
pub(super) async fn parts(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
    reached: &BTreeSet<Channel>,
    now: OffsetDateTime,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for prospect in prospects(&mut *connection, workspace, campaign, contact).await? {
        if reached.contains(&prospect.channel) {
            continue;
        }
        let (status, reason, mut rule) = match &prospect.key {
            _ if prospect.address.is_empty() => suppressed(reason::NO_ADDRESS, "the contact has no address for this channel"),
            None => suppressed(reason::INVALID_ADDRESS, &prospect.problem),
            Some(_) if prospect.taken => suppressed(reason::DUPLICATE, "another contact with the same address gets it"),
            Some(key) => decided(&mut *connection, campaign, contact, prospect.channel, key, now).await?,
        };
        if prospect.rescue_only && rule.is_empty() {
            "only when another channel has failed".clone_into(&mut rule);
        }
        parts.push(Part { channel: prospect.channel, delivery_id: None, status, reason, rule, timeline: Vec::new(), content_version: 0 });
    }
    Ok(parts)
}

fn suppressed(reason: &str, rule: &str) -> (&'static str, String, String) {
    ("would_suppress", reason.to_owned(), rule.to_owned())
}

/// The gate's own words.
async fn decided(
    connection: &mut PgConnection,
    campaign: CampaignId,
    contact: ContactId,
    channel: Channel,
    key: &str,
    now: OffsetDateTime,
) -> Result<(&'static str, String, String)> {
    let policy = policy(&mut *connection, campaign, channel).await?;
    let subject = Subject { contact_id: contact, address_key: key, tried: None, doubtful: false };
    let known = judge(connection, campaign, &policy, &[subject], now).await?.pop().unwrap_or_default();
    Ok(match decide(&policy, &known, now) {
        Decision::Pass | Decision::AlreadySent => ("would_pass", String::new(), String::new()),
        Decision::Defer { reason, rule, .. } => ("would_defer", reason.to_owned(), rule),
        Decision::Suppress { reason, rule } => suppressed(reason, &rule),
    })
}

async fn prospects(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    contact: ContactId,
) -> Result<Vec<Prospect>> {
    let rows = sqlx::query!(
        r#"SELECT h.channel, h.rescue_only, a.address AS "address!", a.key, a.problem AS "problem!",
                  EXISTS (SELECT FROM send.run r JOIN send.delivery d ON d.run_id = r.run_id AND d.channel = h.channel AND d.address_key = a.key
                          WHERE r.campaign_id = h.campaign_id) AS "taken!"
           FROM core.campaign_channel h JOIN core.contact c ON c.contact_id = $3 AND c.workspace_id = h.workspace_id
           CROSS JOIN LATERAL (
             SELECT core.channel_address(h.channel, c.email, c.phone, c.phone_key, c.whatsapp_id, p.key) AS address,
                    core.channel_key(h.channel, c.email_key, c.phone_key, c.whatsapp_key, p.key) AS key,
                    CASE WHEN h.channel = 'email' THEN c.email_problem ELSE c.phone_problem END AS problem
             FROM (SELECT CASE WHEN h.sender_id = ANY(c.push_senders)
                                 OR EXISTS (SELECT FROM core.campaign_sender s WHERE s.campaign_id = h.campaign_id AND s.channel = h.channel
                                            AND s.sender_id = ANY(c.push_senders)) THEN c.push_key END AS key) AS p) AS a
           WHERE h.campaign_id = $1 AND h.workspace_id = $2 AND h.channel <> 'social' ORDER BY h.channel"#,
        campaign.0,
        workspace.0,
        contact.0
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Prospect {
                channel: crate::delivery::channel(&row.channel)?,
                address: row.address,
                key: row.key,
                problem: row.problem,
                taken: row.taken,
                rescue_only: row.rescue_only,
            })
        })
        .collect()
}
