//! Reply: an answer to a person, by the sender they wrote to. The channel's dispatcher finds it in the database and sends it, once.
//!
//! What can be known to be refused is refused here, so that whoever writes learns at once; the dispatcher looks again as it leaves.

use super::{get, view};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    sender::health_of,
    state::State,
};
use domain::{
    Channel, ConversationId, MessageId, WorkspaceId,
    conversation::{Handler, longest_answer, may_be_answered},
    role::Role,
};
use prost::Message as _;
use proto::{
    conversation::{ReplyRequest, ReplyResponse},
    event::{InboundContent, InboundMedia},
};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use serde::Serialize;
use store::{
    PgConnection,
    conversation::{
        Conversation,
        answer::{self, Answer},
        message::{self, Message},
    },
    request, sender,
};
use time::OffsetDateTime;
use tonic::{Request, Status};
use url::Url;

/// Answers of one conversation that may wait at the same time.
const MAX_WAITING: i64 = 20;
const MAX_URL: usize = 2_048;
/// Characters of an e-mail's subject.
const MAX_SUBJECT: usize = 200;

/// What the audit log keeps: nothing of what was said.
#[derive(Serialize)]
struct Record {
    message_id: MessageId,
    characters: usize,
    has_media: bool,
    by_assistant: bool,
}

pub async fn run(state: &State, request: Request<ReplyRequest>) -> Result<ReplyResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?.to_owned();
    let id: ConversationId = status::id("conversation_id", &request.conversation_id)?;
    let (message_id, now) = (MessageId::new(), state.clock.now());
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let conversation = get::lock(&mut tx, caller.workspace, id).await?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "Reply", &key, message_id.0, now).await.map_err(status::store)? {
        return answered(state, &mut tx, caller.workspace, id, first.into()).await;
    }
    check(&request, conversation.channel)?;
    let quoted = quoted(&mut tx, caller.workspace, id, &request.reply_to_message_id).await?;
    may_answer(&mut tx, &conversation, request.by_assistant, now).await?;
    let sealed = state.kek.seal(&content(&request).encode_to_vec(), message_id.0.as_bytes()).map_err(|error| status::internal(&error))?;
    let new = Answer {
        message_id,
        conversation_id: id,
        sealed,
        reply_to: quoted.as_ref().map(|message| message.message_id),
        in_reply_to: quoted.map(|message| message.provider_message_id).unwrap_or_default(),
        author: caller.subject.clone(),
        by_assistant: request.by_assistant,
    };
    answer::add(&mut tx, caller.workspace, &[new], now).await.map_err(status::store)?;
    take_over(&mut tx, &caller, &conversation, request.by_assistant, now).await?;
    record(&mut tx, &caller, id, message_id, &request, now).await?;
    let answer = answered(state, &mut tx, caller.workspace, id, message_id).await?;
    commit(tx).await?;
    Ok(answer)
}

/// What is wrong with the words themselves.
fn check(request: &ReplyRequest, channel: Channel) -> Result<(), Status> {
    let mut violations = Violations::new();
    let most = longest_answer(channel);
    let is_empty = request.text.trim().is_empty();
    violations.expect(!is_empty || !request.media_url.is_empty(), "text", "must not be empty without a medium");
    if request.text.chars().count() > most {
        violations.add("text", format!("must have at most {most} characters on {channel}: say it in several answers"));
    }
    violations.expect(!request.text.contains('\0'), "text", "must not hold NUL characters");
    if !request.media_url.is_empty() {
        let is_https = Url::parse(&request.media_url).is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some());
        violations.expect(is_https && request.media_url.len() <= MAX_URL, "media_url", "must be an https URL of at most 2,048 bytes");
        violations.expect(channel.uses_phone(), "media_url", "only SMS and WhatsApp carry a medium: put a link into the text");
    }
    if channel == Channel::Email {
        let subject = request.subject.trim();
        let is_line = !subject.is_empty() && subject.chars().count() <= MAX_SUBJECT && !subject.contains(char::is_control);
        violations.expect(is_line, "subject", "must be one line of at most 200 characters");
    } else {
        violations.expect(request.subject.is_empty(), "subject", "only an e-mail has one: leave it out");
    }
    violations.check()
}

/// Whether this person may be sent anything now, and by whom.
async fn may_answer(tx: &mut PgConnection, conversation: &Conversation, by_assistant: bool, now: OffsetDateTime) -> Result<(), Status> {
    let (workspace, channel) = (conversation.workspace_id, conversation.channel);
    if by_assistant && conversation.handler != Handler::Assistant {
        let message = "the assistant doesn't answer this conversation: give it to the assistant first";
        return Err(status::precondition("NOT_THE_ASSISTANTS", message));
    }
    if answer::has_opted_out(&mut *tx, workspace, channel, &conversation.address_keys()).await.map_err(status::store)? {
        return Err(status::precondition("OPTED_OUT", "this person has opted out: they can opt in again with START"));
    }
    if !may_be_answered(channel, conversation.last_inbound_at, now) {
        let message = "the person wrote more than 24 hours ago: only a template may be sent now, by a campaign";
        return Err(status::precondition("OUTSIDE_WINDOW", message));
    }
    let by = sender::get(&mut *tx, workspace, conversation.sender_id).await.map_err(status::store)?;
    let by = by.ok_or_else(|| status::not_found("sender"))?;
    if health_of(&mut *tx, &by).await?.paused_at.is_some() {
        return Err(status::precondition("SENDER_PAUSED", "the sender is paused: resume it first"));
    }
    if answer::waiting(tx, conversation.conversation_id).await.map_err(status::store)? >= MAX_WAITING {
        return Err(status::exhausted("TOO_MANY_WAITING", "20 answers of this conversation wait to be sent: wait until they are"));
    }
    Ok(())
}

