//! `fanfare contacts import`: streams a file to the hub in pieces, shows progress, reports the rows with problems.

use crate::{
    output::{json, line, number},
    progress::Board,
    resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use proto::contact::{
    CreateListRequest, ImportContactsRequest, ImportContactsResponse, ImportOptions, RowProblem, import_contacts_request::Part,
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

/// What one message carries; the hub takes up to a MiB.
const PIECE_BYTES: usize = 128 * 1024;
/// Pieces read ahead of the hub.
const PIECES_AHEAD: usize = 4;
/// Problems that are shown; --problems keeps all.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV with a header row, UTF-8
    file: PathBuf,
    /// Put all of them in this list; it is made when there is none of this name
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Which contact field a column is, when the header isn't named like one; leave the field empty to skip the column
    #[arg(long = "column", value_name = "HEADER=FIELD", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// Write the rows with problems to this CSV file
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (header, field) = text.split_once('=').ok_or("write HEADER=FIELD")?;
    Ok((header.to_owned(), field.to_owned()))
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// The hub's last message: all counts.
    pub last: ImportContactsResponse,
    pub problems: Vec<RowProblem>,
}

pub async fn run(args: ImportArgs, session: &Session) -> Result<()> {
    let list_id = match &args.list {
        Some(name) => list_named(session, name).await?,
        None => String::new(),
    };
    let columns = args.columns.into_iter().collect();
    let imported = import(session, &args.file, ImportOptions { list_id, columns }).await?;
    if let Some(path) = &args.problems {
        std::fs::write(path, problems_csv(&imported.problems)?).with_context(|| format!("{} can't be written", path.display()))?;
    }
    if session.output.is_json() {
        let last = ImportContactsResponse { problems: imported.problems, ..imported.last };
        return line(&json::to_value(&last)?.to_string());
    }
    line(&summary(&imported))
}

/// The id of the list of that name, made if need be.
///
/// # Errors
/// When the hub refuses.
pub async fn list_named(session: &Session, name: &str) -> Result<String> {
    if let Some(id) = resolve::find_list(session, name).await? {
        return Ok(id);
    }
    let request = CreateListRequest { name: name.to_owned(), request_id: request_id() };
    let list = session.lists().create_list(request).await?.into_inner().list;
    Ok(list.context("the hub's answer has no list")?.id)
}

/// Sends a file and waits for the hub's last word on it.
///
/// # Errors
/// When the file can't be read, the hub refuses, or the stream ends early.
pub async fn import(session: &Session, path: &Path, options: ImportOptions) -> Result<Imported> {
    let unreadable = || format!("{} can't be read", path.display());
    let expected = lines(path).await.with_context(unreadable)?.saturating_sub(1);
    let file = File::open(path).await.with_context(unreadable)?;
    let (pieces, stream) = mpsc::channel(PIECES_AHEAD);
    pieces.send(ImportContactsRequest { part: Some(Part::Options(options)) }).await?;
    let reader = tokio::spawn(read(file, pieces));
    let mut answers = session.contacts().import_contacts(ReceiverStream::new(stream)).await?.into_inner();
    let mut board = Board::new(session.output);
    let mut imported = Imported::default();
    while let Some(answer) = answers.message().await? {
        let of = if answer.done { answer.rows } else { expected.max(answer.rows) };
        board.set("import", answer.rows, of, "");
        board.tick()?;
        imported.problems.extend_from_slice(&answer.problems);
        imported.last = ImportContactsResponse { problems: Vec::new(), ..answer };
    }
    board.finish()?;
    reader.await?.with_context(unreadable)?;
    if !imported.last.done {
        bail!("the hub ended the import after {} without saying that it was done: run it again", rows(&imported.last));
    }
    Ok(imported)
}

/// For the bar's length: a row may have line breaks in it, so there are rather fewer.
async fn lines(path: &Path) -> std::io::Result<u64> {
    let mut reader = BufReader::with_capacity(PIECE_BYTES, File::open(path).await?);
    let mut lines = 0;
    loop {
        let piece = reader.fill_buf().await?;
        let length = piece.len();
        if length == 0 {
            return Ok(lines);
        }
        lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        reader.consume(length);
    }
}

async fn read(mut file: File, pieces: mpsc::Sender<ImportContactsRequest>) -> std::io::Result<()> {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        // The other end is gone when the hub refused; its answer says why.
        if length == 0 || pieces.send(ImportContactsRequest { part: Some(Part::Data(piece)) }).await.is_err() {
            return Ok(());
        }
    }
}

fn rows(answer: &ImportContactsResponse) -> String {
    number::of(answer.rows, "row", "rows")
}

/// What happened, in a few lines.
#[must_use]
pub fn summary(imported: &Imported) -> String {
    let last = &imported.last;
    let mut text = format!(
        "{}: {} new, {} updated, {} left out; {} with an address that can't be used",
        rows(last),
        number::count(last.created),
        number::count(last.updated),
        number::count(last.rejected),
        number::count(last.with_problems),
    );
    for problem in imported.problems.iter().take(SHOWN) {
        let kind = if problem.rejected { "left out: " } else { "" };
        write!(text, "\n  row {}, {}: {kind}{}", problem.row, problem.column, problem.reason).unwrap_or_default();
    }
    let more = imported.problems.len().saturating_sub(SHOWN);
    if more > 0 {
        write!(text, "\n  and {more} more: --problems FILE keeps them all").unwrap_or_default();
    }
    text
}

fn problems_csv(problems: &[RowProblem]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "column", "reason", "left_out"])?;
    for problem in problems {
        let row = [problem.row.to_string(), inert(&problem.column), inert(&problem.reason), problem.rejected.to_string()];
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

/// A cell that no spreadsheet takes for a formula.
fn inert(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(problems: usize) -> Imported {
        let problem = |row| RowProblem { row, column: "phone".into(), reason: "too short".into(), rejected: false };
        Imported {
            last: ImportContactsResponse {
                rows: 5_000,
                created: 4_990,
                updated: 9,
                rejected: 1,
                with_problems: 31,
                done: true,
                problems: vec![],
            },
            problems: (1..=problems as u64).map(problem).collect(),
        }
    }

    #[test]
    fn the_summary_is_short_however_long_the_report() {
        let text = summary(&imported(31));
        assert!(
            text.starts_with(
                "5,000 rows: 4,990 new, 9 updated, 1 left out; 31 with an address that can't be used\n  row 1, phone: too short"
            )
        );
        assert_eq!(text.lines().count(), 1 + SHOWN + 1);
        assert!(text.ends_with("and 11 more: --problems FILE keeps them all"));
    }

    #[test]
    fn the_report_starts_no_formula() {
        let problem = RowProblem { row: 3, column: "=cmd".into(), reason: "no such field".into(), rejected: true };
        assert_eq!(problems_csv(&[problem]).unwrap(), b"row,column,reason,left_out\n3,'=cmd,no such field,true\n");
    }

    #[test]
    fn a_column_may_be_left_out_by_an_empty_field() {
        assert_eq!(pair("Mobile=phone").unwrap(), ("Mobile".into(), "phone".into()));
        assert_eq!(pair("Notes=").unwrap(), ("Notes".into(), String::new()));
        assert!(pair("Mobile").is_err());
    }
}
