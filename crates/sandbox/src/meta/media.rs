//! `POST /{version}/{phone_number_id}/media`: a form with a file. The file is thrown away, its id taken for good.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::{Refusal, authorise_token};
use crate::config::Active;

/// Takes a file, and answers with an id that depends on its bytes alone.
pub fn upload(active: &Active, version: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    taken(active, version, headers, body).unwrap_or_else(IntoResponse::into_response)
}

fn taken(active: &Active, version: &str, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
    authorise_token(active, version, headers)?;
    let missing = |what: &str| Refusal::bad_request(131_008, "Required parameter is missing", format!("The parameter {what} is required."));
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary =
        kind.strip_prefix("multipart/form-data").and_then(|rest| rest.split("boundary=").nth(1)).map(|text| text.trim_matches('"'));
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or_else(|| missing("file"))?;
    let product = part(body, boundary, "messaging_product").ok_or_else(|| missing("messaging_product"))?;
    if product != b"whatsapp" {
        return Err(Refusal::bad_request(100, "Invalid parameter", "messaging_product must be whatsapp."));
    }
    let file = part(body, boundary, "file").filter(|file| !file.is_empty()).ok_or_else(|| missing("file"))?;
    let hash = digest(&SHA256, file);
    let id: u64 = hash.as_ref().iter().take(7).fold(1, |id, byte| id << 8 | u64::from(*byte));
    Ok(Json(json!({ "id": id.to_string() })).into_response())
}

/// The content of the form's part of that name.
fn part<'a>(body: &'a [u8], boundary: &str, name: &str) -> Option<&'a [u8]> {
    let line = format!("--{boundary}");
    let mut rest = body;
    loop {
        let start = find(rest, line.as_bytes())? + line.len();
        rest = rest.get(start..)?;
        let (head, content) = rest.split_at(find(rest, b"\r\n\r\n")?);
        let content = content.get(4..)?;
        let end = find(content, format!("\r\n{line}").as_bytes())?;
        if find(head, format!("name=\"{name}\"").as_bytes()).is_some() {
            return content.get(..end);
        }
        rest = content.get(end..)?;
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_their_names() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\r\n\r\n--b--\r\n";
        assert_eq!(part(body, "b", "messaging_product"), Some(&b"whatsapp"[..]));
        assert_eq!(part(body, "b", "file"), Some(&b"\x89PNG\r\n\r\n"[..]));
        assert_eq!(part(body, "b", "type"), None);
        assert_eq!(part(b"", "b", "file"), None);
    }
}
