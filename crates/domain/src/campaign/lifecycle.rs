//! `DRAFT → IN_REVIEW → APPROVED → SCHEDULED → ACTIVE → COMPLETED`, with `PAUSED`, `CANCELLED` and `FAILED`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a campaign is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Draft,
    InReview,
    Approved,
    /// Waits for its time.
    Scheduled,
    /// Its run is under way.
    Active,
    /// Sends nothing until it is resumed.
    Paused,
    Completed,
    Cancelled,
    Failed,
}

/// The text is not a status.
#[derive(Debug, thiserror::Error)]
#[error("unknown campaign status {0:?}")]
pub struct UnknownStatus(String);

impl Status {
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::InReview,
        Self::Approved,
        Self::Scheduled,
        Self::Active,
        Self::Paused,
        Self::Completed,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The name in SQL, JSON and error messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::InReview => "IN_REVIEW",
            Self::Approved => "APPROVED",
            Self::Scheduled => "SCHEDULED",
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it has ended; only a completed one can be taken up again, for what failed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// What somebody wants to do with a campaign. The last three are the scheduler's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Before its run: the whole of it.
    Edit,
    /// Once it runs: nothing but budgets.
    ChangeBudget,
    /// Once it runs: asks for a change of what may still be changed then.
    Propose,
    /// Puts such a change into effect.
    Amend,
    /// Drops it.
    Decline,
    /// Takes it back.
    Withdraw,
    Submit,
    Approve,
    Reject,
    Send,
    Pause,
    /// `to` is where the campaign was when it was paused.
    Resume {
        to: Status,
    },
    Cancel,
    /// Puts deliveries that failed, or can't be known, back into its run.
    Requeue,
    Start,
    Complete,
    Fail,
}

impl Action {
    /// The verb, for error messages and the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::ChangeBudget => "change_budget",
            Self::Propose => "propose",
            Self::Amend => "amend",
            Self::Decline => "decline",
            Self::Withdraw => "withdraw",
            Self::Submit => "submit",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Send => "send",
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Cancel => "cancel",
            Self::Requeue => "requeue",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Fail => "fail",
        }
    }
}

/// The lifecycle has no such move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {status} can't be {}: {}", participle(*action), remedy(*status, *action))]
pub struct IllegalMove {
    pub status: Status,
    pub action: Action,
}

/// Where a move leads. An edit after approval leads back to DRAFT, so that approval is asked for again; what is under
/// review can't be edited, so that the reviewer approves what they saw. One that is paused is edited only before its run (the caller sees
/// to that); afterwards there are changes, which leave it where it is.
///
/// # Errors
/// [`IllegalMove`] names the status and the remedy.
pub fn next(status: Status, action: Action, approval_required: bool) -> Result<Status, IllegalMove> {
    use Status::{Active, Approved, Cancelled, Completed, Draft, Failed, InReview, Paused, Scheduled};
    let to = match (status, action) {
        (Draft | Approved | Scheduled | Paused, Action::Edit) => Draft,
        (running @ (Active | Paused), Action::ChangeBudget | Action::Propose | Action::Amend | Action::Decline | Action::Withdraw) => {
            running
        }
        (Draft | Approved, Action::Submit) if approval_required => InReview,
        (Draft | Approved, Action::Submit) => Approved,
        (InReview, Action::Approve) => Approved,
        (InReview, Action::Reject) => Draft,
        (Approved, Action::Send) => Scheduled,
        (Scheduled, Action::Start) => Active,
        (Scheduled | Active, Action::Pause) => Paused,
        (Paused, Action::Resume { to: to @ (Scheduled | Active) }) => to,
        (from, Action::Cancel) if !from.is_final() => Cancelled,
        (Active | Completed, Action::Requeue) => Active,
        (Paused, Action::Requeue) => Paused,
        (Active, Action::Complete) => Completed,
        (Scheduled | Active, Action::Fail) => Failed,
        _ => return Err(IllegalMove { status, action }),
    };
    Ok(to)
}

const fn participle(action: Action) -> &'static str {
    match action {
        Action::Edit => "edited",
        Action::ChangeBudget => "given another budget",
        Action::Propose | Action::Amend => "changed while it runs",
        Action::Decline | Action::Withdraw => "left as it is",
        Action::Submit => "submitted",
        Action::Approve => "approved",
        Action::Reject => "rejected",
        Action::Send => "sent",
        Action::Pause => "paused",
        Action::Resume { .. } => "resumed",
        Action::Cancel => "cancelled",
        Action::Requeue => "taken up again",
        Action::Start => "started",
        Action::Complete => "completed",
        Action::Fail => "failed",
    }
}

const fn remedy(status: Status, action: Action) -> &'static str {
    match (status, action) {
        (Status::Draft | Status::InReview | Status::Approved | Status::Scheduled, Action::Requeue) => "it has not been sent yet",
        (Status::Completed | Status::Cancelled | Status::Failed, _) => "it has ended; clone it to send it again",
        (Status::InReview, Action::Edit) => "it is under review; have it rejected first",
        (Status::Active | Status::Paused, Action::Edit) => {
            "it has begun: its content, budgets, expiry and rules can be changed, and nothing else"
        }
        (Status::Draft, Action::Send | Action::Approve | Action::Reject) => "submit it first",
        (Status::InReview, Action::Send) => "an admin has to approve it first",
        (_, Action::Submit) => "only a draft is submitted, or what was approved and not sent yet",
        (_, Action::Approve | Action::Reject) => "only what is under review is approved or rejected",
        (_, Action::Send) => "it has been sent already",
        (_, Action::Pause) => "only a scheduled or active campaign is paused",
        (_, Action::Resume { .. }) => "only a paused campaign is resumed",
        (_, Action::Start) => "only a scheduled campaign is started",
        (_, Action::Complete) => "only an active campaign is completed",
        (_, Action::Fail) => "only a scheduled or active campaign fails",
        (_, Action::ChangeBudget | Action::Propose | Action::Amend | Action::Decline | Action::Withdraw) => {
            "only one that has begun is; edit it as a whole before that"
        }
        (_, Action::Edit | Action::Cancel | Action::Requeue) => "its state doesn't allow it",
    }
}
