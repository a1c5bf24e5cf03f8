//! What people write: sealed, in threads, words of the register first.

use crate::{
    inbound::{EMAIL, PHONE, Post},
    support::{Api, until},
};
use domain::{Channel, role::Role};
use prost::Message as _;
use proto::{
    common::Channel as WireChannel,
    conversation::{
        ArchiveConversationRequest, AssignConversationRequest, Conversation, ConversationStatus, Handler, Handling,
        ListConversationsRequest, ListMessagesRequest, MarkConversationReadRequest, Message, WatchConversationsRequest,
    },
    event::{FactKind, Inbound, InboundContent, InboundMedia},
};
use store::admin::raw;

/// A post as webhook-ingest writes it.
pub fn sealed(post: &Post<'_>, text: &str) -> Inbound {
    let inbound = post.text(Channel::Sms, "");
    let media =
        vec![InboundMedia { media_type: "image/jpeg".to_owned(), size: 7, file_name: "passport.jpg".to_owned(), ..Default::default() }];
    let content = InboundContent { text: text.to_owned(), name: "Sara".to_owned(), media, subject: String::new() };
    let sealed = post.workspace.api.kek.seal(&content.encode_to_vec(), &inbound.key).unwrap();
    Inbound { sealed, kind: "image".to_owned(), provider_message_id: format!("MM{text}"), ..inbound }
}

pub async fn conversations(post: &Post<'_>, filter: ListConversationsRequest) -> Vec<Conversation> {
    post.workspace.conversations(Role::Agent).list_conversations(filter).await.unwrap().into_inner().conversations
}

/// The one conversation that there is.
pub async fn conversation(post: &Post<'_>) -> Conversation {
    let any = ListConversationsRequest { any_status: true, ..Default::default() };
    until(async || conversations(post, any.clone()).await.pop()).await
}

/// Newest first.
pub async fn messages(post: &Post<'_>) -> Vec<Message> {
    let request = ListMessagesRequest { conversation_id: conversation(post).await.id, ..Default::default() };
    post.workspace.conversations(Role::Agent).list_messages(request).await.unwrap().into_inner().messages
}

pub async fn sql(post: &Post<'_>, statement: &str) -> u64 {
    let mut connection = post.workspace.api.db.acquire().await.unwrap();
    raw(&mut connection, statement).await.unwrap()
}

#[tokio::test]
async fn messages_of_one_person_to_one_sender_are_one_thread_and_sealed() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let texts: Vec<_> = (0..5).map(|n| format!("a seat by window {n}")).collect();
    let posts: Vec<_> = texts.iter().map(|text| post.publish(vec![sealed(&post, text)])).collect();
    futures::future::join_all(posts).await;
    until(async || (conversation(&post).await.unread == 5).then_some(())).await;
    let thread = conversation(&post).await;
    assert_eq!((thread.address.as_str(), thread.channel(), thread.handler()), (PHONE, WireChannel::Sms, Handler::None));
    assert!(!thread.contact_id.is_empty() && thread.open_until.is_none());
    let mut said: Vec<_> = messages(&post).await.into_iter().map(|message| message.text).collect();
    said.sort();
    assert_eq!(said, texts);
    let message = &messages(&post).await[0];
    assert_eq!((message.sender_name.as_str(), message.media[0].file_name.as_str()), ("Sara", "passport.jpg"));
    assert_eq!((message.handling(), message.delivery_id), (Handling::Handed, post.deliveries[&Channel::Sms]));
    for clear in ["window", "Sara", "passport"] {
        for (table, columns) in
            [("core.message", "sealed::text || encode(sealed, 'escape') || media::text"), ("send.outbox", "encode(payload, 'escape')")]
        {
            assert_eq!(sql(&post, &format!("SELECT FROM {table} WHERE {columns} LIKE '%{clear}%'")).await, 0, "{clear} in {table}");
        }
    }
    assert_eq!(sql(&post, r#"SELECT FROM core.message WHERE media = '[{"type": "image/jpeg", "size": 7}]'"#).await, 5);
}

#[tokio::test]
async fn a_word_of_the_register_is_kept_and_handed_to_nobody() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let (other, damaged) = (sealed(&post, "Hello"), Inbound { key: vec![9; 16], ..sealed(&post, "STOP") });
    post.publish(vec![damaged, sealed(&post, " Stop! ")]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "keyword")]).await;
    let thread = conversation(&post).await;
    assert_eq!(thread.unread, 0);
    assert_eq!(messages(&post).await[0].handling(), Handling::Stop);
    post.publish(vec![other]).await;
    until(async || (conversation(&post).await.unread == 1).then_some(())).await;
}

#[tokio::test]
async fn help_is_answered_once_a_day_with_the_workspaces_text() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    sql(&post, "UPDATE core.workspace SET help_text = 'Call 600 12345'").await;
    post.publish(vec![sealed(&post, "HELP"), sealed(&post, "help?")]).await;
    until(async || (messages(&post).await.len() == 3).then_some(())).await;
    post.publish(vec![sealed(&post, "info")]).await;
    until(async || (messages(&post).await.len() == 4).then_some(())).await;
    assert_eq!(sql(&post, "SELECT FROM send.reply WHERE state = 'queued'").await, 1);
    let all = messages(&post).await;
    let answer = all.iter().find(|message| message.handling() == Handling::Answer).unwrap();
    assert_eq!((answer.text.as_str(), answer.author.as_str()), ("Call 600 12345", "help"));
    assert_eq!(conversation(&post).await.unread, 0);
    sql(&post, "UPDATE core.conversation SET helped_at = now() - interval '25 h'").await;
    post.publish(vec![Inbound { source: "provider".to_owned(), intent: 3, ..sealed(&post, "HELP") }]).await;
    until(async || (messages(&post).await.len() == 5).then_some(())).await;
    assert_eq!(sql(&post, "SELECT FROM send.reply").await, 1, "the provider has answered itself");
    post.publish(vec![sealed(&post, "HELP")]).await;
    until(async || (sql(&post, "SELECT FROM send.reply").await == 2).then_some(())).await;
}

