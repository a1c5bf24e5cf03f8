//! What only an SMS's form has: the sender's name, media, encoding and validity.

use super::{Refusal, check::Form};
use crate::message::Channel;

/// `ValidityPeriod`, in seconds.
const VALIDITY: std::ops::RangeInclusive<u32> = 1..=36_000;

/// Refuses what Twilio would of these.
pub fn check(form: &Form, channel: Channel) -> Result<(), Refusal> {
    let invalid = |name: &str| Refusal::bad_request(20001, format!("Invalid parameter {name}"));
    if form.get("ValidityPeriod").is_some_and(|text| !text.parse::<u32>().is_ok_and(|seconds| VALIDITY.contains(&seconds))) {
        return Err(invalid("ValidityPeriod"));
    }
    if form.get("SmartEncoded").is_some_and(|text| !matches!(text, "true" | "false")) {
        return Err(invalid("SmartEncoded"));
    }
    let to = form.recipient();
    let named = form.get("From").is_some_and(|from| from.bytes().any(|byte| byte.is_ascii_alphabetic()) && !from.contains(':'));
    if channel == Channel::Sms && named && takes_no_names(to) {
        let message = format!("The 'To' phone number: {to}, is not currently reachable using the 'From' phone number");
        return Err(Refusal::bad_request(21612, message));
    }
    Ok(())
}

/// The United States, Canada and their neighbours in the numbering plan: texts come from numbers there.
fn takes_no_names(to: &str) -> bool {
    to.starts_with("+1")
}

/// Why a message with media fails later; None where there is MMS.
pub fn late_failure(channel: Channel, to: &str, has_media: bool) -> Option<&'static str> {
    (channel == Channel::Sms && has_media && !to.starts_with("+1")).then_some("30011")
}
