//! A device as it registers: what a stranger says about itself, looked over before it is kept.

use crate::{DeviceKind, PushKeys, public_net};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use url::Url;

/// Longer targets aren't kept; tokens and endpoints have some 200 characters.
pub const TARGET_MAX_CHARS: usize = 2_048;

/// A device that can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub kind: DeviceKind,
    pub target: String,
    /// Of Web Push, and of no other kind.
    pub keys: Option<PushKeys>,
}

/// What is wrong with a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadDevice {
    /// `target`, `p256dh` or `auth`.
    pub field: &'static str,
    pub remedy: &'static str,
}

/// Reads a registration. Keys are base64url as browsers give them, with or without padding; other kinds than Web Push have none.
///
/// # Errors
/// All that is wrong with it.
pub fn read(kind: DeviceKind, target: &str, p256dh: &str, auth: &str) -> Result<Registration, Vec<BadDevice>> {
    let mut problems = Vec::new();
    let mut bad = |field, remedy| problems.push(BadDevice { field, remedy });
    if let Err(remedy) = check_target(kind, target) {
        bad("target", remedy);
    }
    let keys = if kind == DeviceKind::WebPush {
        let point = bytes::<65>(p256dh).filter(|point| point[0] == 4);
        if point.is_none() {
            bad("p256dh", "must be the subscription's key: an uncompressed point of 65 bytes in base64url");
        }
        let auth = bytes::<16>(auth);
        if auth.is_none() {
            bad("auth", "must be the subscription's secret: 16 bytes in base64url");
        }
        point.zip(auth).map(|(p256dh, auth)| PushKeys { p256dh, auth })
    } else {
        if !p256dh.is_empty() || !auth.is_empty() {
            bad("p256dh", "only a Web Push subscription has keys: leave p256dh and auth out");
        }
        None
    };
    if problems.is_empty() { Ok(Registration { kind, target: target.to_owned(), keys }) } else { Err(problems) }
}

fn check_target(kind: DeviceKind, target: &str) -> Result<(), &'static str> {
    if target.len() > TARGET_MAX_CHARS || target.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("must be at most 2,048 characters, without blanks");
    }
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match kind {
        DeviceKind::WebPush => match Url::parse(target) {
            Ok(url) if public_net::check(&url).is_ok() && url.fragment().is_none() => Ok(()),
            _ => Err("must be the subscription's endpoint: an https URL of a public push service"),
        },
        // 22 characters, as Firebase makes them.
        DeviceKind::Fid if (10..=64).contains(&target.len()) && target.bytes().all(is_id) => Ok(()),
        DeviceKind::Fid => Err("must be a Firebase installation id: 22 of A-Z, a-z, 0-9, - and _"),
        DeviceKind::Token if target.len() >= 20 => Ok(()),
        DeviceKind::Token => Err("must be a registration token as Firebase's SDK gives it"),
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Longer than either of the two.
    if text.len() > 100 {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";
    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn fields(kind: DeviceKind, target: &str, p256dh: &str, auth: &str) -> Vec<&'static str> {
        read(kind, target, p256dh, auth).err().unwrap_or_default().into_iter().map(|bad| bad.field).collect()
    }

    #[test]
    fn devices_are_taken_as_their_makers_write_them() {
        assert!(read(DeviceKind::WebPush, ENDPOINT, P256DH, AUTH).unwrap().keys.is_some());
        assert!(read(DeviceKind::WebPush, ENDPOINT, &format!("{P256DH}="), &format!("{AUTH}==")).is_ok());
        assert_eq!(read(DeviceKind::Token, "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1", "", "").unwrap().keys, None);
        assert!(read(DeviceKind::Fid, "cIBVrLH0QSa1XUV9q0GeLz", "", "").is_ok());
    }

    #[test]
    fn the_published_subscription_is_taken_as_a_browser_gives_it() {
        let subscription = contracts::json("webpush/samples/subscription.json");
        let text = |pointer: &str| subscription.pointer(pointer).unwrap().as_str().unwrap();
        let device = read(DeviceKind::WebPush, text("/endpoint"), text("/keys/p256dh"), text("/keys/auth")).unwrap();
        assert!(device.keys.is_some() && device.target == ENDPOINT);
    }

    #[test]
    fn what_cannot_be_written_to_is_refused_field_by_field() {
        use DeviceKind::{Fid, Token, WebPush};
        assert_eq!(fields(WebPush, ENDPOINT, "", ""), ["p256dh", "auth"]);
        assert_eq!(fields(WebPush, "ftp://push.example.net/x", P256DH, AUTH), ["target"]);
        assert_eq!(fields(WebPush, "not a url", AUTH, P256DH), ["target", "p256dh", "auth"]);
        assert_eq!(fields(WebPush, &format!("{ENDPOINT}{}", "x".repeat(2_048)), P256DH, AUTH), ["target"]);
        assert_eq!(fields(WebPush, ENDPOINT, &P256DH.replacen('B', "C", 1), AUTH), ["p256dh"]);
        assert_eq!(fields(Token, "short", "", ""), ["target"]);
        assert_eq!(fields(Token, "bk3RNwTe3H0:CI2k_HHwgIp", P256DH, ""), ["p256dh"]);
        assert_eq!(fields(Fid, "with blanks in it here", "", ""), ["target"]);
    }
}
