//! What a refusal leads to, by what the provider's table says of it.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const PASSING: FaultAction = FaultAction::Retry { after: None, at_most: None };

fn retry(action: FaultAction, times: u32, attempt: u32) -> Retry {
    Retry::of(action, "code", Some("code"), times, attempt, false, 0.0)
}

#[test]
fn a_passing_fault_is_tried_again_ever_later_until_it_is_given_up() {
    let waits: Vec<_> = (0..MAX_REPEATS + 1).map(|times| retry(PASSING, times, times + 1).after).collect();
    let waited: Vec<_> = waits.iter().flatten().collect();
    assert_eq!(waited.len(), 7, "the eighth time in a row is the last");
    assert!(waited.is_sorted());
    assert!(retry(PASSING, 0, MAX_ATTEMPTS).after.is_none(), "whatever the codes were");
    let another_code = Retry::of(PASSING, "code", Some("other"), MAX_REPEATS, 20, false, 0.0);
    assert_eq!((another_code.repeats, another_code.after.is_some()), (1, true));
}

#[test]
fn what_the_message_is_not_to_blame_for_never_loses_it() {
    for action in [FaultAction::Throttle { after: None }, FaultAction::PauseSender, FaultAction::PauseTemplate] {
        assert!(retry(action, 500, 500).after.is_some(), "{action:?}");
    }
    assert!(Retry::of(PASSING, "connect", Some("connect"), 500, 500, true, 0.0).after.is_some(), "a provider that is down");
}

#[test]
fn a_ladder_is_climbed_step_by_step() {
    let marketing_limit = FaultAction::Ladder { waits: providers::Waits::of_hours([2, 12, 24]) };
    let ladder = |times| retry(marketing_limit, times, times + 1).after;
    assert_eq!([0, 1, 2, 3].map(ladder), [Some(2 * HOUR), Some(12 * HOUR), Some(24 * HOUR), None]);
    assert_eq!(retry(marketing_limit, 1, 30).after, Some(12 * HOUR), "tries for other reasons don't count");
}

#[test]
fn what_the_provider_asks_for_is_waited_for() {
    let asked = FaultAction::Retry { after: Some(Duration::from_secs(90)), at_most: Some(1) };
    assert_eq!(retry(asked, 0, 1).after, Some(Duration::from_secs(90)));
    assert!(retry(asked, 1, 2).after.is_none());
    assert_eq!(retry(FaultAction::Throttle { after: None }, 0, 1).after, Some(THROTTLED));
    assert_eq!(effect(FaultAction::Throttle { after: Some(48 * HOUR) }), Some(Effect::SlowDown(LONGEST_HOLD)));
}

#[test]
fn rules_are_told_in_words() {
    assert_eq!(words(Duration::from_secs(5)), "5 s");
    assert_eq!(words(Duration::from_secs(600)), "10 min");
    assert_eq!(words(12 * HOUR), "12 h");
    assert_eq!(retry(FaultAction::Permanent, 0, 1).rule, "refused for good");
    assert_eq!(retry(FaultAction::Throttle { after: None }, 0, 1).rule, "its sender goes too fast: tried again after 5 s");
}
