//! The audit log as admins read it, and that what people do is in it.

use crate::{
    campaign_drafts::fields,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    contact::UpdateListRequest,
    convert::{moment, timestamp},
    workspace::{AuditEntry, GetAuditEntryRequest, ListAuditEntriesRequest, UpdateWorkspaceRequest},
};
use time::Duration;
use tonic::Code;

async fn entries(workspace: &Workspace<'_>, request: ListAuditEntriesRequest) -> Vec<AuditEntry> {
    workspace.audit(Role::Admin).list_audit_entries(request).await.unwrap().into_inner().entries
}

fn any() -> ListAuditEntriesRequest {
    ListAuditEntriesRequest::default()
}

#[tokio::test]
async fn who_did_what_to_which_thing_is_read_with_before_and_after() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("Readers").await;
    let rename = UpdateListRequest { id: list.clone(), name: Some("Buyers".to_owned()), archived: None };
    workspace.lists(Role::Agent).update_list(rename).await.unwrap();

    let of_list = entries(&workspace, ListAuditEntriesRequest { object_id: list.clone(), ..any() }).await;
    let told: Vec<_> = of_list.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str(), entry.object_type.as_str())).collect();
    assert_eq!(told, [("list.update", "test-agent", "list"), ("list.create", "test-agent", "list")]);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!((json(&of_list[0].before)["name"].clone(), json(&of_list[0].after)["name"].clone()), ("Readers".into(), "Buyers".into()));
    assert_eq!((of_list[1].before.as_str(), of_list[1].left_out), ("", false));

    let number = of_list[0].number;
    let one = workspace.audit(Role::Admin).get_audit_entry(GetAuditEntryRequest { number }).await.unwrap().into_inner().entry.unwrap();
    assert_eq!(one, of_list[0]);
    let other = api.workspace().await;
    let refused = other.audit(Role::Admin).get_audit_entry(GetAuditEntryRequest { number }).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(entries(&other, ListAuditEntriesRequest { object_id: list, ..any() }).await.is_empty());
}

#[tokio::test]
async fn filters_and_pages_meet() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    for name in ["a", "b", "c", "d", "e"] {
        workspace.list(name).await;
    }
    let rename = UpdateWorkspaceRequest { name: Some("Other".to_owned()), ..UpdateWorkspaceRequest::default() };
    workspace.workspaces(Role::Admin).update_workspace(rename).await.unwrap();

    let lists = ListAuditEntriesRequest { action: "list.create".to_owned(), page_size: 2, ..any() };
    let (mut numbers, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAuditEntriesRequest { page_token, ..lists.clone() };
        let page = workspace.audit(Role::Admin).list_audit_entries(request).await.unwrap().into_inner();
        numbers.extend(page.entries.iter().map(|entry| entry.number));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(numbers.len() == 5 && numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");

    let by = async |actor: &str| entries(&workspace, ListAuditEntriesRequest { actor: actor.to_owned(), ..any() }).await.len();
    assert_eq!((by("test-agent").await, by("test-admin").await, by("nobody").await), (5, 1, 0));
    let newest = entries(&workspace, any()).await.remove(0);
    assert_eq!((newest.action.as_str(), newest.object_type.as_str()), ("workspace.update", "workspace"));
    let at = moment(newest.at.unwrap()).unwrap();
    let before = entries(&workspace, ListAuditEntriesRequest { until: Some(timestamp(at)), ..any() }).await;
    let since = entries(&workspace, ListAuditEntriesRequest { since: Some(timestamp(at)), ..any() }).await;
    assert!(since.contains(&newest) && !before.contains(&newest));
    assert_eq!(before.len() + since.len(), 7);
}

#[tokio::test]
async fn what_is_no_filter_is_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let now = time::OffsetDateTime::now_utc();
    let wrong = ListAuditEntriesRequest {
        actor: "x".repeat(201),
        action: "a\0".to_owned(),
        since: Some(timestamp(now)),
        until: Some(timestamp(now - Duration::hours(1))),
        ..any()
    };
    let status = workspace.audit(Role::Admin).list_audit_entries(wrong).await.unwrap_err();
    assert_eq!(fields(&status), ["actor", "action", "until"]);
    let token = ListAuditEntriesRequest { page_token: "f________3__________w".to_owned(), ..any() };
    assert_eq!(fields(&workspace.audit(Role::Admin).list_audit_entries(token).await.unwrap_err()), ["page_token"]);
}
