//! Everything that is kept about one person, to be handed to them.

use crate::{Result, delivery::state};
use domain::{
    ContactId, WorkspaceId,
    facts::{Bits, status},
};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Messages at most, the newest.
pub const MAX_MESSAGES: i64 = 10_000;
/// Events of consent at most, the newest.
const MAX_EVENTS: i64 = 10_000;

/// Reads all of it as one JSON object; None when there is no such contact. Members: contact, lists, confirmations, topics_left,
/// opt_outs, devices, consent, conversions, messages.
///
/// # Errors
/// When a statement fails.
pub async fn export(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Option<Value>> {
    let Some(mut person) = about(&mut *connection, workspace, contact).await? else { return Ok(None) };
    person.insert("messages".to_owned(), Value::Array(messages(connection, workspace, contact).await?));
    Ok(Some(Value::Object(person)))
}

async fn about(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Option<Map<String, Value>>> {
    let found = sqlx::query_scalar!(
        r#"SELECT jsonb_build_object(
             'contact', to_jsonb(c) - ARRAY['workspace_id', 'email_key', 'phone_key', 'email_hash', 'phone_hash', 'has_email', 'has_phone',
                                                  'whatsapp_key', 'whatsapp_hash', 'push_key', 'push_senders'],
             'lists', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', l.name, 'added_at', m.added_at) ORDER BY m.added_at), '[]')
                       FROM core.list_member m JOIN core.list l USING (list_id) WHERE m.contact_id = c.contact_id AND l.kind = 'list'),
             'confirmations', (SELECT coalesce(jsonb_agg(jsonb_build_object('list', l.name, 'requested_at', a.requested_at,
                                                                            'confirmed_at', a.confirmed_at) ORDER BY a.requested_at), '[]')
                               FROM core.list_consent a JOIN core.list l USING (list_id) WHERE a.contact_id = c.contact_id),
             'topics_left', (SELECT coalesce(jsonb_agg(DISTINCT t.name), '[]') FROM core.topic_opt_out o JOIN core.topic t USING (topic_id)
                             WHERE o.workspace_id = $1 AND o.subject IN (c.contact_id::text, c.email_key, c.phone_key)),
             'opt_outs', (SELECT coalesce(jsonb_agg(to_jsonb(o) - 'workspace_id' ORDER BY o.created_at), '[]') FROM core.opt_out o
                          WHERE o.workspace_id = $1 AND o.address_key IN (c.email_key, c.phone_key, c.whatsapp_key, 'contact:' || c.contact_id)),
             'devices', (SELECT coalesce(jsonb_agg(to_jsonb(v) - ARRAY['workspace_id', 'contact_id', 'target_hash', 'p256dh', 'auth']
                                                   ORDER BY v.created_at), '[]') FROM core.push_device v WHERE v.contact_id = c.contact_id),
             'consent', (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'workspace_id' - 'event_id' ORDER BY e.event_id), '[]') FROM (
                           SELECT * FROM core.consent_event e
                           WHERE e.workspace_id = $1 AND (e.contact_id = c.contact_id OR e.address_key IN (c.email_key, c.phone_key))
                           ORDER BY e.event_id DESC LIMIT $3) AS e),
             'conversions', (SELECT coalesce(jsonb_agg(to_jsonb(v) - 'workspace_id' ORDER BY v.converted_at), '[]')
                             FROM core.conversion v WHERE v.contact_id = c.contact_id)) AS "about!"
           FROM core.contact c WHERE c.workspace_id = $1 AND c.contact_id = $2"#,
        workspace.0,
        contact.0,
        MAX_EVENTS
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.and_then(|value| match value {
        Value::Object(members) => Some(members),
        _ => None,
    }))
}

async fn messages(connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Vec<Value>> {
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id, g.name, d.channel, d.address, d.state, d.reason, d.sent_at, s.bits AS "bits?", s.opened_at AS "opened_at?",
                  s.clicked_at AS "clicked_at?", s.replied_at AS "replied_at?", s.converted_at AS "converted_at?"
           FROM send.delivery d JOIN core.campaign g USING (campaign_id) LEFT JOIN stats.delivery_status s USING (delivery_id)
           WHERE d.workspace_id = $1 AND d.contact_id = $2 ORDER BY d.delivery_id DESC LIMIT $3"#,
        workspace.0,
        contact.0,
        MAX_MESSAGES
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(json!({
                "id": row.delivery_id,
                "campaign": row.name,
                "channel": row.channel,
                "address": row.address,
                "status": status(Bits(row.bits.unwrap_or_default().cast_unsigned()), state(&row.state)?),
                "reason": row.reason,
                "sent_at": written(row.sent_at),
                "opened_at": written(row.opened_at),
                "clicked_at": written(row.clicked_at),
                "replied_at": written(row.replied_at),
                "converted_at": written(row.converted_at),
            }))
        })
        .collect()
}

fn written(time: Option<OffsetDateTime>) -> Option<String> {
    time.and_then(|time| time.format(&Rfc3339).ok())
}
