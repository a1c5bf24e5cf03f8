//! `fanfare contacts list|show|delete`.

use super::ListArgs;
use crate::{paging, resolve, session::Session};
use anyhow::{Context, Result};
use proto::contact::{Contact, DeleteContactRequest, GetContactRequest, ListContactsRequest};
use serde_json::json;

pub async fn list(args: ListArgs, session: &Session) -> Result<()> {
    let list_id = match &args.list {
        Some(list) => resolve::list(session, list).await?,
        None => String::new(),
    };
    let search = args.search.unwrap_or_default();
    let contacts = paging::collect(args.limit, |page_size, page_token| {
        let request = ListContactsRequest { page_size, page_token, list_id: list_id.clone(), search: search.clone() };
        async move {
            let page = session.contacts().list_contacts(request).await?.into_inner();
            Ok((page.contacts, page.next_page_token))
        }
    });
    table(session, &contacts.await?)
}

/// Contacts, a line each.
///
/// # Errors
/// When stdout is closed.
pub fn table(session: &Session, contacts: &[Contact]) -> Result<()> {
    session.output.rows(["id", "name", "email", "phone", "city", "locale"], contacts, row)
}

fn row(contact: &Contact) -> [String; 6] {
    [
        contact.id.clone(),
        contact.name.clone(),
        marked(&contact.email, &contact.email_problem),
        marked(&contact.phone, &contact.phone_problem),
        contact.city.clone(),
        contact.locale.clone(),
    ]
}

/// An address that can't be used says so.
fn marked(address: &str, problem: &str) -> String {
    if problem.is_empty() || address.is_empty() { address.to_owned() } else { format!("{address} ✗") }
}

pub async fn one(id: String, session: &Session) -> Result<()> {
    let contact = session.contacts().get_contact(GetContactRequest { id }).await?.into_inner().contact;
    session.output.message(&contact.context("the hub's answer has no contact")?, describe)
}

fn describe(contact: &Contact) -> String {
    let with = |value: &str, problem: &str| if problem.is_empty() { value.to_owned() } else { format!("{value}  ✗ {problem}") };
    let fields = [
        ("id", contact.id.clone()),
        ("external id", contact.external_id.clone()),
        ("name", contact.name.clone()),
        ("email", with(&contact.email, &contact.email_problem)),
        ("phone", with(&contact.phone, &contact.phone_problem)),
        ("locale", contact.locale.clone()),
        ("timezone", contact.timezone.clone()),
        ("role", contact.role.clone()),
        ("city", contact.city.clone()),
        ("postal code", contact.postal_code.clone()),
        ("last active", contact.last_active_at.as_ref().map(ToString::to_string).unwrap_or_default()),
    ];
    let mut attributes: Vec<_> = contact.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    attributes.sort();
    let lines = fields.into_iter().chain(attributes).filter(|(_, value)| !value.is_empty());
    lines.map(|(name, value)| format!("{name:<12} {value}")).collect::<Vec<_>>().join("\n")
}

pub async fn delete(id: String, session: &Session) -> Result<()> {
    session.contacts().delete_contact(DeleteContactRequest { id: id.clone() }).await?;
    session.output.value(&json!({"deleted": id}), &format!("deleted {id}"))
}
