//! Files of every kind: formats, encodings, delimiters, policies, dry runs, and the report of bad rows.

use crate::{
    campaign_drafts::fields,
    import::{Done, import_with},
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::contact::*;
use tonic::Code;

async fn import(workspace: &Workspace<'_>, options: ImportOptions, file: &[u8]) -> Done {
    import_with(workspace, options, file, 1_000).await.unwrap()
}

async fn contact(workspace: &Workspace<'_>, search: &str) -> Contact {
    let request = ListContactsRequest { search: search.to_owned(), ..Default::default() };
    workspace.contacts(Role::Agent).list_contacts(request).await.unwrap().into_inner().contacts.remove(0)
}

async fn problems(workspace: &Workspace<'_>, id: &str) -> Vec<u8> {
    let request = DownloadImportProblemsRequest { id: id.to_owned() };
    let mut pieces = workspace.contacts(Role::Agent).download_import_problems(request).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        file.extend(piece.data);
    }
    file
}

const FILE: &str = "external_id;name;email\n1;Zoë Müller;zoe@example.com\n2;\"Jürgen; der\";j@example.com\n";

#[tokio::test]
async fn files_are_read_in_every_encoding() {
    let api = Api::start().await;
    let utf16 = |bytes: fn(u16) -> [u8; 2]| format!("\u{feff}{FILE}").encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let windows = FILE.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for (file, encoding) in [
        (FILE.as_bytes().to_vec(), FileEncoding::Utf8),
        (utf16(u16::to_le_bytes), FileEncoding::Utf16Le),
        (utf16(u16::to_be_bytes), FileEncoding::Utf16Be),
        (windows, FileEncoding::Windows1252),
    ] {
        let workspace = api.workspace().await;
        let done = import(&workspace, ImportOptions::default(), &file).await;
        assert_eq!((done.last.created, done.last.rejected), (2, 0), "{encoding:?}: {:?}", done.problems);
        assert_eq!((done.last.encoding(), done.last.format(), done.last.delimiter.as_str()), (encoding, FileFormat::Csv, ";"));
        assert_eq!(contact(&workspace, "zoe@").await.name, "Zoë Müller");
        assert_eq!(contact(&workspace, "j@").await.name, "Jürgen; der");
    }
}

#[tokio::test]
async fn lines_of_json_become_contacts_with_typed_attributes() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let file = "{\"email\": \"a@example.com\", \"visits\": 3, \"last_active_at\": \"2026-11-22T10:00:00Z\", \"attributes\": {\"vip\": true}}\n\
                {\"email\": \"b@example.com\", \"name\": \"\\u0000\"}\n{]\n{\"email\": \"c@example.com\"}";
    let done = import(&workspace, ImportOptions::default(), file.as_bytes()).await;
    assert_eq!((done.last.format(), done.last.rows, done.last.created, done.last.rejected), (FileFormat::Ndjson, 4, 2, 2));
    assert_eq!(done.problems.iter().map(|problem| problem.row).collect::<Vec<_>>(), [2, 3]);
    let contact = contact(&workspace, "a@").await;
    assert_eq!(contact.attributes["visits"], "3");
    let typed = contact.typed_attributes.clone().unwrap().fields;
    assert_eq!(typed["visits"].kind, Some(prost_types::value::Kind::NumberValue(3.0)));
    assert_eq!(typed["vip"].kind, Some(prost_types::value::Kind::BoolValue(true)));
    assert_eq!(contact.last_active_at.unwrap().seconds, 1_795_341_600);

    // What is read can be written back without a loss: the typed attributes win over the texts.
    let request = UpsertContactRequest { contact: Some(Contact { external_id: "1".to_owned(), ..contact.clone() }), list_ids: vec![] };
    let written = workspace.contacts(Role::Agent).upsert_contact(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(written.typed_attributes, contact.typed_attributes);
    assert_eq!(written.last_active_at, contact.last_active_at);
}

#[tokio::test]
async fn columns_are_mapped_and_typed_and_a_country_may_be_the_file_s_own() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let columns = [("Mobile", "phone"), ("Spent", "attributes.spent:number"), ("Notes", "")];
    let options = ImportOptions {
        columns: columns.into_iter().map(|(column, target)| (column.to_owned(), target.to_owned())).collect(),
        default_country_code: "44".to_owned(),
        ..ImportOptions::default()
    };
    let done = import(&workspace, options, b"Mobile,Spent,Notes\n020 7946 0018,12.5,x\n020 7946 0019,much,y\n").await;
    assert_eq!((done.last.created, done.last.with_problems), (2, 0));
    assert_eq!(done.problems.iter().map(|problem| (problem.row, problem.column.as_str())).collect::<Vec<_>>(), [(2, "Spent")]);
    let contact = contact(&workspace, "+442079460018").await;
    assert_eq!(contact.attributes, [("spent".to_owned(), "12.5".to_owned())].into());
}

#[tokio::test]
async fn options_that_cannot_be_right_are_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let bad = ImportOptions {
        format: 77,
        encoding: 77,
        match_by: 77,
        delimiter: "::".to_owned(),
        default_country_code: "999".to_owned(),
        file_name: "x".repeat(201),
        ..ImportOptions::default()
    };
    let status = import_with(&workspace, bad, b"email\n", 100).await.err().unwrap();
    let expected =
        ["format", "encoding", "match_by", "delimiter", "default_country_code", "file_name"].map(|field| format!("options.{field}"));
    assert_eq!(fields(&status), expected);
    let columns = [("x".to_owned(), "e-mail".to_owned())].into();
    let status = import_with(&workspace, ImportOptions { columns, ..Default::default() }, b"email\n", 100).await.err().unwrap();
    assert_eq!(fields(&status), ["options.columns.x"]);
}

