use super::*;
use domain::{SenderId, WorkspaceId};
use providers::{Account, DecodeError, Refused, Webhook, WebhookRequest};
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

fn one(sender: &Sender, event: Event) -> Translated {
    translate(sender, &links(), Decoded { events: vec![event], ..Decoded::default() })
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
fn a_report_on_a_test_is_no_fact_and_still_an_opt_out() {
    let event = |action| Event { correlation: Some(links().correlation(DeliveryId(-7), TRACE)), ..failed(action) };
    let told = one(&sender(Channel::Sms), event(FaultAction::Permanent));
    assert!(told.facts.is_empty() && told.inbound.is_empty());
    let told = one(&sender(Channel::Sms), event(FaultAction::OptOut));
    assert!(told.facts.is_empty());
    assert_eq!((told.inbound[0].delivery_id, told.inbound[0].intent()), (-7, InboundIntent::Stop));
}

#[test]
fn a_persons_message_goes_on_with_its_workspace() {
    let sender = sender(Channel::Sms);
    let inbound = Inbound {
        key: "SM2".to_owned(),
        from: Some("+15550001".to_owned()),
        channel: Channel::Sms,
        text: "stop please".to_owned(),
        preference: None,
        occurred_at: OffsetDateTime::UNIX_EPOCH,
    };
    let hidden = Inbound { from: None, ..inbound.clone() };
    let told = Inbound { preference: Some(Preference::Stop), ..inbound.clone() };
    let translated = translate(&sender, &links(), Decoded { inbound: vec![inbound, hidden, told], ..Decoded::default() });
    let [message, told] = translated.inbound.as_slice() else { panic!("two messages") };
    assert_eq!(message.workspace_id, sender.workspace_id.to_string());
    assert_eq!((message.from.as_str(), message.text.as_str(), message.intent()), ("+15550001", "stop please", InboundIntent::Unspecified));
    assert_eq!(told.intent(), InboundIntent::Stop);
    assert_eq!(translated.left_out, 1);
}
