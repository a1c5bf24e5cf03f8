//! Posts of providers of which some part was not understood: kept sealed, the newest of each sender, for a while.

use crate::{Result, page::Page};
use domain::{SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How many of a sender are kept: enough to see what is new, and nobody fills the disk with posts that they sign themselves.
pub const MAX_KEPT: i64 = 100;
/// How long one is kept.
pub const KEPT_FOR: Duration = Duration::days(30);
/// Rows that one statement forgets.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// A post to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    pub sender_id: SenderId,
    /// The same post has the same key, and is kept once; its body is sealed with it.
    pub key: [u8; 16],
    pub parts: i32,
    pub sealed: Vec<u8>,
    pub cut: bool,
}

/// A post that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadPost {
    pub unread_post_id: Uuid,
    pub post_key: Uuid,
    pub received_at: OffsetDateTime,
    /// How many of its parts were not understood.
    pub parts: i32,
    pub sealed: Vec<u8>,
    /// Whether there was more of it.
    pub cut: bool,
}

/// Keeps posts, and lets go of the oldest of their senders beyond [`MAX_KEPT`]. A post of a sender that isn't there is left out. In a
/// transaction.
///
/// # Errors
/// When a statement fails.
pub async fn add(connection: &mut PgConnection, posts: &[New], now: OffsetDateTime) -> Result<()> {
    let ids: Vec<Uuid> = posts.iter().map(|_| Uuid::now_v7()).collect();
    let senders: Vec<Uuid> = posts.iter().map(|post| post.sender_id.0).collect();
    let keys: Vec<Uuid> = posts.iter().map(|post| Uuid::from_bytes(post.key)).collect();
    let parts: Vec<i32> = posts.iter().map(|post| post.parts).collect();
    let sealed: Vec<&[u8]> = posts.iter().map(|post| post.sealed.as_slice()).collect();
    let cut: Vec<bool> = posts.iter().map(|post| post.cut).collect();
    // In order of the keys: two that keep the same posts at once don't wait for each other in a circle.
    sqlx::query!(
        "INSERT INTO core.unread_post (unread_post_id, workspace_id, sender_id, post_key, received_at, parts, sealed, cut)
         SELECT g.id, s.workspace_id, s.sender_id, g.post_key, $1, g.parts, g.sealed, g.cut
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::bytea[], $7::boolean[])
              AS g (id, sender_id, post_key, parts, sealed, cut)
         JOIN core.sender s ON s.sender_id = g.sender_id
         ORDER BY g.post_key
         ON CONFLICT (post_key) DO NOTHING",
        now,
        &ids,
        &senders,
        &keys,
        &parts,
        &sealed as &[&[u8]],
        &cut
    )
    .execute(&mut *connection)
    .await?;
    drop_beyond(connection, &senders).await
}

/// What somebody else deletes at this moment is left to them.
async fn drop_beyond(connection: &mut PgConnection, senders: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "WITH beyond AS MATERIALIZED (
             SELECT p.unread_post_id FROM (SELECT DISTINCT sender_id FROM unnest($1::uuid[]) AS sender_id) s
             CROSS JOIN LATERAL (SELECT u.unread_post_id FROM core.unread_post u WHERE u.sender_id = s.sender_id
                                 ORDER BY u.unread_post_id DESC OFFSET $2) p)
         DELETE FROM core.unread_post WHERE unread_post_id IN (
             SELECT unread_post_id FROM core.unread_post WHERE unread_post_id IN (SELECT unread_post_id FROM beyond)
             FOR UPDATE SKIP LOCKED)",
        senders,
        MAX_KEPT
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets some of what is older than [`KEPT_FOR`]; says whether there may be more.
///
/// # Errors
/// When the statement fails.
pub async fn forget(connection: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
    let gone = sqlx::query!(
        "DELETE FROM core.unread_post WHERE unread_post_id IN (
             SELECT unread_post_id FROM core.unread_post WHERE received_at < $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        now - KEPT_FOR,
        FORGOTTEN_AT_ONCE
    )
    .execute(connection)
    .await?
    .rows_affected();
    Ok(gone == FORGOTTEN_AT_ONCE.unsigned_abs())
}

/// A sender's, newest first; none that is to be forgotten.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    page: Page,
    now: OffsetDateTime,
) -> Result<Vec<UnreadPost>> {
    Ok(sqlx::query_as!(
        UnreadPost,
        "SELECT unread_post_id, post_key, received_at, parts, sealed, cut FROM core.unread_post
         WHERE workspace_id = $1 AND sender_id = $2 AND received_at >= $3 AND ($4::uuid IS NULL OR unread_post_id < $4)
         ORDER BY unread_post_id DESC LIMIT $5",
        workspace.0,
        sender.0,
        now - KEPT_FOR,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}
