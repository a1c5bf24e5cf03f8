//! What a mail server's reply means for a message, its address and its sender.
//!
//! The enhanced status (RFC 3463) is read before the basic code. Until the recipient is named, a final refusal can only be
//! about us, and stops the sender.
//! Source: RFC 3463, RFC 5321, and the uses that large receivers document; the actions are ours.

use crate::errors::{INVALID, PAUSE, PERMANENT, RETRY, SLOW_DOMAIN, THROTTLE, retry_once};
use crate::{FaultAction, Waits};

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// A recipient who can't have it now, with a mailbox that is full, far away or greylisted: again with growing gaps over two days, as mail
/// servers do it (RFC 5321, 4.5.4.1), and then it has failed. A server that is out of order itself is asked again much sooner.
pub(super) const LATER: FaultAction = FaultAction::Ladder { waits: Waits::of_minutes([5, 15, 60, 240, 480, 720, 1_440]) };

/// A reply understood: its code, what follows from it, and what it means in our words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The enhanced status if there is one, else the basic code.
    pub code: String,
    pub action: FaultAction,
    pub meaning: &'static str,
}

type Line = (&'static str, FaultAction, &'static str);

/// What the first digit says, where no table says more.
const PASSING: Line = ("4", LATER, "the receiving server can't take it at the moment");
const REFUSED: Line = ("5", PERMANENT, "refused by the receiving server");

/// By enhanced status: a whole code, or the beginning of one that ends in a dot. The first match counts.
#[rustfmt::skip]
pub(super) static ENHANCED: &[Line] = &[
    ("4.2.",    LATER,     "the mailbox takes nothing at the moment"),
    ("4.3.",    RETRY,     "the receiving server is out of order at the moment"),
    ("4.4.2",   RETRY,     "the connection broke"),
    ("4.4.7",   PERMANENT, "not delivered in time"),
    ("4.4.",    LATER,     "the recipient's server can't be reached at the moment"),
    ("4.7.8",   RETRY,     "the credentials can't be checked at the moment"),
    ("4.7.",    THROTTLE,  "slowed down by the receiving server"),
    ("5.1.1",   INVALID,   "no such mailbox"),
    ("5.1.2",   INVALID,   "no such domain"),
    ("5.1.3",   INVALID,   "not a valid address"),
    ("5.1.6",   INVALID,   "the mailbox has moved"),
    ("5.1.7",   PAUSE,     "the sending address is not valid"),
    ("5.1.8",   PAUSE,     "the sending address's domain is not valid"),
    ("5.1.10",  INVALID,   "the domain takes no mail"),
    ("5.1.",    INVALID,   "the address is refused"),
    ("5.2.1",   INVALID,   "the mailbox is disabled"),
    ("5.2.2",   LATER,     "the mailbox is full"),
    ("5.2.3",   PERMANENT, "the message is too long for this recipient"),
    ("5.3.4",   PERMANENT, "the message is too big"),
    ("5.4.1",   LATER,     "no answer from the recipient's server"),
    ("5.4.4",   INVALID,   "the domain can't be reached"),
    ("5.7.1",   PERMANENT, "blocked by a policy"),
    ("5.7.8",   PAUSE,     "the credentials are refused"),
    ("5.7.9",   PAUSE,     "the way of signing in is too weak for the server"),
    ("5.7.11",  PAUSE,     "the server wants TLS before signing in"),
    ("5.7.13",  PAUSE,     "the account is disabled"),
    ("5.7.25",  PAUSE,     "the sending server has no proper reverse DNS"),
    ("5.7.26",  PAUSE,     "SPF, DKIM or DMARC failed"),
    ("5.7.28",  THROTTLE,  "too much mail from this sender"),
    ("5.7.509", PAUSE,     "the sending domain fails DMARC"),
    ("5.7.515", PAUSE,     "the sending domain lacks the required authentication"),
];

