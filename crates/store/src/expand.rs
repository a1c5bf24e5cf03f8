//! From an audience to deliveries, in chunks: one transaction each, with a cursor, so that a crash costs at most one chunk.

use crate::{
    Result, audience,
    job::{self, lane},
};
use domain::{CampaignId, Channel, RunId, SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A run whose audience is being written, locked for this transaction.
#[derive(Debug, Clone)]
pub struct Expanding {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub cursor: Uuid,
}

/// What was written of one run, for one channel and reason.
#[derive(Debug, Clone)]
pub struct Written {
    pub workspace_id: WorkspaceId,
    pub campaign_id: CampaignId,
    pub run_id: RunId,
    pub channel: Channel,
    pub sender_id: SenderId,
    /// Why they were suppressed; None: they are queued.
    pub reason: Option<String>,
    pub count: i64,
}

/// What became of a chunk.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub written: Vec<Written>,
    /// Whether the audience is written whole.
    pub done: bool,
}

/// Locks a run that is being expanded; None when another scheduler has it, or it is done, cancelled or
/// expired.
///
/// # Errors
/// When the statement fails.
pub async fn lock(connection: &mut PgConnection, run: RunId) -> Result<Option<Expanding>> {
    Ok(sqlx::query_as!(
        Expanding,
        "SELECT r.run_id, r.workspace_id, r.campaign_id, r.cursor FROM send.run r JOIN core.campaign c USING (campaign_id)
         WHERE r.run_id = $1 AND r.status = 'expanding' AND c.status <> 'CANCELLED' AND r.expires_at > now()
         FOR NO KEY UPDATE OF r SKIP LOCKED",
        run.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Writes the deliveries of the next `limit` contacts and the jobs that carry them, and moves the cursor.
///
/// Those that can't be reached are written too, as `suppressed` with the reason, so that every selected person is accounted for.
///
/// # Errors
/// When a statement fails; nothing is written then.
pub async fn chunk(connection: &mut PgConnection, run: &Expanding, limit: i64, now: OffsetDateTime) -> Result<Chunk> {
    let (include, exclude) = audience::lists(&mut *connection, run.campaign_id).await?;
    let selected = select(&mut *connection, run, &audience::ids(&include), limit).await?;
    let done = (selected.len() as i64) < limit;
    let rows = write(&mut *connection, run, &selected, &audience::ids(&exclude), now).await?;
    let (mut written, mut queued) = (Vec::with_capacity(rows.len()), Vec::new());
    if run.cursor.is_nil() {
        posts(&mut *connection, run, now, &mut written, &mut queued).await?;
    }
    for row in rows {
        if row.reason.is_none() {
            queued.extend(row.delivery_ids);
        }
        written.push(Written {
            workspace_id: run.workspace_id,
            campaign_id: run.campaign_id,
            run_id: run.run_id,
            channel: crate::delivery::channel(&row.channel)?,
            sender_id: SenderId(row.sender_id),
            reason: row.reason,
            count: row.count,
        });
    }
    job::add(connection, &queued, lane::BULK, now).await?;
    advance(connection, run.run_id, selected.last().copied().unwrap_or(run.cursor), done).await?;
    Ok(Chunk { written, done })
}

/// Deliveries that were written, all of one sender and with one reason, if they have any.
struct Row {
    channel: String,
    sender_id: Uuid,
    reason: Option<String>,
    count: i64,
    delivery_ids: Vec<i64>,
}

/// Writes the deliveries of the selected contacts who aren't on an excluded list.
async fn write(
    connection: &mut PgConnection,
    run: &Expanding,
    selected: &[Uuid],
    exclude: &[Uuid],
    now: OffsetDateTime,
) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"WITH contact AS MATERIALIZED (
             SELECT c.contact_id, c.email, c.email_key, c.phone, c.phone_key, c.whatsapp_id, c.whatsapp_key, c.push_key, c.push_senders
             FROM unnest($1::uuid[]) AS selected (contact_id) JOIN core.contact c USING (contact_id)
             WHERE c.workspace_id = $4 AND NOT EXISTS (SELECT FROM core.list_member m WHERE m.contact_id = c.contact_id AND m.list_id = ANY($6))
           ), candidate AS (
             SELECT c.contact_id, rc.channel, coalesce(app.sender_id, rc.sender_id) AS sender_id, g.topic_id,
                    core.channel_address(rc.channel, c.email, c.phone, c.phone_key, c.whatsapp_id,
                                         CASE WHEN app.sender_id IS NOT NULL THEN c.push_key END) AS address,
                    core.channel_key(rc.channel, c.email_key, c.phone_key, c.whatsapp_key,
                                     CASE WHEN app.sender_id IS NOT NULL THEN c.push_key END) AS key
             FROM contact c CROSS JOIN send.run_channel rc CROSS JOIN core.campaign g
             -- Of the apps that a notification may go by, the first one that the contact has a device of.
             LEFT JOIN LATERAL (
               SELECT s.sender_id FROM send.run_sender s WHERE rc.channel = 'push' AND s.run_id = rc.run_id AND s.channel = rc.channel
                 AND s.sender_id = ANY(c.push_senders) ORDER BY s.position LIMIT 1) AS app ON true
             WHERE rc.run_id = $3 AND NOT rc.rescue_only AND rc.channel <> 'social' AND g.campaign_id = $2
           ), reached AS (
             SELECT c.*, CASE
                 WHEN c.address = '' THEN 'no_address'
                 WHEN c.key IS NULL THEN 'invalid_address'
                 WHEN EXISTS (SELECT FROM core.opt_out o WHERE o.workspace_id = $4 AND o.address_key = c.key
                              AND o.channel IN (c.channel, 'all')) THEN 'opted_out'
                 WHEN EXISTS (SELECT FROM core.topic_opt_out t WHERE t.topic_id = c.topic_id
                              AND t.subject IN (c.key, c.contact_id::text)) THEN 'topic_opted_out' END AS why_not
             FROM candidate c
           ), judged AS (
             SELECT c.*, CASE
                 WHEN c.why_not IS NOT NULL THEN c.why_not
                 WHEN row_number() OVER (PARTITION BY c.channel, c.key, c.why_not IS NULL ORDER BY c.contact_id) > 1 THEN 'duplicate' END AS reason
             FROM reached c
           ), written AS (
             INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, reason, address,
                                        address_key, updated_at)
             SELECT $4, $2, $3, j.contact_id, j.sender_id, j.channel, CASE WHEN j.reason IS NULL THEN 'queued' ELSE 'suppressed' END,
                    j.reason, j.address, CASE WHEN j.reason IS NULL THEN j.key END, $5
             FROM judged j ORDER BY j.channel, j.contact_id
             ON CONFLICT DO NOTHING
             RETURNING delivery_id, contact_id, channel, sender_id, reason, address
           ), duplicate AS (
             -- Whose address an earlier chunk has. The unique index found them: a look-up of each would go by whatever index the server takes
             -- for the best while it hasn't counted a new run's rows, and read all of the run for each.
             INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, reason, address, updated_at)
             SELECT $4, $2, $3, d.contact_id, d.sender_id, d.channel, 'suppressed', 'duplicate', d.address, $5
             FROM (SELECT contact_id, sender_id, channel, address FROM judged WHERE reason IS NULL
                   EXCEPT SELECT contact_id, sender_id, channel, address FROM written) AS d
             ON CONFLICT DO NOTHING
             RETURNING delivery_id, channel, sender_id, reason
           )
           SELECT channel AS "channel!", sender_id AS "sender_id!", reason, count(*) AS "count!", array_agg(delivery_id) AS "delivery_ids!"
           FROM (SELECT delivery_id, channel, sender_id, reason FROM written UNION ALL SELECT * FROM duplicate) AS rows
           GROUP BY channel, sender_id, reason"#,
        selected,
        run.campaign_id.0,
        run.run_id.0,
        run.workspace_id.0,
        now,
        exclude
    )
    .fetch_all(connection)
    .await?)
}

