//! A contact as callers see it.

use super::attributes;
use crate::convert::timestamp;
use proto::contact::Contact;
use serde_json::Value;

pub fn present(contact: store::contact::Contact) -> Contact {
    let draft = contact.draft;
    let typed_attributes = Some(attributes::to_wire(&draft.attributes)).filter(|attributes| !attributes.fields.is_empty());
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
        last_active_at: draft.last_active_at.map(timestamp),
        typed_attributes,
        whatsapp_id: draft.whatsapp_id,
    }
}

/// An attribute as a text: anything else is shown as JSON.
pub fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
