//! What a message of a person asks for, and for whom.

use super::pages::evidence;
use domain::{
    Channel, DeliveryId,
    address::{self, PhoneRules},
    consent::{Evidence, REVOCABLE, source},
    keyword::{Intent, Keywords},
};
use proto::event::{Inbound, InboundIntent};
use std::collections::BTreeMap;
use store::optout::Addressee;
use time::OffsetDateTime;

/// An opt-out or opt-in of one addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub wants_messages: bool,
    pub addressee: Addressee,
    pub source: String,
    pub at: OffsetDateTime,
    /// The delivery that it names.
    pub delivery: Option<DeliveryId>,
    pub traceparent: String,
    pub evidence: Evidence,
}

/// A workspace's way of reading messages.
pub struct Reader<'a> {
    pub keywords: &'a Keywords,
    pub rules: &'a PhoneRules,
    /// Whom the deliveries that messages name went to.
    pub addressees: &'a BTreeMap<DeliveryId, Addressee>,
}

impl Reader<'_> {
    /// The wishes in a message: of whom a provider tells both the number and its own id, each is an address of theirs.
    pub fn wishes(&self, inbound: &Inbound) -> Vec<Wish> {
        let Some(wish) = self.wish(inbound) else { return Vec::new() };
        let by_user = user_key(inbound).filter(|key| *key != wish.addressee.address_key);
        let by_user = by_user.map(|address_key| Wish { addressee: Addressee { address_key, ..wish.addressee.clone() }, ..wish.clone() });
        by_user.into_iter().chain([wish]).collect()
    }

    /// The wish in a message; None when it holds none, or when it can't be known whose it is.
    pub fn wish(&self, inbound: &Inbound) -> Option<Wish> {
        let wants_messages = match self.intent(inbound)? {
            Intent::Stop => false,
            Intent::Start => true,
            Intent::Help => return None,
        };
        let delivery = named_delivery(inbound);
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(inbound.occurred_at_ms) * 1_000_000).ok()?;
        Some(Wish {
            wants_messages,
            addressee: self.addressee(inbound, delivery)?,
            source: inbound.source.clone(),
            at,
            delivery,
            traceparent: inbound.traceparent.clone(),
            evidence: evidence(inbound),
        })
    }

    /// What a message asks for: as the provider has understood it, else by its words.
    pub fn intent(&self, inbound: &Inbound) -> Option<Intent> {
        match inbound.intent() {
            InboundIntent::Stop => Some(Intent::Stop),
            InboundIntent::Start => Some(Intent::Start),
            InboundIntent::Help => Some(Intent::Help),
            InboundIntent::Unspecified => self.keywords.intent(&inbound.text),
        }
    }

    /// Whose a message is, as deliveries are keyed.
    pub fn addressee(&self, inbound: &Inbound, delivery: Option<DeliveryId>) -> Option<Addressee> {
        if inbound.from.is_empty() && inbound.user_id.is_empty() {
            return self.addressees.get(&delivery?).cloned();
        }
        let channel: Channel = inbound.channel.parse().ok()?;
        if inbound.from.is_empty() {
            return Some(Addressee { channel, address_key: user_key(inbound)? });
        }
        let read = address::of_channel(channel, &inbound.from, self.rules);
        // A provider's spelling that our rules can't read is better kept than lost.
        let address_key = read.key.unwrap_or_else(|| inbound.from.trim().to_lowercase());
        Some(Addressee { channel, address_key })
    }
}

/// The address of a person by the provider's own id of them.
pub fn user_key(inbound: &Inbound) -> Option<String> {
    Some(&inbound.user_id).filter(|id| !id.is_empty()).map(|id| format!("wa:{id}"))
}

/// The delivery that a message names.
pub fn named_delivery(inbound: &Inbound) -> Option<DeliveryId> {
    (inbound.delivery_id != 0).then_some(DeliveryId(inbound.delivery_id))
}

/// Whether an opt-out was caused by a message of ours. A bounce or a complaint is a fact of its own, and so is what a provider reports
/// of a delivery.
pub fn is_caused_by_delivery(wish: &Wish) -> bool {
    match wish.source.as_str() {
        "keyword" | "one_click" => true,
        "provider" => wish.delivery.is_none(),
        _ => false,
    }
}

