//! Reports that change the ledger: what was uncertain is settled by them, and what failed after the provider's yes is tried again,
//! or tried on another channel.

use crate::{
    Dispatcher,
    health::Case,
    house::AT_ONCE,
    outcome::{Effect, Retry, effect},
};
use domain::{SenderId, delivery::State, facts::Notice as Says};
use providers::FaultAction;
use std::collections::{BTreeMap, HashMap};
use store::{
    notice::{self, Notice},
    settle::{self, Change},
};
use time::OffsetDateTime;

/// What follows from one report.
#[derive(Default)]
struct Verdict {
    change: Option<Change>,
    /// It has failed for good: the contact may be tried on another channel.
    failed: bool,
    /// What it does to all of its sender.
    effect: Option<Effect>,
}

impl Dispatcher {
    pub(crate) async fn act_on_notices(&self) -> anyhow::Result<()> {
        while self.act_on_some().await? && !self.shutdown.is_ending() {}
        Ok(())
    }

    /// Acts on up to [`AT_ONCE`] notices; answers whether there may be more.
    async fn act_on_some(&self) -> anyhow::Result<bool> {
        let now = OffsetDateTime::now_utc();
        let mut tx = self.db.begin().await?;
        let mut notices = notice::take(&mut tx, self.channel, AT_ONCE).await?;
        if notices.is_empty() {
            return Ok(false);
        }
        let full = notices.len() as i64 == AT_ONCE;
        let actions = self.actions(&notices).await;
        let mut changes: BTreeMap<i64, Change> = BTreeMap::new();
        let (mut failed, mut effects) = (Vec::new(), BTreeMap::new());
        for (index, notice) in notices.iter_mut().enumerate() {
            let was = notice.state;
            if let Some(change) = changes.get(&notice.delivery_id.0) {
                // An earlier notice of the same delivery comes first.
                (notice.state, notice.reason, notice.repeats) = (change.state, change.reason.clone(), change.repeats);
                notice.doubtful &= change.state != State::Accepted;
            }
            let action = actions.get(&(notice.sender_id, notice.code.clone())).copied().flatten();
            let verdict = decide(notice, action, now, rand::random());
            if verdict.failed {
                failed.push(notice.delivery_id);
            }
            if let Some(effect) = verdict.effect {
                effects.entry(notice.sender_id).or_insert((index, effect));
            }
            if let Some(change) = verdict.change {
                let was = changes.get(&notice.delivery_id.0).map_or(was, |earlier| earlier.was);
                changes.insert(notice.delivery_id.0, Change { was, ..change });
            }
        }
        let changes: Vec<Change> = changes.into_values().collect();
        settle::change(&mut tx, &changes, now).await?;
        notice::ask_rescue(&mut tx, &failed, now).await?;
        for (sender, (index, effect)) in effects {
            let Some(notice) = notices.get(index) else { continue };
            let case = Case { delivery_id: notice.delivery_id, address: "", code: &notice.code, detail: "reported after it was accepted" };
            self.apply(&mut tx, sender, case, effect, now).await?;
        }
        tx.commit().await.map_err(store::Error::from)?;
        self.meters.settled(self.channel, &changes);
        tracing::info!(notices = notices.len(), changed = changes.len(), failed = failed.len(), "the ledger follows what was reported");
        Ok(full)
    }

    /// What each reported failure leads to, by the sender's account and the code.
    async fn actions(&self, notices: &[Notice]) -> HashMap<(SenderId, String), Option<FaultAction>> {
        let mut actions = HashMap::new();
        for notice in notices.iter().filter(|notice| notice.says == Says::Failed) {
            let key = (notice.sender_id, notice.code.clone());
            if actions.contains_key(&key) {
                continue;
            }
            let action = match self.senders.get(notice.sender_id).await {
                Ok(ready) => ready.send.report_action(&notice.code),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), sender.id = %notice.sender_id, "its account can't be used: what failed stays failed");
                    None
                }
            };
            actions.insert(key, action);
        }
        actions
    }
}

fn decide(notice: &Notice, action: Option<FaultAction>, now: OffsetDateTime, jitter: f64) -> Verdict {
    match notice.says {
        // Whoever has it gets no other one, whichever try it was. That an earlier try had left before it failed says nothing of this one.
        Says::Reached | Says::Sent if is_doubted(notice) && (notice.of_last_try || notice.says == Says::Reached) => {
            let accepted = change(notice, State::Accepted, "accepted", "a report says that it left");
            let provider_message_id = notice.provider_message_id.clone();
            Verdict { change: Some(Change { provider_message_id, ..accepted }), ..Verdict::default() }
        }
        Says::Refused if is_open(notice.state) && notice.of_last_try => {
            let refused = change(notice, State::Rejected, "rejected", "a report says that it was refused");
            Verdict { change: Some(coded(refused, notice)), failed: true, effect: None }
        }
        Says::Failed if notice.state == State::Accepted && notice.of_last_try => failed(notice, action, now, jitter),
        Says::Reached | Says::Sent | Says::Refused | Says::Failed => Verdict::default(),
    }
}

