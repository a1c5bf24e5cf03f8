//! A person's conversations as they are handed to them.

use super::view;
use crate::state::State;
use domain::{ContactId, WorkspaceId};
use runtime::status;
use serde_json::{Value, json};
use store::{
    PgConnection,
    conversation::{Conversation, Message, person},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tonic::Status;

/// All conversations of a contact with what was said in them, opened.
///
/// # Errors
/// When the database fails.
pub async fn export(state: &State, connection: &mut PgConnection, workspace: WorkspaceId, contact: ContactId) -> Result<Value, Status> {
    let found = person::of_contact(connection, workspace, contact).await.map_err(status::store)?;
    let one = |(conversation, messages): (Conversation, Vec<Message>)| {
        json!({
            "channel": conversation.channel,
            "address": conversation.address,
            "since": written(conversation.created_at),
            "messages": messages.into_iter().map(|message| said(state, message)).collect::<Vec<_>>(),
        })
    };
    Ok(found.into_iter().map(one).collect())
}

fn said(state: &State, message: Message) -> Value {
    let content = view::open(&state.kek, &message).unwrap_or_default();
    let media: Vec<_> = content.media.into_iter().map(|media| json!({ "type": media.media_type, "file_name": media.file_name })).collect();
    json!({
        "at": written(message.at),
        "by": if message.is_inbound { "person" } else { "workspace" },
        "kind": message.kind,
        "text": content.text,
        "media": media,
    })
}

fn written(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}
