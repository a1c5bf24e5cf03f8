//! What people write is sealed before it is stored anywhere: it travels through the outbox and the broker as bytes that only a holder of the
//! key-encryption key can read, tied to the message that it belongs to.

use prost::Message as _;
use proto::event::{InboundContent, InboundMedia};
use providers::{Inbound, webhook::Media};
use runtime::seal::{Error, Kek};

/// Bytes of a text that are kept: sixteen times what any channel carries. A tenant signs its own posts, so they may hold anything.
const MAX_TEXT: usize = 64 << 10;
/// Bytes of a name, an id, a URL.
const MAX_PART: usize = 2_048;
/// Media of one message: three times what any channel carries.
const MAX_MEDIA: usize = 30;

/// Seals what a message says and who says it, tied to the message's key.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn content(kek: &Kek, key: &[u8], inbound: &Inbound) -> Result<Vec<u8>, Error> {
    let content = InboundContent {
        text: start(&inbound.text, MAX_TEXT),
        name: start(inbound.name.as_deref().unwrap_or_default(), MAX_PART),
        media: inbound.media.iter().take(MAX_MEDIA).map(medium).collect(),
        subject: String::new(),
    };
    kek.seal(&content.encode_to_vec(), key)
}

fn medium(media: &Media) -> InboundMedia {
    InboundMedia {
        id: start(&media.id, MAX_PART),
        url: start(&media.url, MAX_PART),
        media_type: start(&media.media_type, MAX_PART),
        size: media.size.unwrap_or_default(),
        file_name: start(&media.file_name, MAX_PART),
        sha256: start(&media.sha256, MAX_PART),
    }
}

/// The first so many bytes of a text, in whole characters.
pub(crate) fn start(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use time::OffsetDateTime;

    #[test]
    fn what_is_sealed_opens_with_its_key_only_and_is_bounded() {
        let kek = Kek::from_base64(&Kek::generate().unwrap()).unwrap();
        let mut inbound = Inbound::new("SM1", Channel::Sms, OffsetDateTime::UNIX_EPOCH);
        inbound.text = "é".repeat(MAX_TEXT);
        inbound.media = vec![Media { file_name: "passport.jpg".to_owned(), size: Some(7), ..Media::default() }; MAX_MEDIA + 1];
        let sealed = content(&kek, b"key", &inbound).unwrap();
        assert!(kek.open(&sealed, b"other").is_err());
        let opened = InboundContent::decode(kek.open(&sealed, b"key").unwrap().as_slice()).unwrap();
        assert_eq!((opened.text.len(), opened.media.len()), (MAX_TEXT, MAX_MEDIA));
        assert_eq!((opened.media[0].size, opened.media[0].file_name.as_str()), (7, "passport.jpg"));
        assert_eq!(start("aé", 2), "a");
    }
}