fn failed(notice: &Notice, action: Option<FaultAction>, now: OffsetDateTime, jitter: f64) -> Verdict {
    let Some(action) = action else { return Verdict { failed: true, ..Verdict::default() } };
    let retry = Retry::of(action, &notice.code, notice.reason.as_deref(), notice.repeats, notice.attempt, false, jitter);
    let effect = effect(action);
    let Some(after) = retry.after.filter(|_| notice.sendable) else {
        return Verdict { failed: action != FaultAction::OptOut, effect, change: None };
    };
    let again = coded(change(notice, State::RetryWait, "retry", &format!("reported failed; {}", retry.rule)), notice);
    Verdict { change: Some(Change { next_attempt_at: Some(now + after), repeats: retry.repeats, ..again }), failed: false, effect }
}

/// Whether it isn't taken for sent, and may have left.
fn is_doubted(notice: &Notice) -> bool {
    is_open(notice.state) || (notice.doubtful && notice.state != State::Accepted)
}

/// Whether its fate isn't known.
const fn is_open(state: State) -> bool {
    matches!(state, State::Uncertain | State::Unknown)
}

fn change(notice: &Notice, state: State, verdict: &'static str, rule: &str) -> Change {
    let Notice { delivery_id, attempt, state: was, repeats, .. } = *notice;
    Change { verdict, rule: rule.to_owned(), ..Change::new(delivery_id, attempt, was, state, notice.reason.clone(), repeats) }
}

fn coded(change: Change, notice: &Notice) -> Change {
    Change { reason: Some(notice.code.clone()), ..change }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{DeliveryId, delivery::reason};

    fn notice(says: Says, state: State) -> Notice {
        Notice {
            says,
            code: "131049".to_owned(),
            delivery_id: DeliveryId(1),
            sender_id: SenderId::new(),
            state,
            attempt: 1,
            reason: None,
            repeats: 0,
            doubtful: false,
            of_last_try: true,
            provider_message_id: None,
            sendable: true,
        }
    }

    fn state_after(notice: &Notice, action: Option<FaultAction>) -> (Option<State>, bool) {
        let verdict = decide(notice, action, OffsetDateTime::UNIX_EPOCH, 0.0);
        (verdict.change.map(|change| change.state), verdict.failed)
    }

    #[test]
    fn a_positive_report_wins_over_every_doubt_and_nothing_else() {
        for state in State::ALL {
            let sure = state_after(&notice(Says::Sent, state), None).0;
            assert_eq!(sure.is_some(), is_open(state), "{state}");
            let doubtful = Notice { doubtful: true, ..notice(Says::Sent, state) };
            assert_eq!(state_after(&doubtful, None).0.is_some(), state != State::Accepted, "{state}");
            let of_earlier = Notice { of_last_try: false, ..doubtful };
            assert_eq!(state_after(&of_earlier, None).0, None, "{state}: an earlier try had left and failed");
            let reached = Notice { says: Says::Reached, ..of_earlier };
            assert_eq!(state_after(&reached, None).0.is_some(), state != State::Accepted, "{state}");
        }
    }

    #[test]
    fn a_late_failure_is_retried_only_if_it_is_of_the_last_try_and_can_still_be_sent() {
        let ladder = Some(FaultAction::Ladder { waits: providers::Waits::of_hours([2, 12, 24]) });
        let of_last = notice(Says::Failed, State::Accepted);
        assert_eq!(state_after(&of_last, ladder), (Some(State::RetryWait), false));
        assert_eq!(state_after(&Notice { of_last_try: false, ..of_last.clone() }, ladder), (None, false));
        assert_eq!(state_after(&Notice { sendable: false, ..of_last.clone() }, ladder), (None, true));
        let at_its_end = Notice { reason: Some("131049".to_owned()), repeats: 3, ..of_last.clone() };
        assert_eq!(state_after(&at_its_end, ladder), (None, true));
        assert_eq!(state_after(&of_last, None), (None, true));
        assert_eq!(state_after(&of_last, Some(FaultAction::OptOut)), (None, false), "who opted out is left in peace");
        for state in [State::Queued, State::RetryWait, State::Rejected, State::Suppressed, State::Cancelled] {
            assert_eq!(state_after(&notice(Says::Failed, state), ladder), (None, false), "{state}");
        }
    }

    #[test]
    fn a_report_that_settles_a_doubt_says_which_message_it_was() {
        let named = Notice { provider_message_id: Some("SM1".to_owned()), ..notice(Says::Sent, State::Uncertain) };
        let change = decide(&named, None, OffsetDateTime::UNIX_EPOCH, 0.0).change.unwrap();
        assert_eq!(change.provider_message_id.as_deref(), Some("SM1"));
    }

    #[test]
    fn a_refusal_settles_a_doubt_for_good() {
        assert_eq!(state_after(&notice(Says::Refused, State::Unknown), None), (Some(State::Rejected), true));
        let of_earlier = Notice { of_last_try: false, ..notice(Says::Refused, State::Unknown) };
        assert_eq!(state_after(&of_earlier, None), (None, false));
        let written_off = Notice { reason: Some(reason::WRITTEN_OFF.to_owned()), ..notice(Says::Sent, State::Unknown) };
        assert_eq!(state_after(&written_off, None).0, Some(State::Accepted));
        assert_eq!(state_after(&notice(Says::Refused, State::Accepted), None), (None, false));
    }
}
