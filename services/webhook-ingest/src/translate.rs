//! What a provider said, in the hub's words: facts about deliveries, and messages and opt-outs of people.

use crate::{bounds, news, seal, senders::Sender};
use domain::{Channel, DeliveryId, facts::key, link::LinkKey};
use proto::event::{self, Fact, FactKind, InboundIntent, Report};
use providers::{Decoded, Event, EventKind, FaultAction, Inbound, Preference};
use runtime::{
    seal::{Error as SealError, Kek},
    traceparent,
};

/// All that one post leads to.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    pub facts: Vec<Fact>,
    pub inbound: Vec<event::Inbound>,
    /// Opt-outs that came without a correlation of ours: their delivery is still to be found, by the provider's id of the message.
    pub to_find: Vec<(event::Inbound, String)>,
    /// Parts that mean nothing to the hub.
    pub left_out: usize,
}

/// Translates a decoded post of one sender. What people wrote is sealed.
///
/// # Errors
/// When the system gives no randomness to seal with.
pub(crate) fn translate(sender: &Sender, links: &LinkKey, kek: &Kek, decoded: Decoded) -> Result<Translated, SealError> {
    let mut translated = Translated { left_out: decoded.unknown, ..Translated::default() };
    for event in decoded.events {
        translated.add_event(sender, links, event);
    }
    for inbound in decoded.inbound {
        match message(sender, kek, inbound)? {
            Some(message) => translated.inbound.push(message),
            None => translated.left_out += 1,
        }
    }
    translated.inbound.extend(decoded.templates.into_iter().map(|told| news::of_template(sender, told, crate::now())));
    translated.inbound.extend(decoded.account.into_iter().map(|told| news::of_account(sender, told)));
    bounds::keep(&mut translated);
    Ok(translated)
}

impl Translated {
    fn add_event(&mut self, sender: &Sender, links: &LinkKey, event: Event) {
        // A correlation with a bad MAC is none of ours: the provider's id may still find the delivery.
        let correlation = event.correlation.as_deref().and_then(|token| links.read_correlation(token));
        if correlation.is_none() && event.provider_message_id.is_none() {
            self.left_out += 1;
            return;
        }
        let span = tracing::info_span!("webhook_ingest.event.receive", provider = sender.provider, kind = ?event.kind);
        let sent_in = correlation.as_ref().map(|correlation| correlation.traceparent.clone()).unwrap_or_default();
        traceparent::parent(&span, &sent_in);
        // Where nothing is traced here, the trace of the sending goes on as it came.
        let traceparent = Some(traceparent::of(&span)).filter(|own| !own.is_empty()).unwrap_or(sent_in);
        let delivery = correlation.map(|correlation| correlation.delivery_id);
        if let Some(source) = opt_out_source(&event, sender.channel) {
            let stop = stop(sender, &event, source, delivery, &traceparent);
            match (delivery, &event.provider_message_id) {
                (None, Some(id)) => self.to_find.push((stop, id.clone())),
                _ => self.inbound.push(stop),
            }
        }
        // A test or an answer goes by a number below zero: a refusal or a complaint counts for the register, nothing for the figures.
        if let Some(id) = delivery.filter(|id| id.0 < 0) {
            self.inbound.extend(report(sender, &event, id, traceparent));
            return;
        }
        self.facts.push(Fact {
            key: key(&format!("{}/{}/{}", sender.provider, sender.id, event.key)).to_vec(),
            kind: fact_kind(event.kind).into(),
            occurred_at_ms: outbox::millis(event.occurred_at),
            delivery_id: delivery.map_or(0, |id| id.0),
            sender_id: sender.id.to_string(),
            provider_message_id: event.provider_message_id.unwrap_or_default(),
            code: event.code.unwrap_or_default(),
            traceparent,
            ..Fact::default()
        });
    }
}

const fn fact_kind(kind: EventKind) -> FactKind {
    match kind {
        EventKind::Sent => FactKind::Sent,
        EventKind::Delivered => FactKind::Delivered,
        EventKind::Opened => FactKind::Opened,
        EventKind::MachineOpened => FactKind::MachineOpened,
        EventKind::Clicked => FactKind::Clicked,
        EventKind::Failed => FactKind::Failed,
        EventKind::Complained => FactKind::Complained,
        EventKind::Unsubscribed => FactKind::Unsubscribed,
    }
}

