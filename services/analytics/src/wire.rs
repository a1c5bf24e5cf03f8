//! Facts as they travel, into facts as they are folded. What can't be read is named, so that it can be put away and looked at.

use domain::{
    Channel, DeliveryId,
    facts::{KEY_BYTES, Kind},
};
use proto::event;
use std::{collections::BTreeMap, str::FromStr};
use store::fact::{Count, Fact};
use time::OffsetDateTime;

/// Codes and ids are cut to this many characters: nothing from outside grows the log without a limit.
const MAX_TEXT_CHARS: usize = 200;

/// A fact that this version can't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fact can't be read: {0}")]
pub(crate) struct Unreadable(&'static str);

/// Reads one fact.
pub(crate) fn fact(wire: &event::Fact) -> Result<Fact, Unreadable> {
    let kind = Kind::from_number(wire.kind).ok_or(Unreadable("unknown kind"))?;
    let count = match (&wire.count, kind.bit()) {
        (Some(wire), None) => Some(count(wire)?),
        (None, None) => return Err(Unreadable("a count is missing")),
        (_, Some(_)) => None,
    };
    let fact = Fact {
        key: <[u8; KEY_BYTES]>::try_from(wire.key.as_slice()).map_err(|_| Unreadable("the key is not 16 bytes"))?,
        kind,
        occurred_at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(wire.occurred_at_ms) * 1_000_000)
            .map_err(|_| Unreadable("the time is out of range"))?,
        code: clean(&wire.code),
        delivery_id: (wire.delivery_id != 0).then_some(DeliveryId(wire.delivery_id)),
        sender_id: if wire.sender_id.is_empty() { None } else { Some(id(&wire.sender_id)?) },
        provider_message_id: Some(clean(&wire.provider_message_id)).filter(|id| !id.is_empty()),
        cost_micros: wire.cost_micros,
        count,
    };
    let named = fact.delivery_id.is_some() || (fact.sender_id.is_some() && fact.provider_message_id.is_some());
    if named || fact.count.is_some() { Ok(fact) } else { Err(Unreadable("it names no delivery")) }
}

fn count(wire: &event::Count) -> Result<Count, Unreadable> {
    let suppressed =
        wire.suppressed.iter().map(|(reason, value)| Ok((clean(reason), size(*value)?))).collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(Count {
        workspace_id: id(&wire.workspace_id)?,
        campaign_id: id(&wire.campaign_id)?,
        run_id: id(&wire.run_id)?,
        channel: Channel::from_str(&wire.channel).map_err(|_| Unreadable("unknown channel"))?,
        sender_id: id(&wire.sender_id)?,
        target: size(wire.target)?,
        suppressed,
        cancelled: size(wire.cancelled)?,
        expired: size(wire.expired)?,
        rescued: size(wire.rescued)?,
    })
}

fn id<Id: FromStr>(text: &str) -> Result<Id, Unreadable> {
    text.parse().map_err(|_| Unreadable("an id is malformed"))
}

fn size(value: u64) -> Result<i64, Unreadable> {
    u32::try_from(value).map(i64::from).map_err(|_| Unreadable("a count is out of range"))
}

/// PostgreSQL takes no NUL in a text.
fn clean(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered() -> event::Fact {
        event::Fact { key: vec![7; 16], kind: event::FactKind::Delivered.into(), delivery_id: 5, ..event::Fact::default() }
    }

    #[test]
    fn the_numbers_of_wire_and_domain_are_the_same() {
        for kind in Kind::ALL {
            let wire = event::FactKind::try_from(i32::from(kind.number())).unwrap();
            let name = kind.word().to_uppercase();
            assert_eq!(wire.as_str_name(), format!("FACT_KIND_{name}"));
        }
        assert!(event::FactKind::try_from(21).is_err(), "a new kind must be added to domain::facts");
    }

    #[test]
    fn a_plain_fact_is_read() {
        let read = fact(&event::Fact { code: "a\0b".repeat(100), ..delivered() }).unwrap();
        assert_eq!((read.kind, read.delivery_id, read.sender_id), (Kind::Delivered, Some(DeliveryId(5)), None));
        assert_eq!(read.code.chars().count(), 200);
        assert!(!read.code.contains('\0'));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refused = [
            event::Fact { key: vec![1; 15], ..delivered() },
            event::Fact { kind: 99, ..delivered() },
            event::Fact { kind: event::FactKind::Expanded.into(), ..delivered() },
            event::Fact { occurred_at_ms: i64::MAX, ..delivered() },
            event::Fact { sender_id: "me".to_owned(), ..delivered() },
            event::Fact { delivery_id: 0, provider_message_id: "SM1".to_owned(), ..delivered() },
        ];
        for wire in refused {
            assert!(fact(&wire).is_err(), "{wire:?}");
        }
    }
}
