//! What is known after a row: of what a person is known by, and of what the rows say together. Empty fields say nothing.

use super::{super::super::Draft, Known};
use domain::address::Address;

pub fn overwrite_known(known: &mut Known, row: &Draft) {
    // An external id that is known stays: a row with another one is refused.
    known.external_id = known.external_id.take().or_else(|| row.external_id.clone());
    if !row.name.is_empty() {
        known.name.clone_from(&row.name);
    }
    if !row.email.shown.is_empty() {
        (known.email, known.email_key) = (row.email.shown.clone(), row.email.key.clone());
    }
    if !row.phone.shown.is_empty() {
        (known.phone, known.phone_key) = (row.phone.shown.clone(), row.phone.key.clone());
    }
}

pub fn fill_known(known: &mut Known, row: &Draft) {
    known.external_id = known.external_id.take().or_else(|| row.external_id.clone());
    if known.name.is_empty() {
        known.name.clone_from(&row.name);
    }
    if known.email.is_empty() {
        (known.email, known.email_key) = (row.email.shown.clone(), row.email.key.clone());
    }
    if known.phone.is_empty() {
        (known.phone, known.phone_key) = (row.phone.shown.clone(), row.phone.key.clone());
    }
}

/// Takes over what a later row says.
pub fn overwrite(known: &mut Draft, later: Draft) {
    known.external_id = known.external_id.take().or(later.external_id);
    overwrite_text(&mut known.name, later.name);
    overwrite_address(&mut known.email, later.email);
    overwrite_address(&mut known.phone, later.phone);
    overwrite_text(&mut known.locale, later.locale);
    overwrite_text(&mut known.timezone, later.timezone);
    overwrite_text(&mut known.role, later.role);
    overwrite_text(&mut known.city, later.city);
    overwrite_text(&mut known.postal_code, later.postal_code);
    known.attributes.extend(later.attributes);
    known.last_active_at = later.last_active_at.or(known.last_active_at);
}

/// Takes over what a later row says of which the earlier ones said nothing.
pub fn fill(known: &mut Draft, mut later: Draft) {
    // Everybody has a role from the first row on: there is nothing to fill.
    later.role = String::new();
    std::mem::swap(known, &mut later);
    overwrite(known, later);
}

fn overwrite_text(known: &mut String, later: String) {
    if !later.is_empty() {
        *known = later;
    }
}

fn overwrite_address(known: &mut Address, later: Address) {
    if !later.shown.is_empty() {
        *known = later;
    }
}
