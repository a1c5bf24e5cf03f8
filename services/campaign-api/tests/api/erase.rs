//! Erasing and exporting a person.

use crate::{campaign_drafts::fields, support::Api};
use domain::role::Role;
use proto::{
    common::Channel,
    contact::{EraseContactRequest, ExportContactRequest, GetContactRequest},
    optout::{AddOptOutsRequest, ListOptOutsRequest, OptOut},
};
use store::audit;
use tonic::Code;

#[tokio::test]
async fn a_person_is_exported_and_erased_by_an_admin_and_their_opt_out_holds() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let contact = workspace.contact("sara@example.com", "+971501234567", &[&workspace.list("News").await]).await;
    let opt_out = OptOut { channel: Channel::Email.into(), address: "sara@example.com".to_owned(), ..OptOut::default() };
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![opt_out] }).await.unwrap();
    let export = ExportContactRequest { id: contact.clone() };
    assert_eq!(workspace.contacts(Role::Agent).export_contact(export.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    let json = workspace.contacts(Role::Admin).export_contact(export.clone()).await.unwrap().into_inner().json;
    let person: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&person["contact"]["email"], &person["lists"][0]["name"]), (&"sara@example.com".into(), &"News".into()));
    let erase = |reason: &str| EraseContactRequest { id: contact.clone(), reason: reason.to_owned() };
    assert_eq!(workspace.contacts(Role::Agent).erase_contact(erase("x")).await.unwrap_err().code(), Code::PermissionDenied);
    let mut admin = workspace.contacts(Role::Admin);
    assert_eq!(fields(&admin.erase_contact(erase(" ")).await.unwrap_err()), ["reason"]);
    let other = api.workspace().await;
    assert_eq!(other.contacts(Role::Admin).erase_contact(erase("x")).await.unwrap_err().code(), Code::NotFound);
    let erased = admin.erase_contact(erase("letter of 3 May")).await.unwrap().into_inner();
    assert_eq!((erased.opt_outs, erased.consent_events), (1, 1));
    assert!(erased.audit_entries >= 1);
    assert_eq!(admin.erase_contact(erase("again")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(admin.export_contact(export).await.unwrap_err().code(), Code::NotFound);
    let get = GetContactRequest { id: contact.clone() };
    assert_eq!(workspace.contacts(Role::Agent).get_contact(get).await.unwrap_err().code(), Code::NotFound);
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "contact", contact.parse().unwrap()).await.unwrap();
    let last = log.last().unwrap();
    assert_eq!((last.action.as_str(), last.after.as_ref().unwrap()["reason"].as_str()), ("contact.erase", Some("letter of 3 May")));
    assert!(log[..log.len() - 1].iter().all(|entry| entry.before.is_none() && entry.after.is_none()), "who did what is left, and no more");
    workspace.contact("Sara@example.com", "", &[]).await;
    let list = ListOptOutsRequest { address: "sara@example.com".to_owned(), ..ListOptOutsRequest::default() };
    let held = workspace.opt_outs(Role::Agent).list_opt_outs(list).await.unwrap().into_inner().opt_outs;
    assert!(held.iter().any(|entry| entry.address == "sara@example.com" && entry.channel() == Channel::Email), "{held:?}");
}
