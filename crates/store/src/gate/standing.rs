//! Whether a run goes on, and whether its sender can send.

use super::{Ask, judge::Stored, pace::Pace};
use crate::{PgConnection, Result, budget::Limits};
use domain::{
    CampaignId, SenderId, WorkspaceId,
    gate::Policy,
    rate::{Bucket, Lane},
};
use std::time::Duration;
use time::OffsetDateTime;

/// Whether anything of a run may leave by a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Open,
    /// Paused, or not yet active: keep the job for later.
    Paused,
    /// The run goes on, but not on this channel until a person has mended its template.
    ChannelPaused,
    /// The sender can't send until a person resumes it.
    SenderPaused,
    /// The sender's provider doesn't answer; it is tried again then.
    SenderDown {
        until: OffsetDateTime,
    },
    /// The next message would pass the budget: the channel's own, or the campaign's. With a wait: something that is on its way may still
    /// be refunded.
    OverBudget {
        of_channel: bool,
        wait: Option<Duration>,
    },
    /// Cancelled or over: what waits will be dropped.
    Closed,
    /// Its time has run out.
    Expired,
}

impl Standing {
    /// Whether another sender could send instead.
    #[must_use]
    pub const fn is_about_sender(self) -> bool {
        matches!(self, Self::SenderPaused | Self::SenderDown { .. })
    }
}

/// What the gate stands on for one ask.
pub(super) struct Ground {
    pub(super) standing: Standing,
    pub(super) campaign_id: CampaignId,
    pub(super) workspace_id: WorkspaceId,
    pub(super) policy: Policy,
    pub(super) limits: Option<Limits>,
    /// Of one message by the sender that asks; of a text, the most that it can cost.
    pub(super) price_micros: i64,
    /// Of the run's content, the one that it sends now.
    pub(super) content_version: i32,
    /// Whether the sender stands in for another one.
    pub(super) stands_in: bool,
    /// The sender was down, and one message may find out whether it works again.
    pub(super) is_probe: bool,
    /// Some domain takes the sender's mail too slowly at the moment.
    pub(super) has_holds: bool,
    /// The pace as it was a moment ago; None before the first message.
    pace: Option<Pace>,
}

impl Ground {
    /// How many candidates are worth locking, or how long to wait when the pace lets none leave. A look without a lock, so that a slow
    /// sender's jobs don't judge sixty messages to send one.
    pub(super) fn at_most(&self, limit: u32) -> std::result::Result<u32, Duration> {
        let limit = if self.is_probe { limit.min(1) } else { limit };
        let Some(pace) = &self.pace else { return Ok(limit) };
        // The fast lane's full demand must be known, so that bulk gives way to all of it.
        if self.policy.transactional {
            return Ok(limit);
        }
        let grant = pace.grant(limit, Lane::Bulk);
        match grant.wait {
            Some(wait) if grant.count == 0 => Err(wait),
            _ => Ok(grant.count),
        }
    }
}