#[tokio::test]
async fn a_quote_names_the_campaigns_message_and_a_reaction_is_no_reply() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let sms = post.deliveries[&Channel::Sms];
    sql(
        &post,
        &format!("UPDATE send.delivery SET provider_message_id = 'SM-out', sent_at = now() - interval '30 d' WHERE delivery_id = {sms}"),
    )
    .await;
    let reaction = Inbound { kind: "reaction".to_owned(), reply_to: "SM-out".to_owned(), ..sealed(&post, "👍") };
    post.publish(vec![reaction, sealed(&post, "too late to tell")]).await;
    post.settled().await;
    assert_eq!(post.told(FactKind::Replied), [0; 0]);
    post.publish(vec![Inbound { reply_to: "SM-out".to_owned(), ..sealed(&post, "Yes please") }]).await;
    until(async || (post.told(FactKind::Replied) == [sms]).then_some(())).await;
    post.publish(vec![Inbound { reply_to: "MMYes please".to_owned(), ..sealed(&post, "and a window") }]).await;
    until(async || (messages(&post).await.len() == 4).then_some(())).await;
    let all = messages(&post).await;
    assert_eq!((&all[0].reply_to_message_id, all[0].delivery_id), (&all[1].id, sms), "what quotes an answer to it answers it too");
    let reaction = all.iter().find(|message| message.handling() == Handling::Reaction).unwrap();
    assert_eq!((reaction.text.as_str(), reaction.delivery_id), ("👍", sms));
    assert_eq!(conversation(&post).await.unread, 3);
}

#[tokio::test]
async fn a_person_without_a_number_has_a_thread_and_can_opt_out() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let sender = post.workspace.sender("WhatsApp", WireChannel::Whatsapp).await;
    let by = |user: &str, from: &str, text: &str| {
        let inbound = sealed(&post, text);
        Inbound { sender_id: sender.clone(), channel: "whatsapp".to_owned(), user_id: user.to_owned(), from: from.to_owned(), ..inbound }
    };
    post.publish(vec![by("US.7", "", "Hello")]).await;
    assert_eq!(conversation(&post).await.address, "US.7");
    assert!(conversation(&post).await.open_until.is_some());
    post.publish(vec![by("US.7", PHONE, "It's me, with my number")]).await;
    until(async || (conversation(&post).await.address == PHONE).then_some(())).await;
    let renamed = Inbound { was_user_id: "US.7".to_owned(), source: "provider".to_owned(), sealed: Vec::new(), ..by("US.8", "", "") };
    post.publish(vec![renamed]).await;
    post.publish(vec![by("US.8", "", "New name"), by("US.8", "", "STOP")]).await;
    until(async || (messages(&post).await.len() == 4).then_some(())).await;
    assert_eq!(conversations(&post, ListConversationsRequest::default()).await.len(), 1);
    // What goes to their number stops as well.
    post.until_registered(&[(Channel::Whatsapp, PHONE, "keyword"), (Channel::Whatsapp, "wa:US.8", "keyword")]).await;
    assert!(!conversation(&post).await.contact_id.is_empty());
}

#[tokio::test]
async fn who_answers_is_set_and_an_archived_thread_comes_back() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let mut client = post.workspace.conversations(Role::Agent);
    let mut watch = client.watch_conversations(WatchConversationsRequest::default()).await.unwrap().into_inner();
    post.publish(vec![sealed(&post, "one"), sealed(&post, "two")]).await;
    let id = conversation(&post).await.id;
    assert_eq!(watch.message().await.unwrap().unwrap().conversations[0].id, id);
    let assign = |handler: Handler, name: &str| AssignConversationRequest {
        conversation_id: id.clone(),
        handler: handler.into(),
        assigned_to: name.to_owned(),
    };
    let assigned = client.assign_conversation(assign(Handler::Person, "sara")).await.unwrap().into_inner().conversation.unwrap();
    assert_eq!((assigned.handler(), assigned.assigned_to.as_str()), (Handler::Person, "sara"));
    assert!(client.assign_conversation(assign(Handler::Assistant, "sara")).await.is_err(), "only a person has a name");
    let up_to = messages(&post).await[1].id.clone();
    let read = MarkConversationReadRequest { conversation_id: id.clone(), message_id: up_to };
    assert_eq!(client.mark_conversation_read(read).await.unwrap().into_inner().conversation.unwrap().unread, 1);
    let archive = ArchiveConversationRequest { conversation_id: id.clone(), reopen: false };
    client.archive_conversation(archive).await.unwrap();
    assert!(conversations(&post, ListConversationsRequest::default()).await.is_empty());
    post.publish(vec![sealed(&post, "STOP")]).await;
    until(async || (messages(&post).await.len() == 3).then_some(())).await;
    assert_eq!(conversation(&post).await.status(), ConversationStatus::Archived, "nobody has to answer that");
    post.publish(vec![sealed(&post, "three")]).await;
    let unread = ListConversationsRequest { unread_only: true, assigned_to: "sara".to_owned(), ..Default::default() };
    until(async || conversations(&post, unread.clone()).await.pop()).await;
    let told = store::audit::of_object(&mut api.db.acquire().await.unwrap(), post.workspace.id, "conversation", id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(told.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["conversation.assign", "conversation.archive"]);
    assert_eq!(sql(&post, &format!("SELECT FROM core.contact WHERE email = '{EMAIL}'")).await, 1, "nobody was made up");
}