/// Whose opt-outs a person may take back by a wish from this source. Providers go on blocking until they are told themselves.
pub fn revocable(said_by: &str) -> Vec<String> {
    let told = (said_by == source::PROVIDER).then_some(source::PROVIDER);
    REVOCABLE.into_iter().chain(told).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(inbound: &Inbound) -> Option<Wish> {
        let addressees = [(DeliveryId(7), Addressee { channel: Channel::Email, address_key: "sara@example.com".to_owned() })].into();
        let keywords = Keywords::new(&["إلغاء"]);
        Reader { keywords: &keywords, rules: &PhoneRules::default(), addressees: &addressees }.wish(inbound)
    }

    fn text(text: &str) -> Inbound {
        Inbound {
            channel: "sms".to_owned(),
            from: "+971501234567".to_owned(),
            text: text.to_owned(),
            source: "keyword".to_owned(),
            occurred_at_ms: 1_500,
            ..Inbound::default()
        }
    }

    #[test]
    fn keywords_are_found_in_texts() {
        let stop = wish(&text("Stop!")).unwrap();
        assert!(!stop.wants_messages);
        assert_eq!(stop.addressee, Addressee { channel: Channel::Sms, address_key: "+971501234567".to_owned() });
        assert_eq!(stop.at.unix_timestamp_nanos(), 1_500_000_000);
        assert!(!wish(&text("إلغاء")).unwrap().wants_messages);
        assert!(wish(&text("START")).unwrap().wants_messages);
        assert_eq!(wish(&text("help")), None);
        assert_eq!(wish(&text("when do you open?")), None);
    }

    #[test]
    fn what_the_provider_has_understood_wins_over_the_text() {
        let told = Inbound { intent: InboundIntent::Stop.into(), ..text("nicht mehr bitte") };
        assert!(!wish(&told).unwrap().wants_messages);
    }

    #[test]
    fn a_link_is_its_deliverys() {
        let link = Inbound { delivery_id: 7, intent: InboundIntent::Stop.into(), source: "one_click".to_owned(), ..Inbound::default() };
        let stop = wish(&link).unwrap();
        assert_eq!((stop.addressee.channel, stop.addressee.address_key.as_str()), (Channel::Email, "sara@example.com"));
        assert_eq!(stop.delivery, Some(DeliveryId(7)));
        assert_eq!(wish(&Inbound { delivery_id: 8, ..link.clone() }), None);
        assert_eq!(wish(&Inbound { delivery_id: 0, ..link }), None);
    }

    #[test]
    fn addresses_that_cannot_be_read_are_kept_as_they_came() {
        let odd = Inbound { from: " 12345 ".to_owned(), ..text("stop") };
        assert_eq!(wish(&odd).unwrap().addressee.address_key, "12345");
        assert_eq!(wish(&Inbound { channel: "fax".to_owned(), ..text("stop") }), None);
    }

    #[test]
    fn a_person_with_two_addresses_wishes_for_both() {
        let keywords = Keywords::default();
        let reader = Reader { keywords: &keywords, rules: &PhoneRules::default(), addressees: &BTreeMap::new() };
        let keys = |inbound: &Inbound| reader.wishes(inbound).into_iter().map(|wish| wish.addressee.address_key).collect::<Vec<_>>();
        let both = Inbound { channel: "whatsapp".to_owned(), user_id: "US.7".to_owned(), ..text("stop") };
        assert_eq!(keys(&both), ["wa:US.7", "+971501234567"]);
        assert_eq!(keys(&Inbound { from: String::new(), ..both }), ["wa:US.7"]);
        assert_eq!(keys(&text("stop")), ["+971501234567"]);
        assert!(keys(&text("hello")).is_empty());
    }

    #[test]
    fn only_answers_to_messages_are_their_unsubscribes() {
        let from = |source: &str, delivery| Wish { source: source.to_owned(), delivery, ..wish(&text("stop")).unwrap() };
        assert!(is_caused_by_delivery(&from("keyword", None)));
        assert!(is_caused_by_delivery(&from("one_click", Some(DeliveryId(1)))));
        assert!(is_caused_by_delivery(&from("provider", None)));
        assert!(!is_caused_by_delivery(&from("provider", Some(DeliveryId(1)))));
        assert!(!is_caused_by_delivery(&from("bounce", Some(DeliveryId(1)))));
        assert!(!is_caused_by_delivery(&from("complaint", None)));
    }
}