/// Writes the posts of a run, one for each of its accounts, whoever its contacts are: with its first chunk. An account is its own address,
/// and stands in the place of the contact; of two senders for one account the first posts.
async fn posts(
    connection: &mut PgConnection,
    run: &Expanding,
    now: OffsetDateTime,
    written: &mut Vec<Written>,
    queued: &mut Vec<i64>,
) -> Result<()> {
    let rows = sqlx::query!(
        r#"WITH account AS (
             SELECT s.sender_id, s.position, coalesce(nullif(k.handle, ''), p.name) AS address,
                    p.provider || ':' || coalesce(nullif(k.external_id, ''), s.sender_id::text) AS key
             FROM send.run_sender s JOIN core.sender p USING (sender_id) LEFT JOIN core.sender_connection k USING (sender_id)
             WHERE s.run_id = $3 AND s.channel = 'social'
           ), judged AS (
             SELECT a.*, CASE WHEN row_number() OVER (PARTITION BY a.key ORDER BY a.position) > 1 THEN 'duplicate' END AS reason FROM account a
           )
           INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, reason, address, address_key,
                                      updated_at)
           SELECT $1, $2, $3, j.sender_id, j.sender_id, 'social', CASE WHEN j.reason IS NULL THEN 'queued' ELSE 'suppressed' END, j.reason,
                  j.address, CASE WHEN j.reason IS NULL THEN j.key END, $4
           FROM judged j ORDER BY j.position
           ON CONFLICT DO NOTHING
           RETURNING delivery_id, sender_id, reason"#,
        run.workspace_id.0,
        run.campaign_id.0,
        run.run_id.0,
        now
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if row.reason.is_none() {
            queued.push(row.delivery_id);
        }
        written.push(Written {
            workspace_id: run.workspace_id,
            campaign_id: run.campaign_id,
            run_id: run.run_id,
            channel: Channel::Social,
            sender_id: SenderId(row.sender_id),
            reason: row.reason,
            count: 1,
        });
    }
    Ok(())
}

async fn advance(connection: &mut PgConnection, run: RunId, cursor: Uuid, done: bool) -> Result<()> {
    sqlx::query!(
        "UPDATE send.run SET cursor = $2, status = CASE WHEN $3 THEN 'sending' ELSE status END WHERE run_id = $1",
        run.0,
        cursor,
        done
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The next contacts of the campaign's lists in order of id; who joined a list after the run had begun isn't in its audience. Each list
/// gives up its first few beyond the cursor, so that the cost of a chunk doesn't grow with the audience. Exclusion comes later: a chunk with
/// everybody excluded isn't the end.
async fn select(connection: &mut PgConnection, run: &Expanding, lists: &[Uuid], limit: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT m.contact_id AS "contact_id!" FROM send.run r CROSS JOIN unnest($4::uuid[]) AS l (list_id) CROSS JOIN LATERAL (
             SELECT contact_id FROM core.list_member
             WHERE list_id = l.list_id AND contact_id > $2 AND added_at <= r.created_at ORDER BY contact_id LIMIT $3) m
           WHERE r.run_id = $1 ORDER BY 1 LIMIT $3"#,
        run.run_id.0,
        run.cursor,
        limit,
        lists
    )
    .fetch_all(connection)
    .await?)
}
