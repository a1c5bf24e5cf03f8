//! Leaves a file with Meta, to be sent by its id: a form with the file in it.
//!
//! Source: `uploadImage` in Meta's OpenAPI description, which is for every kind of file. Meta keeps a file for 30 days.

use super::{errors, send::Sender};
use crate::errors::PERMANENT;
use crate::settings::endpoint;
use crate::{Fault, Outcome, http_client};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use std::time::Duration;

/// A file takes longer than a message: at the least this, whatever the deadline of a message is.
const DEADLINE: Duration = Duration::from_secs(30);

/// Uploads the file; nobody sees anything of it, so that a doubtful upload may be done again.
pub(super) async fn upload(sender: &Sender, media_type: &str, bytes: &[u8]) -> Result<String, Fault> {
    #[derive(Deserialize)]
    struct Uploaded {
        id: String,
    }
    let Some(ending) = ending(media_type) else {
        return Err(Fault::new("131053", PERMANENT, "WhatsApp takes no files of this type"));
    };
    let config = &sender.config;
    let url = endpoint(&config.base_url, &[config.version.as_str(), &config.phone_number_id, "media"])
        .map_err(|_| Fault::content("the address of the account can't be used"))?;
    let boundary = boundary(bytes);
    let form = form(&boundary, media_type, ending, bytes);
    let request = sender
        .client
        .post(url)
        .bearer_auth(config.access_token.expose())
        .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
        .body(form);
    let id = |answer: &http_client::Answer| {
        let uploaded: Uploaded = serde_json::from_slice(&answer.body).ok()?;
        Some(uploaded.id).filter(|id| !id.is_empty())
    };
    http_client::call(request, DEADLINE.max(sender.deadline), id, errors::fault).await.map_err(|outcome| match outcome {
        Outcome::Refused(fault) | Outcome::Uncertain(fault) => fault,
        Outcome::Accepted { .. } | Outcome::Pending { .. } => Fault::content("the upload has no id"),
    })
}

/// The types that WhatsApp takes, with the ending of a file's name (Meta, "Supported media types").
fn ending(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "video/mp4" => "mp4",
        "video/3gpp" => "3gp",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.ms-powerpoint" => "ppt",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        _ => return None,
    })
}

/// A line that isn't in the file.
fn boundary(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    format!("fanfare-{}", crate::signature::hex(hash.as_ref()))
}

fn form(boundary: &str, media_type: &str, ending: &str, bytes: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(bytes.len() + 512);
    for (name, value) in [("messaging_product", "whatsapp"), ("type", media_type)] {
        form.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"media.{ending}\"\r\nContent-Type: {media_type}\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(bytes);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_parts_and_its_end() {
        let form = String::from_utf8(form("b", "image/png", "png", b"\x89PNG".map(|b| b & 0x7f).as_slice())).unwrap();
        assert_eq!(form.matches("--b\r\n").count(), 3);
        assert!(form.ends_with("\r\n--b--\r\n"));
        assert!(form.contains("name=\"file\"; filename=\"media.png\"\r\nContent-Type: image/png\r\n\r\n"));
    }

    #[test]
    fn other_types_are_not_sent() {
        assert_eq!(ending("text/html"), None);
        assert_eq!(ending("image/jpeg"), Some("jpg"));
    }
}
