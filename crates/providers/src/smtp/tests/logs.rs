//! Nothing of a conversation reaches the logs, however much is logged.

use super::*;
use std::{
    fmt::{self, Write},
    sync::Mutex,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Takes down everything that is logged.
#[derive(Clone, Default)]
struct Spy(Arc<Mutex<String>>);

impl Visit for Spy {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Spy {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn conversation_is_not_logged() {
    let spy = Spy::default();
    let _guard = tracing::subscriber::set_default(spy.clone());
    tracing::debug!("the spy is awake");
    let letter = delivered(&email("Hi, this is between us", "")).await;
    assert!(letter.contains("AUTH PLAIN") && letter.contains("between us"));
    let log = spy.0.lock().unwrap().clone();
    assert!(log.contains("the spy is awake"));
    for private in ["AUTH", "between us", "ann@example.net"] {
        assert!(!log.contains(private), "{log}");
    }
}