/// The message that the answer quotes.
async fn quoted(tx: &mut PgConnection, workspace: WorkspaceId, id: ConversationId, text: &str) -> Result<Option<Message>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let message_id: MessageId = status::id("reply_to_message_id", text)?;
    let found = message::one(tx, workspace, id, message_id).await.map_err(status::store)?;
    found.map(Some).ok_or_else(|| status::not_found("message"))
}

fn content(request: &ReplyRequest) -> InboundContent {
    let media = Some(&request.media_url).filter(|url| !url.is_empty());
    InboundContent {
        text: request.text.clone(),
        name: String::new(),
        media: media.map(|url| InboundMedia { url: url.clone(), ..InboundMedia::default() }).into_iter().collect(),
        subject: request.subject.trim().to_owned(),
    }
}

/// Who answers has it, and has read it. A person who answers takes it from the assistant.
async fn take_over(
    tx: &mut PgConnection,
    caller: &Caller,
    conversation: &Conversation,
    by_assistant: bool,
    now: OffsetDateTime,
) -> Result<(), Status> {
    let (handler, assigned_to) = match (by_assistant, conversation.handler) {
        (true, _) => (Handler::Assistant, ""),
        (false, Handler::Person) if !conversation.assigned_to.is_empty() => (Handler::Person, conversation.assigned_to.as_str()),
        (false, _) => (Handler::Person, caller.subject.as_str()),
    };
    answer::taken_over(tx, conversation, handler, assigned_to, now).await.map_err(status::store)
}

async fn record(
    tx: &mut PgConnection,
    caller: &Caller,
    id: ConversationId,
    message_id: MessageId,
    request: &ReplyRequest,
    at: OffsetDateTime,
) -> Result<(), Status> {
    let record = Record {
        message_id,
        characters: request.text.chars().count(),
        has_media: !request.media_url.is_empty(),
        by_assistant: request.by_assistant,
    };
    let workspace = caller.workspace;
    let change = Change { workspace, caller, action: "conversation.reply", id: id.0, before: None, after: Some(&record), at };
    change.record(tx).await
}

async fn answered(
    state: &State,
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    id: ConversationId,
    message_id: MessageId,
) -> Result<ReplyResponse, Status> {
    let conversation = get::find(&mut *tx, workspace, id).await?;
    let message = message::one(tx, workspace, id, message_id).await.map_err(status::store)?;
    let message = message.ok_or_else(|| status::not_found("message"))?;
    Ok(ReplyResponse { message: Some(view::message(&state.kek, message)), conversation: Some(view::present(conversation)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    fn fields(request: &ReplyRequest, channel: Channel) -> Vec<String> {
        match check(request, channel) {
            Ok(()) => Vec::new(),
            Err(status) => status.get_details_bad_request().unwrap().field_violations.into_iter().map(|one| one.field).collect(),
        }
    }

    fn text(text: &str) -> ReplyRequest {
        ReplyRequest { text: text.to_owned(), ..ReplyRequest::default() }
    }

    #[test]
    fn words_fit_their_channel() {
        assert!(fields(&text("Hello"), Channel::Sms).is_empty());
        assert_eq!(fields(&text(" \n"), Channel::Sms), ["text"]);
        assert_eq!(fields(&text(&"é".repeat(1_601)), Channel::Whatsapp), ["text"]);
        assert!(fields(&text(&"é".repeat(1_600)), Channel::Whatsapp).is_empty());
        assert_eq!(fields(&text("a\0b"), Channel::Sms), ["text"]);
        assert_eq!(fields(&text("Hello"), Channel::Email), ["subject"]);
        assert_eq!(fields(&ReplyRequest { subject: "Re:\r\nBcc: x".to_owned(), ..text("Hello") }, Channel::Email), ["subject"]);
        assert_eq!(fields(&ReplyRequest { subject: "Re".to_owned(), ..text("Hello") }, Channel::Sms), ["subject"]);
    }

    #[test]
    fn a_medium_is_fetched_by_https_and_only_where_there_is_one() {
        let with = |url: &str| ReplyRequest { media_url: url.to_owned(), ..ReplyRequest::default() };
        assert!(fields(&with("https://shop.example/a.jpg"), Channel::Whatsapp).is_empty());
        assert_eq!(fields(&with("http://shop.example/a.jpg"), Channel::Whatsapp), ["media_url"]);
        assert_eq!(fields(&with("https://"), Channel::Sms), ["media_url"]);
        let letter = ReplyRequest { subject: "Re".to_owned(), ..with("https://shop.example/a.jpg") };
        assert_eq!(fields(&letter, Channel::Email), ["media_url"]);
    }
}
