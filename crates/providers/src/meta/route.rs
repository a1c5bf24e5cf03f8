//! Which of Meta's two endpoints takes a template, and what an answer teaches about that.
//!
//! A switch follows only a clear refusal, so a message can't go out twice by it. What was learned is kept for a while in this process;
//! losing it costs one refused call.
//! Source: Meta's error codes 131055, 131063, 134100 and 134102, and 100 on the marketing endpoint.

use super::{Marketing, wire::Route};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a lesson holds. An account may be onboarded, and a template change its category.
const LEARNED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Templates remembered at most.
const MAX_LEARNED: usize = 1_000;

/// The lessons of one account.
#[derive(Debug, Default)]
pub(super) struct Routes {
    learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// By template name.
    templates: HashMap<String, (Route, Instant)>,
    /// The account or its templates aren't eligible for the Marketing Messages API until then.
    ineligible_until: Option<Instant>,
}

/// What is known of one message for the choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) template: &'a str,
    /// `MARKETING`, or something else, or nothing.
    pub(super) category: &'a str,
    /// Meta's description takes only numbers for marketing messages.
    pub(super) to_number: bool,
}

impl Routes {
    /// Where to try first.
    pub(super) fn first(&self, how: Marketing, sent: Sent<'_>, now: Instant) -> Route {
        if how == Marketing::Off || !sent.to_number {
            return Route::Messages;
        }
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((route, _)) = learned.templates.get(sent.template).filter(|(_, until)| now < *until) {
            return *route;
        }
        let eligible = learned.ineligible_until.is_none_or(|until| until <= now);
        let wanted = how == Marketing::Strict || (how == Marketing::On && eligible);
        if wanted && sent.category == "MARKETING" { Route::Marketing } else { Route::Messages }
    }

    /// Where to try once more after a refusal with this code, if anywhere; remembers it.
    pub(super) fn after(&self, how: Marketing, sent: Sent<'_>, tried: Route, code: &str, now: Instant) -> Option<Route> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + LEARNED_FOR;
        let other = match (tried, code) {
            (Route::Marketing, _) if how == Marketing::Strict => return None,
            (Route::Marketing, "134102") => {
                learned.ineligible_until = Some(until);
                Route::Messages
            }
            (Route::Marketing, "134100" | "131055" | "100") => Route::Messages,
            (Route::Messages, "131063") if how != Marketing::Off && sent.to_number => Route::Marketing,
            _ => return None,
        };
        if learned.templates.len() >= MAX_LEARNED {
            learned.templates.clear();
        }
        learned.templates.insert(sent.template.to_owned(), (other, until));
        Some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALE: Sent<'_> = Sent { template: "sale", category: "MARKETING", to_number: true };

    #[test]
    fn marketing_templates_take_the_marketing_endpoint_where_the_account_says_so() {
        let now = Instant::now();
        let first = |how, sent| Routes::default().first(how, sent, now);
        assert_eq!([Marketing::Off, Marketing::Auto].map(|how| first(how, SALE)), [Route::Messages; 2]);
        assert_eq!([Marketing::On, Marketing::Strict].map(|how| first(how, SALE)), [Route::Marketing; 2]);
        assert_eq!(first(Marketing::On, Sent { category: "UTILITY", ..SALE }), Route::Messages);
        assert_eq!(first(Marketing::On, Sent { to_number: false, ..SALE }), Route::Messages);
    }

    #[test]
    fn refusals_switch_and_are_remembered() {
        let now = Instant::now();
        for code in ["134100", "131055", "100"] {
            let routes = Routes::default();
            assert_eq!(routes.after(Marketing::On, SALE, Route::Marketing, code, now), Some(Route::Messages), "{code}");
            assert_eq!(routes.first(Marketing::On, SALE, now), Route::Messages);
            assert_eq!(routes.first(Marketing::On, Sent { template: "other", ..SALE }, now), Route::Marketing, "only that template");
            assert_eq!(routes.first(Marketing::On, SALE, now + LEARNED_FOR), Route::Marketing, "not for ever");
        }
        let routes = Routes::default();
        assert_eq!(routes.after(Marketing::On, SALE, Route::Marketing, "134102", now), Some(Route::Messages));
        assert_eq!(routes.first(Marketing::On, Sent { template: "other", ..SALE }, now), Route::Messages, "the whole account");
        let routes = Routes::default();
        assert_eq!(routes.after(Marketing::Auto, SALE, Route::Messages, "131063", now), Some(Route::Marketing));
        assert_eq!(routes.first(Marketing::Auto, SALE, now), Route::Marketing);
    }

    #[test]
    fn what_the_account_forbids_is_not_switched_to() {
        let (routes, now) = (Routes::default(), Instant::now());
        assert_eq!(routes.after(Marketing::Off, SALE, Route::Messages, "131063", now), None);
        assert_eq!(routes.after(Marketing::Strict, SALE, Route::Marketing, "134102", now), None);
        assert_eq!(routes.after(Marketing::Auto, Sent { to_number: false, ..SALE }, Route::Messages, "131063", now), None);
        assert_eq!(routes.after(Marketing::On, SALE, Route::Messages, "100", now), None, "a fault of the request itself");
        assert_eq!(routes.after(Marketing::On, SALE, Route::Marketing, "131026", now), None);
    }
}
