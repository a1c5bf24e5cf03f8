//! A sender as callers see it.

use crate::{convert::timestamp, state::State};
use domain::WorkspaceId;
use proto::{
    convert::channel_number,
    sender::{ConnectionStatus, PostingLimit, Sender, SenderConnection, SenderHealth, SenderStanding},
};
use runtime::status;
use std::collections::HashMap;
use store::{
    PgConnection,
    connection::{self, Connection},
    provider_template::{self, Standing},
    sender::{self, Health},
};
use tonic::Status;

/// A sender with its health, as of now.
///
/// # Errors
/// When the database fails.
pub async fn one(state: &State, connection: &mut PgConnection, sender: store::sender::Sender) -> Result<Sender, Status> {
    let (workspace, id) = (sender.workspace_id, sender.sender_id);
    let health = health_of(connection, &sender).await?;
    let connected = connection::of(connection, workspace, &[id]).await.map_err(status::store)?.remove(&id);
    let standing = provider_template::standing(connection, workspace, &[id]).await.map_err(status::store)?.remove(&id);
    Ok(Sender { standing: present_standing(standing), ..present(state, sender, health, connected) })
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
    let mut connections = connection::of(connection, workspace, &ids).await.map_err(status::store)?;
    let mut standing = provider_template::standing(connection, workspace, &ids).await.map_err(status::store)?;
    let one = |sender: store::sender::Sender| {
        let health = health.remove(&sender.sender_id).unwrap_or_default();
        let connected = connections.remove(&sender.sender_id);
        let standing = present_standing(standing.remove(&sender.sender_id));
        Sender { standing, ..present(state, sender, health, connected) }
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

pub fn present(state: &State, sender: store::sender::Sender, health: Health, connected: Option<Connection>) -> Sender {
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
        connection: connected.map(present_connection),
        standing: Vec::new(),
    }
}

fn present_standing(standing: Option<Vec<Standing>>) -> Vec<SenderStanding> {
    let one = |standing: Standing| SenderStanding {
        kind: standing.kind,
        value: standing.value,
        detail: standing.detail,
        occurred_at: Some(timestamp(standing.occurred_at)),
    };
    standing.unwrap_or_default().into_iter().map(one).collect()
}

fn present_connection(connected: Connection) -> SenderConnection {
    let status = match connected.status {
        connection::Status::Connected => ConnectionStatus::Connected,
        connection::Status::Expired => ConnectionStatus::Expired,
        connection::Status::Error => ConnectionStatus::Error,
        connection::Status::Disconnected => ConnectionStatus::Disconnected,
    };
    let posting = connected.posting.map(|posting| PostingLimit {
        limit: posting.limit,
        used: posting.used,
        resets_at: posting.resets_at.map(timestamp),
    });
    SenderConnection {
        status: status.into(),
        handle: connected.handle,
        external_id: connected.external_id,
        scopes: connected.scopes,
        token_expires_at: connected.token_expires_at.map(timestamp),
        checked_at: Some(timestamp(connected.checked_at)),
        detail: connected.detail,
        posting,
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

/// The paths are webhook-ingest's, which makes them of the same list.
fn webhook_urls(base: &str, provider: &str, sender: &str) -> HashMap<String, String> {
    let hooks = providers::find(provider).map_or(&[][..], |provider| provider.hooks);
    hooks.iter().map(|hook| (hook.name.to_owned(), format!("{base}/webhooks/{provider}/{sender}{}", hook.end))).collect()
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
