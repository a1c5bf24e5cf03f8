//! What adding and removing members have in common.

use domain::ListId;
use runtime::status::{self, Violations};
use serde::Serialize;
use tonic::Status;
use uuid::Uuid;

/// Contacts of one call at most.
const MAX_CONTACTS: usize = 10_000;
/// Wrong ones that are named at most; the author gets the idea.
pub const MAX_NAMED: usize = 100;

/// What the audit log keeps.
#[derive(Serialize)]
pub struct Members {
    pub contact_ids: Vec<Uuid>,
    /// How many of them the call has changed.
    pub changed: u64,
}

/// Reads the list and the contacts of a call.
///
/// # Errors
/// INVALID_ARGUMENT that names each bad id.
pub fn read(list_id: &str, contact_ids: &[String]) -> Result<(ListId, Vec<Uuid>), Status> {
    let mut violations = Violations::new();
    let list = list_id.parse();
    if list.is_err() {
        violations.add("list_id", "must be an id");
    }
    violations.expect(contact_ids.len() <= MAX_CONTACTS, "contact_ids", "must be at most 10,000");
    let mut contacts = Vec::with_capacity(contact_ids.len().min(MAX_CONTACTS));
    let mut bad = 0;
    for (index, id) in contact_ids.iter().enumerate().take(MAX_CONTACTS) {
        match id.parse::<Uuid>() {
            Ok(id) => contacts.push(id),
            Err(_) if bad < MAX_NAMED => {
                bad += 1;
                violations.add(format!("contact_ids[{index}]"), "must be an id");
            }
            Err(_) => {}
        }
    }
    violations.check()?;
    let list = list.map_err(|_| status::invalid("list_id", "must be an id"))?;
    Ok((list, contacts))
}
