//! Answers: who may be answered, by whom, and what becomes of it.

use crate::{
    conversation::{conversation, conversations, messages, sealed, sql},
    inbound::{Post, now_ms},
    support::{Api, until},
};
use domain::{Channel, facts::key, role::Role};
use proto::{
    common::Channel as WireChannel,
    contact::{EraseContactRequest, ExportContactRequest},
    conversation::{AnswerState, AssignConversationRequest, Handler, Message, ReplyRequest, ReplyResponse},
    event::{Inbound, Report},
};
use store::conversation::dispatch;
use time::OffsetDateTime;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

async fn reply(post: &Post<'_>, request: ReplyRequest) -> Result<ReplyResponse, Status> {
    Ok(post.workspace.conversations(Role::Agent).reply(request).await?.into_inner())
}

async fn text(post: &Post<'_>, text: &str) -> ReplyRequest {
    ReplyRequest { conversation_id: conversation(post).await.id, text: text.to_owned(), ..ReplyRequest::default() }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

async fn newest(post: &Post<'_>) -> Message {
    messages(post).await.swap_remove(0)
}

#[tokio::test]
async fn an_answer_is_queued_once_and_takes_the_conversation_over() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![sealed(&post, "Do you open on Friday?")]).await;
    let asked = newest(&post).await;
    let request =
        ReplyRequest { request_id: "one".to_owned(), reply_to_message_id: asked.id.clone(), ..text(&post, "We do, from nine").await };
    let first = reply(&post, request.clone()).await.unwrap();
    let again = reply(&post, request).await.unwrap();
    let (message, taken) = (first.message.unwrap(), first.conversation.unwrap());
    assert_eq!(again.message.unwrap().id, message.id);
    assert_eq!((message.state(), message.text.as_str(), message.author.as_str()), (AnswerState::Queued, "We do, from nine", "test-agent"));
    assert_eq!((taken.handler(), taken.assigned_to.as_str(), taken.unread), (Handler::Person, "test-agent", 0));
    assert_eq!(sql(&post, &format!("SELECT FROM send.reply WHERE in_reply_to = '{}'", asked.provider_message_id)).await, 1);
    assert_eq!(sql(&post, "SELECT FROM core.message WHERE encode(sealed, 'escape') LIKE '%from nine%'").await, 0);
    assert_eq!(sql(&post, "SELECT FROM core.audit WHERE action = 'conversation.reply' AND after::text NOT LIKE '%nine%'").await, 1);
    let by_assistant = ReplyRequest { by_assistant: true, ..text(&post, "I am an assistant").await };
    assert_eq!(reason(&reply(&post, by_assistant.clone()).await.unwrap_err()), "NOT_THE_ASSISTANTS");
    let assign = AssignConversationRequest { handler: Handler::Assistant.into(), conversation_id: taken.id, ..Default::default() };
    post.workspace.conversations(Role::Agent).assign_conversation(assign).await.unwrap();
    assert_eq!(reply(&post, by_assistant).await.unwrap().conversation.unwrap().handler(), Handler::Assistant);
    let unknown = ReplyRequest { reply_to_message_id: uuid::Uuid::now_v7().to_string(), ..text(&post, "x").await };
    assert_eq!(reply(&post, unknown).await.unwrap_err().code(), Code::NotFound);
    let empty = text(&post, " ").await;
    assert_eq!(reply(&post, empty).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn nobody_is_answered_who_opted_out_or_wrote_too_long_ago() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![sealed(&post, "Hello"), sealed(&post, "STOP")]).await;
    until(async || (messages(&post).await.len() == 2).then_some(())).await;
    let hello = text(&post, "Hello").await;
    assert_eq!(reason(&reply(&post, hello.clone()).await.unwrap_err()), "OPTED_OUT");
    post.publish(vec![Inbound { occurred_at_ms: now_ms() + 1_000, ..sealed(&post, "START") }]).await;
    until(async || reply(&post, hello.clone()).await.ok()).await;
    let sender = post.workspace.sender("WhatsApp", WireChannel::Whatsapp).await;
    let yesterday = now_ms() - 25 * 3_600_000;
    let late = Inbound { sender_id: sender, channel: "whatsapp".to_owned(), occurred_at_ms: yesterday, ..sealed(&post, "Anybody?") };
    post.publish(vec![late]).await;
    let whatsapp = until(async || {
        let all = conversations(&post, Default::default()).await;
        all.into_iter().find(|one| one.channel() == WireChannel::Whatsapp)
    })
    .await;
    let refused = reply(&post, ReplyRequest { conversation_id: whatsapp.id, ..hello }).await.unwrap_err();
    assert_eq!(reason(&refused), "OUTSIDE_WINDOW");
}

