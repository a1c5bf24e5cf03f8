//! Importing files.

use crate::{
    campaign_drafts::fields,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::contact::{import_contacts_request::Part, *};
use std::{path::Path, time::Instant};
use store::audit;
use tonic::{Code, Status};

pub struct Done {
    pub last: ImportContactsResponse,
    pub problems: Vec<RowProblem>,
    pub messages: usize,
}

pub async fn import_with(workspace: &Workspace<'_>, options: ImportOptions, file: &[u8], piece: usize) -> Result<Done, Status> {
    let first = ImportContactsRequest { part: Some(Part::Options(options)) };
    let pieces = file.chunks(piece).map(|piece| ImportContactsRequest { part: Some(Part::Data(piece.to_vec())) });
    let messages: Vec<_> = std::iter::once(first).chain(pieces).collect();
    let mut answers = workspace.contacts(Role::Agent).import_contacts(tokio_stream::iter(messages)).await?.into_inner();
    let mut done = Done { last: ImportContactsResponse::default(), problems: Vec::new(), messages: 0 };
    while let Some(answer) = answers.message().await? {
        assert!(!done.last.done, "nothing comes after the last message");
        assert!(answer.rows >= done.last.rows);
        assert_eq!(answer.rows, answer.created + answer.updated + answer.skipped + answer.rejected);
        done.problems.extend(answer.problems.clone());
        done.messages += 1;
        done.last = answer;
    }
    assert!(done.last.done);
    Ok(done)
}

async fn import(workspace: &Workspace<'_>, list: &str, file: &str) -> Done {
    let options = ImportOptions { list_id: list.to_owned(), ..ImportOptions::default() };
    import_with(workspace, options, file.as_bytes(), 64 * 1024).await.unwrap()
}

async fn members(workspace: &Workspace<'_>, list: &str) -> u64 {
    let request = GetListRequest { id: list.to_owned() };
    workspace.lists(Role::Agent).get_list(request).await.unwrap().into_inner().list.unwrap().member_count
}

#[tokio::test]
async fn a_file_becomes_contacts_on_a_list_and_a_second_time_changes_nothing() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    let file = "\u{feff}External ID,Name,Email,Phone,Tier\r\n1,Sara,Sara@Example.com,0501234567,gold\r\n,Omar,omar@example.com,,\r\n,,,+44 20 7946 0018,\r\n";
    let done = import(&workspace, &list, file).await.last;
    assert_eq!((done.rows, done.created, done.updated, done.rejected, done.with_problems), (3, 3, 0, 0, 0));
    let again = import(&workspace, &list, file).await.last;
    assert_eq!((again.rows, again.created, again.updated), (3, 0, 3));
    assert_eq!(members(&workspace, &list).await, 3);
    let request = ListContactsRequest { search: "sara@".to_owned(), ..Default::default() };
    let found = workspace.contacts(Role::Agent).list_contacts(request).await.unwrap().into_inner().contacts.remove(0);
    assert_eq!((found.external_id.as_str(), found.phone.as_str(), found.attributes["Tier"].as_str()), ("1", "+971501234567", "gold"));
}

#[tokio::test]
async fn bad_rows_are_told_and_lose_nobody_else() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let file = b"email,name,phone\na@example.com,A,\nno at,B,\n,C,\nd@example.com\n\"e@example.com,E,\nf@example.com,F\xff,\ng@example.com,\0,\nh@example.com,H,12\n";
    let done = import_with(&workspace, ImportOptions::default(), file, 5).await.unwrap();
    assert_eq!((done.last.rows, done.last.created, done.last.rejected, done.last.with_problems), (8, 3, 5, 2));
    let told: Vec<_> = done.problems.iter().map(|problem| (problem.row, problem.column.as_str(), problem.rejected)).collect();
    assert_eq!(
        told,
        [(2, "email", false), (3, "", true), (4, "", true), (5, "", true), (6, "name", true), (7, "name", true), (8, "phone", false)],
        "{:?}",
        done.problems
    );
}

#[tokio::test]
async fn a_header_that_cannot_be_used_is_refused_with_the_reason() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    for (file, part) in [("", "empty"), ("name,city\nA,B\n", "external_id, email or phone"), ("PK\x03\x04email", "spreadsheet")] {
        let status = import_with(&workspace, ImportOptions::default(), file.as_bytes(), 1_024).await.err().unwrap();
        assert_eq!(fields(&status), ["data"]);
        assert!(status.message().contains(part), "{status}");
    }
    let columns = [("mail".to_owned(), "email".to_owned()), ("x".to_owned(), String::new())].into();
    let done = import_with(&workspace, ImportOptions { columns, ..Default::default() }, b"mail,x\na@example.com,1\n", 1_024).await.unwrap();
    assert_eq!(done.last.created, 1);
}

#[tokio::test]
async fn the_call_itself_is_checked() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.contacts(Role::Agent);
    let data = || ImportContactsRequest { part: Some(Part::Data(b"email\n".to_vec())) };
    let options = |list: &str| ImportContactsRequest {
        part: Some(Part::Options(ImportOptions { list_id: list.to_owned(), ..ImportOptions::default() })),
    };
    let status = client.import_contacts(tokio_stream::iter([data()])).await.unwrap_err();
    assert_eq!(fields(&status), ["options"]);
    let status = client.import_contacts(tokio_stream::iter([options(&uuid::Uuid::now_v7().to_string())])).await.unwrap_err();
    assert_eq!(fields(&status), ["options.list_id[0]"]);
    let mut answers = client.import_contacts(tokio_stream::iter([options(""), data(), options("")])).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::InvalidArgument);
    let large = ImportContactsRequest { part: Some(Part::Data(vec![b'x'; 1024 * 1024 + 1])) };
    let mut answers = client.import_contacts(tokio_stream::iter([options(""), data(), large])).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn progress_comes_with_every_batch_and_both_ends_are_in_the_audit_log() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    let mut file = "external_id,name,email,phone\n".to_owned();
    for n in 0..20_000 {
        file.push_str(&format!("C-{n},Person {n},p{n}@example.com,05012{:05}\n", n));
    }
    let started = Instant::now();
    let done = import(&workspace, &list, &file).await;
    assert_eq!((done.last.created, done.messages, members(&workspace, &list).await), (20_000, 11, 20_000));
    assert_eq!((done.last.bytes, done.last.format(), done.last.encoding()), (file.len() as u64, FileFormat::Csv, FileEncoding::Utf8));
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "contact", done.last.import_id.parse().unwrap()).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["contact.import_begin", "contact.import_end"]);
    assert_eq!(log[1].after.as_ref().unwrap()["created"], 20_000);
    let rows_per_second = 20_000.0 / started.elapsed().as_secs_f64();
    assert!(rows_per_second > 500.0, "{rows_per_second:.0} rows a second");
}

#[tokio::test]
async fn the_example_file_is_imported() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contacts.csv");
    let file = std::fs::read_to_string(path).unwrap();
    let done = import(&workspace, "", &file).await;
    assert_eq!(done.last.rows, file.lines().count() as u64 - 1);
    assert_eq!((done.last.rejected, done.last.created), (0, done.last.rows));
    // What can't be used is there on purpose.
    assert_eq!(done.problems.len() as u64, done.last.with_problems);
    let again = import(&workspace, "", &file).await;
    assert_eq!((again.last.created, again.last.updated), (0, done.last.rows));
}
