//! What a provider tells of the templates that it keeps and of the account itself, on its way to campaign-api.

use crate::senders::Sender;
use domain::facts::key;
use proto::event;
use providers::{AccountNews, AccountNewsKind, TemplateNews};
use runtime::traceparent;
use time::OffsetDateTime;

/// What people see as the source of such news.
const SOURCE: &str = "provider";

/// News of a template. Where the provider gives no time, it counts as heard now.
pub(crate) fn of_template(sender: &Sender, news: TemplateNews, now: OffsetDateTime) -> event::Inbound {
    let text = |text: Option<String>| text.unwrap_or_default();
    let template_news = event::TemplateNews {
        provider_id: news.provider_id,
        name: news.name,
        language: news.language,
        status: text(news.status),
        quality: text(news.quality),
        category: text(news.category),
        reason: text(news.reason),
    };
    let at = news.occurred_at.unwrap_or(now);
    event::Inbound { template_news: Some(template_news), ..about(sender, "template", &news.key, at) }
}

/// News of the account.
pub(crate) fn of_account(sender: &Sender, news: AccountNews) -> event::Inbound {
    let kind = match news.kind {
        AccountNewsKind::Quality => "quality",
        AccountNewsKind::Limit => "limit",
        AccountNewsKind::Restriction => "restriction",
        AccountNewsKind::Restored => "restored",
        AccountNewsKind::Disconnected => "disconnected",
    };
    let about = about(sender, "account", &news.key, news.occurred_at);
    let account_news = event::AccountNews { kind: kind.to_owned(), value: news.value, detail: news.detail };
    event::Inbound { account_news: Some(account_news), ..about }
}

fn about(sender: &Sender, of: &str, news: &str, at: OffsetDateTime) -> event::Inbound {
    event::Inbound {
        key: key(&format!("news/{of}/{}/{}/{news}", sender.provider, sender.id)).to_vec(),
        workspace_id: sender.workspace_id.to_string(),
        sender_id: sender.id.to_string(),
        channel: sender.channel.to_string(),
        source: SOURCE.to_owned(),
        occurred_at_ms: outbox::millis(at),
        traceparent: traceparent::current(),
        ..event::Inbound::default()
    }
}
