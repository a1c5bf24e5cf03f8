//! `fanfare contacts erase|export-person`: what the law gives a person a right to.

use crate::{output::number, session::Session};
use anyhow::{Context, Result};
use proto::contact::{EraseContactRequest, ExportContactRequest};
use serde_json::Value;
use std::path::Path;

pub async fn erase(id: String, reason: String, session: &Session) -> Result<()> {
    let answer = session.contacts().erase_contact(EraseContactRequest { id: id.clone(), reason }).await?.into_inner();
    session.output.message(&answer, |answer| {
        format!(
            "erased {id}: emptied {}, {}, {} and {}, and deleted {}",
            number::of(answer.deliveries, "message", "messages"),
            number::of(answer.opt_outs, "opt-out", "opt-outs"),
            number::of(answer.consent_events, "consent event", "consent events"),
            number::of(answer.audit_entries, "audit entry", "audit entries"),
            number::of(answer.conversations, "conversation", "conversations"),
        )
    })
}

/// Writes everything about a person to a file, or shows it.
pub async fn export(id: String, file: Option<&Path>, session: &Session) -> Result<()> {
    let json = session.contacts().export_contact(ExportContactRequest { id }).await?.into_inner().json;
    let person: Value = serde_json::from_str(&json).context("the hub's answer is not JSON")?;
    let Some(file) = file else { return session.output.value(&person, &serde_json::to_string_pretty(&person)?) };
    std::fs::write(file, serde_json::to_vec_pretty(&person)?).with_context(|| format!("{} can't be written", file.display()))?;
    session.output.say(&format!("written to {}", file.display()))
}
