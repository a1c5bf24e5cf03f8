use super::*;
use crate::delivery::State;
use time::{Duration, OffsetDateTime};

/// Numbers that look random and are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn every_set() -> impl Iterator<Item = Bits> {
    // Every subset of the bits there are, from all to none.
    std::iter::successors(Some(Bits::ALL.0), |set| (*set > 0).then(|| (set - 1) & Bits::ALL.0)).map(Bits)
}

/// What is only guessed to be about the delivery: no outcome follows from it.
const GUESSES: Bits = Bits::UNSUBSCRIBED.and(Bits::REPLIED).and(Bits::CONVERTED);

fn has(bits: Bits, metric: Metric) -> bool {
    counts(bits, metric)
}

#[test]
fn every_delivery_is_in_one_part_of_the_target_at_most() {
    for bits in every_set() {
        let parts = Metric::OUTCOMES.into_iter().filter(|metric| has(bits, *metric)).count();
        assert!(parts <= 1, "{bits:?}");
        let decided = !bits.without(GUESSES).is_empty();
        assert_eq!(parts == 1, decided, "{bits:?}");
    }
}

#[test]
fn what_implies_something_is_counted_in_it() {
    for bits in every_set() {
        for (one, implied) in [
            (Metric::Clicked, Metric::Read),
            (Metric::Read, Metric::Delivered),
            (Metric::Delivered, Metric::Sent),
            (Metric::Complained, Metric::Sent),
            (Metric::Rejected, Metric::Failed),
            (Metric::MachineOpened, Metric::Delivered),
            (Metric::MachineClicked, Metric::Delivered),
        ] {
            assert!(!has(bits, one) || has(bits, implied), "{one:?} without {implied:?}: {bits:?}");
        }
        assert!(!(has(bits, Metric::Failed) && has(bits, Metric::Delivered)), "{bits:?}");
        let reported = has(bits, Metric::Failed) && !has(bits, Metric::Rejected);
        assert!(!reported || has(bits, Metric::Sent), "{bits:?}");
    }
}

#[test]
fn a_positive_report_wins_and_uncertainty_gives_way() {
    for bits in every_set() {
        for proof in [Bits::ACCEPTED, Bits::SENT, Bits::DELIVERED, Bits::OPENED, Bits::CLICKED, Bits::MACHINE_OPENED, Bits::MACHINE_CLICKED]
        {
            assert!(has(bits | proof, Metric::Sent));
        }
        if has(bits, Metric::Unknown) {
            assert!(bits.without(GUESSES).without(DOUBTFUL).is_empty());
        }
        if has(bits, Metric::Uncertain) {
            assert!(bits.without(GUESSES).without(Bits::UNCERTAIN).is_empty());
        }
    }
}

/// Some facts of one delivery, with codes and times that differ between them.
fn some_facts(random: &mut Lcg) -> Vec<(Kind, OffsetDateTime, String)> {
    (0..1 + random.below(6))
        .map(|_| {
            let about_one = || Kind::ALL.into_iter().filter(|kind| kind.bit().is_some());
            let kind = about_one().nth(random.below(about_one().count())).unwrap();
            let at = OffsetDateTime::UNIX_EPOCH + Duration::seconds(i64::try_from(random.below(4)).unwrap());
            (kind, at, ["", "30003", "30007", "opted_out"][random.below(4)].to_owned())
        })
        .collect()
}

#[test]
fn neither_order_nor_repetition_changes_a_figure() {
    let mut random = Lcg(7);
    for _ in 0..5_000 {
        let facts = some_facts(&mut random);
        let mut expected = Known::default();
        for (kind, at, code) in &facts {
            expected.learn(*kind, *at, code);
        }
        let mut told: Vec<_> = facts.iter().chain(&facts).chain(&facts).collect();
        random.shuffle(&mut told);
        let mut known = Known::default();
        let mut tally = Tally::default();
        for (kind, at, code) in told {
            let before = known.clone();
            known.learn(*kind, *at, code);
            for (metric, code) in counted(before.bits, before.code.as_ref().map(|code| code.1.as_str())) {
                tally.add(metric, code, -1);
            }
            for (metric, code) in counted(known.bits, known.code.as_ref().map(|code| code.1.as_str())) {
                tally.add(metric, code, 1);
            }
        }
        assert_eq!(known, expected, "{facts:?}");
        let mut counted_at_once = Tally::default();
        counted_at_once.add_deliveries(known.bits, known.code.as_ref().map(|code| code.1.as_str()), 0, 1);
        counted_at_once.add(Metric::Target, "", -1);
        assert_eq!(tally, counted_at_once, "{facts:?}");
    }
}

#[test]
fn target_is_the_sum_of_its_parts() {
    let mut random = Lcg(11);
    let mut tally = Tally::default();
    for _ in 0..1_000 {
        let mut known = Known::default();
        for (kind, at, code) in some_facts(&mut random) {
            known.learn(kind, at, &code);
        }
        tally.add_deliveries(known.bits, None, 3, 2);
        assert!(tally.pending() >= 0);
    }
    tally.add_deliveries(Bits::NONE, None, 3, 5);
    let parts: i64 = Metric::OUTCOMES.into_iter().map(|metric| tally.get(metric)).sum();
    assert_eq!(tally.get(Metric::Target), 2_005);
    assert_eq!(tally.get(Metric::Target), parts + tally.pending());
    assert_eq!(tally.get(Metric::Cost), 3 * tally.get(Metric::Sent));
    assert_eq!(tally.by_code(Metric::Failed).values().sum::<i64>(), tally.get(Metric::Failed));
}

