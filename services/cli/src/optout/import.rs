//! `fanfare optout import`: takes over a suppression list of another system.

use super::number_of;
use crate::{
    output::{json, line, number},
    progress::Board,
    session::Session,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use domain::Channel;
use proto::optout::{ImportOptOutsOptions, ImportOptOutsRequest, ImportOptOutsResponse, OptOutProblem, import_opt_outs_request::Part};
use std::{fmt::Write as _, path::PathBuf};
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
    /// CSV with the columns address (or email, or phone), channel, reason and since; or one address a line
    file: PathBuf,
    /// Of rows that name no channel; left out: all channels
    #[arg(long)]
    channel: Option<Channel>,
    /// Of rows that give no reason
    #[arg(long, default_value = "")]
    reason: String,
    /// Check everything, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the rows with problems to this CSV file
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
}

pub async fn run(args: ImportArgs, session: &Session) -> Result<()> {
    let unreadable = || format!("{} can't be read", args.file.display());
    let size = std::fs::metadata(&args.file).with_context(unreadable)?.len();
    let file = File::open(&args.file).await.with_context(unreadable)?;
    let options = ImportOptOutsOptions { channel: number_of(args.channel), reason: args.reason.clone(), dry_run: args.dry_run };
    let (pieces, stream) = mpsc::channel(PIECES_AHEAD);
    pieces.send(ImportOptOutsRequest { part: Some(Part::Options(options)) }).await?;
    let reader = tokio::spawn(read(file, pieces));
    let mut answers = session.opt_outs().import_opt_outs(ReceiverStream::new(stream)).await?.into_inner();
    let mut board = Board::new(session.output);
    let (mut last, mut problems) = (ImportOptOutsResponse::default(), Vec::new());
    while let Some(answer) = answers.message().await? {
        // A row is some forty bytes; the last answer says how many there were.
        let of = if answer.done { answer.rows } else { (size / 40).max(answer.rows) };
        board.set("import", answer.rows, of, "");
        board.tick()?;
        problems.extend_from_slice(&answer.problems);
        last = ImportOptOutsResponse { problems: Vec::new(), ..answer };
    }
    board.finish()?;
    reader.await?.with_context(unreadable)?;
    if !last.done {
        bail!("the hub ended the import after {} rows without saying that it was done: run it again", number::count(last.rows));
    }
    if let Some(path) = &args.problems {
        std::fs::write(path, problems_csv(&problems)?).with_context(|| format!("{} can't be written", path.display()))?;
    }
    if session.output.is_json() {
        return line(&json::to_value(&ImportOptOutsResponse { problems, ..last })?.to_string());
    }
    line(&summary(&last, &problems, args.dry_run))
}

async fn read(mut file: File, pieces: mpsc::Sender<ImportOptOutsRequest>) -> std::io::Result<()> {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        // The other end is gone when the hub refused; its answer says why.
        if length == 0 || pieces.send(ImportOptOutsRequest { part: Some(Part::Data(piece)) }).await.is_err() {
            return Ok(());
        }
    }
}

fn summary(last: &ImportOptOutsResponse, problems: &[OptOutProblem], dry_run: bool) -> String {
    let mut text = format!(
        "{}: {} {}, {} known already, {} left out",
        number::of(last.rows, "row", "rows"),
        number::count(last.added),
        if dry_run { "would be added" } else { "added" },
        number::count(last.known),
        number::count(last.rejected),
    );
    for problem in problems.iter().take(SHOWN) {
        write!(text, "\n  row {}, {}: {}", problem.row, problem.column, problem.reason).unwrap_or_default();
    }
    let more = problems.len().saturating_sub(SHOWN);
    if more > 0 {
        write!(text, "\n  and {more} more: --problems FILE keeps them").unwrap_or_default();
    }
    text
}

fn problems_csv(problems: &[OptOutProblem]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "column", "reason"])?;
    for problem in problems {
        // Neither column is the file's own text: names of columns that are known, and the hub's words.
        writer.write_record([&problem.row.to_string(), &problem.column, &problem.reason])?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_short_however_long_the_report() {
        let last = ImportOptOutsResponse { rows: 50, added: 10, known: 9, rejected: 31, ..Default::default() };
        let problems: Vec<_> =
            (1..=31).map(|row| OptOutProblem { row, column: "address".to_owned(), reason: "has no @".to_owned() }).collect();
        let text = summary(&last, &problems, true);
        assert!(text.starts_with("50 rows: 10 would be added, 9 known already, 31 left out\n  row 1, address: has no @"), "{text}");
        assert_eq!(text.lines().count(), 1 + SHOWN + 1);
        assert_eq!(problems_csv(&problems[..1]).unwrap(), b"row,column,reason\n1,address,has no @\n");
    }
}
