//! The audit log as people read it: from its newest entry on.

use crate::{Result, page::Page};
use domain::WorkspaceId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// An entry, with what was and what is as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub audit_id: i64,
    pub actor: String,
    /// What the workspace calls the person or the key; empty when it lists neither.
    pub actor_name: String,
    pub action: String,
    pub object_type: String,
    pub object_id: String,
    pub at: OffsetDateTime,
    /// None where there is none, and where it is left out.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Whether one of them is left out because it is too long.
    pub left_out: bool,
}

/// Which entries to read; None: any.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    pub actor: Option<&'a str>,
    pub action: Option<&'a str>,
    pub object_type: Option<&'a str>,
    pub object_id: Option<&'a str>,
    /// From this moment on.
    pub since: Option<OffsetDateTime>,
    /// Before this moment.
    pub until: Option<OffsetDateTime>,
}

/// The place of an entry: its time, and its number among those of one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: OffsetDateTime,
    audit_id: i64,
}

impl Cursor {
    /// The place of an entry.
    #[must_use]
    pub fn of(entry: &Shown) -> Self {
        Self { at: entry.at, audit_id: entry.audit_id }
    }

    /// As a page's token carries it.
    #[must_use]
    pub fn pack(self) -> Uuid {
        let micros = i64::try_from(self.at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
        Uuid::from_u64_pair(micros.cast_unsigned(), self.audit_id.cast_unsigned())
    }

    /// Reads it back; None when it holds no time.
    #[must_use]
    pub fn unpack(packed: Uuid) -> Option<Self> {
        let (micros, audit_id) = packed.as_u64_pair();
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros.cast_signed()) * 1_000).ok()?;
        Some(Self { at, audit_id: audit_id.cast_signed() })
    }
}

/// A page of a workspace's entries, newest first; `page.after` isn't looked at. What is longer than `max_bytes` is left out.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter<'_>,
    after: Option<Cursor>,
    page: Page,
    max_bytes: i32,
) -> Result<Vec<Shown>> {
    Ok(sqlx::query_as!(
        Shown,
        r#"SELECT a.audit_id AS "audit_id!", a.actor AS "actor!", a.action AS "action!", a.object_type AS "object_type!",
               a.object_id AS "object_id!", a.at AS "at!", coalesce(u.name, k.name, '') AS "actor_name!",
               CASE WHEN octet_length(a.before::text) <= $2 THEN a.before::text END AS "before?",
               CASE WHEN octet_length(a.after::text) <= $2 THEN a.after::text END AS "after?",
               coalesce(greatest(octet_length(a.before::text), octet_length(a.after::text)) > $2, false) AS "left_out!"
           FROM core.audit a
           LEFT JOIN core.app_user u ON u.workspace_id = a.workspace_id AND u.subject = a.actor
           LEFT JOIN core.api_key k ON k.workspace_id = a.workspace_id
               AND k.api_key_id = CASE WHEN a.actor ~ '^api_key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(a.actor, 9)::uuid END
           WHERE a.workspace_id = $1
             AND ($3::text IS NULL OR a.actor = $3)
             AND ($4::text IS NULL OR a.action = $4)
             AND ($5::text IS NULL OR a.object_type = $5)
             AND ($6::text IS NULL OR a.object_id = $6)
             AND ($7::timestamptz IS NULL OR a.at >= $7)
             AND ($8::timestamptz IS NULL OR a.at < $8)
             AND ($9::timestamptz IS NULL OR (a.at, a.audit_id) < ($9, $10))
           ORDER BY a.at DESC, a.audit_id DESC LIMIT $11"#,
        workspace.0,
        max_bytes,
        filter.actor,
        filter.action,
        filter.object_type,
        filter.object_id,
        filter.since,
        filter.until,
        after.map(|after| after.at),
        after.map_or(0, |after| after.audit_id),
        page.limit()
    )
    .fetch_all(connection)
    .await?)
}

/// One entry of a workspace. What is longer than `max_bytes` is left out.
///
/// # Errors
/// When the statement fails.
pub async fn get(connection: &mut PgConnection, workspace: WorkspaceId, audit_id: i64, max_bytes: i32) -> Result<Option<Shown>> {
    Ok(sqlx::query_as!(
        Shown,
        r#"SELECT a.audit_id AS "audit_id!", a.actor AS "actor!", a.action AS "action!", a.object_type AS "object_type!",
               a.object_id AS "object_id!", a.at AS "at!", coalesce(u.name, k.name, '') AS "actor_name!",
               CASE WHEN octet_length(a.before::text) <= $3 THEN a.before::text END AS "before?",
               CASE WHEN octet_length(a.after::text) <= $3 THEN a.after::text END AS "after?",
               coalesce(greatest(octet_length(a.before::text), octet_length(a.after::text)) > $3, false) AS "left_out!"
           FROM core.audit a
           LEFT JOIN core.app_user u ON u.workspace_id = a.workspace_id AND u.subject = a.actor
           LEFT JOIN core.api_key k ON k.workspace_id = a.workspace_id
               AND k.api_key_id = CASE WHEN a.actor ~ '^api_key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(a.actor, 9)::uuid END
           WHERE a.workspace_id = $1 AND a.audit_id = $2"#,
        workspace.0,
        audit_id,
        max_bytes
    )
    .fetch_optional(connection)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use time::macros::datetime;
    use uuid::Uuid;

    #[test]
    fn a_place_is_read_back_and_nonsense_is_not() {
        let place = Cursor { at: datetime!(2026-11-22 10:00:00.123456 UTC), audit_id: 42 };
        assert_eq!(Cursor::unpack(place.pack()), Some(place));
        assert_eq!(Cursor::unpack(Uuid::from_u64_pair(u64::MAX >> 1, 1)), None);
    }
}
