//! What was just read from the database, for so short a time that nobody waits for a change to count.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long an answer is used: a revoked key and a disabled user are refused after that, everywhere.
pub(super) const FRESH: Duration = Duration::from_secs(2);
/// Answers that are kept at once. More callers than that in two seconds are asked for in the database each time.
const MOST: usize = 10_000;

/// Answers by what was asked.
pub(super) struct Cache<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// The answer, if it is fresh as of `now`.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(at, _)| now.duration_since(*at) < FRESH).map(|(_, value)| value.clone())
    }

    /// Keeps an answer that was asked for at `now`.
    pub(super) fn put(&self, key: K, value: V, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (at, _)| now.duration_since(*at) < FRESH);
        }
        if known.len() < MOST {
            known.insert(key, (now, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_used_while_it_is_fresh() {
        let (cache, now) = (Cache::new(), Instant::now());
        cache.put(1, "one", now);
        assert_eq!(cache.get(&1, now + FRESH - Duration::from_millis(1)), Some("one"));
        assert_eq!(cache.get(&1, now + FRESH), None);
        assert_eq!(cache.get(&2, now), None);
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let (cache, now) = (Cache::new(), Instant::now());
        for key in 0..MOST + 10 {
            cache.put(key, (), now);
        }
        let kept = || cache.0.lock().unwrap().len();
        assert_eq!(kept(), MOST);
        assert_eq!(cache.get(&MOST, now), None);
        cache.put(MOST, (), now + FRESH);
        assert_eq!(kept(), 1);
    }
}
