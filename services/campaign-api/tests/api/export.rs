//! Contacts as a file, and back.

use crate::{
    campaign_drafts::fields,
    import::import_with,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::contact::*;
use store::audit;
use tonic::Code;

async fn export(workspace: &Workspace<'_>, request: ExportContactsRequest) -> (String, u64) {
    let mut pieces = workspace.contacts(Role::Agent).export_contacts(request).await.unwrap().into_inner();
    let (mut file, mut last) = (Vec::new(), ExportContactsResponse::default());
    while let Some(piece) = pieces.message().await.unwrap() {
        assert!(!last.done && piece.rows >= last.rows && piece.data.len() < 1024 * 1024);
        file.extend_from_slice(&piece.data);
        last = piece;
    }
    assert!(last.done);
    (String::from_utf8(file).unwrap(), last.rows)
}

fn of(format: FileFormat) -> ExportContactsRequest {
    ExportContactsRequest { format: format.into(), ..ExportContactsRequest::default() }
}

/// Formulas, quotes, line breaks, scripts, empty fields and colliding names.
const PEOPLE: &str = "external_id,name,email,phone,role,city,timezone,locale,last_active_at,tier,attributes.email,'=sum\n\
    1,'=1+1,sara@example.com,0501234567,partner,Dubai,Asia/Dubai,ar-AE,2026-11-22T10:00:00Z,gold,hidden,'@x\n\
    2,\"Two\nlines, \"\"quoted\"\"\",not an address,+44 20 7946 0018,,,,,,,,-1\n\
    ,سارة 😀,s@example.com,,customer,,,,,'quoted',,\n";

#[tokio::test]
async fn an_export_is_imported_as_it_was() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let done = import_with(&workspace, ImportOptions::default(), PEOPLE.as_bytes(), 64).await.unwrap();
    assert_eq!((done.last.created, done.last.rejected), (3, 0), "{:?}", done.problems);
    for format in [FileFormat::Csv, FileFormat::Ndjson] {
        let (file, rows) = export(&workspace, of(format)).await;
        assert_eq!(rows, 3);
        let copy = api.workspace().await;
        let done = import_with(&copy, ImportOptions::default(), file.as_bytes(), 64).await.unwrap();
        assert_eq!((done.last.format(), done.last.created, done.last.rejected), (format, 3, 0), "{:?}", done.problems);
        assert_eq!(export(&copy, of(format)).await.0, file, "{format:?}");
    }
}

#[tokio::test]
async fn no_cell_of_an_export_starts_a_formula() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    import_with(&workspace, ImportOptions::default(), PEOPLE.as_bytes(), 64).await.unwrap();
    let request = ExportContactsRequest { byte_order_mark: true, ..of(FileFormat::Csv) };
    let (file, _) = export(&workspace, request).await;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.strip_prefix('\u{feff}').unwrap().as_bytes());
    let mut cells = 0;
    for record in reader.records() {
        for cell in &record.unwrap() {
            cells += 1;
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
    assert_eq!(cells, 4 * 13);
    assert!(file.contains("'+971501234567") && file.contains("'=1+1"));
}

#[tokio::test]
async fn a_list_or_what_is_searched_for_is_exported_alone() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    let (nowhere, listed): (&[&str], &[&str]) = (&[], &[&list]);
    for n in 0..3 {
        workspace.contact(&format!("p{n}@example.com"), "", if n == 0 { nowhere } else { listed }).await;
    }
    let members = export(&workspace, ExportContactsRequest { list_id: list.clone(), ..of(FileFormat::Ndjson) }).await;
    assert_eq!((members.1, members.0.lines().count()), (2, 2));
    let found = export(&workspace, ExportContactsRequest { search: "p0@".to_owned(), ..of(FileFormat::Csv) }).await;
    assert_eq!(found.1, 1);
    let nobody = export(&api.workspace().await, of(FileFormat::Csv)).await;
    assert_eq!(nobody.0, "external_id,name,email,phone,locale,timezone,role,city,postal_code,last_active_at\n");

    let stranger = api.workspace().await;
    let request = ExportContactsRequest { list_id: list.clone(), ..of(FileFormat::Csv) };
    assert_eq!(stranger.contacts(Role::Admin).export_contacts(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_segment_is_exported_alone() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let file = b"external_id,city\n1,Dubai\n2,Delhi\n3,dubai\n";
    import_with(&workspace, ImportOptions::default(), file, 64).await.unwrap();
    let is = TextTest { test: Some(text_test::Test::Equals("Dubai".to_owned())) };
    let profile = ProfileTest { field: ProfileField::City.into(), is: Some(is) };
    let filter = Some(Filter { test: Some(filter::Test::Profile(profile)) });
    let request = CreateSegmentRequest { name: "Dubai".to_owned(), filter, ..Default::default() };
    let mut segments = segment_service_client::SegmentServiceClient::new(api.connection(Some(workspace.id), Role::Agent));
    let segment_id = segments.create_segment(request).await.unwrap().into_inner().segment.unwrap().id;
    let request = ExportContactsRequest { segment_id, ..of(FileFormat::Ndjson) };
    let (exported, rows) = export(&workspace, request.clone()).await;
    assert_eq!((rows, exported.lines().count()), (2, 2));
    assert!(!exported.contains("Delhi"));

    let both = ExportContactsRequest { search: "x".to_owned(), ..request.clone() };
    let status = workspace.contacts(Role::Agent).export_contacts(both).await.unwrap_err();
    assert_eq!(fields(&status), ["segment_id"]);
    let stranger = api.workspace().await;
    assert_eq!(stranger.contacts(Role::Admin).export_contacts(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn many_contacts_come_in_pages_each_once_and_the_log_keeps_who_took_them() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut file = "external_id,name\n".to_owned();
    for n in 0..5_000 {
        file.push_str(&format!("{n},{}\n", "x".repeat(100)));
    }
    import_with(&workspace, ImportOptions::default(), file.as_bytes(), 100_000).await.unwrap();
    let (exported, rows) = export(&workspace, of(FileFormat::Csv)).await;
    assert_eq!(rows, 5_000);
    let ids: std::collections::BTreeSet<_> = exported.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(ids.len(), 5_000);

    let mut connection = api.db.acquire().await.unwrap();
    let kept = audit_of_exports(&mut connection, &workspace).await;
    assert_eq!(kept, [("contact.export_begin".to_owned(), serde_json::Value::Null), ("contact.export_end".to_owned(), 5_000.into())]);
}

async fn audit_of_exports(connection: &mut store::PgConnection, workspace: &Workspace<'_>) -> Vec<(String, serde_json::Value)> {
    let filter = audit::Filter { object_type: Some("contact"), ..audit::Filter::default() };
    let page = store::page::Page::parse(0, "").unwrap();
    let entries = audit::list(connection, workspace.id, &filter, None, page, 10_000).await.unwrap();
    let rows = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap()["rows"].clone();
    let exports = entries.into_iter().rev().filter(|entry| entry.action.starts_with("contact.export"));
    exports.map(|entry| (entry.action, rows(&entry.after.unwrap()))).collect()
}