/// By basic code, where there is no enhanced status.
#[rustfmt::skip]
static BASIC: &[Line] = &[
    ("421", RETRY,     "the receiving server takes nothing at the moment"),
    ("450", LATER,     "the mailbox takes nothing at the moment"),
    ("454", RETRY,     "the credentials or TLS are unavailable at the moment"),
    ("530", PAUSE,     "the server wants us to sign in"),
    ("534", PAUSE,     "the way of signing in is too weak for the server"),
    ("535", PAUSE,     "the credentials are refused"),
    ("538", PAUSE,     "the server wants TLS before signing in"),
    ("550", INVALID,   "no such mailbox"),
    ("551", INVALID,   "the mailbox is elsewhere"),
    ("552", LATER,     "the mailbox is full"),
    ("553", INVALID,   "not a valid address"),
];

/// Understands a refusal: the basic code, and the text after it.
pub(crate) fn by_reply(basic: u16, text: &str) -> Reply {
    let basic = basic.to_string();
    let (table, code) = match enhanced(text) {
        Some(code) => (ENHANCED, code),
        None => (BASIC, basic.as_str()),
    };
    let known = table.iter().find(|(known, ..)| match known.strip_suffix('.') {
        Some(_) => code.starts_with(known),
        None => code == *known,
    });
    let fallback = if code.starts_with('4') { PASSING } else { REFUSED };
    let (_, action, meaning) = *known.unwrap_or(&fallback);
    Reply { code: code.to_owned(), action, meaning }
}

/// What follows from the status of a delivery report (RFC 3464): enhanced, or a basic code.
pub(crate) fn report_action(status: &str) -> Option<FaultAction> {
    let basic = match status.parse() {
        Ok(code @ 400..=599) => code,
        Ok(_) => return None,
        Err(_) if enhanced(status).is_some() => 500,
        Err(_) => return None,
    };
    Some(reported(by_reply(basic, status).action))
}

/// The same fault, heard of in a report: the servers on the way have tried for days already, so one more try must do.
pub(crate) fn reported(action: FaultAction) -> FaultAction {
    match action {
        FaultAction::Retry { .. } | FaultAction::Ladder { .. } | FaultAction::Throttle { .. } | FaultAction::SlowDomain { .. } => {
            retry_once(DAY_SECONDS)
        }
        action => action,
    }
}

/// A final refusal before the recipient was named is about the sender.
pub(super) fn before_recipient(reply: Reply) -> Reply {
    let action = match reply.action {
        PERMANENT | INVALID => PAUSE,
        // No mailbox has been named yet.
        LATER => RETRY,
        action => action,
    };
    Reply { action, ..reply }
}

/// How relays say, after the recipient, that it is we who go too fast for them, and not for the domain (Amazon SES's words among them).
const ABOUT_US: [&str; 3] = ["sending rate", "sending quota", "message quota"];

/// A wish to slow down that came after the recipient was named is the receiving domain's, unless it says that it is the relay's own.
pub(super) fn of_domain(reply: Reply, said: &str) -> Reply {
    let said = said.to_ascii_lowercase();
    let action = match reply.action {
        FaultAction::Throttle { .. } if !ABOUT_US.iter().any(|words| said.contains(words)) => SLOW_DOMAIN,
        action => action,
    };
    let meaning = if action == SLOW_DOMAIN { "slowed down by the receiving domain" } else { reply.meaning };
    Reply { action, meaning, ..reply }
}

/// The enhanced status at the beginning of a reply's text: class 4 or 5, a subject and a detail.
pub(crate) fn enhanced(text: &str) -> Option<&str> {
    let code = text.split_ascii_whitespace().next()?;
    let mut parts = code.split('.');
    let number = |part: Option<&str>| part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    let class = matches!(parts.next(), Some("4" | "5"));
    let whole = class && number(parts.next()) && number(parts.next()) && parts.next().is_none();
    whole.then_some(code)
}
