//! Tokens by which an app or a browser tells what became of a notification.
//!
//! They name one delivery, and are good for saying that it was shown or opened, and for nothing else.

use super::{LinkKey, Purpose};
use crate::DeliveryId;

impl LinkKey {
    /// Token of a notification's receipts.
    #[must_use]
    pub fn receipt_token(&self, delivery: DeliveryId) -> String {
        self.seal(Purpose::Receipt, delivery, b"")
    }

    /// The delivery of a receipt's token.
    #[must_use]
    pub fn read_receipt(&self, token: &str) -> Option<DeliveryId> {
        self.unseal(Purpose::Receipt, token).filter(|(_, rest)| rest.is_empty()).map(|(delivery, _)| delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_good_for_nothing_else() {
        let key = LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let id = DeliveryId(42);
        assert_eq!(key.read_receipt(&key.receipt_token(id)), Some(id));
        assert_eq!((key.read_open(&key.receipt_token(id)), key.read_unsubscribe(&key.receipt_token(id))), (None, None));
        assert_eq!((key.read_receipt(&key.open_token(id)), key.read_receipt("")), (None, None));
    }
}
