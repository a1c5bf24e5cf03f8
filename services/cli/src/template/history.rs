//! A template's versions, what changed between them, and who uses them.

use crate::{paging, resolve, session::Session};
use anyhow::Result;
use clap::Args;
use prost_types::Timestamp;
use proto::template::{
    DiffKind, DiffLine, DiffTemplateVersionsRequest, DiffTemplateVersionsResponse, FieldChange, FieldDiff, ListTemplateUsesRequest,
    ListTemplateVersionsRequest, TemplateUse,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Name or id
    template: String,
    /// [default: the one before --to]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    from: u32,
    /// [default: the newest]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    to: u32,
}

pub async fn versions(session: &Session, template: &str) -> Result<()> {
    let id = resolve::template(session, template).await?;
    let versions = paging::collect(0, |page_size, page_token| {
        let id = id.clone();
        async move {
            let request = ListTemplateVersionsRequest { id, page_size, page_token };
            let page = session.templates().list_template_versions(request).await?.into_inner();
            Ok((page.versions, page.next_page_token))
        }
    });
    session.output.rows(["version", "written at", "by"], &versions.await?, |version| {
        [version.version.to_string(), shown(version.created_at.as_ref()), version.created_by.clone()]
    })
}

pub async fn uses(session: &Session, template: &str, version: u32) -> Result<()> {
    let id = resolve::template(session, template).await?;
    let uses = paging::collect(0, |page_size, page_token| {
        let id = id.clone();
        async move {
            let request = ListTemplateUsesRequest { id, version, page_size, page_token };
            let page = session.templates().list_template_uses(request).await?.into_inner();
            Ok((page.uses, page.next_page_token))
        }
    });
    session.output.rows(["campaign", "name", "status", "version", "sent with"], &uses.await?, use_row)
}

fn use_row(one: &TemplateUse) -> [String; 5] {
    let status = one.campaign_status().as_str_name().trim_start_matches("CAMPAIGN_STATUS_").to_owned();
    let version = if one.version == 0 { "newest".to_owned() } else { one.version.to_string() };
    let sent: Vec<_> = one.run_versions.iter().map(u32::to_string).collect();
    [one.campaign_id.clone(), one.campaign_name.clone(), status, version, sent.join(", ")]
}

pub async fn diff(args: DiffArgs, session: &Session) -> Result<()> {
    let id = resolve::template(session, &args.template).await?;
    let request = DiffTemplateVersionsRequest { id, from_version: args.from, to_version: args.to };
    let answer = session.templates().diff_template_versions(request).await?.into_inner();
    session.output.message(&answer, describe)
}

/// Fields, each as `diff -u` shows a file.
fn describe(answer: &DiffTemplateVersionsResponse) -> String {
    let (from, to) = (answer.from_version, answer.to_version);
    if answer.fields.is_empty() {
        return format!("versions {from} and {to} are the same");
    }
    let mut parts: Vec<_> = answer.fields.iter().map(|field| describe_field(field, from, to)).collect();
    if answer.truncated {
        parts.push("more differs than is shown".to_owned());
    }
    parts.join("\n\n")
}

fn describe_field(field: &FieldDiff, from: u32, to: u32) -> String {
    let what = match field.change() {
        FieldChange::Added => " (new)",
        FieldChange::Removed => " (gone)",
        FieldChange::Changed | FieldChange::Unspecified => "",
    };
    let mut text = format!("── {}{what}, version {from} → {to}", field.field);
    let mut last: Option<&DiffLine> = None;
    for line in &field.lines {
        if last.is_some_and(|last| !follows(last, line)) {
            text.push_str("\n  …");
        }
        let sign = match line.kind() {
            DiffKind::Removed => '-',
            DiffKind::Added => '+',
            DiffKind::Same | DiffKind::Unspecified => ' ',
        };
        text.push_str(&format!("\n{sign} {}", line.text));
        last = Some(line);
    }
    text
}

/// Whether no unchanged lines were left out between two lines.
fn follows(last: &DiffLine, line: &DiffLine) -> bool {
    !(last.kind() == DiffKind::Same && line.kind() == DiffKind::Same) || line.new_line == last.new_line + 1
}

fn shown(at: Option<&Timestamp>) -> String {
    let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: DiffKind, old_line: u32, new_line: u32, text: &str) -> DiffLine {
        DiffLine { kind: kind.into(), old_line, new_line, text: text.to_owned() }
    }

    #[test]
    fn fields_are_shown_as_a_diff_with_gaps() {
        let lines = vec![
            line(DiffKind::Removed, 1, 0, "Hi"),
            line(DiffKind::Added, 0, 1, "Hello"),
            line(DiffKind::Same, 2, 2, "there"),
            line(DiffKind::Same, 9, 9, "far"),
            line(DiffKind::Added, 0, 10, "away"),
        ];
        let html = FieldDiff { field: "email.html".into(), change: FieldChange::Changed.into(), lines };
        let offer = FieldDiff {
            field: "fragments.offer".into(),
            change: FieldChange::Added.into(),
            lines: vec![line(DiffKind::Added, 0, 1, "20%")],
        };
        let answer = DiffTemplateVersionsResponse { from_version: 1, to_version: 2, fields: vec![html, offer], truncated: false };
        let expected = "── email.html, version 1 → 2\n- Hi\n+ Hello\n  there\n  …\n  far\n+ away\n\n\
                        ── fragments.offer (new), version 1 → 2\n+ 20%";
        assert_eq!(describe(&answer), expected);
        let same = DiffTemplateVersionsResponse { from_version: 1, to_version: 2, ..Default::default() };
        assert_eq!(describe(&same), "versions 1 and 2 are the same");
    }

    #[test]
    fn a_draft_uses_the_newest() {
        let draft = TemplateUse { campaign_name: "Spring".into(), campaign_status: 1, ..TemplateUse::default() };
        assert_eq!(use_row(&draft)[1..], ["Spring", "DRAFT", "newest", ""]);
    }
}
