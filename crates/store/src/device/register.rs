//! Registering a device.

use super::{Device, MAX_LIVE, REPLACED, get};
use crate::Result;
use domain::{Channel, ContactId, DeviceId, SenderId, WorkspaceId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A device as it registers.
#[derive(Clone)]
pub struct New {
    /// Of the row, if the target is a new one.
    pub device_id: DeviceId,
    pub contact_id: ContactId,
    pub sender_id: SenderId,
    /// `fid`, `token` or `webpush`.
    pub kind: String,
    pub target: String,
    /// Of Web Push alone.
    pub p256dh: Option<Vec<u8>>,
    pub auth: Option<Vec<u8>>,
    pub platform: String,
    pub locale: String,
    /// When the device said so; what it said later counts more.
    pub seen_at: OffsetDateTime,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub device: Device,
    /// As it was before; None for a target that wasn't known.
    pub before: Option<Device>,
}

/// Why there is no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRegistered {
    NoContact,
    /// There is no such sender of the channel push.
    NoSender,
}

/// Registers a device, or brings it up to date.
///
/// # Errors
/// When a statement fails.
pub async fn register(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    new: &New,
    now: OffsetDateTime,
) -> Result<std::result::Result<Registered, NotRegistered>> {
    // Of two registrations for one contact the second one waits here, so that both see how many devices it has. Whose the device was is
    // locked too, in the order in which all who change devices do it.
    let contacts = sqlx::query_scalar!(
        "SELECT c.contact_id FROM core.contact c
         WHERE c.workspace_id = $1 AND c.contact_id = ANY(ARRAY[$2::uuid, (
             SELECT d.contact_id FROM core.push_device d
             WHERE d.workspace_id = $1 AND d.sender_id = $3 AND d.target_hash = sha256(convert_to($4::text, 'UTF8')))])
         ORDER BY c.contact_id FOR NO KEY UPDATE",
        workspace.0,
        new.contact_id.0,
        new.sender_id.0,
        new.target
    );
    if !contacts.fetch_all(&mut *connection).await?.contains(&new.contact_id.0) {
        return Ok(Err(NotRegistered::NoContact));
    }
    let sender = sqlx::query!(
        "SELECT sender_id FROM core.sender WHERE workspace_id = $1 AND sender_id = $2 AND channel = $3",
        workspace.0,
        new.sender_id.0,
        Channel::Push.as_str()
    );
    if sender.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(Err(NotRegistered::NoSender));
    }
    let before = known(&mut *connection, workspace, new).await?;
    let id = write(&mut *connection, workspace, new, now).await?;
    make_room(&mut *connection, workspace, new.contact_id, id, now).await?;
    let device = get(connection, workspace, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Ok(Registered { device, before }))
}

async fn known(connection: &mut PgConnection, workspace: WorkspaceId, new: &New) -> Result<Option<Device>> {
    let id = sqlx::query_scalar!(
        "SELECT device_id FROM core.push_device
         WHERE workspace_id = $1 AND sender_id = $2 AND target_hash = sha256(convert_to($3::text, 'UTF8')) FOR NO KEY UPDATE",
        workspace.0,
        new.sender_id.0,
        new.target
    )
    .fetch_optional(&mut *connection)
    .await?;
    match id {
        Some(id) => get(connection, workspace, id.into()).await,
        None => Ok(None),
    }
}

/// A registration that is told later than a newer one changes nothing.
async fn write(connection: &mut PgConnection, workspace: WorkspaceId, new: &New, now: OffsetDateTime) -> Result<DeviceId> {
    let id = sqlx::query_scalar!(
        r#"INSERT INTO core.push_device AS d (device_id, workspace_id, contact_id, sender_id, kind, target, target_hash, p256dh, auth,
               platform, locale, created_at, last_seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, sha256(convert_to($6::text, 'UTF8')), $7, $8, $9, $10, $11, $12)
           ON CONFLICT ON CONSTRAINT push_device_target DO UPDATE
           SET contact_id = EXCLUDED.contact_id, kind = EXCLUDED.kind, p256dh = EXCLUDED.p256dh, auth = EXCLUDED.auth,
               platform = coalesce(nullif(EXCLUDED.platform, ''), d.platform), locale = coalesce(nullif(EXCLUDED.locale, ''), d.locale),
               last_seen_at = EXCLUDED.last_seen_at, gone_at = NULL, gone_code = ''
           WHERE d.last_seen_at <= EXCLUDED.last_seen_at
           RETURNING device_id"#,
        new.device_id.0,
        workspace.0,
        new.contact_id.0,
        new.sender_id.0,
        new.kind,
        new.target,
        new.p256dh,
        new.auth,
        new.platform,
        new.locale,
        now,
        new.seen_at
    )
    .fetch_optional(&mut *connection)
    .await?;
    match id {
        Some(id) => Ok(id.into()),
        None => Ok(known(connection, workspace, new).await?.ok_or(sqlx::Error::RowNotFound)?.device_id),
    }
}

/// Takes out the devices beyond the limit that have been silent the longest, and never the one that has just come.
async fn make_room(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    come: DeviceId,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "UPDATE core.push_device SET gone_at = $4, gone_code = $5
         WHERE workspace_id = $1 AND device_id IN (
             SELECT device_id FROM core.push_device WHERE workspace_id = $1 AND contact_id = $2 AND gone_at IS NULL
             ORDER BY device_id <> $3, last_seen_at DESC, device_id OFFSET $6)",
        workspace.0,
        contact.0,
        come.0,
        now,
        REPLACED,
        // 20 fit.
        MAX_LIVE as i64
    )
    .execute(connection)
    .await?;
    Ok(())
}