#[tokio::test]
async fn what_the_provider_reports_of_an_answer_only_goes_further() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![sealed(&post, "Hello")]).await;
    reply(&post, text(&post, "Hi").await).await.unwrap();
    let told = |number: i64, state: &str, code: &str| Inbound {
        key: key(&format!("{state} of {number}")).to_vec(),
        delivery_id: number,
        from: String::new(),
        source: "report".to_owned(),
        report: Some(Report { state: state.to_owned(), code: code.to_owned() }),
        ..post.text(Channel::Sms, "")
    };
    post.publish(vec![told(-1, "delivered", ""), told(-1, "sent", ""), told(-99, "failed", "1")]).await;
    until(async || (newest(&post).await.state() == AnswerState::Delivered).then_some(())).await;
    post.publish(vec![told(-1, "failed", "30003")]).await;
    until(async || (newest(&post).await.state() == AnswerState::Failed).then_some(())).await;
    assert_eq!(newest(&post).await.code, "30003");
    let opted_out = Inbound { intent: 1, source: "provider".to_owned(), report: None, ..told(-1, "stop", "") };
    post.publish(vec![opted_out]).await;
    until(async || (!post.register().await.is_empty()).then_some(())).await;
}

#[tokio::test]
async fn answers_of_one_conversation_leave_one_after_the_other_and_an_assistant_that_is_relieved_says_no_more() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![sealed(&post, "Hello")]).await;
    let id = conversation(&post).await.id;
    let assign =
        |handler: Handler| AssignConversationRequest { handler: handler.into(), conversation_id: id.clone(), ..Default::default() };
    post.workspace.conversations(Role::Agent).assign_conversation(assign(Handler::Assistant)).await.unwrap();
    for words in ["One", "Two"] {
        let request = ReplyRequest { by_assistant: true, ..text(&post, words).await };
        reply(&post, request).await.unwrap();
    }
    sql(&post, "UPDATE core.sender SET rate_per_second = 1000").await;
    let worker = domain::WorkerId::new();
    let take = async || {
        let mut tx = api.db.begin().await.unwrap();
        let batch = dispatch::take(&mut tx, Channel::Sms, worker, &[], OffsetDateTime::now_utc()).await.unwrap();
        tx.commit().await.unwrap();
        batch.map(|batch| batch.taken)
    };
    let first = until(async || take().await.filter(|taken| !taken.is_empty())).await;
    assert_eq!(first.len(), 1);
    assert!(take().await.is_none(), "the second waits for the first");
    let outcome = dispatch::Outcome::new(first[0].reply_id, domain::conversation::AnswerState::Accepted);
    dispatch::record(&mut api.db.acquire().await.unwrap(), worker, &[outcome], OffsetDateTime::now_utc()).await.unwrap();
    post.workspace.conversations(Role::Agent).assign_conversation(assign(Handler::Person)).await.unwrap();
    assert_eq!(take().await.map(|taken| taken.len()), Some(0));
    assert_eq!((newest(&post).await.state(), newest(&post).await.code.as_str()), (AnswerState::Refused, "taken_over"));
}

#[tokio::test]
async fn a_person_gets_their_conversations_and_they_go_with_them() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    post.publish(vec![sealed(&post, "My passport is late")]).await;
    let contact = conversation(&post).await.contact_id;
    reply(&post, text(&post, "We wait").await).await.unwrap();
    let mut admin = post.workspace.contacts(Role::Admin);
    let json = admin.export_contact(ExportContactRequest { id: contact.clone() }).await.unwrap().into_inner().json;
    let person: serde_json::Value = serde_json::from_str(&json).unwrap();
    let said = &person["conversations"][0]["messages"];
    assert_eq!((&said[0]["text"], &said[1]["text"]), (&"We wait".into(), &"My passport is late".into()));
    let erased = admin.erase_contact(EraseContactRequest { id: contact, reason: "by letter".to_owned() }).await.unwrap().into_inner();
    assert_eq!(erased.conversations, 1);
    assert_eq!(sql(&post, "SELECT message_id FROM core.message UNION ALL SELECT message_id FROM send.reply").await, 0);
}
