//! Reads a sender's templates from its provider, and keeps them.

use super::follow;
use crate::{sender, state::State};
use domain::{Channel, SenderId};
use providers::{Account, AccountError, Fault, RemoteTemplate};
use store::{
    PgConnection, provider_media,
    provider_template::{self, Listed},
    sender::Sender,
};
use time::OffsetDateTime;
use tonic::Status;

/// Longest text of a provider that is kept, in bytes: more is its mistake.
const MAX_TEXT: usize = 2_000;

/// Why a sender's templates couldn't be read.
#[derive(Debug)]
pub enum NotSynced {
    /// The provider keeps none, or the account doesn't say where.
    NoTemplates,
    Account(AccountError),
    /// The credentials can't be opened.
    Sealed(Status),
    Provider(Fault),
}

/// All templates that the provider has for a sender, as they are kept.
///
/// # Errors
/// [`NotSynced`]; nothing is changed by it.
pub async fn read(state: &State, sender: &Sender) -> Result<Vec<Listed>, NotSynced> {
    // No other channel has templates that a provider approves.
    if sender.channel != Channel::Whatsapp {
        return Err(NotSynced::NoTemplates);
    }
    let manage = providers::find(&sender.provider).and_then(|provider| provider.manage).ok_or(NotSynced::NoTemplates)?;
    let secrets = sender::open(&state.kek, sender.sender_id, &sender.sealed_secrets).map_err(NotSynced::Sealed)?;
    let account = Account { settings: sender.settings.clone(), secrets };
    let manage = manage(&account, sender.channel).map_err(NotSynced::Account)?;
    let templates = manage.templates().await.map_err(NotSynced::Provider)?.ok_or(NotSynced::NoTemplates)?;
    Ok(templates.into_iter().map(listed).collect())
}

/// Keeps a list in the place of what was known, with all that follows from it. Answers how many of its templates aren't what they were.
///
/// # Errors
/// When the database fails.
pub async fn write(tx: &mut PgConnection, sender: &Sender, listed: &[Listed], now: OffsetDateTime) -> store::Result<usize> {
    let (workspace, id): (_, SenderId) = (sender.workspace_id, sender.sender_id);
    // Of two readings the later one is written last.
    store::sender::lock(&mut *tx, workspace, id).await?;
    let changed = provider_template::replace(&mut *tx, workspace, id, listed, now).await?;
    follow::changes(&mut *tx, workspace, id, &changed, now).await?;
    provider_media::forget(tx, id, now).await?;
    Ok(changed.len())
}

fn listed(template: RemoteTemplate) -> Listed {
    Listed {
        provider_id: kept(template.provider_id),
        name: kept(template.name),
        language: kept(template.language),
        category: kept(template.category),
        status: kept(template.status),
        quality: kept(template.quality),
        components: without_nul(template.components),
        reason: kept(template.reason),
    }
}

/// What PostgreSQL takes, and not much of it.
fn kept(text: String) -> String {
    let mut text = text.replace('\0', "");
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// jsonb takes no NUL; whoever sends one has no components that could be shown.
fn without_nul(components: serde_json::Value) -> serde_json::Value {
    if components.to_string().contains("\\u0000") { serde_json::Value::Null } else { components }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_words_are_kept_as_far_as_they_fit() {
        assert_eq!(kept("a\0b".to_owned()), "ab");
        assert_eq!(kept("é".repeat(2_000)).len(), MAX_TEXT);
        assert_eq!(without_nul(serde_json::json!({"a": "\0"})), serde_json::Value::Null);
        assert_eq!(without_nul(serde_json::json!({"a": "b"})), serde_json::json!({"a": "b"}));
    }
}
