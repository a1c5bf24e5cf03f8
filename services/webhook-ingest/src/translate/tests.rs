use super::*;
use domain::{SenderId, WorkspaceId};
use prost::Message;
use proto::event::InboundContent;
use providers::{Account, DecodeError, Refused, TemplateNews, Webhook, WebhookRequest};
use std::{collections::BTreeMap, sync::Arc};
use time::OffsetDateTime;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Nothing;

impl Webhook for Nothing {
    fn verify(&self, _: &WebhookRequest<'_>) -> Result<(), Refused> {
        Err(Refused::Missing)
    }
    fn decode(&self, _: &WebhookRequest<'_>) -> Result<Decoded, DecodeError> {
        Ok(Decoded::default())
    }
}

fn sender(channel: Channel) -> Sender {
    Sender {
        id: SenderId::new(),
        workspace_id: WorkspaceId::new(),
        channel,
        provider: "twilio",
        account: Account { settings: BTreeMap::new(), secrets: BTreeMap::new() },
        webhook: Arc::new(Nothing),
    }
}

fn links() -> LinkKey {
    LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
}

fn failed(action: FaultAction) -> Event {
    Event {
        key: "SM1:failed".to_owned(),
        kind: EventKind::Failed,
        correlation: Some(links().correlation(DeliveryId(42), TRACE)),
        provider_message_id: Some("SM1".to_owned()),
        occurred_at: OffsetDateTime::UNIX_EPOCH,
        code: Some("30006".to_owned()),
        action: Some(action),
    }
}

fn kek() -> Kek {
    Kek::from_base64(&Kek::generate().unwrap()).unwrap()
}

fn one(sender: &Sender, event: Event) -> Translated {
    translate(sender, &links(), &kek(), Decoded { events: vec![event], ..Decoded::default() }).unwrap()
}

#[test]
fn a_correlated_report_names_its_delivery() {
    let sender = sender(Channel::Sms);
    let translated = one(&sender, failed(FaultAction::Permanent));
    let [fact] = translated.facts.as_slice() else { panic!("one fact") };
    assert_eq!((fact.delivery_id, fact.kind()), (42, FactKind::Failed));
    assert_eq!((fact.code.as_str(), fact.provider_message_id.as_str()), ("30006", "SM1"));
    assert_eq!(fact.sender_id, sender.id.to_string());
    assert_eq!(fact.traceparent, TRACE);
    assert!(translated.inbound.is_empty());
    assert_eq!(fact.key, one(&sender, failed(FaultAction::Permanent)).facts[0].key, "the same report has the same key");
}

#[test]
fn a_bad_correlation_is_none() {
    let event = Event { correlation: Some("forged".to_owned()), ..failed(FaultAction::OptOut) };
    let translated = one(&sender(Channel::Sms), event);
    assert_eq!((translated.facts[0].delivery_id, translated.facts[0].provider_message_id.as_str()), (0, "SM1"));
    assert!(translated.inbound.is_empty());
    assert_eq!(translated.to_find.len(), 1, "its delivery is looked for by the message's id");
    let event = Event { correlation: None, provider_message_id: None, ..failed(FaultAction::Permanent) };
    assert_eq!(one(&sender(Channel::Sms), event).left_out, 1);
}

#[test]
fn reports_that_forbid_an_address_are_opt_outs() {
    let source = |channel, event| one(&sender(channel), event).inbound.first().map(|stop| (stop.source.clone(), stop.intent()));
    let stop = |source: &str| Some((source.to_owned(), InboundIntent::Stop));
    assert_eq!(source(Channel::Whatsapp, failed(FaultAction::OptOut)), stop("provider"));
    assert_eq!(source(Channel::Email, failed(FaultAction::InvalidAddress)), stop("bounce"));
    assert_eq!(source(Channel::Sms, failed(FaultAction::InvalidAddress)), None);
    let event = |kind| Event { kind, action: None, ..failed(FaultAction::Permanent) };
    assert_eq!(source(Channel::Email, event(EventKind::Complained)), stop("complaint"));
    assert_eq!(source(Channel::Email, event(EventKind::Unsubscribed)), stop("provider"));
    assert_eq!(source(Channel::Email, event(EventKind::Delivered)), None);
}

#[test]
fn a_report_on_a_test_or_an_answer_is_no_fact_and_still_an_opt_out() {
    let event = |action| Event { correlation: Some(links().correlation(DeliveryId(-7), TRACE)), ..failed(action) };
    let told = one(&sender(Channel::Sms), event(FaultAction::Permanent));
    let [report] = told.inbound.as_slice() else { panic!("one report") };
    assert!(told.facts.is_empty());
    assert_eq!((report.delivery_id, report.source.as_str(), report.intent()), (-7, "report", InboundIntent::Unspecified));
    let said = report.report.as_ref().unwrap();
    assert_eq!((said.state.as_str(), said.code.as_str()), ("failed", "30006"));
    let told = one(&sender(Channel::Sms), event(FaultAction::OptOut));
    assert!(told.facts.is_empty());
    assert_eq!((told.inbound[0].delivery_id, told.inbound[0].intent()), (-7, InboundIntent::Stop));
    assert!(told.inbound[1].report.is_some());
}

fn inbound() -> Inbound {
    let mut inbound = Inbound::new("SM2", Channel::Sms, OffsetDateTime::UNIX_EPOCH);
    inbound.from = Some("+15550001".to_owned());
    inbound.text = "stop please".to_owned();
    inbound
}

