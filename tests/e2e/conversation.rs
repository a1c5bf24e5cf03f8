//! People write back: words of the register first, the rest becomes a conversation that counts as the campaign's reply, is answered from the
//! hub, and stands nowhere in clear.

use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{
    analytics::CampaignStats,
    conversation::{
        AnswerState, Conversation, Handler, Handling, ListConversationsRequest, ListMessagesRequest, Message, ReplyRequest, ReplyResponse,
    },
    convert::channel_number,
};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const QUESTION: &str = "Is the lamp back in teal?";
const ANSWER: &str = "Yes, from Friday on";

/// A campaign that two people got, who do nothing by themselves.
async fn sent(channel: Channel) -> (World, Campaign, String) {
    let calm = json!({"refuse": 0.0, "throttle": 0.0, "fail": 0.0, "read": 0.0, "click": 0.0, "stop": 0.0});
    let world = World::start_on(&[channel], calm).await.unwrap();
    let list = world.people(&[person(0), person(1)]).await.unwrap();
    let campaign = world.sending(list.clone(), &[channel]).await.unwrap();
    world.agreed(&campaign, "COMPLETED").await.unwrap();
    (world, campaign, list)
}

fn person(n: usize) -> Contact {
    Contact::numbered(n)
}

/// The message of the campaign that a person got, as the sandbox has it.
async fn got(world: &World, n: usize) -> Value {
    let messages = world.sandbox().messages().await.unwrap();
    messages.into_iter().find(|message| message["to"] == person(n).phone.as_str()).unwrap()
}

/// A person writes, and the hub takes it.
async fn write(world: &World, writing: Value) {
    let url = format!("{}/sandbox/inbound", world.sandbox().base());
    let answer = reqwest::Client::new().post(url).json(&writing).send().await.unwrap().error_for_status().unwrap();
    let told: Value = answer.json().await.unwrap();
    assert!(matches!(told["status"].as_u64(), Some(200..300)), "{told}");
}

/// The conversation with a person, once there is one.
async fn thread(world: &World, n: usize) -> Conversation {
    let phone = person(n).phone;
    let look = async || {
        let request = ListConversationsRequest { any_status: true, ..ListConversationsRequest::default() };
        let all = world.seeded.agent.conversations().list_conversations(request).await?.into_inner().conversations;
        anyhow::Ok(all.into_iter().find(|one| one.address == phone))
    };
    world.eventually("there is a conversation", look).await.unwrap()
}

/// The newest message of a conversation, once it is as wanted.
async fn newest(world: &World, thread: &Conversation, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
    let look = async || {
        let request = ListMessagesRequest { conversation_id: thread.id.clone(), ..ListMessagesRequest::default() };
        let all = world.seeded.agent.conversations().list_messages(request).await?.into_inner().messages;
        anyhow::Ok(all.into_iter().next().filter(&wanted))
    };
    world.eventually(what, look).await.unwrap()
}

async fn reply(world: &World, thread: &Conversation, to: &str) -> Result<ReplyResponse, Status> {
    let (conversation_id, reply_to_message_id) = (thread.id.clone(), to.to_owned());
    let request = ReplyRequest { conversation_id, text: ANSWER.to_owned(), reply_to_message_id, ..ReplyRequest::default() };
    Ok(world.seeded.agent.conversations().reply(request).await?.into_inner())
}

/// Tables of the hub in which a text stands in clear; it must need no escaping.
async fn tables_with(world: &World, text: &str) -> u64 {
    let holds = "CREATE OR REPLACE FUNCTION public.holds(place regclass, what text) RETURNS boolean LANGUAGE plpgsql AS $$
                 DECLARE found boolean;
                 BEGIN
                   EXECUTE format('SELECT EXISTS (SELECT FROM %s x WHERE strpos(x::text, $1) > 0 OR strpos(x::text, $2) > 0)', place)
                     INTO found USING what, encode(convert_to(what, 'UTF8'), 'hex');
                   RETURN found;
                 END $$";
    world.sql(holds).await.unwrap();
    let places = format!(
        "SELECT FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('core', 'send', 'stats')
           AND holds(c.oid, '{text}')"
    );
    world.sql(&places).await.unwrap()
}

/// A delivery of the campaign, by its person.
async fn delivery(world: &World, campaign: &Campaign, n: usize) -> i64 {
    let deliveries = world.deliveries(campaign, campaign.channels[0]).await.unwrap();
    deliveries.iter().find(|delivery| delivery.address == person(n).phone).unwrap().id.parse().unwrap()
}

