//! What Twilio's error codes mean for a message, its address and its sender.
//!
//! 2xxxx codes come in the HTTP answer; 30xxx and 63xxx mostly later, in a status report. What a report says may be tried again
//! is tried once, later: the carrier has tried its best already. A template that is rejected,
//! paused or missing stops that template: every further message of the campaign would be lost on it.
//! Source: Twilio's error dictionary; the actions are ours.

use crate::errors::{self, FIX_ACCOUNT, INVALID, LADDER, OPT_OUT, PAUSE, PAUSE_TEMPLATE, PERMANENT, RETRY, Row, THROTTLE};
use crate::errors::{retry_after, retry_once, row, throttle_for};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction};

const HOUR_SECONDS: u64 = 60 * 60;
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// Quiet hours end at an hour that only Twilio knows: look again every few hours.
const QUIET_SECONDS: u64 = 4 * 60 * 60;

/// Twilio's own time-out at the carrier: it doesn't try again, so that nobody gets two, and neither do we.
pub(super) const PROVIDER_TIMEOUT: &str = "30410";

pub(super) fn find(code: u32) -> Option<&'static Row> {
    errors::find(TABLE, code)
}

pub(super) fn fault(answer: &Answer) -> Fault {
    let body: super::wire::ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.code.map(|code| code.to_string());
    http_client::fault(answer, code, body.code.and_then(find), &body.message)
}

/// What follows from the code of a status report.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    code.parse().ok().and_then(find).map(|row| row.action)
}

