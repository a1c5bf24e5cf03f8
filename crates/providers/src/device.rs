//! The devices that push messages go to. A device's target is [`crate::Message::to`].

use std::fmt;

/// How a device is reached, besides its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub kind: DeviceKind,
    /// Of Web Push alone: what the payload is encrypted for.
    pub keys: Option<PushKeys>,
}

/// What a device's target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A Firebase installation id.
    Fid,
    /// A registration token of Firebase Cloud Messaging.
    Token,
    /// The endpoint of a Web Push subscription: an untrusted URL.
    WebPush,
}

/// The keys of a Web Push subscription (RFC 8291).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PushKeys {
    /// The browser's P-256 public key, an uncompressed point.
    pub p256dh: [u8; 65],
    /// Its authentication secret.
    pub auth: [u8; 16],
}

impl DeviceKind {
    pub const ALL: [Self; 3] = [Self::Fid, Self::Token, Self::WebPush];

    /// The name used in SQL and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fid => "fid",
            Self::Token => "token",
            Self::WebPush => "webpush",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

// Whoever has both can write to the device as we do.
impl fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names_and_keys_are_not_shown() {
        assert!(DeviceKind::ALL.into_iter().all(|kind| DeviceKind::of_name(kind.as_str()) == Some(kind)));
        assert_eq!(DeviceKind::of_name("pager"), None);
        let device = Device { kind: DeviceKind::WebPush, keys: Some(PushKeys { p256dh: [231; 65], auth: [231; 16] }) };
        assert!(!format!("{device:?}").contains("231"));
    }
}
