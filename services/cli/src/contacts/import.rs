//! `fanfare contacts import`: streams a file to the hub in pieces, shows progress, reports the rows with problems.

use crate::{
    contacts::imports,
    output::{json, line, number},
    progress::Board,
    resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use proto::contact::{
    CreateListRequest, FileEncoding, FileFormat, ImportContactsRequest, ImportContactsResponse, ImportOptions, MatchBy, OnMatch,
    RowProblem, import_contacts_request::Part,
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use tokio::{fs::File, io::AsyncReadExt, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// What one message carries; the hub takes up to a MiB.
const PIECE_BYTES: usize = 128 * 1024;
/// Pieces read ahead of the hub.
const PIECES_AHEAD: usize = 4;
/// Problems that are shown; --problems keeps all.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV with a header row, or NDJSON: one JSON object a line
    file: PathBuf,
    /// Put all of them in this list; it is made when there is none of this name
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Which contact field a column is, when the header isn't named like one; attributes.NAME:number gives an attribute a type; leave
    /// the field empty to skip the column
    #[arg(long = "column", value_name = "HEADER=FIELD", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// How people are recognised
    #[arg(long = "match", value_enum, default_value_t)]
    match_by: Match,
    /// What a row does to somebody who is known
    #[arg(long, value_enum, default_value_t)]
    known: Known,
    /// Check everything and count, but write no contact
    #[arg(long)]
    dry_run: bool,
    /// What the file is, when that isn't to be found out
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// What the file's text is in, when that isn't to be found out
    #[arg(long, value_enum)]
    encoding: Option<Encoding>,
    /// What separates the columns, when that isn't to be found out: , ; | or tab
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Calling code of phones without one, instead of the workspace's
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Write all rows with problems to this CSV file
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Match {
    /// By external id where a row has one, else by e-mail address, then by phone
    #[default]
    Any,
    ExternalId,
    Email,
    Phone,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Known {
    /// Its values replace what is known; an empty one leaves it
    #[default]
    Overwrite,
    /// Its values go where nothing is known
    FillEmpty,
    /// Nothing
    Skip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    Csv,
    Ndjson,
}

impl From<Format> for FileFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Encoding {
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "utf-16le")]
    Utf16Le,
    #[value(name = "utf-16be")]
    Utf16Be,
    #[value(name = "windows-1252")]
    Windows1252,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (header, field) = text.split_once('=').ok_or("write HEADER=FIELD")?;
    Ok((header.to_owned(), field.to_owned()))
}

impl ImportArgs {
    fn options(&self, list_id: String) -> ImportOptions {
        let match_by = match self.match_by {
            Match::Any => MatchBy::Unspecified,
            Match::ExternalId => MatchBy::ExternalId,
            Match::Email => MatchBy::Email,
            Match::Phone => MatchBy::Phone,
        };
        let on_match = match self.known {
            Known::Overwrite => OnMatch::Overwrite,
            Known::FillEmpty => OnMatch::FillEmpty,
            Known::Skip => OnMatch::Skip,
        };
        let encoding = self.encoding.map_or(FileEncoding::Unspecified, |encoding| match encoding {
            Encoding::Utf8 => FileEncoding::Utf8,
            Encoding::Utf16Le => FileEncoding::Utf16Le,
            Encoding::Utf16Be => FileEncoding::Utf16Be,
            Encoding::Windows1252 => FileEncoding::Windows1252,
        });
        ImportOptions {
            list_id,
            columns: self.columns.iter().cloned().collect(),
            format: self.format.map_or(FileFormat::Unspecified, FileFormat::from).into(),
            encoding: encoding.into(),
            delimiter: self.delimiter.as_deref().map(|text| if text == "tab" { "\t" } else { text }).unwrap_or_default().to_owned(),
            match_by: match_by.into(),
            on_match: on_match.into(),
            dry_run: self.dry_run,
            default_country_code: self.country.clone().unwrap_or_default(),
            file_name: String::new(),
        }
    }
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// The hub's last message: all counts.
    pub last: ImportContactsResponse,
    /// The first ten thousand.
    pub problems: Vec<RowProblem>,
}

pub async fn run(args: ImportArgs, session: &Session) -> Result<()> {
    let list_id = match &args.list {
        // A dry run makes no list either.
        Some(name) if args.dry_run => resolve::find_list(session, name).await?.unwrap_or_default(),
        Some(name) => list_named(session, name).await?,
        None => String::new(),
    };
    let imported = import(session, &args.file, args.options(list_id)).await?;
    if let Some(path) = &args.problems {
        imports::download(session, &imported.last.import_id, path).await?;
    }
    if session.output.is_json() {
        let last = ImportContactsResponse { problems: imported.problems, ..imported.last };
        return line(&json::to_value(&last)?.to_string());
    }
    let note = if args.dry_run { "dry run, nothing was written: " } else { "" };
    line(&format!("{note}{}", summary(&imported)))
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
    let file = File::open(path).await.with_context(unreadable)?;
    let length = file.metadata().await.with_context(unreadable)?.len();
    let file_name = path.file_name().map(|name| name.to_string_lossy().chars().take(200).collect()).unwrap_or_default();
    let (pieces, stream) = mpsc::channel(PIECES_AHEAD);
    pieces.send(ImportContactsRequest { part: Some(Part::Options(ImportOptions { file_name, ..options })) }).await?;
    let reader = tokio::spawn(read(file, pieces));
    let mut answers = session.contacts().import_contacts(ReceiverStream::new(stream)).await?.into_inner();
    let mut board = Board::new(session.output);
    let mut imported = Imported::default();
    while let Some(answer) = answers.message().await? {
        board.set("import", answer.rows, expected(&answer, length), "");
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

/// How many rows it will be, if the rest of the file is like what has been read.
fn expected(answer: &ImportContactsResponse, length: u64) -> u64 {
    if answer.done || answer.bytes == 0 {
        return answer.rows;
    }
    (answer.rows.saturating_mul(length) / answer.bytes).max(answer.rows)
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
    let skipped = if last.skipped == 0 { String::new() } else { format!("{} known already, ", number::count(last.skipped)) };
    let mut text = format!(
        "{}: {} new, {} updated, {skipped}{} left out; {} with an address that can't be used",
        rows(last),
        number::count(last.created),
        number::count(last.updated),
        number::count(last.rejected),
        number::count(last.with_problems),
    );
    for problem in imported.problems.iter().take(SHOWN) {
        let place = if problem.column.is_empty() { String::new() } else { format!(", {}", problem.column) };
        let kind = if problem.rejected { "left out: " } else { "" };
        write!(text, "\n  row {}{place}: {kind}{}", problem.row, problem.reason).unwrap_or_default();
    }
    let more = last.problem_count.max(imported.problems.len() as u64).saturating_sub(SHOWN as u64);
    if more > 0 {
        let all = format!("`fanfare contacts problems {}` has them all", last.import_id);
        write!(text, "\n  and {} more: {all}", number::count(more)).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(problems: usize) -> Imported {
        let problem = |row| RowProblem { row, column: "phone".into(), reason: "too short".into(), rejected: false };
        Imported {
            last: ImportContactsResponse {
                rows: 5_000,
                created: 4_980,
                updated: 9,
                skipped: 10,
                rejected: 1,
                with_problems: 31,
                problem_count: problems as u64,
                import_id: "i".into(),
                done: true,
                ..ImportContactsResponse::default()
            },
            problems: (1..=problems as u64).map(problem).collect(),
        }
    }

    #[test]
    fn the_summary_is_short_however_long_the_report() {
        let text = summary(&imported(31));
        let begins = "5,000 rows: 4,980 new, 9 updated, 10 known already, 1 left out; 31 with an address that can't be used\n  row 1, phone: too short";
        assert!(text.starts_with(begins), "{text}");
        assert_eq!(text.lines().count(), 1 + SHOWN + 1);
        assert!(text.ends_with("and 11 more: `fanfare contacts problems i` has them all"));
    }

    #[test]
    fn the_length_of_the_bar_is_estimated() {
        let at = |rows, bytes, done| expected(&ImportContactsResponse { rows, bytes, done, ..Default::default() }, 1_000);
        assert_eq!((at(10, 100, false), at(10, 0, false), at(90, 1_000, true)), (100, 10, 90));
    }

    #[test]
    fn a_column_may_be_left_out_by_an_empty_field() {
        assert_eq!(pair("Mobile=phone").unwrap(), ("Mobile".into(), "phone".into()));
        assert_eq!(pair("Notes=").unwrap(), ("Notes".into(), String::new()));
        assert!(pair("Mobile").is_err());
    }
}
