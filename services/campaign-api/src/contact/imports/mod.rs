//! What became of imports: one, all of them, and the rows that had problems.

pub mod get;
pub mod list;
pub mod named;
pub mod problems;

use crate::convert::timestamp;
use proto::contact::{Import, ImportStatus};
use store::contact::file;
use time::{Duration, OffsetDateTime};

/// An import writes down how far it is with each batch, many times a second. One that hasn't for this long has lost its process.
const STANDS_STILL: Duration = Duration::minutes(5);

fn present(import: file::Import, now: OffsetDateTime) -> Import {
    let progress = import.progress;
    let status = match import.status.as_str() {
        "completed" => ImportStatus::Completed,
        "failed" => ImportStatus::Failed,
        _ if import.updated_at + STANDS_STILL < now => ImportStatus::Interrupted,
        _ => ImportStatus::Running,
    };
    Import {
        id: import.import_id.to_string(),
        file_name: import.file_name,
        list_id: import.list_id.map(|list| list.to_string()).unwrap_or_default(),
        match_by: named::match_by_of(&import.match_by).into(),
        on_match: named::on_match_of(&import.on_match).into(),
        dry_run: import.is_dry_run,
        format: named::format_of(&progress.format).into(),
        encoding: named::encoding_of(&progress.encoding).into(),
        delimiter: progress.delimiter,
        status: status.into(),
        detail: import.detail,
        rows: progress.rows.unsigned_abs(),
        created: progress.created.unsigned_abs(),
        updated: progress.updated.unsigned_abs(),
        skipped: progress.skipped.unsigned_abs(),
        rejected: progress.rejected.unsigned_abs(),
        with_problems: progress.with_problems.unsigned_abs(),
        bytes: progress.bytes.unsigned_abs(),
        problem_count: progress.problems.unsigned_abs(),
        problems_kept: progress.problems_kept.unsigned_abs(),
        created_by: import.created_by,
        created_at: Some(timestamp(import.created_at)),
        finished_at: import.finished_at.map(timestamp),
    }
}
