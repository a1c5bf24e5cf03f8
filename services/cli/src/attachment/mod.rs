//! `fanfare attachment`: files that e-mails carry. A template names them by id: `"files": [{"attachment_id": "…", "content_id": "logo"}]`.

use crate::{
    paging,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::template::{Attachment, CreateAttachmentRequest, DeleteAttachmentRequest, GetAttachmentRequest, ListAttachmentsRequest};
use std::{fs, path::PathBuf};

/// A file of 10 MB with its answer around it.
const MOST_BYTES: usize = 11 << 20;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Upload a file: PNG, JPEG, GIF, WebP, PDF, DOCX, XLSX, PPTX, ICS, VCF, CSV or TXT, at most 10 MB
    Upload {
        file: PathBuf,
        /// What recipients see; the file's own name unless given
        #[arg(long)]
        name: Option<String>,
    },
    /// Show all files
    List,
    /// Write a file to disk
    Download { id: String, to: PathBuf },
    /// Delete a file that no version of a template names
    Delete { id: String },
}

/// # Errors
/// When the hub refuses, or a file can't be read or written.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    let client = || session.attachments().max_decoding_message_size(MOST_BYTES).max_encoding_message_size(MOST_BYTES);
    match verb {
        Verb::Upload { file, name } => {
            let content = fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
            let own = || file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let request = CreateAttachmentRequest { name: name.unwrap_or_else(own), content, request_id: request_id() };
            let attachment = client().create_attachment(request).await?.into_inner().attachment;
            session.output.message(&attachment.context("the hub's answer has no file")?, line)
        }
        Verb::List => list(session).await,
        Verb::Download { id, to } => {
            let answer = client().get_attachment(GetAttachmentRequest { id }).await?.into_inner();
            fs::write(&to, &answer.content).with_context(|| format!("{} can't be written", to.display()))?;
            session.output.message(&answer.attachment.context("the hub's answer has no file")?, line)
        }
        Verb::Delete { id } => {
            client().delete_attachment(DeleteAttachmentRequest { id }).await?;
            session.output.value(&serde_json::json!({"deleted": true}), "deleted")
        }
    }
}

async fn list(session: &Session) -> Result<()> {
    let attachments = paging::collect(0, |page_size, page_token| async move {
        let page = session.attachments().list_attachments(ListAttachmentsRequest { page_size, page_token }).await?.into_inner();
        Ok((page.attachments, page.next_page_token))
    });
    session.output.rows(["id", "name", "type", "bytes"], &attachments.await?, |attachment| {
        [attachment.id.clone(), attachment.name.clone(), attachment.media_type.clone(), attachment.size_bytes.to_string()]
    })
}

fn line(attachment: &Attachment) -> String {
    format!("{}  {} ({}, {} bytes)", attachment.id, attachment.name, attachment.media_type, attachment.size_bytes)
}