#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    row(20_003, PAUSE, "the credentials are refused"),
    row(20_404, PAUSE, "the account or sender doesn't exist"),
    row(20_429, THROTTLE, "too many calls at once"),
    row(21_211, INVALID, "not a valid number"),
    row(21_212, PAUSE, "the sending number is not valid"),
    row(21_214, INVALID, "the number can't be reached"),
    row(21_219, PERMANENT, "a trial account may not send to this number"),
    row(21_408, FIX_ACCOUNT, "the account may not send to this country: enable it in Twilio's geographic permissions"),
    row(21_601, PAUSE, "the sending number can't send texts"),
    row(21_602, PERMANENT, "the message has no text"),
    row(21_603, PAUSE, "the account names no sending number"),
    row(21_604, PERMANENT, "the message has no recipient"),
    row(21_605, PERMANENT, "the text is too long"),
    row(21_606, PAUSE, "the sending number can't be used"),
    row(21_607, PAUSE, "a trial account must send from its sandbox number"),
    row(21_608, PERMANENT, "a trial account may not send to this number"),
    row(21_610, OPT_OUT, "the person has sent STOP to this sender"),
    row(21_611, THROTTLE, "the sending number's queue is full"),
    row(21_612, PERMANENT, "the number can't be reached by text from this sender"),
    row(21_614, INVALID, "not a mobile number"),
    row(21_617, PERMANENT, "the text is longer than 1,600 characters"),
    row(21_619, PERMANENT, "the message can't be recorded"),
    row(21_620, PERMANENT, "a media link is not valid"),
    row(21_623, PERMANENT, "too many media files"),
    row(21_635, INVALID, "a landline"),
    row(21_654, PAUSE_TEMPLATE, "the template's Content SID is missing"),
    row(21_655, PAUSE_TEMPLATE, "the template's Content SID is not valid"),
    row(21_656, PERMANENT, "the template's variables are not valid"),
    row(21_658, PERMANENT, "a part of the message is too long"),
    row(21_659, PAUSE, "the sending number is not one of this account"),
    row(21_701, PAUSE, "the Messaging Service doesn't exist"),
    row(21_703, PERMANENT, "the Messaging Service has no number for this recipient"),
    row(21_704, PAUSE, "the Messaging Service has no numbers"),
    row(21_705, PAUSE, "the Messaging Service is not valid"),
    row(21_711, PERMANENT, "the sending number is not in the Messaging Service"),
    row(21_712, PAUSE, "the sending number belongs to another Messaging Service"),
    row(30_001, THROTTLE, "the sender's queue overflowed"),
    row(30_002, PAUSE, "the account is suspended"),
    row(30_003, retry_once(HOUR_SECONDS), "the handset is off or out of reach"),
    row(30_004, OPT_OUT, "blocked by the recipient or the carrier"),
    row(30_005, INVALID, "the number is unknown"),
    row(30_006, INVALID, "a landline, or a carrier out of reach"),
    row(30_007, PERMANENT, "filtered as spam: review the content"),
    row(30_008, retry_once(HOUR_SECONDS), "the carrier gave no reason"),
    row(30_009, retry_once(HOUR_SECONDS), "a part of the message went missing"),
    row(30_010, PERMANENT, "the price is above the highest allowed"),
    row(30_011, PERMANENT, "the number takes no media here"),
    row(30_012, PERMANENT, "the validity period is too short"),
    row(30_017, retry_once(HOUR_SECONDS), "the carrier's network is congested"),
    row(30_018, PAUSE, "the carrier wants the sender registered first"),
    row(30_019, PERMANENT, "the content is too large for the carrier"),
    row(30_022, THROTTLE, "faster than the registered campaign allows (10DLC)"),
    row(30_023, retry_after(DAY_SECONDS), "the carrier's daily limit for the brand is reached (10DLC)"),
    row(30_024, PAUSE, "the sender isn't set up at the carrier"),
    row(30_026, THROTTLE, "most of the carrier's daily limit is used (10DLC)"),
    row(30_027, retry_after(DAY_SECONDS), "the carrier's daily limit is reached (10DLC)"),
    row(30_029, PERMANENT, "the content retention setting is not valid"),
    row(30_030, PERMANENT, "the address retention setting is not valid"),
    row(30_031, PERMANENT, "the rate setting is not valid"),
    row(30_032, PAUSE, "the toll-free number is not verified"),
    row(30_033, PAUSE, "the registered campaign is suspended (10DLC)"),
    row(30_034, PAUSE, "the sending number is not registered (10DLC)"),
    row(30_035, PAUSE, "the sending number is still being set up (10DLC)"),
    row(30_036, PERMANENT, "not sent within its validity period"),
    row(30_400, PERMANENT, "the parameters are not valid"),
    row(30_404, PERMANENT, "not found"),
    row(30_410, PERMANENT, "the carrier didn't answer Twilio in time, so nobody knows"),
    row(30_450, PERMANENT, "stopped by the protection against SMS pumping"),
    row(30_610, retry_after(QUIET_SECONDS), "the recipient's quiet hours"),
    row(30_640, OPT_OUT, "a known litigator"),
    row(63_001, PAUSE, "the channel refused the sender's credentials"),
    row(63_002, PAUSE, "the channel doesn't know the sender"),
    row(63_003, INVALID, "the channel doesn't know the recipient"),
    row(63_005, PERMANENT, "the channel refused the content"),
    row(63_006, PERMANENT, "the content can't be put into the channel's form"),
    row(63_007, PAUSE, "the sending number has no such channel"),
    row(63_008, PAUSE, "the channel is not configured properly at Twilio"),
    row(63_009, RETRY, "the channel had an error of its own"),
    row(63_010, RETRY, "Twilio had an error of its own"),
    row(63_011, PERMANENT, "the request is not valid"),
    row(63_012, RETRY, "the channel had an internal error"),
    row(63_013, PAUSE_TEMPLATE, "the channel's policy forbids the template"),
    row(63_014, OPT_OUT, "blocked by the recipient"),
    row(63_015, PERMANENT, "the recipient hasn't joined the WhatsApp sandbox"),
    row(63_016, PERMANENT, "free text is allowed only within 24 hours of the person's last message: send a template"),
    row(63_017, THROTTLE, "too fast"),
    row(63_018, THROTTLE, "too fast for the channel"),
    row(63_019, PERMANENT, "the media can't be fetched"),
    row(63_020, PAUSE, "Meta reports a problem with the business account"),
    row(63_021, PERMANENT, "the channel finds the content invalid"),
    row(63_022, PAUSE, "the sender's certificate is not valid"),
    row(63_024, INVALID, "not a valid recipient on WhatsApp"),
    row(63_025, PERMANENT, "the media exists already"),
    row(63_027, PAUSE_TEMPLATE, "the template doesn't exist in this language"),
    row(63_028, PAUSE_TEMPLATE, "the number of variables doesn't fit the template"),
    row(63_029, RETRY, "the recipient couldn't fetch the template"),
    row(63_030, PERMANENT, "a parameter that this kind of message doesn't have"),
    row(63_031, PERMANENT, "sender and recipient are the same"),
    row(63_032, PERMANENT, "the recipient is in a WhatsApp experiment"),
    row(63_033, OPT_OUT, "the recipient has blocked the sender"),
    row(63_034, PERMANENT, "the media is too large"),
    row(63_035, PERMANENT, "the RCS agent is not launched"),
    row(63_036, PERMANENT, "the number can't be reached by RCS"),
    row(63_037, PERMANENT, "the media can't be uploaded"),
    row(63_038, throttle_for(DAY_SECONDS), "the account's daily limit is reached"),
    row(63_039, PAUSE, "Meta warns of restrictions: send less"),
    row(63_040, PAUSE_TEMPLATE, "the template was rejected"),
    row(63_041, PAUSE_TEMPLATE, "the template is paused"),
    row(63_042, PAUSE_TEMPLATE, "the template is disabled"),
    row(63_049, LADDER, "Meta limits how much marketing this person gets"),
    row(63_051, PAUSE, "the WhatsApp business account is locked"),
    row(63_062, PAUSE, "the terms of Meta's Marketing Messages API are not accepted"),
];
