//! Devices: the apps and browsers of contacts that notifications go to.
//!
//! A target belongs to one contact at a time, within one app. What is gone stays as a row, so that the same device coming back is the same
//! one. Which apps a contact has a device of is kept with the contact by the database itself.

mod live;
mod register;

pub use live::{Live, live};
pub use register::{New, NotRegistered, Registered, register};

use crate::{Result, page::Page};
use domain::{ContactId, DeviceId, SenderId, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Devices of one contact that get notifications, of all its apps together.
pub const MAX_LIVE: usize = 20;
/// `gone_code` of a device that somebody took out.
pub const UNREGISTERED: &str = "unregistered";
/// `gone_code` of a device that had to make room.
pub const REPLACED: &str = "replaced";

/// A device. What is serialised is what the audit log keeps: not its target, by which anybody could pass for the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    #[serde(skip)]
    pub device_id: DeviceId,
    pub contact_id: ContactId,
    pub sender_id: SenderId,
    /// `fid`, `token` or `webpush`.
    pub kind: String,
    #[serde(skip)]
    pub target: String,
    pub platform: String,
    pub locale: String,
    #[serde(skip)]
    pub created_at: OffsetDateTime,
    #[serde(skip)]
    pub last_seen_at: OffsetDateTime,
    #[serde(skip)]
    pub gone_at: Option<OffsetDateTime>,
    pub gone_code: String,
}

struct Row {
    device_id: Uuid,
    contact_id: Uuid,
    sender_id: Uuid,
    kind: String,
    target: String,
    platform: String,
    locale: String,
    created_at: OffsetDateTime,
    last_seen_at: OffsetDateTime,
    gone_at: Option<OffsetDateTime>,
    gone_code: String,
}

impl From<Row> for Device {
    fn from(row: Row) -> Self {
        Self {
            device_id: row.device_id.into(),
            contact_id: row.contact_id.into(),
            sender_id: row.sender_id.into(),
            kind: row.kind,
            target: row.target,
            platform: row.platform,
            locale: row.locale,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            gone_at: row.gone_at,
            gone_code: row.gone_code,
        }
    }
}

/// Which devices to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    pub contact: Option<ContactId>,
    pub sender: Option<SenderId>,
    pub include_gone: bool,
}

/// A page of devices, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId, which: Which, page: Page) -> Result<Vec<Device>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT device_id, contact_id, sender_id, kind, target, platform, locale, created_at, last_seen_at, gone_at, gone_code
         FROM core.push_device
         WHERE workspace_id = $1 AND ($2::uuid IS NULL OR contact_id = $2) AND ($3::uuid IS NULL OR sender_id = $3)
           AND ($4 OR gone_at IS NULL) AND ($5::uuid IS NULL OR device_id > $5)
         ORDER BY device_id LIMIT $6",
        workspace.0,
        which.contact.map(|id| id.0),
        which.sender.map(|id| id.0),
        which.include_gone,
        page.after,
        page.limit()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Device::from).collect())
}

/// A device of a workspace.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, id: DeviceId) -> Result<Option<Device>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT device_id, contact_id, sender_id, kind, target, platform, locale, created_at, last_seen_at, gone_at, gone_code
         FROM core.push_device WHERE workspace_id = $1 AND device_id = $2",
        workspace.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Device::from))
}

/// Locks the contacts of devices that are about to be changed. Whoever changes devices locks contacts first, in the order of their ids:
/// the database does so after the change, when two who change one device would wait for each other.
async fn lock_contacts(connection: &mut PgConnection, workspace: WorkspaceId, devices: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "SELECT c.contact_id FROM core.contact c
         WHERE c.workspace_id = $1
           AND c.contact_id = ANY(ARRAY(SELECT d.contact_id FROM core.push_device d WHERE d.workspace_id = $1 AND d.device_id = ANY($2)))
         ORDER BY c.contact_id FOR NO KEY UPDATE",
        workspace.0,
        devices
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Takes a device out. Whether it was in.
///
/// # Errors
/// When the statement fails.
pub async fn unregister(connection: &mut PgConnection, workspace: WorkspaceId, id: DeviceId, now: OffsetDateTime) -> Result<bool> {
    lock_contacts(&mut *connection, workspace, &[id.0]).await?;
    let done = sqlx::query!(
        "UPDATE core.push_device SET gone_at = $3, gone_code = $4 WHERE workspace_id = $1 AND device_id = $2 AND gone_at IS NULL",
        workspace.0,
        id.0,
        now,
        UNREGISTERED
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a push service said of a device, by a try at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    pub device_id: DeviceId,
    pub code: String,
    pub tried_at: OffsetDateTime,
}

/// Takes out devices that their push services don't know any more; one that was registered again after the try stays. Answers with how
/// many went.
///
/// # Errors
/// When the statement fails.
pub async fn mark_gone(connection: &mut PgConnection, workspace: WorkspaceId, gone: &[Gone], now: OffsetDateTime) -> Result<u64> {
    let ids: Vec<_> = gone.iter().map(|gone| gone.device_id.0).collect();
    lock_contacts(&mut *connection, workspace, &ids).await?;
    let codes: Vec<_> = gone.iter().map(|gone| gone.code.clone()).collect();
    let tried: Vec<_> = gone.iter().map(|gone| gone.tried_at).collect();
    let done = sqlx::query!(
        "UPDATE core.push_device d SET gone_at = $5, gone_code = g.code
         FROM (SELECT DISTINCT ON (device_id) * FROM unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS t (device_id, code, tried_at)
               ORDER BY device_id, tried_at DESC) g
         WHERE d.workspace_id = $1 AND d.device_id = g.device_id AND d.gone_at IS NULL AND d.last_seen_at <= g.tried_at",
        workspace.0,
        &ids,
        &codes,
        &tried,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
