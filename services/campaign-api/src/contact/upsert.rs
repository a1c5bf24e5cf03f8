//! UpsertContact.

use super::{attributes, limits, read_phone_rules, record::Record, view::present};
use crate::{audit::Change, convert::commit, list::open_lists, state::State};
use domain::{
    ContactId,
    address::{self, PhoneRules},
    role::Role,
};
use prost_types::{Struct, Timestamp};
use proto::contact::{Contact, UpsertContactRequest, UpsertContactResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use serde_json::Value;
use std::collections::HashMap;
use store::{
    contact::{self, Attributes, Draft},
    list,
};
use time::{Duration, OffsetDateTime};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpsertContactRequest>) -> Result<UpsertContactResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let given = request.contact.ok_or_else(|| status::invalid("contact", "must be given"))?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let rules = read_phone_rules(&mut tx, caller.workspace).await?;
    let draft = read(given, &rules)?;
    let lists = open_lists(&mut tx, caller.workspace, "list_ids", &request.list_ids).await?;
    let before = match &draft.external_id {
        Some(external_id) => contact::lock_external(&mut tx, caller.workspace, external_id).await.map_err(status::store)?,
        None => None,
    };
    let (id, created) = contact::upsert(&mut tx, caller.workspace, ContactId::new(), &draft, now).await.map_err(status::store)?;
    for list in lists {
        list::add_members(&mut tx, caller.workspace, list, &[id.0], now).await.map_err(status::store)?;
    }
    let stored = contact::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let stored = stored.ok_or_else(|| status::not_found("contact"))?;
    let before = before.map(|contact| contact.draft);
    let record = Record::of(&stored.draft, before.as_ref().unwrap_or(&Draft::default()));
    let record_before = before.as_ref().map(|before| Record::of(before, &stored.draft));
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: if created { "contact.create" } else { "contact.update" },
        id: id.0,
        before: record_before.as_ref(),
        after: Some(&record),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(UpsertContactResponse { contact: Some(present(stored)), created })
}

fn read(given: Contact, rules: &PhoneRules) -> Result<Draft, Status> {
    let mut violations = Violations::new();
    let mut text = |field: &str, value: &str, max: usize| {
        let value = value.trim().to_owned();
        if let Some(reason) = limits::text(&value, max) {
            violations.add(format!("contact.{field}"), reason);
        }
        value
    };
    let external_id = text("external_id", &given.external_id, limits::MAX_EXTERNAL_ID);
    let email = text("email", &given.email, limits::MAX_ADDRESS);
    let phone = text("phone", &given.phone, limits::MAX_ADDRESS);
    let whatsapp_id = text("whatsapp_id", &given.whatsapp_id, limits::MAX_ADDRESS);
    let mut draft = Draft {
        external_id: Some(external_id).filter(|id| !id.is_empty()),
        name: text("name", &given.name, limits::MAX_NAME),
        email: address::email(&email),
        phone: address::phone(&phone, rules),
        whatsapp_id,
        locale: text("locale", &given.locale, limits::MAX_FIELD),
        timezone: text("timezone", &given.timezone, limits::MAX_FIELD),
        city: text("city", &given.city, limits::MAX_FIELD),
        postal_code: text("postal_code", &given.postal_code, limits::MAX_FIELD),
        ..Draft::default()
    };
    match limits::role(given.role.trim()) {
        Some(role) => role.clone_into(&mut draft.role),
        None => drop(violations.add("contact.role", limits::ROLES)),
    }
    let is_id = draft.whatsapp_id.is_empty() || address::is_whatsapp_id(&draft.whatsapp_id);
    violations.expect(is_id, "contact.whatsapp_id", "must be the id as WhatsApp gives it: at most 128 of A-Z, a-z, 0-9 and . _ : -");
    violations.expect(limits::is_timezone(&draft.timezone), "contact.timezone", limits::TIMEZONES);
    violations.expect(limits::is_locale(&draft.locale), "contact.locale", limits::LOCALES);
    draft.last_active_at = given.last_active_at.and_then(time);
    violations.expect(draft.last_active_at.is_some() || given.last_active_at.is_none(), "contact.last_active_at", limits::TIMES);
    draft.attributes = read_attributes(given.attributes, given.typed_attributes, &mut violations);
    violations.check()?;
    Ok(draft)
}

/// To the microsecond, which is what is stored; None when there is no such time.
fn time(time: Timestamp) -> Option<OffsetDateTime> {
    let seconds = OffsetDateTime::from_unix_timestamp(time.seconds).ok()?;
    seconds.checked_add(Duration::microseconds(i64::from(time.nanos) / 1_000))
}

/// Texts, and those of any type, which win.
fn read_attributes(texts: HashMap<String, String>, typed: Option<Struct>, violations: &mut Violations) -> Attributes {
    let mut read: Attributes = texts.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
    match typed.map(attributes::from_wire).transpose() {
        Ok(typed) => read.extend(typed.unwrap_or_default()),
        Err(reason) => drop(violations.add("contact.typed_attributes", reason)),
    }
    violations.expect(read.len() <= limits::MAX_ATTRIBUTES, "contact.attributes", "must be at most 200");
    for (name, value) in &read {
        if let Some(reason) = limits::attribute_name(name).or_else(|| limits::attribute(value)) {
            violations.add(format!("contact.attributes.{name}"), reason);
        }
    }
    read
}