#[test]
fn the_status_shown_agrees_with_the_figures() {
    for bits in every_set() {
        for state in State::ALL {
            let known = bits | Bits::of_state(state);
            let shown = status(bits, state);
            let metric = Metric::from_name(shown);
            assert!(metric.is_none_or(|metric| has(known, metric)), "{shown} {known:?}");
            assert!(metric.is_some() || state.is_pending(), "{shown} {known:?}");
        }
    }
}

#[test]
fn a_status_can_be_asked_for() {
    for wanted in [
        "sent",
        "delivered",
        "read",
        "clicked",
        "replied",
        "converted",
        "failed",
        "uncertain",
        "unknown",
        "suppressed",
        "cancelled",
        "expired",
    ] {
        let Wanted::Known(steps) = Wanted::parse(wanted).unwrap() else { panic!("{wanted} is decided") };
        for bits in every_set() {
            let found =
                steps.iter().any(|step| bits.any(step.any) && (step.with.is_empty() || bits.any(step.with)) && !bits.any(step.none));
            assert_eq!(found, status(bits, State::Queued) == wanted, "{wanted} {bits:?}");
        }
    }
    for state in State::ALL.into_iter().filter(|state| state.is_pending()) {
        assert_eq!(Wanted::parse(state.as_str()), Ok(Wanted::Waiting(state)));
        for bits in every_set() {
            assert_eq!(!bits.any(Wanted::DECIDED), status(bits, state) == state.as_str(), "{bits:?}");
        }
    }
    assert_eq!(Wanted::parse("accepted"), Err(UnknownStatus));
    assert_eq!(Wanted::parse(""), Err(UnknownStatus));
}

#[test]
fn rates_need_a_whole() {
    assert_eq!(rate(1, 4), Some(0.25));
    assert_eq!(rate(0, 0), None);
}

#[test]
fn keys_and_kinds_stay_what_they_are() {
    assert_eq!(key("twilio/a/b"), key("twilio/a/b"));
    assert_ne!(key("twilio/a/b"), key("twilio/a/c"));
    for kind in Kind::ALL {
        assert_eq!(Kind::from_number(i32::from(kind.number())), Some(kind));
    }
    assert_eq!(Kind::from_number(0), None);
    let all = Kind::ALL.into_iter().filter_map(Kind::bit).fold(Bits::NONE, Bits::and);
    assert_eq!(all, Bits::ALL);
}

#[test]
fn engagement_is_the_first_time_a_person_did_it() {
    let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
    let mut known = Known::default();
    for (kind, seconds) in [(Kind::MachineOpened, 1), (Kind::Opened, 9), (Kind::Clicked, 5), (Kind::Clicked, 7), (Kind::Replied, 8)] {
        known.learn(kind, at(seconds), "");
    }
    let expected = Engaged { opened: Some(at(5)), clicked: Some(at(5)), replied: Some(at(8)), converted: None };
    assert_eq!(known.engaged, expected);
}

#[test]
fn the_ledger_hears_what_settles_its_doubts_and_what_failed_late() {
    let told = |kind: Kind, before: Bits| notices(kind, before, before | kind.bit().unwrap()).collect::<Vec<_>>();
    assert_eq!(told(Kind::Delivered, Bits::ACCEPTED), []);
    assert_eq!(told(Kind::Sent, Bits::UNCERTAIN), [Notice::Sent]);
    assert_eq!(told(Kind::Delivered, Bits::UNCERTAIN), [Notice::Reached]);
    assert_eq!(told(Kind::Delivered, Bits::UNCERTAIN | Bits::SENT), [Notice::Reached], "also when something proved it before");
    assert_eq!(told(Kind::Uncertain, Bits::DELIVERED), [Notice::Reached], "a report that was faster than the record");
    assert_eq!(told(Kind::Unknown, Bits::UNCERTAIN | Bits::SENT), [], "told when it was learned");
    assert_eq!(told(Kind::Rejected, Bits::UNKNOWN), [Notice::Refused]);
    assert_eq!(told(Kind::Rejected, Bits::UNCERTAIN | Bits::DELIVERED), []);
    assert_eq!(told(Kind::Failed, Bits::ACCEPTED), [Notice::Failed]);
    assert_eq!(told(Kind::Failed, Bits::ACCEPTED | Bits::FAILED), [Notice::Failed], "a later try fails, too");
    assert_eq!(told(Kind::Failed, Bits::DELIVERED), []);
    assert_eq!(told(Kind::Failed, Bits::UNCERTAIN), [Notice::Sent, Notice::Failed]);
    assert_eq!(told(Kind::Uncertain, Bits::ACCEPTED | Bits::FAILED), [], "the doubt is about the try after the failure");
}

#[test]
fn tallies_say_where_they_differ() {
    let (mut one, mut other) = (Tally::default(), Tally::default());
    for tally in [&mut one, &mut other] {
        tally.add_deliveries(Bits::ACCEPTED, None, 5, 3);
    }
    assert_eq!(one.differences(&other), []);
    other.add_deliveries(Bits::REJECTED, Some("x"), 5, 1);
    let expected = [(Metric::Target, "", 3, 4), (Metric::Failed, "x", 0, 1), (Metric::Rejected, "", 0, 1)];
    assert_eq!(one.differences(&other), expected);
}
