//! What a refusal leads to, by what the provider's table says of it.

use super::*;
use store::gate::Step;

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
    let of_domain = FaultAction::SlowDomain { after: None };
    for action in
        [FaultAction::Throttle { after: None }, FaultAction::PauseSender, FaultAction::PauseTemplate, FaultAction::Reconnect, of_domain]
    {
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

fn claimed(attempt: u32, step: Option<Step>) -> Claimed {
    Claimed {
        delivery_id: DeliveryId(7),
        contact_id: domain::ContactId::new(),
        attempt,
        earlier: 0,
        address: "@fanfare".to_owned(),
        repeats: 0,
        last_code: None,
        content_version: 1,
        contact: domain::render::Person::default(),
        step,
    }
}

#[test]
fn what_a_provider_prepares_is_gone_on_with_for_a_quarter_of_an_hour() {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(86_400);
    let begun = |ago: Duration| Some(Step { progress: serde_json::json!({"container": 1}), steps: 3, begun_at: now - ago });
    let after = |again_after, step| {
        let pending = Outcome::Pending { progress: serde_json::json!({"container": 2}), again_after };
        Done::from_outcome(&claimed(4, step), pending, 0.0, now)
    };
    let seconds = Duration::from_secs;
    let first = after(seconds(5), None);
    let tried = first.tried(Duration::ZERO, now);
    assert_eq!((tried.state, tried.next_attempt_at, &tried.reason, tried.repeats), (State::RetryWait, Some(now + seconds(5)), &None, 0));
    assert_eq!(tried.progress.unwrap()["container"], 2);
    assert!(first.sign == Sign::Answered && first.effect.is_none());
    // Neither a busy loop nor a day.
    for (asked, wait) in [(Duration::ZERO, 1), (seconds(86_400), 60)] {
        let tried = after(asked, begun(LONGEST_STEPS)).tried(Duration::ZERO, now);
        assert_eq!(tried.next_attempt_at, Some(now + seconds(wait)));
    }
    let too_long = after(seconds(5), begun(LONGEST_STEPS + seconds(1))).tried(Duration::ZERO, now);
    assert_eq!((too_long.state, too_long.reason.as_deref()), (State::Rejected, Some(reason::PENDING_TOO_LONG)));
    assert!(too_long.rescue && too_long.has_progress && too_long.progress.is_none());
}

#[test]
fn steps_are_no_failures() {
    let step = Step { progress: serde_json::Value::Null, steps: MAX_ATTEMPTS, begun_at: OffsetDateTime::UNIX_EPOCH };
    let fault = || Outcome::Refused(Fault { code: "http_400".to_owned(), detail: String::new(), action: PASSING });
    let state = |step| Done::from_outcome(&claimed(MAX_ATTEMPTS + 1, step), fault(), 0.0, OffsetDateTime::UNIX_EPOCH).tried.state;
    assert_eq!((state(Some(step)), state(None)), (State::RetryWait, State::Rejected));
}

#[test]
fn what_a_batch_had_no_time_for_has_not_failed() {
    let left_over = || Outcome::Refused(Fault { code: NOT_TRIED.to_owned(), detail: String::new(), action: PASSING });
    let failed_before = Claimed { repeats: MAX_REPEATS - 1, last_code: Some("http_429".to_owned()), ..claimed(MAX_ATTEMPTS + 1, None) };
    let done = Done::from_outcome(&failed_before, left_over(), 0.0, OffsetDateTime::UNIX_EPOCH);
    assert_eq!((done.tried.state, done.tried.repeats, done.code()), (State::RetryWait, MAX_REPEATS - 1, "http_429"));
    assert!(done.sign == Sign::Nothing && done.effect.is_none());
}

#[test]
fn a_post_that_is_taken_has_a_link() {
    let permalink = Some("https://x.example/1".to_owned());
    let taken = Outcome::Accepted { provider_message_id: "1".to_owned(), permalink: permalink.clone() };
    assert_eq!(Done::from_outcome(&claimed(1, None), taken, 0.0, OffsetDateTime::UNIX_EPOCH).tried.permalink, permalink);
}
