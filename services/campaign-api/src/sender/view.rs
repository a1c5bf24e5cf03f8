//! A sender as callers see it.

use crate::{convert::timestamp, state::State};
use domain::WorkspaceId;
use proto::{
    convert::channel_number,
    sender::{Sender, SenderHealth},
};
use runtime::status;
use std::collections::HashMap;
use store::{
    PgConnection,
    sender::{self, Health},
};
use tonic::Status;

/// A sender with its health, as of now.
///
/// # Errors
/// When the database fails.
pub async fn one(state: &State, connection: &mut PgConnection, sender: store::sender::Sender) -> Result<Sender, Status> {
    let health = health_of(connection, &sender).await?;
    Ok(present(state, sender, health))
}

/// Senders of one workspace, with as many statements as for one.
///
/// # Errors
/// When the database fails.
pub async fn many(
    state: &State,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    senders: Vec<store::sender::Sender>,
) -> Result<Vec<Sender>, Status> {
    let ids: Vec<_> = senders.iter().map(|sender| sender.sender_id).collect();
    let mut health = sender::health(connection, workspace, &ids).await.map_err(status::store)?;
    let one = |sender: store::sender::Sender| {
        let health = health.remove(&sender.sender_id).unwrap_or_default();
        present(state, sender, health)
    };
    Ok(senders.into_iter().map(one).collect())
}

/// The health of one sender.
///
/// # Errors
/// When the database fails.
pub async fn health_of(connection: &mut PgConnection, sender: &store::sender::Sender) -> Result<Health, Status> {
    let mut health = sender::health(connection, sender.workspace_id, &[sender.sender_id]).await.map_err(status::store)?;
    Ok(health.remove(&sender.sender_id).unwrap_or_default())
}

pub fn present(state: &State, sender: store::sender::Sender, health: Health) -> Sender {
    Sender {
        id: sender.sender_id.to_string(),
        name: sender.name,
        channel: channel_number(sender.channel),
        settings: sender.settings.into_iter().collect(),
        secret_names: sender.secret_names,
        rate_per_second: sender.rate_per_second,
        price_micros: sender.price_micros,
        currency: sender.currency,
        created_at: Some(timestamp(sender.created_at)),
        webhook_urls: webhook_urls(&state.public_url, &sender.provider, &sender.sender_id.to_string()),
        provider: sender.provider,
        health: Some(present_health(health)),
    }
}

fn present_health(health: Health) -> SenderHealth {
    SenderHealth {
        paused: health.paused_at.is_some(),
        paused_code: health.paused_code,
        paused_detail: health.paused_detail,
        paused_at: health.paused_at.map(timestamp),
        down_until: health.down_until.map(timestamp),
        pace: health.pace,
    }
}

/// The paths are webhook-ingest's. Twilio posts reports and messages to different ones.
fn webhook_urls(base: &str, provider: &str, sender: &str) -> HashMap<String, String> {
    let url = |end: &str| format!("{base}/webhooks/{provider}/{sender}{end}");
    let urls: &[(&str, &str)] = match provider {
        "twilio" => &[("status", "/status"), ("inbound", "/inbound")],
        _ if providers::find(provider).is_some_and(|provider| provider.webhook.is_some()) => &[("webhook", "")],
        _ => &[],
    };
    urls.iter().map(|(name, end)| ((*name).to_owned(), url(end))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_that_posts_has_its_urls() {
        let urls = webhook_urls("https://hub.example", "twilio", "1");
        assert_eq!(urls["status"], "https://hub.example/webhooks/twilio/1/status");
        assert_eq!(urls["inbound"], "https://hub.example/webhooks/twilio/1/inbound");
        assert_eq!(webhook_urls("https://hub.example", "meta", "1")["webhook"], "https://hub.example/webhooks/meta/1");
        assert!(webhook_urls("https://hub.example", "smtp", "1").is_empty());
        for provider in providers::registry::PROVIDERS {
            assert_eq!(webhook_urls("x", provider.slug, "1").is_empty(), provider.webhook.is_none(), "{}", provider.slug);
        }
    }
}
