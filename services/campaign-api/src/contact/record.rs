//! What the audit log keeps of a contact: which fields, not what is in them. The log can't be changed, and a person's data must be
//! erasable (H5).

use serde::Serialize;
use store::contact::Draft;

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    external_id: Option<String>,
    /// Names of the fields that have something in them, or that a change touches.
    fields: Vec<&'static str>,
}

impl Record {
    /// The fields of `draft` that differ from `other`.
    pub fn of(draft: &Draft, other: &Draft) -> Self {
        let differs = [
            ("name", draft.name != other.name),
            ("email", draft.email != other.email),
            ("phone", draft.phone != other.phone),
            ("whatsapp_id", draft.whatsapp_id != other.whatsapp_id),
            ("locale", draft.locale != other.locale),
            ("timezone", draft.timezone != other.timezone),
            ("role", draft.role != other.role),
            ("city", draft.city != other.city),
            ("postal_code", draft.postal_code != other.postal_code),
            ("attributes", draft.attributes != other.attributes),
            ("last_active_at", draft.last_active_at != other.last_active_at),
        ];
        let fields = differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect();
        Self { external_id: draft.external_id.clone(), fields }
    }
}
