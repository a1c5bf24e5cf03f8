//! The files of a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sendgrid::Refusal;
use crate::sendgrid::wire::Attachment;

/// Each as `name (type, size)`; a picture that the HTML shows with its `cid:`.
pub fn check(attachments: &[Attachment]) -> Result<Vec<String>, Refusal> {
    let mut files = Vec::new();
    for (i, attachment) in attachments.iter().enumerate() {
        let refuse = |field: &str, message: &str| Err(Refusal::bad_request(&format!("attachments.{i}.{field}"), message));
        let Some(bytes) = STANDARD.decode(&attachment.content).ok().filter(|bytes| !bytes.is_empty()) else {
            return refuse("content", "The attachment content must be base64 encoded.");
        };
        let inline = match attachment.disposition.as_deref() {
            None | Some("attachment") => false,
            Some("inline") => true,
            Some(_) => return refuse("disposition", "The disposition must be inline or attachment."),
        };
        if attachment.filename.as_deref().is_none_or(str::is_empty) {
            return refuse("filename", "The attachment filename is required.");
        }
        if attachment.mime.as_deref().is_some_and(|mime| !mime.contains('/') || mime.contains([';', '\r', '\n'])) {
            return refuse("type", "The attachment type must be a MIME type without parameters.");
        }
        let shown = attachment.content_id.as_deref().filter(|_| inline).map(|id| format!("cid:{id} ")).unwrap_or_default();
        let (name, mime) = (attachment.filename.as_deref().unwrap_or_default(), attachment.mime.as_deref().unwrap_or_default());
        files.push(format!("{shown}{name} ({mime}, {} bytes)", bytes.len()));
    }
    Ok(files)
}
