//! `fanfare consent list|pending|ask|record`: lists with double opt-in.

use super::when;
use crate::{output::number, paging, resolve, session::Session};
use anyhow::{Context, Result};
use clap::Args;
use proto::consent::{
    CreateConfirmationLinksRequest, GetListConsentRequest, ListConsent, ListPendingMembersRequest, RecordConsentRequest,
    UpdateListConsentRequest,
};
use std::collections::HashMap;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Name or id
    list: String,
    /// Whether who is added must confirm before they are a member
    #[arg(long, value_name = "BOOL")]
    double_opt_in: Option<bool>,
    /// What people agree to, as TEXT for all languages or ar=TEXT for one; repeat for more. Replaces the wording, and makes a version of it
    #[arg(long = "wording", value_name = "[LANGUAGE=]TEXT", value_parser = wording)]
    wording: Option<Vec<(String, String)>>,
}

#[derive(Debug, Args)]
pub struct AskArgs {
    /// Name or id
    list: String,
    /// Ids of contacts
    #[arg(required = true)]
    contacts: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Name or id
    list: String,
    /// Ids of contacts
    #[arg(required = true)]
    contacts: Vec<String>,
    /// When they confirmed, as 2026-05-03T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: OffsetDateTime,
    /// From where, and to which wording
    #[arg(long)]
    evidence: String,
}

/// `ar=…` when what is before the sign is a language, else a text for all.
fn wording(text: &str) -> Result<(String, String), String> {
    let is_tag = |tag: &str| {
        (2..=11).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !tag.contains(' ')
    };
    match text.split_once('=') {
        Some((tag, text)) if is_tag(tag) => Ok((tag.to_owned(), text.to_owned())),
        _ => Ok((String::new(), text.to_owned())),
    }
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| format!("{text:?} is no time: write it like 2026-05-03T10:00:00Z"))
}

pub async fn run(args: ListArgs, session: &Session) -> Result<()> {
    let list_id = resolve::list(session, &args.list).await?;
    let consent = if args.double_opt_in.is_none() && args.wording.is_none() {
        session.consents().get_list_consent(GetListConsentRequest { list_id }).await?.into_inner().consent
    } else {
        let request = UpdateListConsentRequest {
            list_id,
            double_opt_in: args.double_opt_in,
            replace_wording: args.wording.is_some(),
            wording: args.wording.unwrap_or_default().into_iter().collect::<HashMap<_, _>>(),
        };
        session.consents().update_list_consent(request).await?.into_inner().consent
    };
    session.output.message(&consent.context("the hub's answer has no list")?, describe)
}

fn describe(consent: &ListConsent) -> String {
    let mut wording: Vec<_> = consent.wording.iter().collect();
    wording.sort();
    let mut lines = vec![
        format!("{}  double opt-in {}", consent.list_id, if consent.double_opt_in { "on" } else { "off" }),
        format!("  {} confirmed, {} yet to confirm", number::count(consent.confirmed), number::count(consent.pending)),
    ];
    match consent.wording_version {
        0 => lines.push("  wording: built in".to_owned()),
        version => lines.push(format!("  wording, version {version}:")),
    }
    for (language, text) in wording {
        lines.push(format!("    {}: {text}", if language.is_empty() { "all languages" } else { language }));
    }
    lines.join("\n")
}

pub async fn pending(list: &str, limit: usize, session: &Session) -> Result<()> {
    let list_id = resolve::list(session, list).await?;
    let members = paging::collect(limit, |page_size, page_token| {
        let request = ListPendingMembersRequest { list_id: list_id.clone(), page_size, page_token };
        async move {
            let page = session.consents().list_pending_members(request).await?.into_inner();
            Ok((page.members, page.next_page_token))
        }
    });
    session.output.rows(["contact", "asked at"], &members.await?, |member| [member.contact_id.clone(), when(member.requested_at.as_ref())])
}

pub async fn ask(args: AskArgs, session: &Session) -> Result<()> {
    let request = CreateConfirmationLinksRequest { list_id: resolve::list(session, &args.list).await?, contact_ids: args.contacts };
    let links = session.consents().create_confirmation_links(request).await?.into_inner().links;
    session.output.rows(["contact", "", "link"], &links, |link| {
        let state = match (link.confirmed, link.url.is_empty()) {
            (true, _) => "confirmed",
            (false, true) => "no address",
            (false, false) => "",
        };
        [link.contact_id.clone(), state.to_owned(), link.url.clone()]
    })
}

pub async fn record(args: RecordArgs, session: &Session) -> Result<()> {
    let request = RecordConsentRequest {
        list_id: resolve::list(session, &args.list).await?,
        contact_ids: args.contacts,
        confirmed_at: Some(proto::convert::timestamp(args.at)),
        evidence: args.evidence,
    };
    let answer = session.consents().record_consent(request).await?.into_inner();
    session.output.message(&answer, |answer| format!("recorded {}", number::of(answer.confirmed, "confirmation", "confirmations")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_for_one_language_or_for_all() {
        assert_eq!(wording("ar=نعم").unwrap(), ("ar".to_owned(), "نعم".to_owned()));
        assert_eq!(wording("I agree: 1 = 1").unwrap(), (String::new(), "I agree: 1 = 1".to_owned()));
        assert!(instant("yesterday").is_err());
    }
}
