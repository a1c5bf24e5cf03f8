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
use time::{Duration, OffsetDateTime, Time};
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
    let stored = sqlx::query_as!(
        Stored,
        r#"SELECT lane AS "lane!", timezone AS "timezone!", quiet_start, quiet_end, cap_channels AS "cap_channels!", cap_most AS "cap_most!",
                  cap_hours AS "cap_hours!", rule_channels AS "rule_channels!", rule_engagements AS "rule_engagements!",
                  rule_hours AS "rule_hours!", topic_id
           FROM core.policy($1, $2)"#,
        campaign.0,
        channel.as_str()
    )
    .fetch_one(connection)
    .await?;
    stored.policy(channel)
}

/// What `core.policy` answers.
pub(super) struct Stored {
    pub(super) lane: String,
    pub(super) timezone: String,
    pub(super) quiet_start: Option<Time>,
    pub(super) quiet_end: Option<Time>,
    pub(super) cap_channels: Vec<String>,
    pub(super) cap_most: Vec<i32>,
    pub(super) cap_hours: Vec<i32>,
    pub(super) rule_channels: Vec<String>,
    pub(super) rule_engagements: Vec<String>,
    pub(super) rule_hours: Vec<i32>,
    pub(super) topic_id: Option<Uuid>,
}

impl Stored {
    pub(super) fn policy(self, channel: Channel) -> Result<Policy> {
        let caps = self.cap_channels.iter().zip(self.cap_most.iter().zip(&self.cap_hours)).map(|(on, (most, hours))| {
            let channel = if on == "all" { None } else { Some(channel) };
            Cap { channel, max_messages: most.unsigned_abs(), window_hours: hours.unsigned_abs() }
        });
        let rules = self.rule_channels.iter().zip(self.rule_engagements.iter().zip(&self.rule_hours)).map(|(on, (engagement, hours))| {
            let engagement = engagement
                .parse::<Engagement>()
                .map_err(|error| Error::Corrupt { what: "engagement of a rule", reason: error.to_string() })?;
            Ok(Rule { on: read_channel(on)?, engagement, within_hours: hours.unsigned_abs() })
        });
        Ok(Policy {
            channel,
            transactional: self.lane == "transactional",
            // A post is nobody's in particular: there is no one to be spared.
            caps: caps.filter(|_| channel.has_contact()).collect(),
            rules: rules.collect::<Result<_>>()?,
            quiet: self.quiet_start.zip(self.quiet_end).filter(|_| channel.has_contact()).map(|(start, end)| QuietHours { start, end }),
            timezone: self.timezone,
            topic: self.topic_id.map(Into::into),
        })
    }
}

/// The channels that a policy's rules ask about, each once.
fn asked_about(policy: &Policy) -> Vec<String> {
    let mut channels: Vec<String> = policy.rules.iter().map(|rule| rule.on.as_str().to_owned()).collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}

