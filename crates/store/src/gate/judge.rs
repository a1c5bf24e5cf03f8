//! What the gate's rules judge by, as of now. The gate, a dry run and an explanation read it here, and [`domain::gate::decide`] judges.
//!
//! Both functions only read, and only `core`, `send` and `stats.delivery_status`: they work as campaign-api (fenced to one workspace),
//! as the dispatcher and as analytics.

use crate::{Error, PgConnection, Result, delivery::channel as read_channel};
use domain::{
    CampaignId, Channel, ContactId, DeliveryId,
    facts::Bits,
    gate::{Cap, Engaged, Engagement, Known, Policy, QuietHours, Rule},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A message to be judged: one that waits, or one that doesn't exist yet.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub contact_id: ContactId,
    /// The key that the opt-out register knows the address by.
    pub address_key: &'a str,
    /// Its delivery, when it was tried before: what was reported of it counts. None for one that was never tried or doesn't exist.
    pub tried: Option<DeliveryId>,
    /// Whether some try's fate was not known when it ended.
    pub doubtful: bool,
}

/// The rules that hold for a campaign on a channel, as they are now.
///
/// # Errors
/// When the statement fails, or there is no such campaign.
pub async fn policy(connection: &mut PgConnection, campaign: CampaignId, channel: Channel) -> Result<Policy> {
    let row = sqlx::query!(
        r#"SELECT c.lane, w.timezone, w.quiet_start, w.quiet_end, cap.channels AS "cap_channels!", cap.most AS "cap_most!",
                  cap.hours AS "cap_hours!", rule.channels AS "rule_channels!", rule.engagements AS "rule_engagements!",
                  rule.hours AS "rule_hours!"
           FROM core.campaign c JOIN core.workspace w USING (workspace_id)
           CROSS JOIN LATERAL (
             SELECT coalesce(array_agg(f.channel), '{}') AS channels, coalesce(array_agg(f.max_messages), '{}') AS most,
                    coalesce(array_agg(f.window_hours), '{}') AS hours
             FROM core.frequency_cap f WHERE f.workspace_id = c.workspace_id AND f.channel IN ($2, 'all')) AS cap
           CROSS JOIN LATERAL (
             SELECT coalesce(array_agg(u.on_channel ORDER BY u.position), '{}') AS channels,
                    coalesce(array_agg(u.engagement ORDER BY u.position), '{}') AS engagements,
                    coalesce(array_agg(u.within_hours ORDER BY u.position), '{}') AS hours
             FROM core.campaign_rule u WHERE u.campaign_id = c.campaign_id AND u.skip_channel = $2) AS rule
           WHERE c.campaign_id = $1"#,
        campaign.0,
        channel.as_str()
    )
    .fetch_one(connection)
    .await?;
    let caps = row.cap_channels.iter().zip(row.cap_most.iter().zip(&row.cap_hours)).map(|(on, (most, hours))| {
        let channel = if on == "all" { None } else { Some(channel) };
        Cap { channel, max_messages: most.unsigned_abs(), window_hours: hours.unsigned_abs() }
    });
    let rules = row.rule_channels.iter().zip(row.rule_engagements.iter().zip(&row.rule_hours)).map(|(on, (engagement, hours))| {
        let engagement =
            engagement.parse::<Engagement>().map_err(|error| Error::Corrupt { what: "engagement of a rule", reason: error.to_string() })?;
        Ok(Rule { on: read_channel(on)?, engagement, within_hours: hours.unsigned_abs() })
    });
    Ok(Policy {
        channel,
        transactional: row.lane == "transactional",
        caps: caps.collect(),
        rules: rules.collect::<Result<_>>()?,
        quiet: row.quiet_start.zip(row.quiet_end).map(|(start, end)| QuietHours { start, end }),
        timezone: row.timezone,
    })
}

