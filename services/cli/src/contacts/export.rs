//! `fanfare contacts export`: contacts as a file, in the form that an import reads.

use super::import::Format;
use crate::{output::number, progress::Board, resolve, session::Session};
use anyhow::{Context, Result, bail};
use clap::Args;
use proto::contact::{ExportContactsRequest, FileFormat};
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::{
    fs::File,
    io::{self, AsyncWrite, AsyncWriteExt},
};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to; to the standard output when left out
    file: Option<PathBuf>,
    /// Only members of this list (name or id)
    #[arg(long)]
    list: Option<String>,
    /// Only contacts of this segment (id)
    #[arg(long, conflicts_with_all = ["list", "search"])]
    segment: Option<String>,
    /// Only those whose name, e-mail, phone or external id starts with this
    #[arg(long)]
    search: Option<String>,
    /// CSV, unless the file's name ends with .ndjson or .jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Begin CSV with the mark by which spreadsheets know UTF-8
    #[arg(long)]
    byte_order_mark: bool,
}

pub async fn run(args: ExportArgs, session: &Session) -> Result<()> {
    let list_id = match &args.list {
        Some(list) => resolve::list(session, list).await?,
        None => String::new(),
    };
    let format = args.format.map_or_else(|| format_of(args.file.as_deref()), FileFormat::from);
    let request = ExportContactsRequest {
        format: format.into(),
        list_id,
        search: args.search.unwrap_or_default(),
        byte_order_mark: args.byte_order_mark,
        segment_id: args.segment.unwrap_or_default(),
    };
    let Some(path) = &args.file else {
        stream(session, request, &mut io::stdout(), None).await?;
        return Ok(());
    };
    let mut file = File::create(path).await.with_context(|| format!("{} can't be written", path.display()))?;
    let mut board = Board::new(session.output);
    let rows = stream(session, request, &mut file, Some(&mut board)).await.with_context(|| format!("{} is not whole", path.display()))?;
    board.finish()?;
    let human = format!("{} written to {}", number::of(rows, "contact", "contacts"), path.display());
    session.output.value(&json!({"rows": rows, "file": path}), &human)
}

fn format_of(path: Option<&Path>) -> FileFormat {
    let extension = path.and_then(Path::extension).map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("ndjson" | "jsonl") => FileFormat::Ndjson,
        _ => FileFormat::Csv,
    }
}

/// Answers with how many contacts were written.
async fn stream(
    session: &Session,
    request: ExportContactsRequest,
    out: &mut (impl AsyncWrite + Unpin),
    mut board: Option<&mut Board>,
) -> Result<u64> {
    let mut pieces = session.contacts().export_contacts(request).await?.into_inner();
    let (mut rows, mut is_done) = (0, false);
    while let Some(piece) = pieces.message().await? {
        out.write_all(&piece.data).await?;
        (rows, is_done) = (piece.rows, piece.done);
        if let Some(board) = board.as_deref_mut() {
            board.set("export", rows, rows, "");
            board.tick()?;
        }
    }
    out.flush().await?;
    if !is_done {
        bail!("the hub ended the export after {} without saying that it was done", number::of(rows, "contact", "contacts"));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_name_says_its_format() {
        for (path, format) in
            [(Some("a.NDJSON"), FileFormat::Ndjson), (Some("a.jsonl"), FileFormat::Ndjson), (Some("a.csv"), FileFormat::Csv)]
        {
            assert_eq!(format_of(path.map(Path::new)), format);
        }
        assert_eq!(format_of(None), FileFormat::Csv);
    }
}
