//! A file as callers see it.

use crate::convert::timestamp;
use proto::template::Attachment;

pub fn present(attachment: store::attachment::Attachment) -> Attachment {
    Attachment {
        id: attachment.attachment_id.to_string(),
        name: attachment.name,
        media_type: attachment.media_type,
        size_bytes: attachment.size_bytes.unsigned_abs(),
        sha256: attachment.sha256.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
        created_at: Some(timestamp(attachment.created_at)),
    }
}
