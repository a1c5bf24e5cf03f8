//! Conversations and messages as callers see them.

use crate::convert::timestamp;
use domain::conversation::{AnswerState, Handler, Handling, Reported, Status as Standing};
use prost::Message as _;
use proto::{
    conversation::{
        AnswerState as WireState, Conversation as Wire, ConversationStatus, Direction, Handler as WireHandler, Handling as WireHandling,
        Media, Message as WireMessage,
    },
    convert::channel_number,
    event::{InboundContent, InboundMedia},
};
use runtime::seal::Kek;
use store::conversation::{Conversation, Message, message::Answer};

pub fn present(conversation: Conversation) -> Wire {
    let open_until = conversation.open_until().map(timestamp);
    Wire {
        id: conversation.conversation_id.to_string(),
        sender_id: conversation.sender_id.to_string(),
        channel: channel_number(conversation.channel),
        address: conversation.address,
        contact_id: conversation.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        handler: handler_number(conversation.handler),
        assigned_to: conversation.assigned_to,
        status: status_number(conversation.status),
        unread: conversation.unread,
        last_inbound_at: conversation.last_inbound_at.map(timestamp),
        last_at: Some(timestamp(conversation.last_at)),
        created_at: Some(timestamp(conversation.created_at)),
        open_until,
        last_message_id: conversation.last_message_id.to_string(),
    }
}

/// A message, opened. One whose key is not there any more is shown without its words.
pub fn message(kek: &Kek, message: Message) -> WireMessage {
    let opened = open(kek, &message);
    let unreadable = opened.is_none();
    let content = opened.unwrap_or_default();
    let (state, code, detail) = message.answer.map(answer).unwrap_or_default();
    WireMessage {
        id: message.message_id.to_string(),
        conversation_id: message.conversation_id.to_string(),
        direction: if message.is_inbound { Direction::In } else { Direction::Out }.into(),
        kind: message.kind,
        handling: handling(message.handling).into(),
        text: content.text,
        sender_name: content.name,
        media: content.media.into_iter().map(media).collect(),
        reply_to_message_id: message.reply_to_message_id.map(|id| id.to_string()).unwrap_or_default(),
        delivery_id: message.delivery_id.map_or(0, |id| id.0),
        provider_message_id: message.provider_message_id,
        author: message.author,
        state: state.into(),
        code,
        detail,
        at: Some(timestamp(message.at)),
        unreadable,
    }
}

/// What a message holds; None when it can't be opened.
pub fn open(kek: &Kek, message: &Message) -> Option<InboundContent> {
    let opened = kek.open(&message.sealed, message.seal_key.as_bytes());
    let content = opened.map_err(|error| tracing::warn!(%error, message.id = %message.message_id, "a message can't be opened")).ok()?;
    InboundContent::decode(content.as_slice()).ok()
}

fn media(media: InboundMedia) -> Media {
    Media {
        provider_media_id: media.id,
        url: media.url,
        media_type: media.media_type,
        size: media.size,
        file_name: media.file_name,
        sha256: media.sha256,
    }
}

/// What the provider reported goes before what we knew when it was sent.
fn answer(answer: Answer) -> (WireState, String, String) {
    let state = match (answer.reported, answer.state) {
        (Some(Reported::Sent), _) => WireState::Sent,
        (Some(Reported::Delivered), _) => WireState::Delivered,
        (Some(Reported::Read), _) => WireState::Read,
        (Some(Reported::Failed), _) => WireState::Failed,
        (None, AnswerState::Queued) => WireState::Queued,
        (None, AnswerState::Sending) => WireState::Sending,
        (None, AnswerState::Accepted) => WireState::Accepted,
        (None, AnswerState::Refused) => WireState::Refused,
        (None, AnswerState::Uncertain) => WireState::Uncertain,
        (None, AnswerState::Expired) => WireState::Expired,
    };
    (state, answer.code, answer.detail)
}

const fn handling(handling: Handling) -> WireHandling {
    match handling {
        Handling::Handed => WireHandling::Handed,
        Handling::Stop => WireHandling::Stop,
        Handling::Start => WireHandling::Start,
        Handling::Help => WireHandling::Help,
        Handling::Reaction => WireHandling::Reaction,
        Handling::Answer => WireHandling::Answer,
    }
}

fn handler_number(handler: Handler) -> i32 {
    let handler = match handler {
        Handler::None => WireHandler::None,
        Handler::Assistant => WireHandler::Assistant,
        Handler::Person => WireHandler::Person,
    };
    handler.into()
}

/// The handler of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
pub fn handler(number: i32) -> Option<Handler> {
    match WireHandler::try_from(number).ok()? {
        WireHandler::Unspecified => None,
        WireHandler::None => Some(Handler::None),
        WireHandler::Assistant => Some(Handler::Assistant),
        WireHandler::Person => Some(Handler::Person),
    }
}

fn status_number(status: Standing) -> i32 {
    let status = match status {
        Standing::Open => ConversationStatus::Open,
        Standing::Archived => ConversationStatus::Archived,
    };
    status.into()
}

/// The status of an enum field; None for UNSPECIFIED and for numbers that this version doesn't know.
pub fn status(number: i32) -> Option<Standing> {
    match ConversationStatus::try_from(number).ok()? {
        ConversationStatus::Unspecified => None,
        ConversationStatus::Open => Some(Standing::Open),
        ConversationStatus::Archived => Some(Standing::Archived),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_reports_goes_before_what_was_known() {
        let state = |state, reported| answer(Answer { state, code: String::new(), detail: String::new(), reported }).0;
        assert_eq!(state(AnswerState::Accepted, None), WireState::Accepted);
        assert_eq!(state(AnswerState::Uncertain, Some(Reported::Delivered)), WireState::Delivered);
        assert_eq!(state(AnswerState::Accepted, Some(Reported::Failed)), WireState::Failed);
    }

    #[test]
    fn what_this_version_does_not_know_is_none() {
        assert_eq!((handler(0), handler(99), handler(3)), (None, None, Some(Handler::Person)));
        assert_eq!((status(0), status(99), status(2)), (None, None, Some(Standing::Archived)));
    }
}