/// What is known of each of these messages of a campaign, in their order. Costs two statements at most, however many they are; keep them
/// to a few thousand a call.
///
/// # Errors
/// When a statement fails.
pub async fn judge(
    connection: &mut PgConnection,
    campaign: CampaignId,
    policy: &Policy,
    subjects: &[Subject<'_>],
    now: OffsetDateTime,
) -> Result<Vec<Known>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let contacts: Vec<Uuid> = subjects.iter().map(|subject| subject.contact_id.0).collect();
    let keys: Vec<String> = subjects.iter().map(|subject| subject.address_key.to_owned()).collect();
    let tried: Vec<Option<i64>> = subjects.iter().map(|subject| subject.tried.map(|id| id.0)).collect();
    let since = |channel: Option<Channel>| {
        let cap = policy.caps.iter().find(|cap| !policy.transactional && cap.channel == channel)?;
        Some(now - Duration::hours(cap.window_hours.into()))
    };
    // No cap: since NULL, which nothing is later than.
    let rows = sqlx::query!(
        r#"SELECT c.contact_id IS NULL AS "deleted!", coalesce(c.timezone, '') AS "timezone!", st.bits AS "bits?",
                  EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = g.workspace_id AND o.address_key = s.address_key
                          AND o.channel IN ($5, 'all')) AS "opted_out!",
                  had.on_all AS "on_all!", had.on_channel AS "on_channel!"
           FROM unnest($2::uuid[], $3::text[], $4::bigint[]) WITH ORDINALITY AS s (contact_id, address_key, delivery_id, n)
           JOIN core.campaign g ON g.campaign_id = $1
           LEFT JOIN core.contact c ON c.contact_id = s.contact_id
           LEFT JOIN stats.delivery_status st ON st.delivery_id = s.delivery_id
           CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE d.sent_at > $6) AS on_all,
                    count(*) FILTER (WHERE d.sent_at > $7 AND d.channel = $5) AS on_channel
             FROM send.delivery d
             WHERE d.contact_id = s.contact_id AND d.sent_at > least($6::timestamptz, $7::timestamptz)
               AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown')) AS had
           ORDER BY s.n"#,
        campaign.0,
        &contacts,
        &keys,
        &tried as &[Option<i64>],
        policy.channel.as_str(),
        since(None),
        since(Some(policy.channel))
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut all: Vec<Known> = rows
        .into_iter()
        .zip(subjects)
        .map(|(row, subject)| Known {
            deleted: row.deleted,
            opted_out: row.opted_out,
            timezone: row.timezone,
            sent_on_all: u32::try_from(row.on_all).unwrap_or(u32::MAX),
            sent_on_channel: u32::try_from(row.on_channel).unwrap_or(u32::MAX),
            engaged: Vec::new(),
            bits: Bits(row.bits.unwrap_or_default().cast_unsigned()),
            doubtful: subject.doubtful,
        })
        .collect();
    if !policy.rules.is_empty() {
        add_engaged(connection, campaign, policy, &contacts, &mut all).await?;
    }
    Ok(all)
}

/// Adds what the contacts did with this campaign's messages on the channels that its rules ask about.
async fn add_engaged(
    connection: &mut PgConnection,
    campaign: CampaignId,
    policy: &Policy,
    contacts: &[Uuid],
    known: &mut [Known],
) -> Result<()> {
    let mut on: Vec<String> = policy.rules.iter().map(|rule| rule.on.as_str().to_owned()).collect();
    on.sort_unstable();
    on.dedup();
    let rows = sqlx::query!(
        r#"SELECT s.n AS "n!", d.channel, st.opened_at, st.clicked_at, st.replied_at, st.converted_at
           FROM send.run r CROSS JOIN unnest($3::text[]) AS x (channel)
           CROSS JOIN unnest($2::uuid[]) WITH ORDINALITY AS s (contact_id, n)
           JOIN send.delivery d ON d.run_id = r.run_id AND d.channel = x.channel AND d.contact_id = s.contact_id
           JOIN stats.delivery_status st ON st.delivery_id = d.delivery_id
           WHERE r.campaign_id = $1 AND coalesce(st.opened_at, st.clicked_at, st.replied_at, st.converted_at) IS NOT NULL"#,
        campaign.0,
        contacts,
        &on
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let index = usize::try_from(row.n - 1).unwrap_or(usize::MAX);
        let Some(known) = known.get_mut(index) else { continue };
        known.engaged.push(Engaged {
            channel: read_channel(&row.channel)?,
            opened_at: row.opened_at,
            clicked_at: row.clicked_at,
            replied_at: row.replied_at,
            converted_at: row.converted_at,
        });
    }
    Ok(())
}
