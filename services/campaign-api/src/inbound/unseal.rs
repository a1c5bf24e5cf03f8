//! What people wrote, opened for as long as it is looked at. It is kept sealed, as it came.

use prost::Message as _;
use proto::event::{Inbound, InboundContent};
use runtime::seal::{Error, Kek};

/// Opens sealed messages, so that words of the register are found in them. Answers with those that could be opened, and why others can't:
/// they go to where a person looks, sealed as they are, and come again once their key is there.
pub fn open(kek: &Kek, inbound: Vec<Inbound>) -> (Vec<Inbound>, Vec<String>) {
    let (mut opened, mut left_out) = (Vec::with_capacity(inbound.len()), Vec::new());
    for mut message in inbound {
        match content(kek, &message) {
            Ok(content) => {
                message.text = content.text;
                opened.push(message);
            }
            Err(reason) => left_out.push(format!("an inbound message can't be opened: {reason}")),
        }
    }
    (opened, left_out)
}

/// What a message holds. What was posted to an older version is in clear.
///
/// # Errors
/// Why it can't be opened; nothing of what is in it.
pub fn content(kek: &Kek, message: &Inbound) -> Result<InboundContent, String> {
    if message.sealed.is_empty() {
        return Ok(InboundContent { text: message.text.clone(), ..InboundContent::default() });
    }
    let bytes = kek.open(&message.sealed, &message.key).map_err(|error| error.to_string())?;
    InboundContent::decode(bytes.as_slice()).map_err(|_| "it is no message".to_owned())
}

/// A message sealed as it is kept: as it came, or now.
///
/// # Errors
/// When the system gives no randomness.
pub fn sealed(kek: &Kek, message: &Inbound) -> Result<Vec<u8>, Error> {
    if !message.sealed.is_empty() {
        return Ok(message.sealed.clone());
    }
    let content = InboundContent { text: message.text.clone(), ..InboundContent::default() };
    kek.seal(&content.encode_to_vec(), &message.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek() -> Kek {
        Kek::from_base64(&Kek::generate().unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_and_what_cannot_be_is_told_without_its_words() {
        let kek = kek();
        let content = InboundContent { text: "STOP".to_owned(), ..InboundContent::default() };
        let key = vec![7; 16];
        let sealed = Inbound { sealed: kek.seal(&content.encode_to_vec(), &key).unwrap(), key: key.clone(), ..Inbound::default() };
        let moved = Inbound { key: vec![8; 16], ..sealed.clone() };
        let in_clear = Inbound { text: "hello".to_owned(), ..Inbound::default() };
        let (opened, left_out) = open(&kek, vec![sealed.clone(), moved, in_clear]);
        assert_eq!(opened.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["STOP", "hello"]);
        assert_eq!(left_out.len(), 1);
        assert_eq!(open(&super::tests::kek(), vec![sealed]).1.len(), 1, "another key");
    }

    #[test]
    fn what_came_in_clear_is_kept_sealed() {
        let kek = kek();
        let in_clear = Inbound { text: "hello".to_owned(), key: vec![7; 16], ..Inbound::default() };
        let kept = Inbound { sealed: sealed(&kek, &in_clear).unwrap(), text: String::new(), ..in_clear };
        assert_eq!(content(&kek, &kept).unwrap().text, "hello");
    }
}