/// What is known of each of these messages of a campaign, in their order. One statement, however many they are; keep them to a few thousand a
/// call.
///
/// # Errors
/// When a statement fails.
#[expect(clippy::too_many_lines, reason = "one statement and what is read from it")]
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
        r#"SELECT c.contact_id IS NULL AND $10 AS "deleted!", coalesce(c.timezone, '') AS "timezone!", st.bits AS "bits?",
                  EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = g.workspace_id AND o.address_key = s.address_key
                          AND o.channel IN ($5, 'all'))
                  -- Whoever hides their number now and shows it then is one person.
                  OR $5 = 'whatsapp' AND c.whatsapp_key IS NOT NULL AND EXISTS (
                    SELECT FROM core.opt_out o WHERE o.workspace_id = g.workspace_id
                      AND o.address_key IN (c.whatsapp_key, c.phone_key) AND o.channel IN ($5, 'all')) AS "opted_out!",
                  $9::uuid IS NOT NULL AND EXISTS (SELECT FROM core.topic_opt_out t WHERE t.topic_id = $9
                          AND t.subject IN (s.address_key, s.contact_id::text)) AS "left_topic!",
                  had.on_all AS "on_all!", had.on_channel AS "on_channel!", had.channels AS "channels?",
                  had.opened AS "opened?: Vec<Option<OffsetDateTime>>", had.clicked AS "clicked?: Vec<Option<OffsetDateTime>>",
                  had.replied AS "replied?: Vec<Option<OffsetDateTime>>", had.converted AS "converted?: Vec<Option<OffsetDateTime>>"
           FROM unnest($2::uuid[], $3::text[], $4::bigint[]) WITH ORDINALITY AS s (contact_id, address_key, delivery_id, n)
           JOIN core.campaign g ON g.campaign_id = $1
           LEFT JOIN core.contact c ON c.contact_id = s.contact_id
           LEFT JOIN stats.delivery_status st ON st.delivery_id = s.delivery_id
           -- One look at what the contact got lately: all of it counts for the caps, and what it did with this campaign's messages on the
           -- channels that the rules ask about. None of those was sent before the campaign's run began, give or take a clock.
           CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE d.sent_at > $6 AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown')) AS on_all,
                    count(*) FILTER (WHERE d.sent_at > $7 AND d.channel = $5
                                     AND d.state IN ('sending', 'accepted', 'uncertain', 'unknown')) AS on_channel,
                    array_agg(d.channel) FILTER (WHERE e.delivery_id IS NOT NULL) AS channels,
                    array_agg(e.opened_at) FILTER (WHERE e.delivery_id IS NOT NULL) AS opened,
                    array_agg(e.clicked_at) FILTER (WHERE e.delivery_id IS NOT NULL) AS clicked,
                    array_agg(e.replied_at) FILTER (WHERE e.delivery_id IS NOT NULL) AS replied,
                    array_agg(e.converted_at) FILTER (WHERE e.delivery_id IS NOT NULL) AS converted
             FROM send.delivery d LEFT JOIN stats.delivery_status e
               ON e.delivery_id = CASE WHEN d.campaign_id = $1 AND d.channel = ANY($8) THEN d.delivery_id END
             WHERE d.contact_id = s.contact_id AND d.sent_at > least($6::timestamptz, $7::timestamptz,
               CASE WHEN cardinality($8) > 0
                    THEN (SELECT min(r.created_at) - interval '1 hour' FROM send.run r WHERE r.campaign_id = $1) END)) AS had
           ORDER BY s.n"#,
        campaign.0,
        &contacts,
        &keys,
        &tried as &[Option<i64>],
        policy.channel.as_str(),
        since(None),
        since(Some(policy.channel)),
        &asked_about(policy),
        policy.topic.map(|topic| topic.0),
        policy.channel.has_contact()
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut all = Vec::with_capacity(subjects.len());
    for (row, subject) in rows.into_iter().zip(subjects) {
        let channels = row.channels.unwrap_or_default();
        let mut engaged = Vec::with_capacity(channels.len());
        let [opened, clicked, replied, converted] = [row.opened, row.clicked, row.replied, row.converted].map(Option::unwrap_or_default);
        let times = opened.into_iter().zip(clicked).zip(replied.into_iter().zip(converted));
        for (channel, ((opened_at, clicked_at), (replied_at, converted_at))) in channels.iter().zip(times) {
            engaged.push(Engaged { channel: read_channel(channel)?, opened_at, clicked_at, replied_at, converted_at });
        }
        all.push(Known {
            deleted: row.deleted,
            opted_out: row.opted_out,
            left_topic: row.left_topic,
            timezone: row.timezone,
            sent_on_all: u32::try_from(row.on_all).unwrap_or(u32::MAX),
            sent_on_channel: u32::try_from(row.on_channel).unwrap_or(u32::MAX),
            engaged,
            bits: Bits(row.bits.unwrap_or_default().cast_unsigned()),
            doubtful: subject.doubtful,
        });
    }
    Ok(all)
}
