//! What a push service's refusals mean for a message, its device and its sender.
//!
//! There are no codes but the HTTP status. Source: RFC 8030 and RFC 8292; the actions are ours.

use crate::errors::{INVALID, PAUSE, PERMANENT, Row, row, throttle_for};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction, Outcome};

/// By status, in order.
#[rustfmt::skip]
pub(super) static STATUSES: &[Row] = &[
    row(400, PERMANENT, "the push service can't read the request"),
    row(401, PAUSE, "the push service wants a VAPID token: check both VAPID keys"),
    row(403, PAUSE, "the push service refuses the VAPID token: the browser subscribed with another key, or the subject is not accepted"),
    row(404, INVALID, "the subscription has expired"),
    row(410, INVALID, "the subscription is gone"),
    row(413, PERMANENT, "the notification is too large for this push service"),
    row(429, throttle_for(60), "too many messages"),
];

/// Once more after a while, then it has failed: what a stranger's server can ask for at most.
const ONCE_MORE: FaultAction = FaultAction::Retry { after: Some(std::time::Duration::from_secs(60)), at_most: Some(1) };

pub(super) fn fault(answer: &Answer) -> Fault {
    let status = u32::from(answer.status.as_u16());
    http_client::fault(answer, None, crate::errors::find(STATUSES, status), "the push service refused")
}

/// What an unknown endpoint says, for its own device: it can neither pause nor slow down the sender, nor make it look down.
pub(super) fn of_stranger(outcome: Outcome) -> Outcome {
    let own = |fault: Fault| {
        let action = match fault.action {
            FaultAction::InvalidAddress | FaultAction::OptOut => fault.action,
            FaultAction::Retry { .. } | FaultAction::Throttle { .. } => ONCE_MORE,
            _ => PERMANENT,
        };
        Fault { code: format!("endpoint_{}", fault.code), action, ..fault }
    };
    match outcome {
        Outcome::Refused(fault) => Outcome::Refused(own(fault)),
        Outcome::Uncertain(fault) => Outcome::Uncertain(Fault { code: format!("endpoint_{}", fault.code), ..fault }),
        other => other,
    }
}

/// A refused token of an account whose tokens this service has taken: it is the subscription that was made with another key. So nobody can
/// stop a sender by registering one.
pub(super) fn of_proved(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused(fault) if is_about_token(&fault) => Outcome::Refused(Fault { action: INVALID, ..fault }),
        other => other,
    }
}

/// The same of a service that has taken none yet, while another has: the keys are well, so it is this subscription's or this service's affair.
/// Any contact can name an address at a service that none of the others uses, and must not stop the sender by it.
pub(super) fn of_doubted(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused(fault) if is_about_token(&fault) => Outcome::Refused(Fault { action: PERMANENT, ..fault }),
        other => other,
    }
}

fn is_about_token(fault: &Fault) -> bool {
    matches!(fault.code.as_str(), "http_401" | "http_403")
}

/// What follows from a code, where nothing but the code is known.
pub(super) fn report_action(code: &str) -> Option<FaultAction> {
    let status = code.strip_prefix("http_")?.parse().ok()?;
    crate::errors::find(STATUSES, status).map(|row| row.action)
}
