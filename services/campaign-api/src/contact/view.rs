//! A contact as callers see it.

use crate::convert::timestamp;
use proto::contact::Contact;
use serde_json::Value;

pub fn present(contact: store::contact::Contact) -> Contact {
    let draft = contact.draft;
    Contact {
        id: contact.contact_id.to_string(),
        external_id: draft.external_id.unwrap_or_default(),
        name: draft.name,
        email: draft.email.shown,
        phone: draft.phone.shown,
        locale: draft.locale,
        timezone: draft.timezone,
        role: draft.role,
        city: draft.city,
        postal_code: draft.postal_code,
        attributes: draft.attributes.into_iter().map(|(name, value)| (name, text(value))).collect(),
        email_problem: draft.email.problem,
        phone_problem: draft.phone.problem,
        created_at: Some(timestamp(contact.created_at)),
    }
}

/// Attributes are texts on the wire; anything else that is stored is shown as JSON.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
