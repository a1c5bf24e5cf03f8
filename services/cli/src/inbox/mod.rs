//! `fanfare inbox`: what people write to the workspace's senders, read and answered.

mod show;

use crate::{
    output::{channel_name, words},
    paging, resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use proto::conversation::{
    ArchiveConversationRequest, AssignConversationRequest, Conversation, ConversationStatus, Handler, ListConversationsRequest,
    MarkConversationReadRequest, ReplyRequest, WatchConversationsRequest,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show conversations, those with the newest messages first
    List(ListArgs),
    /// Show what was said in a conversation, oldest first
    Show {
        /// Id of the conversation
        id: String,
        /// How many messages at most, the newest; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Answer the person; whoever answers takes the conversation over
    Reply(ReplyArgs),
    /// Say who answers from now on
    Assign {
        /// Id of the conversation
        id: String,
        #[arg(long, value_enum)]
        to: Who,
        /// The person's subject, as their token names it
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Put a conversation away until the person writes again
    Archive {
        /// Id of the conversation
        id: String,
        /// Take it out again
        #[arg(long)]
        reopen: bool,
    },
    /// Mark all of a conversation as read
    Read {
        /// Id of the conversation
        id: String,
    },
    /// Show conversations as they change, until Ctrl-C
    Watch {
        /// Only those with this sender (name or id)
        #[arg(long)]
        sender: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// Nobody yet
    None,
    Assistant,
    Person,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Which {
    #[default]
    Open,
    Archived,
    All,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[arg(long, value_enum, default_value_t)]
    which: Which,
    /// Only those that are answered by
    #[arg(long, value_enum)]
    handler: Option<Who>,
    /// Only those of the person with this subject
    #[arg(long, default_value = "")]
    assigned_to: String,
    /// Only those with this sender (name or id)
    #[arg(long)]
    sender: Option<String>,
    /// Only those of this contact (id)
    #[arg(long, default_value = "")]
    contact: String,
    /// Only those with something unread
    #[arg(long)]
    unread: bool,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Args)]
pub struct ReplyArgs {
    /// Id of the conversation
    id: String,
    #[arg(default_value = "")]
    text: String,
    /// A picture, a film or a document by https (SMS and WhatsApp)
    #[arg(long, default_value = "", value_name = "URL")]
    media: String,
    /// By e-mail
    #[arg(long, default_value = "")]
    subject: String,
    /// Id of the message that the answer quotes
    #[arg(long, default_value = "", value_name = "MESSAGE")]
    quote: String,
}

impl From<Who> for Handler {
    fn from(who: Who) -> Self {
        match who {
            Who::None => Self::None,
            Who::Assistant => Self::Assistant,
            Who::Person => Self::Person,
        }
    }
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::List(args) => list(args, session).await,
        Verb::Show { id, limit } => show::run(id, limit, session).await,
        Verb::Reply(args) => reply(args, session).await,
        Verb::Assign { id, to, name } => {
            let request = AssignConversationRequest { conversation_id: id, handler: Handler::from(to).into(), assigned_to: name };
            let answer = session.conversations().assign_conversation(request).await?.into_inner();
            changed(session, answer.conversation)
        }
        Verb::Archive { id, reopen } => {
            let request = ArchiveConversationRequest { conversation_id: id, reopen };
            let answer = session.conversations().archive_conversation(request).await?.into_inner();
            changed(session, answer.conversation)
        }
        Verb::Read { id } => {
            let request = MarkConversationReadRequest { conversation_id: id, message_id: String::new() };
            let answer = session.conversations().mark_conversation_read(request).await?.into_inner();
            changed(session, answer.conversation)
        }
        Verb::Watch { sender } => watch(sender, session).await,
    }
}

async fn sender_id(session: &Session, sender: Option<String>) -> Result<String> {
    match sender {
        Some(sender) => resolve::sender(session, &sender).await,
        None => Ok(String::new()),
    }
}

async fn list(args: ListArgs, session: &Session) -> Result<()> {
    let status = if args.which == Which::Archived { ConversationStatus::Archived } else { ConversationStatus::Unspecified };
    let asked = ListConversationsRequest {
        status: status.into(),
        any_status: args.which == Which::All,
        handler: args.handler.map_or(0, |who| Handler::from(who).into()),
        assigned_to: args.assigned_to,
        sender_id: sender_id(session, args.sender).await?,
        contact_id: args.contact,
        unread_only: args.unread,
        ..ListConversationsRequest::default()
    };
    let found = paging::collect(args.limit, |page_size, page_token| {
        let request = ListConversationsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = session.conversations().list_conversations(request).await?.into_inner();
            Ok((page.conversations, page.next_page_token))
        }
    });
    session.output.rows(["id", "channel", "with", "unread", "answers", "last"], &found.await?, row)
}

fn row(conversation: &Conversation) -> [String; 6] {
    [
        conversation.id.clone(),
        channel_name(conversation.channel).to_owned(),
        conversation.address.clone(),
        conversation.unread.to_string(),
        answers(conversation),
        when(conversation.last_at.as_ref()),
    ]
}

/// Who answers, in words.
fn answers(conversation: &Conversation) -> String {
    match (conversation.handler(), conversation.assigned_to.as_str()) {
        (Handler::Unspecified | Handler::None, _) => "nobody yet".to_owned(),
        (Handler::Assistant, _) => "the assistant".to_owned(),
        (Handler::Person, "") => "a person".to_owned(),
        (Handler::Person, name) => name.to_owned(),
    }
}

async fn reply(args: ReplyArgs, session: &Session) -> Result<()> {
    let request = ReplyRequest {
        conversation_id: args.id,
        text: args.text,
        media_url: args.media,
        subject: args.subject,
        reply_to_message_id: args.quote,
        by_assistant: false,
        request_id: request_id(),
    };
    let answer = session.conversations().reply(request).await?.into_inner();
    session.output.message(&answer.message.context("the hub's answer has no message")?, |message| {
        format!("{}: {}; `fanfare inbox show {}` shows what becomes of it", message.id, show::state(message), message.conversation_id)
    })
}

fn changed(session: &Session, conversation: Option<Conversation>) -> Result<()> {
    session.output.message(&conversation.context("the hub's answer has no conversation")?, line)
}

/// A conversation on a line.
fn line(conversation: &Conversation) -> String {
    format!(
        "{}  {}  {}  {}  {} answers  {} unread",
        when(conversation.last_at.as_ref()),
        conversation.id,
        conversation.address,
        words(&format!("{:?}", conversation.status())),
        answers(conversation),
        conversation.unread
    )
}

async fn watch(sender: Option<String>, session: &Session) -> Result<()> {
    let request = WatchConversationsRequest { sender_id: sender_id(session, sender).await? };
    // The hub ends each stream after an hour, to see whether it may go on; one that ends with the hub can't be begun again.
    loop {
        let mut stream = session.conversations().watch_conversations(request.clone()).await?.into_inner();
        while let Some(answer) = stream.message().await? {
            for conversation in &answer.conversations {
                session.output.message(conversation, line)?;
            }
        }
    }
}

fn when(at: Option<&prost_types::Timestamp>) -> String {
    let time = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_said_in_words() {
        let of = |handler: Handler, name: &str| {
            answers(&Conversation { handler: handler.into(), assigned_to: name.to_owned(), ..Conversation::default() })
        };
        assert_eq!(of(Handler::None, ""), "nobody yet");
        assert_eq!(of(Handler::Assistant, ""), "the assistant");
        assert_eq!((of(Handler::Person, ""), of(Handler::Person, "sara")), ("a person".to_owned(), "sara".to_owned()));
    }
}
