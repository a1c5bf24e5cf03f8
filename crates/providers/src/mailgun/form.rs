//! The body of a call: fields, and files where there are some (`multipart/form-data`, RFC 7578).

use crate::Attachment;
use crate::signature::hex;
use ring::digest;
use url::form_urlencoded;

pub(super) type Fields = Vec<(&'static str, String)>;

/// A body with its type.
pub(super) struct Body {
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// Writes fields, and files behind them: a picture that the HTML shows goes by its content id, which Mailgun takes the file's name for.
pub(super) fn body(fields: &Fields, files: &[Attachment]) -> Body {
    if files.is_empty() {
        let bytes = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        return Body { media_type: "application/x-www-form-urlencoded".to_owned(), bytes };
    }
    let boundary = boundary(fields, files);
    let mut bytes = Vec::new();
    for (name, value) in fields {
        part(&mut bytes, &boundary, &format!("name=\"{name}\""), None, value.as_bytes());
    }
    for file in files {
        let (field, name) = match &file.content_id {
            Some(id) => ("inline", id),
            None => ("attachment", &file.name),
        };
        let disposition = format!("name=\"{field}\"; filename=\"{}\"", quoted(name));
        part(&mut bytes, &boundary, &disposition, Some(&file.media_type), &file.bytes);
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Body { media_type: format!("multipart/form-data; boundary={boundary}"), bytes }
}

fn part(bytes: &mut Vec<u8>, boundary: &str, disposition: &str, media_type: Option<&str>, content: &[u8]) {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n");
    if let Some(media_type) = media_type {
        head.push_str(&format!("Content-Type: {}\r\n", quoted(media_type)));
    }
    head.push_str("\r\n");
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(b"\r\n");
}

/// What would end the quotes or the line is percent-encoded (RFC 7578, 4.2; WHATWG, "multipart/form-data").
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A hash of all that lies between: no content can hold its own.
fn boundary(fields: &Fields, files: &[Attachment]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    fields.iter().for_each(|(_, value)| hash.update(value.as_bytes()));
    files.iter().for_each(|file| hash.update(&file.bytes));
    format!("fanfare{}", hex(&hash.finish().as_ref()[..16]))
}
