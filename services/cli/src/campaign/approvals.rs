//! `fanfare campaign approvals|approval`: who has approved what.

use super::Which;
use crate::{paging, session::Session};
use anyhow::{Context, Result};
use proto::campaign::{Approval, ApprovalDecision, ApprovalSubject, GetApprovalRequest, ListApprovalsRequest};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, clap::Args)]
pub struct ApprovalsArgs {
    /// Id or name; left out: of all campaigns
    campaign: Option<String>,
    /// Only what waits for an admin
    #[arg(long)]
    pending: bool,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub struct ApprovalArgs {
    /// As `fanfare campaign approvals` shows it
    id: String,
}

pub async fn list(args: ApprovalsArgs, session: &Session) -> Result<()> {
    let campaign_id = match args.campaign {
        Some(campaign) => Which { campaign }.id(session).await?,
        None => String::new(),
    };
    let approvals = paging::collect(args.limit, |page_size, page_token| {
        let request = ListApprovalsRequest { campaign_id: campaign_id.clone(), pending: args.pending, page_size, page_token };
        async move {
            let page = session.campaigns().list_approvals(request).await?.into_inner();
            Ok((page.approvals, page.next_page_token))
        }
    });
    let head = ["id", "of", "submitted by", "decision", "by", "at", "hash", "changed"];
    session.output.rows(head, &approvals.await?, |approval| {
        [
            approval.id.clone(),
            subject(approval).to_owned(),
            approval.submitted_by.clone(),
            decision(approval).to_owned(),
            approval.decided_by.clone(),
            approval.decided_at.as_ref().map(at).unwrap_or_default(),
            approval.hash.chars().take(12).collect(),
            approval.changed.join(", "),
        ]
    })
}

pub async fn one(args: ApprovalArgs, session: &Session) -> Result<()> {
    let answer = session.campaigns().get_approval(GetApprovalRequest { id: args.id }).await?.into_inner();
    let approval = answer.approval.context("the hub's answer has no approval")?;
    session.output.message(&approval, describe)
}

fn describe(approval: &Approval) -> String {
    let fields = [
        ("id", approval.id.clone()),
        ("campaign", approval.campaign_id.clone()),
        ("of", subject(approval).to_owned()),
        ("decision", line(approval)),
        ("submitted", approval.submitted_at.as_ref().map(at).unwrap_or_default()),
        ("decided", approval.decided_at.as_ref().map(at).unwrap_or_default()),
        ("changed", approval.changed.join(", ")),
        ("hash", approval.hash.clone()),
    ];
    let lines = fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name:<12} {value}"));
    let what = serde_json::from_str::<Value>(&approval.what).ok().and_then(|what| serde_json::to_string_pretty(&what).ok());
    format!("{}\n\n{}", lines.collect::<Vec<_>>().join("\n"), what.unwrap_or_default())
}

/// What came of a review, on a line.
pub fn line(approval: &Approval) -> String {
    let reason = if approval.reason.is_empty() { String::new() } else { format!(": {}", approval.reason) };
    match ApprovalDecision::try_from(approval.decision) {
        Ok(ApprovalDecision::Pending) => {
            format!("{} by {} waits for an admin, hash {}", subject(approval), approval.submitted_by, approval.hash)
        }
        _ => format!("{} {} by {} ({}){reason}", subject(approval), decision(approval), approval.decided_by, approval.decided_role),
    }
}

fn subject(approval: &Approval) -> &'static str {
    match ApprovalSubject::try_from(approval.subject) {
        Ok(ApprovalSubject::Campaign) => "campaign",
        Ok(ApprovalSubject::Change) => "change",
        _ => "?",
    }
}

fn decision(approval: &Approval) -> &'static str {
    match ApprovalDecision::try_from(approval.decision) {
        Ok(ApprovalDecision::Pending) => "pending",
        Ok(ApprovalDecision::Approved) => "approved",
        Ok(ApprovalDecision::Rejected) => "rejected",
        Ok(ApprovalDecision::Withdrawn) => "withdrawn",
        Ok(ApprovalDecision::Waived) => "waived",
        _ => "?",
    }
}

/// To the second, in UTC.
pub fn at(time: &prost_types::Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_a_line() {
        let rejected = Approval {
            subject: ApprovalSubject::Change.into(),
            decision: ApprovalDecision::Rejected.into(),
            decided_by: "ann".into(),
            decided_role: "admin".into(),
            reason: "too dear".into(),
            ..Approval::default()
        };
        assert_eq!(line(&rejected), "change rejected by ann (admin): too dear");
        let pending = Approval {
            subject: ApprovalSubject::Campaign.into(),
            decision: ApprovalDecision::Pending.into(),
            submitted_by: "bob".into(),
            hash: "ab".into(),
            ..Approval::default()
        };
        assert_eq!(line(&pending), "campaign by bob waits for an admin, hash ab");
    }
}
