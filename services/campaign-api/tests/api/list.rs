//! Lists.

use crate::{campaign_drafts::fields, mover::reason, support::Api};
use domain::role::Role;
use proto::contact::*;
use store::audit;
use tonic::Code;
use uuid::Uuid;

#[tokio::test]
async fn a_list_is_created_once_for_a_request_id() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.lists(Role::Agent);
    let request = CreateListRequest { name: " VIPs ".to_owned(), request_id: "r1".to_owned() };
    let one = client.create_list(request.clone()).await.unwrap().into_inner().list.unwrap();
    let two = client.create_list(request).await.unwrap().into_inner().list.unwrap();
    assert_eq!((one.name.as_str(), one.member_count, one.archived), ("VIPs", 0, false));
    assert_eq!(one, two);
    let taken = client.create_list(CreateListRequest { name: "VIPs".to_owned(), request_id: String::new() }).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    let nameless = client.create_list(CreateListRequest { name: " ".to_owned(), request_id: String::new() }).await.unwrap_err();
    assert_eq!(fields(&nameless), ["name"]);
}

#[tokio::test]
async fn members_are_added_once_and_removed() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    let (a, b) = (workspace.contact("a@example.com", "", &[]).await, workspace.contact("b@example.com", "", &[]).await);
    let mut client = workspace.lists(Role::Agent);
    let add = |ids: &[&String]| AddListMembersRequest { list_id: list.clone(), contact_ids: ids.iter().map(|id| (*id).clone()).collect() };
    assert_eq!(client.add_list_members(add(&[&a, &b, &a])).await.unwrap().into_inner().added, 2);
    assert_eq!(client.add_list_members(add(&[&a])).await.unwrap().into_inner().added, 0);
    let stranger = Uuid::now_v7().to_string();
    assert_eq!(fields(&client.add_list_members(add(&[&a, &stranger])).await.unwrap_err()), ["contact_ids[1]"]);
    assert_eq!(fields(&client.add_list_members(add(&[&"x".to_owned(), &a])).await.unwrap_err()), ["contact_ids[0]"]);
    let many = AddListMembersRequest { list_id: list.clone(), contact_ids: vec![a.clone(); 10_001] };
    assert_eq!(fields(&client.add_list_members(many).await.unwrap_err()), ["contact_ids"]);
    let remove = RemoveListMembersRequest { list_id: list.clone(), contact_ids: vec![a, stranger] };
    assert_eq!(client.remove_list_members(remove.clone()).await.unwrap().into_inner().removed, 1);
    assert_eq!(client.remove_list_members(remove).await.unwrap().into_inner().removed, 0);
    let list = client.get_list(GetListRequest { id: list.clone() }).await.unwrap().into_inner().list.unwrap();
    assert_eq!(list.member_count, 1);
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "list", list.id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["list.create", "list.add_members", "list.add_members", "list.remove_members", "list.remove_members"]);
}

#[tokio::test]
async fn an_archived_list_is_out_of_sight_and_takes_nobody() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (one, two) = (workspace.list("one").await, workspace.list("two").await);
    let contact = workspace.contact("a@example.com", "", &[&one]).await;
    let mut client = workspace.lists(Role::Agent);
    let update = |name: Option<&str>, archived| UpdateListRequest { id: one.clone(), name: name.map(str::to_owned), archived };
    let archived = client.update_list(update(Some("old"), Some(true))).await.unwrap().into_inner().list.unwrap();
    assert_eq!((archived.name.as_str(), archived.archived, archived.member_count), ("old", true, 1));
    let listed = |lists: ListListsResponse| lists.lists.into_iter().map(|list| list.id).collect::<Vec<_>>();
    assert_eq!(listed(client.list_lists(ListListsRequest::default()).await.unwrap().into_inner()), std::slice::from_ref(&two));
    let all = ListListsRequest { include_archived: true, ..Default::default() };
    assert_eq!(listed(client.list_lists(all).await.unwrap().into_inner()), [one.clone(), two.clone()]);
    let add = AddListMembersRequest { list_id: one.clone(), contact_ids: vec![contact] };
    assert_eq!(reason(&client.add_list_members(add).await.unwrap_err()), "LIST_ARCHIVED");
    let back = client.update_list(update(None, Some(false))).await.unwrap().into_inner().list.unwrap();
    assert_eq!((back.name.as_str(), back.archived), ("old", false));
    let taken = client.update_list(update(Some("two"), None)).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
}