#[tokio::test]
async fn a_question_by_text_is_a_reply_and_is_answered() {
    let (world, campaign, _) = sent(Channel::Sms).await;
    let ours = got(&world, 0).await["from"].clone();
    let question = json!({"provider": "twilio", "channel": "sms", "from": person(0).phone, "to": ours, "text": QUESTION});
    write(&world, question).await;

    let thread = thread(&world, 0).await;
    assert_eq!((thread.channel, thread.unread, thread.handler()), (channel_number(Channel::Sms), 1, Handler::None));
    assert!(!thread.contact_id.is_empty() && thread.open_until.is_none(), "{thread:?}");
    let asked = newest(&world, &thread, "the question is there", |message| message.handling() == Handling::Handed).await;
    assert_eq!((asked.text.as_str(), asked.delivery_id), (QUESTION, delivery(&world, &campaign, 0).await));
    world.until(&campaign, "the reply counts", |stats| stats.channels[0].replied == 1).await.unwrap();

    let answer = reply(&world, &thread, "").await.unwrap();
    assert_eq!(answer.conversation.unwrap().handler(), Handler::Person);
    let arrived = |message: &Message| message.state() == AnswerState::Delivered;
    let told = newest(&world, &thread, "the answer is delivered", arrived).await;
    assert_eq!((told.id, told.text.as_str()), (answer.message.unwrap().id, ANSWER));
    let messages = world.sandbox().messages().await.unwrap();
    let answers: Vec<_> = messages.iter().filter(|message| message["text"] == ANSWER).collect();
    assert_eq!((answers.len(), messages.len()), (1, 3), "once");
    assert_eq!((&answers[0]["to"], &answers[0]["from"]), (&json!(person(0).phone), &ours));
    let stats = world.stats(&campaign).await.unwrap();
    assert_eq!((stats.channels[0].sent, stats.channels[0].delivered, stats.channels[0].replied), (2, 2, 1), "{stats:?}");

    assert!(tables_with(&world, &person(0).phone).await > 0, "what isn't secret is found");
    assert_eq!((tables_with(&world, QUESTION).await, tables_with(&world, ANSWER).await), (0, 0));
    world.hub.stop().await.unwrap();
}

#[tokio::test]
async fn stop_comes_first_and_nobody_answers_it() {
    let (world, campaign, list) = sent(Channel::Sms).await;
    let ours = got(&world, 1).await["from"].clone();
    let stop = json!({"provider": "twilio", "channel": "sms", "from": person(1).phone, "to": ours, "text": "Stop!"});
    write(&world, stop).await;

    let thread = thread(&world, 1).await;
    let stop = newest(&world, &thread, "STOP is understood", |message| message.handling() == Handling::Stop).await;
    assert_eq!((stop.text.as_str(), thread.unread), ("Stop!", 0));
    let stats = world.until(&campaign, "the opt-out counts", |stats| stats.channels[0].unsubscribed == 1).await.unwrap();
    assert_eq!(stats.channels[0].replied, 0, "{stats:?}");
    let refused = reply(&world, &thread, "").await.unwrap_err();
    assert_eq!((refused.code(), refused.get_details_error_info().unwrap().reason.as_str()), (Code::FailedPrecondition, "OPTED_OUT"));

    let next = world.sending(list, &[Channel::Sms]).await.unwrap();
    let is_over = |stats: &CampaignStats| stats.campaign_status == "COMPLETED" && stats.channels[0].sent == 1;
    let stats = world.until(&next, "only the other one gets it", is_over).await.unwrap();
    assert_eq!(stats.channels[0].suppressed.values().sum::<u64>(), 1, "{stats:?}");
    let messages = world.sandbox().log().await.unwrap();
    assert_eq!(messages.iter().filter(|message| message.to == person(1).phone).count(), 1);
    world.hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_quote_on_whatsapp_is_answered_freely_within_a_day() {
    let (world, campaign, _) = sent(Channel::Whatsapp).await;
    let quoted = got(&world, 0).await["provider_message_id"].clone();
    write(&world, json!({"provider": "meta", "from": person(0).phone, "text": QUESTION, "reply_to": quoted, "name": "Sara"})).await;

    let thread = thread(&world, 0).await;
    assert!(thread.channel == channel_number(Channel::Whatsapp) && thread.open_until.is_some(), "{thread:?}");
    let asked = newest(&world, &thread, "the question is there", |message| message.handling() == Handling::Handed).await;
    assert_eq!((asked.text.as_str(), asked.sender_name.as_str()), (QUESTION, "Sara"));
    assert_eq!(asked.delivery_id, delivery(&world, &campaign, 0).await);
    world.until(&campaign, "the reply counts", |stats| stats.channels[0].replied == 1).await.unwrap();

    reply(&world, &thread, &asked.id).await.unwrap();
    let arrived = |message: &Message| message.state() == AnswerState::Delivered;
    let told = newest(&world, &thread, "the answer is delivered", arrived).await;
    assert_eq!(told.reply_to_message_id, asked.id);
    let messages = world.sandbox().messages().await.unwrap();
    let answers: Vec<_> = messages.iter().filter(|message| message["text"] == ANSWER).collect();
    assert_eq!(answers.len(), 1, "once: {messages:?}");
    assert_eq!((&answers[0]["to"], &answers[0]["fails_with"]), (&json!(person(0).phone), &Value::Null));
    assert_eq!((tables_with(&world, QUESTION).await, tables_with(&world, ANSWER).await), (0, 0));
    world.hub.stop().await.unwrap();
}