/// Reads where the run and the sender stand, and the rules that hold; None when there is no such run on that channel.
pub(super) async fn read(connection: &mut PgConnection, ask: Ask<'_>) -> Result<Option<Ground>> {
    let row = sqlx::query!(
        r#"SELECT r.status AS run_status, c.status AS campaign_status, r.expires_at <= now() AS "expired!", r.campaign_id, r.workspace_id, r.content_version,
                  c.budget_micros AS total_micros, cc.budget_micros AS "channel_micros?", rc.paused_at IS NOT NULL AS "channel_paused!",
                  rc.sender_id <> $3 AS "is_another!", rc.price_micros, rc.fallback_price_micros,
                  -- Of one of several senders, each for its own part. This and the next are looked up for channels that have them only.
                  CASE WHEN $2 IN ('push', 'social') THEN (
                    SELECT rs.price_micros FROM send.run_sender rs
                    WHERE rs.run_id = $1 AND rs.channel = $2 AND rs.sender_id = $3) END AS several_micros,
                  -- What a text may cost at most: what it does cost is known when it is made.
                  CASE WHEN $2 = 'sms' THEN (
                    SELECT rp.reserve_micros FROM send.run_price rp
                    WHERE rp.run_id = $1 AND rp.channel = $2 AND rp.sender_id = $3) END AS reserve_micros,
                  st.paused_at IS NOT NULL AS "sender_paused!", st.open_until AS "open_until?",
                  coalesce(st.open_until > clock_timestamp(), false) AS "is_down!", coalesce(st.failures, 0) > 0 AS "has_failed!",
                  extract(epoch FROM clock_timestamp())::float8 AS "now!", extract(epoch FROM b.next_at)::float8 AS next_at,
                  b.pace AS "pace?", extract(epoch FROM b.pace_at)::float8 AS pace_at,
                  extract(epoch FROM b.yield_until)::float8 AS yield_until, s.rate_per_second AS "rate_per_second?",
                  $2 = 'email' AND EXISTS (SELECT FROM send.domain_hold h WHERE h.sender_id = $3 AND h.until > now()) AS "has_holds!",
                  p.lane AS "lane!", p.timezone AS "timezone!", p.quiet_start, p.quiet_end, p.cap_channels AS "cap_channels!",
                  p.cap_most AS "cap_most!", p.cap_hours AS "cap_hours!", p.rule_channels AS "rule_channels!",
                  p.rule_engagements AS "rule_engagements!", p.rule_hours AS "rule_hours!", p.topic_id
           FROM send.run r JOIN core.campaign c USING (campaign_id) JOIN send.run_channel rc ON rc.run_id = r.run_id AND rc.channel = $2
           CROSS JOIN LATERAL core.policy(r.campaign_id, $2) AS p
           LEFT JOIN core.campaign_channel cc ON cc.campaign_id = r.campaign_id AND cc.channel = rc.channel
           LEFT JOIN send.sender_state st ON st.sender_id = $3
           LEFT JOIN core.sender s ON s.sender_id = $3 LEFT JOIN send.rate_bucket b ON b.sender_id = $3
           WHERE r.run_id = $1"#,
        ask.run_id.0,
        ask.channel.as_str(),
        ask.sender_id.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let stops = (row.expired, row.channel_paused, row.sender_paused, row.open_until.filter(|_| row.is_down));
    let stands_in = row.is_another && row.several_micros.is_none();
    let fallback_price = row.fallback_price_micros.filter(|_| stands_in);
    let pace = row.next_at.zip(row.pace).zip(row.rate_per_second).map(|((next_at, pace), rate_per_second)| {
        let bucket = Bucket { next_at, pace, pace_at: row.pace_at, yield_until: row.yield_until };
        Pace { bucket, now: row.now, rate_per_second }
    });
    let policy = Stored {
        lane: row.lane,
        timezone: row.timezone,
        quiet_start: row.quiet_start,
        quiet_end: row.quiet_end,
        cap_channels: row.cap_channels,
        cap_most: row.cap_most,
        cap_hours: row.cap_hours,
        rule_channels: row.rule_channels,
        rule_engagements: row.rule_engagements,
        rule_hours: row.rule_hours,
        topic_id: row.topic_id,
    };
    let has_limit = row.total_micros.is_some() || row.channel_micros.is_some();
    Ok(Some(Ground {
        standing: standing(&row.run_status, &row.campaign_status, stops),
        campaign_id: CampaignId(row.campaign_id),
        workspace_id: WorkspaceId(row.workspace_id),
        policy: policy.policy(ask.channel)?,
        limits: has_limit.then_some(Limits { total_micros: row.total_micros, channel_micros: row.channel_micros }),
        price_micros: row.reserve_micros.or(row.several_micros).or(fallback_price).unwrap_or(row.price_micros),
        content_version: row.content_version,
        stands_in,
        is_probe: row.has_failed && row.open_until.is_some() && !row.is_down,
        has_holds: row.has_holds,
        pace,
    }))
}

/// Where a run stands that goes on: whether its time is up, its channel paused, its sender paused, and until when its provider is down.
const fn active(stops: (bool, bool, bool, Option<OffsetDateTime>)) -> Standing {
    match stops {
        (true, ..) => Standing::Expired,
        (_, true, ..) => Standing::ChannelPaused,
        (_, _, true, _) => Standing::SenderPaused,
        (.., Some(until)) => Standing::SenderDown { until },
        (.., None) => Standing::Open,
    }
}

/// Where a run stands that has this status, and its campaign that one.
fn standing(run: &str, campaign: &str, stops: (bool, bool, bool, Option<OffsetDateTime>)) -> Standing {
    match (run, campaign) {
        ("expanding" | "sending", "ACTIVE") => active(stops),
        ("expanding" | "sending", "PAUSED") => Standing::Paused,
        _ => Standing::Closed,
    }
}

/// Those of these deliveries that must not leave any more: their campaign or run has been stopped, or their person has opted out of the
/// channel or of the topic.
///
/// # Errors
/// When the statement fails.
pub async fn revoked(connection: &mut PgConnection, deliveries: &[i64]) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar!(
        "SELECT d.delivery_id FROM send.delivery d JOIN send.run r USING (run_id) JOIN core.campaign c ON c.campaign_id = d.campaign_id
         WHERE d.delivery_id = ANY($1)
           AND (c.status <> 'ACTIVE' OR r.status NOT IN ('expanding', 'sending')
                OR EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = d.workspace_id AND o.address_key = d.address_key
                           AND o.channel IN (d.channel, 'all'))
                OR d.channel = 'whatsapp' AND EXISTS (SELECT FROM core.contact p JOIN core.opt_out o ON o.workspace_id = p.workspace_id
                             AND o.address_key IN (p.whatsapp_key, p.phone_key) AND o.channel IN (d.channel, 'all')
                           WHERE p.contact_id = d.contact_id AND p.whatsapp_key IS NOT NULL)
                OR c.topic_id IS NOT NULL AND EXISTS (SELECT FROM core.topic_opt_out t WHERE t.topic_id = c.topic_id
                           AND t.subject IN (d.address_key, d.contact_id::text)))",
        deliveries
    )
    .fetch_all(connection)
    .await?)
}

/// Locks the sender's breaker, so that one worker alone sends the message that finds out whether it works again. Answers until when it
/// is down if another was first.
pub(super) async fn lock_probe(connection: &mut PgConnection, sender: SenderId) -> Result<Option<OffsetDateTime>> {
    let row = sqlx::query!(
        r#"SELECT open_until, open_until > clock_timestamp() AS is_down FROM send.sender_state WHERE sender_id = $1 FOR UPDATE"#,
        sender.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.filter(|row| row.is_down == Some(true)).and_then(|row| row.open_until))
}
