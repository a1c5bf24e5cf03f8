//! A device as callers see it.

use crate::convert::timestamp;
use proto::device::{Device, DeviceKind};
use providers::device::DeviceKind as Kind;
use store::device;

/// Characters of a target that are shown.
const SHOWN: usize = 6;

pub fn present(device: device::Device) -> Device {
    let shown_from = device.target.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
    Device {
        id: device.device_id.to_string(),
        contact_id: device.contact_id.to_string(),
        sender_id: device.sender_id.to_string(),
        kind: kind_number(&device.kind),
        target_end: device.target[shown_from..].to_owned(),
        platform: device.platform,
        locale: device.locale,
        created_at: Some(timestamp(device.created_at)),
        last_seen_at: Some(timestamp(device.last_seen_at)),
        gone_at: device.gone_at.map(timestamp),
        gone_code: device.gone_code,
    }
}

/// The kind of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
pub fn kind(number: i32) -> Option<Kind> {
    match DeviceKind::try_from(number).ok()? {
        DeviceKind::Unspecified => None,
        DeviceKind::Fid => Some(Kind::Fid),
        DeviceKind::Token => Some(Kind::Token),
        DeviceKind::Webpush => Some(Kind::WebPush),
    }
}

fn kind_number(name: &str) -> i32 {
    let kind = match Kind::of_name(name) {
        None => DeviceKind::Unspecified,
        Some(Kind::Fid) => DeviceKind::Fid,
        Some(Kind::Token) => DeviceKind::Token,
        Some(Kind::WebPush) => DeviceKind::Webpush,
    };
    kind.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_as_they_went() {
        for one in Kind::ALL {
            assert_eq!(kind(kind_number(one.as_str())), Some(one));
        }
        assert_eq!((kind(0), kind(99)), (None, None));
    }
}
