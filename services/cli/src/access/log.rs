//! `fanfare access log`: who changed what.

use super::{shown, when};
use crate::{paging, session::Session};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use proto::{
    convert::timestamp,
    workspace::{AuditEntry, GetAuditEntryRequest, ListAuditEntriesRequest},
};
use serde_json::Value;
use time::OffsetDateTime;

/// What the hub gives at once at most.
const PAGE: u32 = 200;

#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only what this caller did: a token's subject, or api_key: and its id
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Only this, such as campaign.approve
    #[arg(long)]
    action: Option<String>,
    /// Only of this kind, such as campaign
    #[arg(long)]
    kind: Option<String>,
    /// Only of the object with this id
    #[arg(long, value_name = "ID")]
    object: Option<String>,
    /// From then on, such as 36h or 2026-12-24T09:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// # Errors
/// When the hub refuses.
pub async fn list(args: LogArgs, session: &Session) -> Result<()> {
    let limit = args.limit;
    let request = request(args, OffsetDateTime::now_utc())?;
    let entries = paging::collect(limit, |page_size, page_token| {
        let request = ListAuditEntriesRequest { page_size: page_size.min(PAGE), page_token, ..request.clone() };
        async move {
            let page = session.audit().list_audit_entries(request).await?.into_inner();
            Ok((page.entries, page.next_page_token))
        }
    });
    session.output.rows(["number", "at", "who", "what", "object", "changes"], &entries.await?, row)
}

fn request(args: LogArgs, now: OffsetDateTime) -> Result<ListAuditEntriesRequest> {
    let moment = |text: Option<String>| text.map(|text| when(&text, now, -1)).transpose().map_err(|error| anyhow!(error));
    Ok(ListAuditEntriesRequest {
        actor: args.by.unwrap_or_default(),
        action: args.action.unwrap_or_default(),
        object_type: args.kind.unwrap_or_default(),
        object_id: args.object.unwrap_or_default(),
        since: moment(args.since)?.map(timestamp),
        until: moment(args.until)?.map(timestamp),
        ..ListAuditEntriesRequest::default()
    })
}

/// # Errors
/// When the hub refuses.
pub async fn show(number: i64, session: &Session) -> Result<()> {
    let answer = session.audit().get_audit_entry(GetAuditEntryRequest { number }).await?.into_inner();
    session.output.message(&answer.entry.context("the hub's answer has no entry")?, |entry| {
        let part = |title: &str, json: &str| format!("\n{title}\n{}", pretty(json));
        let head = format!(
            "{}  {}  {} by {}\n{} {}",
            entry.number,
            shown(entry.at.as_ref()),
            entry.action,
            who(entry),
            entry.object_type,
            entry.object_id
        );
        let left_out = if entry.left_out { "\nsome of it is too long to be shown" } else { "" };
        format!("{head}{}{}{left_out}", part("before", &entry.before), part("after", &entry.after))
    })
}

fn who(entry: &AuditEntry) -> String {
    if entry.actor_name.is_empty() { entry.actor.clone() } else { format!("{} ({})", entry.actor_name, entry.actor) }
}

fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<Value>(json).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| "–".to_owned())
}

fn row(entry: &AuditEntry) -> [String; 6] {
    let changes = if entry.left_out { "long: `fanfare access entry` shows them".to_owned() } else { changes(&entry.before, &entry.after) };
    [entry.number.to_string(), shown(entry.at.as_ref()), who(entry), entry.action.clone(), entry.object_id.clone(), changes]
}

/// The fields that differ, in words.
fn changes(before: &str, after: &str) -> String {
    let fields = |json: &str| match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (fields(before), fields(after));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let word = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| format!("{name}: {} → {}", word(before.get(name)), word(after.get(name)))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = r#"{"name": "Readers", "limit": 5, "zone": null}"#;
        assert_eq!(changes(before, r#"{"name": "Readers", "limit": 7, "zone": "UTC"}"#), "limit: 5 → 7, zone: – → UTC");
        assert_eq!(changes("", r#"{"name": "Readers"}"#), "name: – → Readers");
        assert_eq!(changes(r#"{"name": "Readers"}"#, ""), "name: Readers → –");
        assert_eq!(changes("", ""), "");
    }

    #[test]
    fn filters_count_back_from_now() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::hours(48);
        let since = Some("24h".to_owned());
        let args = LogArgs { by: None, action: None, kind: Some("campaign".into()), object: None, since, until: None, limit: 0 };
        let request = request(args, now).unwrap();
        assert_eq!((request.object_type.as_str(), request.since.map(|since| since.seconds)), ("campaign", Some(24 * 3600)));
    }
}
