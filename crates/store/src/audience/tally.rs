//! From what was read of an audience to whom each channel reaches: pure, by hashes of addresses.
//!
//! Nearly everybody is only a hash among others. Who has left the topic or has got enough is looked at one by one, together with those who
//! share an address with them.

use domain::{Channel, delivery::reason};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// How much of an audience one channel reaches: `target` is `reachable` and all that is `unreachable` together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    pub target: u64,
    pub reachable: u64,
    /// Reason → contacts.
    pub unreachable: BTreeMap<String, u64>,
}

/// The addresses of one kind in an audience.
#[derive(Debug, Default)]
pub struct Addresses {
    pub contacts: u64,
    /// Contacts that have none.
    pub missing: u64,
    /// Of those that can be used, one a contact, in order.
    pub hashes: Vec<i64>,
}

/// Somebody who may be left out though the address could be used.
#[derive(Debug, Clone)]
pub struct Special {
    pub contact: Uuid,
    pub hash: i64,
    /// Has left what the messages are about.
    pub has_left: bool,
    /// Has got as much as the workspace allows, on these channels.
    pub capped: Vec<Channel>,
}

/// What is known beside the addresses.
#[derive(Debug, Default)]
pub struct Known {
    pub special: HashMap<Uuid, Special>,
    /// Everybody who shares an address with one of those, themselves included, by address in order of their ids.
    pub shared: HashMap<i64, Vec<Uuid>>,
}

impl Known {
    /// The addresses of those who are special that somebody else has, too.
    pub fn to_share(&self, addresses: &Addresses) -> Vec<i64> {
        let special: HashSet<i64> = self.special.values().map(|special| special.hash).collect();
        runs(&addresses.hashes).filter(|(hash, contacts)| *contacts > 1 && special.contains(hash)).map(|(hash, _)| hash).collect()
    }
}

/// Each address with how many contacts have it.
fn runs(hashes: &[i64]) -> impl Iterator<Item = (i64, u64)> + '_ {
    hashes.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len() as u64)))
}

/// Addresses in order, asked for in the same order.
struct InOrder<'a>(&'a [i64]);

impl InOrder<'_> {
    fn has(&mut self, hash: i64) -> bool {
        let passed = self.0.iter().take_while(|known| **known < hash).count();
        self.0 = self.0.get(passed..).unwrap_or_default();
        self.0.first() == Some(&hash)
    }
}

/// Whom one channel reaches. `opted_out`: addresses in its register, in order. Of several contacts with one address the first is reached
/// and the others are duplicates.
pub fn reach(channel: Channel, addresses: &Addresses, opted_out: &[i64], known: &Known) -> Reach {
    let alone: HashMap<i64, &Special> = known.special.values().map(|special| (special.hash, special)).collect();
    let mut opted_out = InOrder(opted_out);
    let (mut reachable, mut out, mut left, mut duplicate, mut capped) = (0, 0, 0, 0, 0);
    for (hash, contacts) in runs(&addresses.hashes) {
        if opted_out.has(hash) {
            out += contacts;
            continue;
        }
        let Some(special) = (if alone.is_empty() { None } else { alone.get(&hash) }) else {
            reachable += 1;
            duplicate += contacts - 1;
            continue;
        };
        let special = [special.contact];
        let all = known.shared.get(&hash).map_or(&special[..], Vec::as_slice);
        let mut candidates = all.iter().filter(|contact| !known.special.get(contact).is_some_and(|special| special.has_left));
        let first = candidates.next();
        let others = candidates.count() as u64;
        left += contacts.saturating_sub(others + u64::from(first.is_some()));
        duplicate += others;
        match first.map(|first| known.special.get(first)) {
            Some(Some(special)) if special.capped.contains(&channel) => capped += 1,
            Some(_) => reachable += 1,
            None => {}
        }
    }
    let usable = addresses.hashes.len() as u64;
    let unreachable = [
        (reason::NO_ADDRESS, addresses.missing),
        (reason::INVALID_ADDRESS, addresses.contacts.saturating_sub(addresses.missing + usable)),
        (reason::OPTED_OUT, out),
        (reason::TOPIC_OPTED_OUT, left),
        (reason::DUPLICATE, duplicate),
        (reason::FREQUENCY_CAP, capped),
    ];
    let unreachable = unreachable.into_iter().filter(|(_, contacts)| *contacts > 0);
    Reach {
        target: addresses.contacts,
        reachable,
        unreachable: unreachable.map(|(reason, contacts)| (reason.to_owned(), contacts)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
    }

    #[test]
    fn everybody_is_counted_once_with_one_reason() {
        let addresses = Addresses { contacts: 9, missing: 2, hashes: vec![-5, 1, 1, 2, 2, 7] };
        let found = reach(Channel::Sms, &addresses, &[2, 3], &Known::default());
        let expected = reasons(&[("no_address", 2), ("invalid_address", 1), ("opted_out", 2), ("duplicate", 1)]);
        assert_eq!(found, Reach { target: 9, reachable: 3, unreachable: expected });
    }

    #[test]
    fn who_has_left_takes_nobodys_place_and_the_first_decides_about_the_cap() {
        let ids: Vec<Uuid> = (0..7).map(Uuid::from_u128).collect();
        // 1: both have left. 2: the first has left, the second has got enough. 3: the second has got enough. 4: one who has.
        let addresses = Addresses { contacts: 7, missing: 0, hashes: vec![1, 1, 2, 2, 3, 3, 4] };
        let special =
            |n: usize, hash, has_left, capped: &[Channel]| (ids[n], Special { contact: ids[n], hash, has_left, capped: capped.to_vec() });
        let special = [
            special(0, 1, true, &[]),
            special(1, 1, true, &[Channel::Sms]),
            special(2, 2, true, &[]),
            special(3, 2, false, &[Channel::Sms]),
            special(5, 3, false, &[Channel::Sms]),
            special(6, 4, false, &[Channel::Sms]),
        ];
        let mut known = Known { special: special.into(), ..Known::default() };
        let mut to_share = known.to_share(&addresses);
        to_share.sort_unstable();
        assert_eq!(to_share, [1, 2, 3]);
        known.shared = [(1, vec![ids[0], ids[1]]), (2, vec![ids[2], ids[3]]), (3, vec![ids[4], ids[5]])].into();
        let by_sms = reach(Channel::Sms, &addresses, &[], &known);
        let expected = reasons(&[("topic_opted_out", 3), ("duplicate", 1), ("frequency_cap", 2)]);
        assert_eq!(by_sms, Reach { target: 7, reachable: 1, unreachable: expected });
        let by_whatsapp = reach(Channel::Whatsapp, &addresses, &[], &known);
        let expected = reasons(&[("topic_opted_out", 3), ("duplicate", 1)]);
        assert_eq!(by_whatsapp, Reach { target: 7, reachable: 3, unreachable: expected });
    }
}
