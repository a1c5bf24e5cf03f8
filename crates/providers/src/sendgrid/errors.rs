//! What SendGrid's refusals and failure events mean for a message, its address and its sender.
//!
//! Mail Send has no numeric codes: the status and the field complained of decide. A bounce carries the receiving server's
//! enhanced status, read by the table for SMTP; a drop carries a phrase. Our code of such an event names its class too, so that the
//! code alone says what follows: `5.1.1`, `blocked:5.7.1`, `dropped:unsubscribed_address`.
//! Source: SendGrid's OpenAPI description and event webhook reference; the actions are ours.

use super::wire::{Complaint, ErrorBody};
use crate::errors::{INVALID, OPT_OUT, PAUSE, PERMANENT, Row, THROTTLE, row};
use crate::http_client::{self, Answer};
use crate::smtp::errors::{by_reply, reported};
use crate::{Fault, FaultAction};
use std::collections::BTreeMap;

/// A refusal's status, the beginning of the field's name, the end of it, and what follows. The first match counts.
#[rustfmt::skip]
static REFUSALS: &[(&str, &str, Row)] = &[
    ("personalizations", "to",    row(400, INVALID, "not a valid address")),
    ("personalizations", "email", row(400, INVALID, "not a valid address")),
    ("from", "",                  row(400, PAUSE, "the sending address is not valid")),
    ("", "",                      row(400, PERMANENT, "the request is not valid")),
    ("", "",                      row(401, PAUSE, "the API key is refused, or the credits are used up")),
    ("", "",                      row(403, PAUSE, "the API key lacks a permission, or the sending address is not verified")),
    ("", "",                      row(404, PAUSE, "the address in base_url is not SendGrid's")),
    ("", "",                      row(405, PAUSE, "the address in base_url is not SendGrid's")),
    ("", "",                      row(413, PERMANENT, "the message is larger than 30 MB")),
    ("", "",                      row(415, PAUSE, "the address in base_url is not SendGrid's")),
    ("", "",                      row(429, THROTTLE, "too many calls")),
];

/// Why SendGrid dropped a message without sending it, by the beginning of its reason in lower case.
#[rustfmt::skip]
static DROPS: &[(&str, FaultAction)] = &[
    ("bounced address", INVALID),
    ("invalid smtpapi", PERMANENT),
    ("invalid", INVALID),
    ("unsubscribed address", OPT_OUT),
    ("spam reporting address", OPT_OUT),
    ("spam content", PERMANENT),
    ("recipient list over package quota", PAUSE),
];

pub(super) fn fault(answer: &Answer) -> Fault {
    of_complaint(answer, complaints(answer).into_iter().next().unwrap_or_default())
}

/// What a refusal says of single messages of a call, by their place in it; of each the first complaint. Empty when it is about the whole.
pub(super) fn by_place(answer: &Answer) -> BTreeMap<usize, Fault> {
    let mut named = BTreeMap::new();
    for complaint in complaints(answer) {
        let place = complaint.field.as_deref().and_then(|field| field.strip_prefix("personalizations."));
        let place = place.and_then(|rest| rest.split('.').next()?.parse().ok());
        let Some(place) = place else { return BTreeMap::new() };
        named.entry(place).or_insert_with(|| of_complaint(answer, complaint));
    }
    named
}

fn complaints(answer: &Answer) -> Vec<Complaint> {
    serde_json::from_slice::<ErrorBody>(&answer.body).unwrap_or_default().errors
}

fn of_complaint(answer: &Answer, complaint: Complaint) -> Fault {
    let field = complaint.field.unwrap_or_default();
    let status = u32::from(answer.status.as_u16());
    let known = REFUSALS
        .iter()
        .find(|(begin, end, row)| row.code == status && field.starts_with(begin) && field.ends_with(end))
        .map(|(_, _, row)| row);
    http_client::fault(answer, None, known, &complaint.message.unwrap_or_default())
}

const DROPPED: &str = "dropped";
const BLOCKED: &str = "blocked";
const BOUNCE: &str = "bounce";

/// Our code of a drop, and what it means for the address.
pub(super) fn of_drop(reason: &str) -> (String, FaultAction) {
    let reason = reason.to_ascii_lowercase();
    match DROPS.iter().find(|(phrase, _)| reason.starts_with(phrase)) {
        Some((phrase, action)) => (format!("{DROPPED}:{}", phrase.replace(' ', "_")), *action),
        None => (DROPPED.to_owned(), PERMANENT),
    }
}

/// Our code of a bounce, and what it means for the address: by enhanced status, else by the beginning of the server's reply.
pub(super) fn of_bounce(blocked: bool, status: &str, reason: &str) -> (String, FaultAction) {
    let basic = reason.get(..3).and_then(|code| code.parse().ok());
    let text = if status.is_empty() { reason.get(3..).unwrap_or_default() } else { status };
    let reply = by_reply(basic.unwrap_or(500), text.trim_start());
    let nothing_said = basic.is_none() && !reply.code.contains('.');
    let code = match (blocked, nothing_said) {
        (true, true) => BLOCKED.to_owned(),
        (true, false) => format!("{BLOCKED}:{}", reply.code),
        (false, true) => BOUNCE.to_owned(),
        (false, false) => reply.code,
    };
    (code, bounced(blocked, reply.action))
}

fn bounced(blocked: bool, action: FaultAction) -> FaultAction {
    match action {
        // A block is a policy, a full mailbox or a bad day: the address may be as good as any.
        INVALID if blocked => PERMANENT,
        action => reported(action),
    }
}

/// What follows from our code of an event.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    let (class, rest) = code.split_once(':').unwrap_or((code, ""));
    match class {
        DROPPED => Some(of_drop(&rest.replace('_', " ")).1),
        BLOCKED => Some(crate::smtp::errors::report_action(rest).map_or(PERMANENT, |action| bounced(true, action))),
        BOUNCE => Some(PERMANENT),
        status => crate::smtp::errors::report_action(status),
    }
}
