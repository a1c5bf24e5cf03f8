//! Contacts, one at a time.

use crate::{campaign_drafts::fields, support::Api};
use domain::role::Role;
use proto::contact::*;
use store::audit;
use tonic::Code;

fn contact(external_id: &str, email: &str, phone: &str) -> Contact {
    Contact {
        external_id: external_id.to_owned(),
        name: " Sara Ali ".to_owned(),
        email: email.to_owned(),
        phone: phone.to_owned(),
        ..Contact::default()
    }
}

fn upsert(contact: Contact) -> UpsertContactRequest {
    UpsertContactRequest { contact: Some(contact), list_ids: Vec::new() }
}

#[tokio::test]
async fn a_contact_is_created_and_then_changed() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.contacts(Role::Agent);
    let given = Contact { attributes: [("tier".to_owned(), "gold".to_owned())].into(), ..contact("7", "Sara@EXAMPLE.com", "050 123 4567") };
    let created = client.upsert_contact(upsert(given)).await.unwrap().into_inner();
    assert!(created.created);
    let created = created.contact.unwrap();
    assert_eq!((created.name.as_str(), created.email.as_str(), created.phone.as_str()), ("Sara Ali", "Sara@example.com", "+971501234567"));
    assert_eq!((created.role.as_str(), created.email_problem.as_str(), created.phone_problem.as_str()), ("customer", "", ""));
    let read = client.get_contact(GetContactRequest { id: created.id.clone() }).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(read, created);

    let changed = client.upsert_contact(upsert(contact("7", "", "12"))).await.unwrap().into_inner();
    assert!(!changed.created);
    let changed = changed.contact.unwrap();
    assert_eq!((changed.id, changed.email.as_str(), changed.phone.as_str()), (created.id.clone(), "", "12"));
    assert!(changed.phone_problem.contains("default country +971"), "{}", changed.phone_problem);
    assert!(changed.attributes.is_empty());

    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "contact", created.id.parse().unwrap()).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["contact.create", "contact.update"]);
    assert_eq!(log[1].after.as_ref().unwrap()["fields"], serde_json::json!(["email", "phone", "attributes"]));
    assert!(!format!("{:?}{:?}", log[0].after, log[1].before).contains("xample.com"), "the log can't be erased: no addresses in it");
}

#[tokio::test]
async fn without_an_external_id_each_call_makes_a_contact() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let one = workspace.contact("a@example.com", "", &[]).await;
    let two = workspace.contact("a@example.com", "", &[]).await;
    assert_ne!(one, two);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_contact_is_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.contacts(Role::Agent);
    let bad = Contact {
        name: "x".repeat(301),
        city: "a\0b".to_owned(),
        role: "boss".to_owned(),
        timezone: "Dubai".to_owned(),
        locale: "english".to_owned(),
        attributes: [(String::new(), "x".to_owned())].into(),
        ..Contact::default()
    };
    let status = client.upsert_contact(upsert(bad)).await.unwrap_err();
    let expected = ["contact.name", "contact.city", "contact.role", "contact.timezone", "contact.locale", "contact.attributes."];
    assert_eq!(fields(&status), expected);
    let request =
        UpsertContactRequest { contact: Some(contact("", "", "")), list_ids: vec![uuid::Uuid::now_v7().to_string(), "x".to_owned()] };
    assert_eq!(fields(&client.upsert_contact(request).await.unwrap_err()), ["list_ids[1]"]);
    let request = UpsertContactRequest { contact: Some(contact("", "", "")), list_ids: vec![uuid::Uuid::now_v7().to_string()] };
    assert_eq!(fields(&client.upsert_contact(request).await.unwrap_err()), ["list_ids[0]"]);
    assert_eq!(fields(&client.upsert_contact(UpsertContactRequest::default()).await.unwrap_err()), ["contact"]);
}

#[tokio::test]
async fn contacts_are_listed_searched_and_deleted() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let lists: &[&str] = if n % 2 == 0 { &[&list] } else { &[] };
        ids.push(workspace.contact(&format!("p{n}@example.com"), "", lists).await);
    }
    let mut client = workspace.contacts(Role::Agent);
    let first = client.list_contacts(ListContactsRequest { page_size: 3, ..Default::default() }).await.unwrap().into_inner();
    let rest = ListContactsRequest { page_size: 3, page_token: first.next_page_token.clone(), ..Default::default() };
    let rest = client.list_contacts(rest).await.unwrap().into_inner();
    let seen: Vec<_> = first.contacts.into_iter().chain(rest.contacts).map(|contact| contact.id).collect();
    assert_eq!(seen, ids);
    assert_eq!(rest.next_page_token, "");

    let search =
        |list_id: &str, search: &str| ListContactsRequest { list_id: list_id.to_owned(), search: search.to_owned(), ..Default::default() };
    assert_eq!(client.list_contacts(search(&list, "")).await.unwrap().into_inner().contacts.len(), 3);
    assert_eq!(client.list_contacts(search(&list, "P1@")).await.unwrap().into_inner().contacts.len(), 0);
    assert_eq!(client.list_contacts(search("", "P1@")).await.unwrap().into_inner().contacts[0].id, ids[1]);
    let unknown = client.list_contacts(search(&uuid::Uuid::now_v7().to_string(), "")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let token = ListContactsRequest { page_token: "x".to_owned(), ..Default::default() };
    assert_eq!(fields(&client.list_contacts(token).await.unwrap_err()), ["page_token"]);

    client.delete_contact(DeleteContactRequest { id: ids[0].clone() }).await.unwrap();
    let again = client.delete_contact(DeleteContactRequest { id: ids[0].clone() }).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    assert_eq!(client.list_contacts(search(&list, "")).await.unwrap().into_inner().contacts.len(), 2);
}
