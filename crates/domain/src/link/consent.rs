//! Tokens of the pages on which a person says what they want: their preferences, and the confirmation of a list.
//!
//! Each names one person, and a confirmation one list beside; who has it can do this for that person and nothing for anybody else.

use super::{LinkKey, MAC_BYTES, MAX_TOKEN, Purpose, equal_in_constant_time};
use crate::{ContactId, DeliveryId, ListId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Whose page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Who got this message.
    Delivery(DeliveryId),
    Contact(ContactId),
}

/// What says that an address is still the one that a link was made for. Of no use for guessing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

const FINGERPRINT_BYTES: usize = 8;

/// Who confirms what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    pub list_id: ListId,
    pub recipient: Recipient,
    /// Of the address that the link was made for; None: the one that the message went to.
    pub address: Option<Fingerprint>,
}

const OF_DELIVERY: u8 = 1;
const OF_CONTACT: u8 = 2;

impl LinkKey {
    /// Token of a person's preference page.
    #[must_use]
    pub fn preferences_token(&self, recipient: Recipient) -> String {
        self.seal_bytes(Purpose::Preferences, &recipient.bytes())
    }

    /// Whose preference page a token is for.
    #[must_use]
    pub fn read_preferences(&self, token: &str) -> Option<Recipient> {
        let body = self.unseal_bytes(Purpose::Preferences, token)?;
        Recipient::read(&body).filter(|(_, rest)| rest.is_empty()).map(|(recipient, _)| recipient)
    }

    /// Token by which the recipient of a message confirms a list.
    #[must_use]
    pub fn confirmation_token(&self, list: ListId, delivery: DeliveryId) -> String {
        let mut body = list.0.as_bytes().to_vec();
        body.extend(Recipient::Delivery(delivery).bytes());
        self.seal_bytes(Purpose::Confirm, &body)
    }

    /// Token by which a contact confirms a list, as long as this is an address of theirs.
    #[must_use]
    pub fn contact_confirmation_token(&self, list: ListId, contact: ContactId, address_key: &str) -> String {
        let mut body = list.0.as_bytes().to_vec();
        body.extend(Recipient::Contact(contact).bytes());
        body.extend(self.fingerprint(address_key).0);
        self.seal_bytes(Purpose::Confirm, &body)
    }

    /// Who confirms what by a token.
    #[must_use]
    pub fn read_confirmation(&self, token: &str) -> Option<Confirmation> {
        let body = self.unseal_bytes(Purpose::Confirm, token)?;
        let (list, rest) = body.split_first_chunk::<16>()?;
        let (recipient, rest) = Recipient::read(rest)?;
        let address = match (recipient, rest) {
            (Recipient::Delivery(_), []) => None,
            (Recipient::Contact(_), bytes) => Some(Fingerprint(bytes.try_into().ok()?)),
            _ => return None,
        };
        Some(Confirmation { list_id: Uuid::from_bytes(*list).into(), recipient, address })
    }

    /// What an address is known by in a confirmation link.
    #[must_use]
    pub fn fingerprint(&self, address_key: &str) -> Fingerprint {
        let mac = self.mac(Purpose::Fingerprint, address_key.as_bytes());
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.copy_from_slice(&mac.as_ref()[..FINGERPRINT_BYTES]);
        Fingerprint(bytes)
    }

    pub(super) fn seal_bytes(&self, purpose: Purpose, body: &[u8]) -> String {
        let mac = self.mac(purpose, body);
        URL_SAFE_NO_PAD.encode([body, &mac.as_ref()[..MAC_BYTES]].concat())
    }

    pub(super) fn unseal_bytes(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let expected = self.mac(purpose, body);
        equal_in_constant_time(&expected.as_ref()[..MAC_BYTES], mac).then(|| body.to_vec())
    }
}

impl Recipient {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Delivery(id) => [&[OF_DELIVERY][..], &id.0.to_be_bytes()].concat(),
            Self::Contact(id) => [&[OF_CONTACT][..], id.0.as_bytes()].concat(),
        }
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            OF_DELIVERY => rest.split_first_chunk::<8>().map(|(id, rest)| (Self::Delivery(DeliveryId(i64::from_be_bytes(*id))), rest)),
            OF_CONTACT => rest.split_first_chunk::<16>().map(|(id, rest)| (Self::Contact(Uuid::from_bytes(*id).into()), rest)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LinkKey {
        LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    #[test]
    fn tokens_come_back_as_they_went() {
        let (key, contact, list, delivery) = (key(), ContactId::new(), ListId::new(), DeliveryId(42));
        for recipient in [Recipient::Delivery(delivery), Recipient::Contact(contact)] {
            assert_eq!(key.read_preferences(&key.preferences_token(recipient)), Some(recipient));
        }
        let of_message = Confirmation { list_id: list, recipient: Recipient::Delivery(delivery), address: None };
        assert_eq!(key.read_confirmation(&key.confirmation_token(list, delivery)), Some(of_message));
        let token = key.contact_confirmation_token(list, contact, "sara@example.com");
        let of_contact =
            Confirmation { list_id: list, recipient: Recipient::Contact(contact), address: Some(key.fingerprint("sara@example.com")) };
        assert_eq!(key.read_confirmation(&token), Some(of_contact));
        assert_ne!(key.fingerprint("sara@example.com"), key.fingerprint("sarah@example.com"));
    }

    #[test]
    fn a_token_is_worth_nothing_for_another_purpose() {
        let (key, id) = (key(), DeliveryId(42));
        let preferences = key.preferences_token(Recipient::Delivery(id));
        assert_eq!((key.read_confirmation(&preferences), key.read_unsubscribe(&preferences)), (None, None));
        assert_eq!(key.read_preferences(&key.unsubscribe_token(id)), None);
        assert_eq!(key.read_preferences(&key.confirmation_token(ListId::new(), id)), None);
        assert_eq!(key.read_preferences(&key.open_token(id)), None);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = key();
        let tokens = [
            key.preferences_token(Recipient::Delivery(DeliveryId(7))),
            key.preferences_token(Recipient::Contact(ContactId::new())),
            key.confirmation_token(ListId::new(), DeliveryId(7)),
            key.contact_confirmation_token(ListId::new(), ContactId::new(), "sara@example.com"),
        ];
        let mut flipped = 0;
        for token in tokens {
            let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut forged = bytes.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let forged = URL_SAFE_NO_PAD.encode(forged);
                assert_eq!((key.read_preferences(&forged), key.read_confirmation(&forged)), (None, None), "bit {bit}");
                flipped += 1;
            }
        }
        assert_eq!(flipped, (25 + 33 + 41 + 57) * 8);
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "a", "====", "not base64!", &"A".repeat(MAX_TOKEN + 1)] {
            assert_eq!((key().read_preferences(text), key().read_confirmation(text)), (None, None));
        }
    }
}
