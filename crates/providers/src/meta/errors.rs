//! What Meta's error codes mean for a message, its address and its sender.
//!
//! The same codes come in the answer and in a status report. A template that is missing, paused or against a policy is
//! stopped, since every further message of that campaign would be lost on it; a variable that doesn't fit is one
//! person's data, and loses that message only.
//! 131049 is tried again after 2, 12 and 24 hours, or as the account says. Meta asks for 24 or more: earlier tries can keep
//! the person out of reach for another day.
//! Source: Meta's "Error codes" page for the Cloud API; the actions are ours.

use crate::errors::{self, INVALID, LADDER, OPT_OUT, PAUSE, PAUSE_TEMPLATE, PERMANENT, RETRY, Row, THROTTLE};
use crate::errors::{retry_after, row, throttle_for};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction};

pub(super) fn find(code: u32) -> Option<&'static Row> {
    // 200 to 299 are permissions of many kinds.
    errors::find(TABLE, if (200..300).contains(&code) { 200 } else { code })
}

pub(super) fn fault(answer: &Answer) -> Fault {
    let error = serde_json::from_slice(&answer.body).map(|body: super::wire::ErrorBody| body.error).unwrap_or_default();
    let known = error.code.and_then(find);
    let code = error.code.map(|code| code.to_string());
    let said = error.error_data.details.unwrap_or(error.message);
    http_client::fault(answer, code, known, &said)
}

/// What follows from the code of a status report.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    code.parse().ok().and_then(find).map(|row| row.action)
}

/// Whether a code says for sure that nothing was taken, whatever the status is: Meta answers some of its refusals with 500 (3 and 131045
/// among them). A trouble of its own leaves it open.
pub(super) fn is_certain(code: &str) -> bool {
    report_action(code).is_some_and(|action| !matches!(action, FaultAction::Retry { .. }))
}

/// What may be a fault of the request as well: a few tries must do.
const A_FEW_TIMES: FaultAction = FaultAction::Retry { after: None, at_most: Some(3) };

#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    row(0, PAUSE, "the access token is refused"),
    row(1, A_FEW_TIMES, "a bad request or an error at Meta"),
    row(2, RETRY, "Meta is overloaded or down"),
    row(3, PAUSE, "the app lacks a permission"),
    row(4, THROTTLE, "the app calls too often"),
    row(10, PAUSE, "the app lacks a permission"),
    row(33, PAUSE, "the sending number was deleted"),
    row(100, PERMANENT, "a parameter is unknown or misspelt"),
    row(190, PAUSE, "the access token has expired"),
    row(200, PAUSE, "the access token or a permission is missing"),
    row(368, PAUSE, "the account is restricted for a policy violation"),
    row(80_007, THROTTLE, "the account calls too often"),
    row(130_403, PERMANENT, "we have blocked this person"),
    row(130_429, throttle_for(5), "the number sends too fast"),
    row(130_472, PERMANENT, "the person is in a marketing experiment"),
    row(130_497, PERMANENT, "the account may not message this country"),
    row(131_000, RETRY, "an unknown error at Meta"),
    row(131_005, PAUSE, "the app lacks a permission"),
    row(131_008, PERMANENT, "a required parameter is missing"),
    row(131_009, PERMANENT, "a parameter's value is not valid"),
    row(131_016, RETRY, "the service is unavailable for the moment"),
    row(131_021, PERMANENT, "sender and recipient are the same"),
    row(131_026, INVALID, "not on WhatsApp, or an old app, or its terms not accepted"),
    row(131_031, PAUSE, "the account is locked"),
    row(131_037, PAUSE, "the sending number has no approved display name"),
    row(131_042, PAUSE, "a payment problem"),
    row(131_045, PAUSE, "the sending number is not registered properly"),
    row(131_047, PERMANENT, "more than 24 hours since the person's last message: send a template"),
    row(131_048, PAUSE, "the number is limited for spam"),
    row(131_049, LADDER, "Meta limits how much marketing this person gets"),
    row(131_050, OPT_OUT, "the person stopped our marketing messages"),
    row(131_051, PERMANENT, "this type of message is not supported"),
    row(131_052, PERMANENT, "the person's media can't be fetched"),
    row(131_053, PERMANENT, "the media can't be uploaded"),
    row(131_055, PERMANENT, "this endpoint takes only marketing templates"),
    row(131_056, RETRY, "too many messages to this person"),
    row(131_057, RETRY, "the account is under maintenance, for about a minute"),
    row(131_063, PERMANENT, "marketing templates must go through the Marketing Messages API"),
    row(131_064, PAUSE, "the account is limited for wrongly classified templates"),
    row(132_000, PAUSE_TEMPLATE, "the number of variables doesn't fit the template"),
    row(132_001, PAUSE_TEMPLATE, "the template doesn't exist in this language, or is not approved"),
    row(132_005, PERMANENT, "the text is too long once filled in"),
    row(132_007, PAUSE_TEMPLATE, "the template violates a policy"),
    row(132_012, PERMANENT, "a variable's format doesn't fit the template"),
    row(132_015, PAUSE_TEMPLATE, "the template is paused for low quality"),
    row(132_016, PAUSE_TEMPLATE, "the template is disabled for low quality"),
    row(132_018, PERMANENT, "a variable of the template is not valid"),
    row(132_068, PAUSE_TEMPLATE, "the flow is blocked"),
    row(132_069, THROTTLE, "the flow is throttled"),
    row(133_004, RETRY, "the server is unavailable for the moment"),
    row(133_010, PAUSE, "the sending number is not registered"),
    row(133_016, THROTTLE, "the number was registered too often"),
    row(134_011, PAUSE, "the payment terms are not accepted"),
    row(134_100, PERMANENT, "this API takes only marketing messages"),
    row(134_101, retry_after(600), "the template is still being synchronised"),
    row(134_102, PERMANENT, "the template or account is not eligible for the Marketing Messages API"),
    row(135_000, PERMANENT, "a parameter is wrong"),
];