fn messages(sender: &Sender, kek: &Kek, inbound: Vec<Inbound>) -> Translated {
    translate(sender, &links(), kek, Decoded { inbound, ..Decoded::default() }).unwrap()
}

#[test]
fn a_persons_message_goes_on_sealed_with_its_workspace() {
    let (sender, kek) = (sender(Channel::Sms), kek());
    let hidden = Inbound { from: None, ..inbound() };
    let told = Inbound { preference: Some(Preference::Stop), ..inbound() };
    let written = Inbound { reply_to: Some("SM1".to_owned()), ..inbound() };
    let translated = messages(&sender, &kek, vec![written, hidden, told]);
    let [message, told] = translated.inbound.as_slice() else { panic!("two messages") };
    assert_eq!(message.workspace_id, sender.workspace_id.to_string());
    assert_eq!((message.from.as_str(), message.text.as_str(), message.intent()), ("+15550001", "", InboundIntent::Unspecified));
    assert_eq!((message.provider_message_id.as_str(), message.reply_to.as_str(), message.kind.as_str()), ("SM2", "SM1", "text"));
    assert!(!message.encode_to_vec().windows(4).any(|bytes| bytes == b"stop"), "nothing of the text is in clear");
    let opened = InboundContent::decode(kek.open(&message.sealed, &message.key).unwrap().as_slice()).unwrap();
    assert_eq!(opened.text, "stop please");
    assert_eq!(told.intent(), InboundIntent::Stop);
    assert_eq!(translated.left_out, 1);
}

#[test]
fn a_person_without_a_number_is_known_by_their_user_id() {
    let sender = sender(Channel::Whatsapp);
    let without = Inbound { from: None, user_id: Some("US.7".to_owned()), ..inbound() };
    let renamed =
        Inbound { was_user_id: Some("US.7".to_owned()), user_id: Some("US.8".to_owned()), text: String::new(), ..without.clone() };
    let translated = messages(&sender, &kek(), vec![without, renamed]);
    let [message, notice] = translated.inbound.as_slice() else { panic!("two") };
    assert_eq!((message.from.as_str(), message.user_id.as_str(), message.source.as_str()), ("", "US.7", "keyword"));
    assert_eq!((notice.was_user_id.as_str(), notice.user_id.as_str(), notice.source.as_str()), ("US.7", "US.8", "provider"));
    assert!(notice.sealed.is_empty() && notice.provider_message_id.is_empty(), "it is no message");
}

#[test]
fn news_of_templates_and_accounts_are_nobodys_messages() {
    let at = OffsetDateTime::UNIX_EPOCH;
    let template = providers::TemplateNews {
        key: "status:7:sale:en:PAUSED:1".to_owned(),
        provider_id: "7".to_owned(),
        name: "sale".to_owned(),
        language: "en".to_owned(),
        status: Some("PAUSED".to_owned()),
        occurred_at: Some(at),
        ..providers::TemplateNews::default()
    };
    let account = providers::AccountNews {
        key: "quality:1".to_owned(),
        kind: providers::AccountNewsKind::Quality,
        value: "FLAGGED".to_owned(),
        detail: String::new(),
        occurred_at: at,
    };
    let decoded = Decoded { templates: vec![template.clone(), template], account: vec![account], ..Decoded::default() };
    let told = translate(&sender(Channel::Whatsapp), &links(), &kek(), decoded).unwrap();
    assert_eq!((told.facts.len(), told.inbound.len(), told.left_out), (0, 3, 0));
    assert_eq!(told.inbound[0].key, told.inbound[1].key, "the same news again has the same key");
    assert_ne!(told.inbound[0].key, told.inbound[2].key);
    let news = told.inbound[0].template_news.as_ref().unwrap();
    assert_eq!((news.status.as_str(), news.quality.as_str()), ("PAUSED", ""));
    assert_eq!(told.inbound[2].account_news.as_ref().unwrap().kind, "quality");
    assert!(told.inbound.iter().all(|one| one.from.is_empty() && one.text.is_empty() && one.occurred_at_ms == 0));
}

#[test]
fn nothing_that_a_tenant_signs_is_too_long_to_be_published() {
    let long = || format!("a\0{}", "é".repeat(1 << 20));
    let event = Event { provider_message_id: Some(long()), code: Some(long()), correlation: None, ..failed(FaultAction::OptOut) };
    let person =
        Inbound { user_id: Some(long()), reply_to: Some(long()), ..Inbound::new(long(), Channel::Whatsapp, OffsetDateTime::UNIX_EPOCH) };
    let template = TemplateNews { name: long(), reason: Some(long()), ..TemplateNews::default() };
    let decoded = Decoded { events: vec![event], inbound: vec![person], templates: vec![template], ..Decoded::default() };
    let translated = translate(&sender(Channel::Whatsapp), &links(), &kek(), decoded).unwrap();
    assert_eq!((translated.facts.len(), translated.inbound.len(), translated.to_find.len()), (1, 2, 1));
    let parts = translated.inbound.iter().chain(translated.to_find.iter().map(|(stop, _)| stop));
    for bytes in parts.map(Message::encode_to_vec).chain([translated.facts[0].encode_to_vec()]) {
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
    }
    assert!(!translated.facts[0].code.contains('\0') && !translated.to_find[0].1.contains('\0'));
}
