//! `fanfare contacts imports|problems`: what became of imports.

use crate::{output::number, paging, session::Session};
use anyhow::{Context, Result};
use proto::contact::{DownloadImportProblemsRequest, Import, ImportStatus, ListImportsRequest};
use serde_json::json;
use std::path::Path;
use tokio::{
    fs::File,
    io::{self, AsyncWrite, AsyncWriteExt},
};

pub async fn list(limit: usize, session: &Session) -> Result<()> {
    let imports = paging::collect(limit, |page_size, page_token| async move {
        let page = session.contacts().list_imports(ListImportsRequest { page_size, page_token }).await?.into_inner();
        Ok((page.imports, page.next_page_token))
    });
    session.output.rows(["id", "file", "status", "rows", "new", "updated", "left out", "problems"], &imports.await?, row)
}

fn row(import: &Import) -> [String; 8] {
    let status = match import.status() {
        ImportStatus::Unspecified => "?",
        ImportStatus::Running => "running",
        ImportStatus::Completed if import.dry_run => "dry run",
        ImportStatus::Completed => "completed",
        ImportStatus::Failed => "failed",
        ImportStatus::Interrupted => "interrupted",
    };
    let status = if import.detail.is_empty() { status.to_owned() } else { format!("{status}: {}", import.detail) };
    let counts = [import.rows, import.created, import.updated, import.rejected, import.problem_count].map(number::count);
    let [rows, created, updated, rejected, problems] = counts;
    [import.id.clone(), import.file_name.clone(), status, rows, created, updated, rejected, problems]
}

pub async fn problems(id: String, file: Option<&Path>, session: &Session) -> Result<()> {
    match file {
        Some(path) => {
            download(session, &id, path).await?;
            session.output.value(&json!({"import": id, "file": path}), &format!("written to {}", path.display()))
        }
        None => stream(session, &id, &mut io::stdout()).await,
    }
}

/// Writes the rows with problems of an import to a file.
///
/// # Errors
/// When the hub refuses, or the file can't be written.
pub async fn download(session: &Session, id: &str, path: &Path) -> Result<()> {
    let mut file = File::create(path).await.with_context(|| format!("{} can't be written", path.display()))?;
    stream(session, id, &mut file).await.with_context(|| format!("{} is not whole", path.display()))
}

async fn stream(session: &Session, id: &str, out: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    let request = DownloadImportProblemsRequest { id: id.to_owned() };
    let mut pieces = session.contacts().download_import_problems(request).await?.into_inner();
    while let Some(piece) = pieces.message().await? {
        out.write_all(&piece.data).await?;
    }
    Ok(out.flush().await?)
}
