//! Tokens by which a browser registers itself as a device of a contact.
//!
//! Who holds one gets what that contact is sent by that app, so they end after a while.

use super::{LinkKey, Purpose};
use crate::{ContactId, SenderId};
use time::OffsetDateTime;
use uuid::Uuid;

/// Who may register a device for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLink {
    pub contact_id: ContactId,
    /// The app: a sender of the channel push.
    pub sender_id: SenderId,
}

impl LinkKey {
    /// Token for registering devices until then, to the second.
    #[must_use]
    pub fn device_token(&self, link: DeviceLink, until: OffsetDateTime) -> String {
        let until = until.unix_timestamp().to_be_bytes();
        self.seal_bytes(Purpose::Device, &[&link.contact_id.0.as_bytes()[..], link.sender_id.0.as_bytes(), &until].concat())
    }

    /// What a token is for; None when it isn't ours, or not any more.
    #[must_use]
    pub fn read_device(&self, token: &str, now: OffsetDateTime) -> Option<DeviceLink> {
        let body = self.unseal_bytes(Purpose::Device, token)?;
        let (contact, rest) = body.split_first_chunk::<16>()?;
        let (sender, rest) = rest.split_first_chunk::<16>()?;
        let until = i64::from_be_bytes(rest.try_into().ok()?);
        let link = DeviceLink { contact_id: Uuid::from_bytes(*contact).into(), sender_id: Uuid::from_bytes(*sender).into() };
        (now.unix_timestamp() < until).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    #[test]
    fn a_link_is_good_until_its_end_and_for_nothing_else() {
        let key = LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let link = DeviceLink { contact_id: ContactId::new(), sender_id: SenderId::new() };
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let token = key.device_token(link, at(100));
        assert_eq!(key.read_device(&token, at(99)), Some(link));
        assert_eq!(key.read_device(&token, at(100)), None);
        assert_eq!((key.read_confirmation(&token), key.read_preferences(&token)), (None, None));
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.read_device(&URL_SAFE_NO_PAD.encode(forged), at(0)), None, "bit {bit}");
        }
    }
}
