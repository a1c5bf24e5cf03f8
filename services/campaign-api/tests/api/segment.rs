//! Segments: saved, edited, counted, looked into.

use crate::{campaign_drafts::fields, support::Api};
use domain::role::Role;
use proto::contact::{attribute_test::Is, filter::Test, number_test, text_test, time_test, *};
use store::audit;
use tonic::Code;
use uuid::Uuid;

pub fn of(test: Test) -> Filter {
    Filter { test: Some(test) }
}

pub fn city(name: &str) -> Filter {
    let is = TextTest { test: Some(text_test::Test::Equals(name.to_owned())) };
    of(Test::Profile(ProfileTest { field: ProfileField::City.into(), is: Some(is) }))
}

fn create(name: &str, filter: Filter, request_id: &str) -> CreateSegmentRequest {
    CreateSegmentRequest { name: name.to_owned(), filter: Some(filter), request_id: request_id.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_segment_is_created_once_for_a_request_id_edited_and_put_away() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.segments(Role::Agent);
    let one = client.create_segment(create(" Dubai ", city("Dubai"), "r1")).await.unwrap().into_inner().segment.unwrap();
    let two = client.create_segment(create(" Dubai ", city("Dubai"), "r1")).await.unwrap().into_inner().segment.unwrap();
    assert_eq!((one.name.as_str(), one.revision, one.filter.as_ref()), ("Dubai", 1, Some(&city("Dubai"))));
    assert_eq!(one, two);
    let taken = client.create_segment(create("Dubai", city("x"), "")).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);

    let update = |filter, archived, base_revision| UpdateSegmentRequest {
        id: one.id.clone(),
        filter,
        archived,
        base_revision,
        ..UpdateSegmentRequest::default()
    };
    let edited = client.update_segment(update(Some(city("Oman")), None, 1)).await.unwrap().into_inner().segment.unwrap();
    assert_eq!((edited.revision, edited.filter), (2, Some(city("Oman"))));
    let late = client.update_segment(update(Some(city("Sharjah")), None, 1)).await.unwrap_err();
    assert_eq!(late.code(), Code::Aborted);
    let archived = client.update_segment(update(None, Some(true), 0)).await.unwrap().into_inner().segment.unwrap();
    assert!(archived.archived);
    let all = |include_archived| ListSegmentsRequest { include_archived, ..ListSegmentsRequest::default() };
    assert_eq!(client.list_segments(all(false)).await.unwrap().into_inner().segments.len(), 0);
    assert_eq!(client.list_segments(all(true)).await.unwrap().into_inner().segments, [archived]);

    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "segment", one.id.parse().unwrap()).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["segment.create", "segment.update", "segment.update"]);
    assert_ne!(log[1].before, log[1].after);
}

#[tokio::test]
async fn what_is_wrong_with_a_filter_is_named_by_its_path() {
    let api = Api::start().await;
    let (workspace, other) = (api.workspace().await, api.workspace().await);
    let theirs = other.list("theirs").await;
    let campaign = Uuid::now_v7().to_string();
    let mut client = workspace.segments(Role::Agent);
    let wrong = of(Test::All(Filters { filters: vec![city(""), Filter::default()] }));
    let status = client.create_segment(create("s", wrong, "")).await.unwrap_err();
    assert_eq!(fields(&status), ["filter.all.filters[1]"]);
    let wrong = of(Test::Any(Filters { filters: vec![city(""), of(Test::Any(Filters::default()))] }));
    let status = client.count_segment(CountSegmentRequest { filter: Some(wrong), ..Default::default() }).await.unwrap_err();
    assert_eq!(fields(&status), ["filter.any.filters[0].profile.is.equals", "filter.any.filters[1].any.filters"]);
    let elsewhere = of(Test::All(Filters {
        filters: vec![
            of(Test::List(ListTest { list_ids: vec![workspace.list("ours").await, theirs] })),
            of(Test::Engagement(EngagementTest { did: Deed::Opened.into(), campaign_id: campaign, ..Default::default() })),
        ],
    }));
    let status = client.create_segment(create("s", elsewhere, "")).await.unwrap_err();
    assert_eq!(fields(&status), ["filter.all.filters[0].list.list_ids[1]", "filter.all.filters[1].engagement.campaign_id"]);
    let status = client.create_segment(CreateSegmentRequest { name: "s".to_owned(), ..Default::default() }).await.unwrap_err();
    assert_eq!(fields(&status), ["filter"]);
    assert_eq!(fields(&client.count_segment(CountSegmentRequest::default()).await.unwrap_err()), ["filter"]);
}

#[tokio::test]
async fn who_matches_is_counted_and_shown_saved_or_not() {
    let api = Api::start().await;
    let (workspace, other) = (api.workspace().await, api.workspace().await);
    let mut contacts = workspace.contacts(Role::Agent);
    let mut ids = Vec::new();
    for (name, city, seats) in [("a", "Dubai", "5"), ("b", "dubai", "12"), ("c", "Oman", "30"), ("d", "DUBAI", "")] {
        let contact = Contact {
            name: name.to_owned(),
            city: city.to_owned(),
            attributes: [("seats".to_owned(), seats.to_owned())].into(),
            ..Contact::default()
        };
        let request = UpsertContactRequest { contact: Some(contact), list_ids: Vec::new() };
        ids.push(contacts.upsert_contact(request).await.unwrap().into_inner().contact.unwrap().id);
    }
    other.contact("x@example.com", "", &[]).await;
    let mut client = workspace.segments(Role::Agent);
    let segment = client.create_segment(create("Dubai", city("Dubai"), "")).await.unwrap().into_inner().segment.unwrap();
    let saved = CountSegmentRequest { id: segment.id.clone(), filter: None };
    let counted = client.count_segment(saved).await.unwrap().into_inner();
    assert_eq!((counted.contacts, counted.all_contacts), (3, 4));
    let page = |page_token| ListSegmentContactsRequest { id: segment.id.clone(), page_size: 2, page_token, ..Default::default() };
    let first = client.list_segment_contacts(page(String::new())).await.unwrap().into_inner();
    let second = client.list_segment_contacts(page(first.next_page_token.clone())).await.unwrap().into_inner();
    let found: Vec<_> = first.contacts.iter().chain(&second.contacts).map(|contact| contact.id.clone()).collect();
    assert_eq!((found, second.next_page_token.as_str()), (vec![ids[0].clone(), ids[1].clone(), ids[3].clone()], ""));

    let number = NumberTest { test: Some(number_test::Test::MoreThan(10.0)) };
    let seats = of(Test::Attribute(AttributeTest { name: "seats".to_owned(), is: Some(Is::Number(number)) }));
    let new = of(Test::Created(TimeTest { test: Some(time_test::Test::InLastDays(1)) }));
    let filter = of(Test::All(Filters { filters: vec![seats, of(Test::Not(Box::new(city("oman")))), new] }));
    let unsaved = ListSegmentContactsRequest { filter: Some(filter), ..Default::default() };
    let found = client.list_segment_contacts(unsaved).await.unwrap().into_inner().contacts;
    assert_eq!(found.iter().map(|contact| contact.name.as_str()).collect::<Vec<_>>(), ["b"]);

    let theirs = other.segments(Role::Admin).get_segment(GetSegmentRequest { id: segment.id.clone() }).await.unwrap_err();
    assert_eq!(theirs.code(), Code::NotFound);
    let theirs = other.segments(Role::Admin).count_segment(CountSegmentRequest { id: segment.id, filter: None }).await.unwrap_err();
    assert_eq!(theirs.code(), Code::NotFound);
}
