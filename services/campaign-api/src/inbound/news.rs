//! What providers tell of templates and accounts.

use super::ORIGIN;
use crate::provider_template::follow;
use domain::{SenderId, WorkspaceId};
use proto::event::{AccountNews, Inbound, TemplateNews};
use runtime::traceparent;
use store::{
    PgConnection, Result,
    alert::{self, Raise, kind},
    provider_template::{self, Heard, Standing},
};
use time::OffsetDateTime;

/// Takes in all news, in the order in which things happened.
///
/// # Errors
/// When the database fails.
pub async fn apply(tx: &mut PgConnection, workspace: WorkspaceId, messages: &[Inbound], now: OffsetDateTime) -> Result<()> {
    let mut news: Vec<_> = messages.iter().filter(|message| message.template_news.is_some() || message.account_news.is_some()).collect();
    news.sort_by_key(|message| message.occurred_at_ms);
    for message in news {
        let (Ok(sender), Some(at)) = (message.sender_id.parse::<SenderId>(), time_of(message)) else { continue };
        // A sender may be gone by now, and another workspace's is nobody's business.
        if store::sender::get(&mut *tx, workspace, sender).await?.is_none() {
            continue;
        }
        if let Some(told) = &message.template_news {
            let heard = heard(told, at);
            let changed = provider_template::hear(&mut *tx, workspace, sender, &heard, now).await?;
            follow::changes(&mut *tx, workspace, sender, changed.as_slice(), now).await?;
        }
        if let Some(told) = &message.account_news {
            account(&mut *tx, workspace, sender, told, at, now).await?;
        }
    }
    Ok(())
}

fn heard(told: &TemplateNews, at: OffsetDateTime) -> Heard {
    let news = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Heard {
        provider_id: told.provider_id.clone(),
        name: told.name.clone(),
        language: told.language.clone(),
        status: news(&told.status),
        quality: news(&told.quality),
        category: news(&told.category),
        reason: news(&told.reason),
        at: Some(at),
    }
}

async fn account(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    sender: SenderId,
    told: &AccountNews,
    at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<()> {
    // What was given back stands in the place of what was taken.
    let restored = told.kind == "restored";
    let kind = if restored { "restriction" } else { told.kind.as_str() };
    if !matches!(kind, "quality" | "limit" | "restriction" | "disconnected") {
        tracing::warn!(kind, "news of an account that mean nothing to the hub");
        return Ok(());
    }
    let standing = Standing { kind: kind.to_owned(), value: told.value.clone(), detail: told.detail.clone(), occurred_at: at };
    if !provider_template::stand(&mut *tx, workspace, sender, &standing).await? {
        return Ok(());
    }
    if restored {
        alert::resolve(tx, None, Some(sender), &[kind::SENDER_WARNED], "the provider has given it back", now).await?;
        return Ok(());
    }
    let is_warning = matches!(kind, "restriction" | "disconnected") || told.value == "FLAGGED";
    if is_warning {
        let detail = format!("{}: {}", told.value, told.detail);
        let alert = Raise {
            workspace_id: workspace,
            campaign_id: None,
            sender_id: Some(sender),
            channel: None,
            kind: kind::SENDER_WARNED,
            code: &told.value,
            detail: &detail,
        };
        outbox::raise_alert(tx, ORIGIN, &alert, &traceparent::current(), now).await?;
    }
    Ok(())
}

fn time_of(message: &Inbound) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(message.occurred_at_ms) * 1_000_000).ok()
}
