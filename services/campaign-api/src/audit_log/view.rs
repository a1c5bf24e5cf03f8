//! An entry as callers see it.

use crate::convert::timestamp;
use proto::workspace::AuditEntry;
use store::audit::Shown;

pub fn present(entry: Shown) -> AuditEntry {
    AuditEntry {
        number: entry.audit_id,
        at: Some(timestamp(entry.at)),
        actor: entry.actor,
        actor_name: entry.actor_name,
        action: entry.action,
        object_type: entry.object_type,
        object_id: entry.object_id,
        before: entry.before.unwrap_or_default(),
        after: entry.after.unwrap_or_default(),
        left_out: entry.left_out,
    }
}
