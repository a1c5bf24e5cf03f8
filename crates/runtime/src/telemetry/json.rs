//! One JSON object a log line: time, level, service, message, target, trace and span ids, then the fields of the enclosing
//! spans and of the event itself (the innermost wins).

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use std::{fmt, io::Write};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// The layer; `sink` makes the writer of a line.
pub(super) struct JsonLog<W> {
    service: &'static str,
    sink: W,
}

impl<W> JsonLog<W> {
    pub(super) const fn new(service: &'static str, sink: W) -> Self {
        Self { service, sink }
    }
}

/// A span's fields, kept with the span.
struct Fields(Map<String, Value>);

impl<S, W, Out> Layer<S> for JsonLog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> Out + 'static,
    Out: Write,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Map::new();
            attributes.record(&mut Collect(&mut fields));
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(&mut Collect(&mut fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            line.insert("span".to_owned(), span.name().into());
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.iter().filter(|(key, _)| !key.starts_with("otel.")).map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        event.record(&mut Collect(&mut line));
        let trace = opentelemetry::Context::current();
        let trace = trace.span().span_context().clone();
        if trace.is_valid() {
            line.insert("trace_id".to_owned(), trace.trace_id().to_string().into());
            line.insert("span_id".to_owned(), trace.span_id().to_string().into());
        }
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        line.insert("time".to_owned(), now.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("service".to_owned(), self.service.into());
        line.insert("target".to_owned(), event.metadata().target().into());
        // A log that can't be written has nowhere to say so.
        (self.sink)().write_all(format!("{}\n", Value::Object(line)).as_bytes()).unwrap_or_default();
    }
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(work: impl FnOnce()) -> Value {
        let sink = Sink::default();
        let provider = SdkTracerProvider::builder().build();
        let out = sink.clone();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
            .with(JsonLog::new("test", move || out.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = sink.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_of_its_spans_and_its_trace() {
        let mut traceparent = String::new();
        let line = logged(|| {
            let outer = tracing::info_span!("outer", campaign.id = "c1", run = 1);
            let inner = tracing::info_span!(parent: &outer, "inner", run = 2, late = tracing::field::Empty, otel.name = "x");
            inner.record("late", "yes");
            let _entered = (outer.enter(), inner.enter());
            traceparent = crate::traceparent::current();
            tracing::warn!(count = 3, "hello \"there\"\n");
        });
        for (key, value) in [("campaign.id", "c1"), ("late", "yes"), ("span", "inner"), ("level", "WARN"), ("service", "test")] {
            assert_eq!(line[key], value, "{key}");
        }
        assert_eq!((&line["run"], &line["count"]), (&2.into(), &3.into()));
        assert_eq!(line["message"], "hello \"there\"\n");
        assert!(line.get("otel.name").is_none());
        assert!(traceparent.contains(line["trace_id"].as_str().unwrap()) && traceparent.contains(line["span_id"].as_str().unwrap()));
    }

    #[test]
    fn a_line_outside_a_trace_has_no_ids() {
        let line = logged(|| tracing::info!("up"));
        assert!(line.get("trace_id").is_none());
        assert_eq!(line["message"], "up");
    }
}
