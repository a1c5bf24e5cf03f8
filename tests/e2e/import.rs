//! An untidy file through the whole hub: counts are exact, a dry run foretells them, the report has every bad row, memory stays flat.

use cli::contacts::import::import;
use e2e::{World, messy};
use proto::contact::{DownloadImportProblemsRequest, ImportContactsResponse, ImportOptions};
use serde_json::json;

const ROWS: u64 = 20_000;

fn counts(last: &ImportContactsResponse) -> messy::Expected {
    messy::Expected {
        rows: last.rows,
        created: last.created,
        updated: last.updated,
        rejected: last.rejected,
        with_problems: last.with_problems,
        problems: last.problem_count,
    }
}

#[tokio::test]
async fn an_untidy_file_is_imported_with_exact_counts_in_flat_memory() {
    let mut world = World::start(json!({})).await.unwrap();
    let path = world.state.path().join("messy.csv");
    let expected = messy::write(&path, ROWS).unwrap();
    let agent = world.seeded.agent.clone();
    let foretold = import(&agent, &path, ImportOptions { dry_run: true, ..ImportOptions::default() }).await.unwrap();
    assert_eq!(counts(&foretold.last), expected, "the dry run: {:?}", foretold.problems.first());
    let imported = import(&agent, &path, ImportOptions::default()).await.unwrap();
    assert_eq!(counts(&imported.last), expected);
    let again = import(&agent, &path, ImportOptions::default()).await.unwrap().last;
    assert_eq!((again.created, again.updated, again.rejected), (0, expected.created + expected.updated, expected.rejected));

    let request = DownloadImportProblemsRequest { id: imported.last.import_id };
    let mut pieces = agent.contacts().download_import_problems(request).await.unwrap().into_inner();
    let mut lines = 0;
    while let Some(piece) = pieces.message().await.unwrap() {
        lines += piece.data.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    assert_eq!(lines, 1 + expected.problems);
    let peak = messy::peak_memory_mib(&mut world, "campaign-api").unwrap();
    assert!(peak < 200, "campaign-api took {peak} MiB");
    world.hub.stop().await.unwrap();
}
