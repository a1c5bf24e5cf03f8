//! What Mailgun's refusals and failure events mean for a message, its address and its sender.
//!
//! The Messages API has no codes: the status and the words decide. A failure carries the receiving server's status, read by the table for
//! SMTP, or a reason of Mailgun's own when the address was on one of its lists.
//! Source: Mailgun's documentation, "Errors" and "Events"; the actions are ours.

use super::wire::ErrorBody;
use crate::errors::{INVALID, OPT_OUT, PAUSE, PERMANENT, Row, THROTTLE, find, row};
use crate::http_client::{self, Answer};
use crate::smtp::errors as smtp;
use crate::{Fault, FaultAction};
use http::StatusCode;

#[rustfmt::skip]
static REFUSALS: &[Row] = &[
    row(400, PERMANENT, "the request is not valid"),
    row(401, PAUSE, "the API key is refused"),
    row(402, PAUSE, "the account has to be paid for"),
    row(403, PAUSE, "the API key may not send, or the domain is not verified"),
    row(404, PAUSE, "the domain or the address in base_url is not Mailgun's"),
    row(413, PERMANENT, "the message is larger than 25 MB"),
    row(429, THROTTLE, "too many calls"),
];
static BAD_ADDRESS: Row = row(400, INVALID, "not a valid address");

/// Why Mailgun sent nothing though it was asked to: its reason, the number that it has instead of the server's, and what follows.
static LISTED: &[(&str, u64, FaultAction)] =
    &[("suppress-bounce", 605, INVALID), ("suppress-unsubscribe", 606, OPT_OUT), ("suppress-complaint", 607, OPT_OUT)];

/// The event that Mailgun refused a message after it had taken it.
pub(super) const REJECTED: &str = "rejected";

pub(super) fn fault(answer: &Answer) -> Fault {
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let about_address = answer.status == StatusCode::BAD_REQUEST && body.message.contains("not a valid address");
    let known = if about_address { Some(&BAD_ADDRESS) } else { find(REFUSALS, answer.status.as_u16().into()) };
    http_client::fault(answer, None, known, &body.message)
}

/// Our code of a failure, and what it means for the address: by Mailgun's own reason, else by the server's enhanced status, else by its reply.
pub(super) fn of_failure(reason: &str, code: u64, enhanced: &str, said: &str) -> (String, FaultAction) {
    if let Some((listed, _, action)) = LISTED.iter().find(|(listed, number, _)| *listed == reason || *number == code) {
        return ((*listed).to_owned(), *action);
    }
    let basic = u16::try_from(code).ok().filter(|basic| (400..600).contains(basic)).unwrap_or(500);
    let reply = smtp::by_reply(basic, if enhanced.is_empty() { said } else { enhanced });
    (reply.code, smtp::reported(reply.action))
}

/// What follows from our code of an event.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    match LISTED.iter().find(|(listed, ..)| *listed == code) {
        Some((.., action)) => Some(*action),
        None if code == REJECTED => Some(PERMANENT),
        None => smtp::report_action(code),
    }
}