#[tokio::test]
async fn a_dry_run_foretells_the_import_and_writes_nobody() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("l").await;
    workspace.contact("p1@example.com", "", &[]).await;
    let mut file = "email,name\n".to_owned();
    // Twice each, in different batches.
    for n in (0..3_000).chain(0..3_000) {
        file.push_str(&format!("p{n}@example.com,P\n"));
    }
    file.push_str("nobody\n");
    let options = |dry_run| ImportOptions { list_id: list.clone(), dry_run, match_by: MatchBy::Email.into(), ..ImportOptions::default() };
    let foretold = import(&workspace, options(true), file.as_bytes()).await.last;
    assert_eq!((foretold.rows, foretold.created, foretold.updated, foretold.rejected), (6_001, 2_999, 3_001, 1));
    let request = ListContactsRequest { page_size: 10, ..Default::default() };
    assert_eq!(workspace.contacts(Role::Agent).list_contacts(request).await.unwrap().into_inner().contacts.len(), 1);
    let imported = import(&workspace, options(false), file.as_bytes()).await.last;
    let counts = |last: &ImportContactsResponse| (last.rows, last.created, last.updated, last.rejected, last.problem_count);
    assert_eq!(counts(&imported), counts(&foretold));
    let left: Vec<_> = [foretold.import_id, imported.import_id].into();
    let mut client = workspace.contacts(Role::Agent);
    let listed = client.list_imports(ListImportsRequest::default()).await.unwrap().into_inner().imports;
    assert_eq!(listed.iter().map(|import| (&import.id, import.dry_run)).collect::<Vec<_>>(), [(&left[0], true), (&left[1], false)]);
}

#[tokio::test]
async fn what_people_are_matched_by_and_what_it_does_to_them_is_the_caller_s_choice() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let first = import(&workspace, ImportOptions::default(), b"external_id,email,name,city\n1,a@example.com,A,\n").await.last;
    assert_eq!(first.created, 1);
    let by_email =
        |on_match: OnMatch| ImportOptions { match_by: MatchBy::Email.into(), on_match: on_match.into(), ..ImportOptions::default() };
    let file = b"email,name,city\na@example.com,B,Dubai\nnot an address,C,\n";
    let skipped = import(&workspace, by_email(OnMatch::Skip), file).await;
    assert_eq!((skipped.last.skipped, skipped.last.rejected), (1, 1));
    assert!(skipped.problems[0].reason.contains("by which people are matched"), "{:?}", skipped.problems);
    let filled = import(&workspace, by_email(OnMatch::FillEmpty), file).await.last;
    let contact = contact(&workspace, "a@").await;
    assert_eq!((filled.updated, contact.name.as_str(), contact.city.as_str()), (1, "A", "Dubai"));
    let other = import(&workspace, by_email(OnMatch::Overwrite), b"external_id,email\n2,a@example.com\n").await;
    assert_eq!((other.last.rejected, other.last.updated), (1, 0));
    assert!(other.problems[0].reason.contains("another external id"), "{:?}", other.problems);
}

#[tokio::test]
async fn the_report_has_every_problem_and_starts_no_formula() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut file = "email,=phone\n".to_owned();
    for n in 0..12_000 {
        file.push_str(&format!("p{n}@example.com,12\n"));
    }
    let columns = [("=phone".to_owned(), "phone".to_owned())].into();
    let options = ImportOptions { columns, file_name: "people.csv".to_owned(), ..ImportOptions::default() };
    let done = import_with(&workspace, options, file.as_bytes(), 100_000).await.unwrap();
    assert_eq!((done.last.problem_count, done.problems.len()), (12_000, 10_000));
    let report = String::from_utf8(problems(&workspace, &done.last.import_id).await).unwrap();
    let lines: Vec<_> = report.lines().collect();
    assert_eq!((lines.len(), lines[0]), (12_001, "row,column,reason,left_out"));
    assert!(lines[12_000].starts_with("12000,'=phone,is no number of the default country") && lines[12_000].ends_with(",false"));

    let mut client = workspace.contacts(Role::Agent);
    let request = GetImportRequest { id: done.last.import_id.clone() };
    let import = client.get_import(request).await.unwrap().into_inner().contact_import.unwrap();
    assert_eq!(
        (import.status(), import.file_name.as_str(), import.created_by.as_str()),
        (ImportStatus::Completed, "people.csv", "test-agent")
    );
    assert_eq!((import.rows, import.created, import.with_problems, import.problems_kept), (12_000, 12_000, 12_000, 12_000));

    let stranger = api.workspace().await;
    let request = GetImportRequest { id: done.last.import_id.clone() };
    assert_eq!(stranger.contacts(Role::Admin).get_import(request).await.unwrap_err().code(), Code::NotFound);
    let request = DownloadImportProblemsRequest { id: done.last.import_id };
    assert_eq!(stranger.contacts(Role::Admin).download_import_problems(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_import_that_cannot_go_on_says_why_afterwards_too() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    import_with(&workspace, ImportOptions::default(), b"name\nA\n", 100).await.err().unwrap();
    let mut client = workspace.contacts(Role::Agent);
    let import = client.list_imports(ListImportsRequest::default()).await.unwrap().into_inner().imports.remove(0);
    assert_eq!(import.status(), ImportStatus::Failed);
    assert!(import.detail.contains("external_id, email or phone") && import.finished_at.is_some(), "{import:?}");
}