/// Whether an event means that its address must not be messaged any more, and why.
fn opt_out_source(event: &Event, channel: Channel) -> Option<&'static str> {
    match (event.kind, event.action) {
        (EventKind::Unsubscribed, _) | (EventKind::Failed, Some(FaultAction::OptOut)) => Some("provider"),
        (EventKind::Complained, _) => Some("complaint"),
        // A phone that has no WhatsApp today may have it tomorrow; a mailbox that isn't there stays away, and asking again harms the sender.
        (EventKind::Failed, Some(FaultAction::InvalidAddress)) if channel == Channel::Email => Some("bounce"),
        _ => None,
    }
}

fn stop(sender: &Sender, event: &Event, source: &str, delivery: Option<DeliveryId>, traceparent: &str) -> event::Inbound {
    event::Inbound {
        key: key(&format!("stop/{}/{}/{}", sender.provider, sender.id, event.key)).to_vec(),
        workspace_id: sender.workspace_id.to_string(),
        sender_id: sender.id.to_string(),
        channel: sender.channel.to_string(),
        delivery_id: delivery.map_or(0, |id| id.0),
        intent: InboundIntent::Stop.into(),
        source: source.to_owned(),
        // As evidence: what the provider called it.
        origin: event.code.clone().map(|code| event::Origin { code, ..event::Origin::default() }),
        occurred_at_ms: outbox::millis(event.occurred_at),
        traceparent: traceparent.to_owned(),
        ..event::Inbound::default()
    }
}

/// How far an answer has come; None for what says nothing about that.
fn report(sender: &Sender, event: &Event, number: DeliveryId, traceparent: String) -> Option<event::Inbound> {
    let state = match event.kind {
        EventKind::Sent => "sent",
        EventKind::Delivered => "delivered",
        EventKind::Opened => "read",
        EventKind::Failed => "failed",
        EventKind::MachineOpened | EventKind::Clicked | EventKind::Complained | EventKind::Unsubscribed => return None,
    };
    let code = event.code.clone().filter(|_| event.kind == EventKind::Failed).unwrap_or_default();
    Some(event::Inbound {
        key: key(&format!("report/{}/{}/{}", sender.provider, sender.id, event.key)).to_vec(),
        workspace_id: sender.workspace_id.to_string(),
        sender_id: sender.id.to_string(),
        channel: sender.channel.to_string(),
        delivery_id: number.0,
        source: "report".to_owned(),
        occurred_at_ms: outbox::millis(event.occurred_at),
        traceparent,
        report: Some(Report { state: state.to_owned(), code }),
        ..event::Inbound::default()
    })
}

/// What a person wrote or wished; None when the provider says nothing of who it was, because then nothing can be done for them.
fn message(sender: &Sender, kek: &Kek, inbound: Inbound) -> Result<Option<event::Inbound>, SealError> {
    if inbound.from.is_none() && inbound.user_id.is_none() {
        return Ok(None);
    }
    let is_notice = inbound.kind == "preference" || inbound.was_user_id.is_some();
    let (intent, source) = match inbound.preference {
        Some(Preference::Stop) => (InboundIntent::Stop, "provider"),
        Some(Preference::Start) => (InboundIntent::Start, "provider"),
        Some(Preference::Help) => (InboundIntent::Help, "provider"),
        None if is_notice => (InboundIntent::Unspecified, "provider"),
        None => (InboundIntent::Unspecified, "keyword"),
    };
    let span = tracing::info_span!("webhook_ingest.message.receive", provider = sender.provider, kind = inbound.kind);
    let _entered = span.enter();
    log_media(&inbound);
    let key = key(&format!("inbound/{}/{}/{}", sender.provider, sender.id, inbound.key)).to_vec();
    Ok(Some(event::Inbound {
        workspace_id: sender.workspace_id.to_string(),
        sender_id: sender.id.to_string(),
        channel: inbound.channel.to_string(),
        sealed: if is_notice { Vec::new() } else { seal::content(kek, &key, &inbound)? },
        provider_message_id: if is_notice { String::new() } else { inbound.key },
        key,
        from: inbound.from.unwrap_or_default(),
        user_id: inbound.user_id.unwrap_or_default(),
        was_user_id: inbound.was_user_id.unwrap_or_default(),
        reply_to: inbound.reply_to.unwrap_or_default(),
        kind: inbound.kind.to_owned(),
        intent: intent.into(),
        source: source.to_owned(),
        occurred_at_ms: outbox::millis(inbound.occurred_at),
        traceparent: traceparent::current(),
        ..event::Inbound::default()
    }))
}

/// Of media only what they are: neither where they lie, nor what they are called, nor what is in them.
fn log_media(inbound: &Inbound) {
    for media in &inbound.media {
        let media_type: String = media.media_type.chars().filter(|c| c.is_ascii_graphic()).take(100).collect();
        tracing::info!(media.kind = media_type, media.bytes = media.size, "a message brings a medium");
    }
}

#[cfg(test)]
mod tests;
