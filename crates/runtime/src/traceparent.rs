//! W3C trace context (version 00) as text, so that a trace goes on through jobs, tables and provider callbacks.
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header's name.
pub const HEADER: &str = "traceparent";

/// The traceparent of the span that is entered; empty outside a trace.
#[must_use]
pub fn current() -> String {
    of(&Span::current())
}

/// The traceparent of a span; empty if it is not traced.
#[must_use]
pub fn of(span: &Span) -> String {
    write(span.context().span().span_context())
}

/// Makes a span the child of a traceparent. Must come before the span is first entered; a malformed one is ignored.
pub fn parent(span: &Span, traceparent: &str) {
    if let Some(context) = read(traceparent) {
        // Refused when no tracing is set up, or too late: the span then begins a trace of its own.
        drop(span.set_parent(Context::new().with_remote_span_context(context)));
    }
}

/// Links a span to another trace: for a batch, whose members come from several. A malformed traceparent is ignored.
pub fn link(span: &Span, traceparent: &str) {
    if let Some(context) = read(traceparent) {
        span.add_link(context);
    }
}

fn write(context: &SpanContext) -> String {
    if !context.is_valid() {
        return String::new();
    }
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8() & 1)
}

fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let version = part(parts.next()?, 2)?;
    let (trace, span, flags) = (part(parts.next()?, 32)?, part(parts.next()?, 16)?, part(parts.next()?, 2)?);
    // Version 00 has four parts; a later one may have more, which we needn't understand.
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & 1);
    let context = SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

fn part(text: &str, length: usize) -> Option<&str> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == length && text.bytes().all(hex)).then_some(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use std::sync::Once;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// Traces the test process. Of a subscriber for one thread only, spans that other threads share may stay disabled.
    pub(crate) fn trace_all() {
        static SET: Once = Once::new();
        SET.call_once(|| {
            let tracer = SdkTracerProvider::builder().build().tracer("test");
            let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
    }

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(write(&read(GIVEN).unwrap()), GIVEN);
    }

    #[test]
    fn malformed_text_is_no_context() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_child_keeps_the_trace() {
        trace_all();
        assert_eq!(current(), "");
        let span = tracing::info_span!("work");
        parent(&span, GIVEN);
        let inside = span.in_scope(current);
        assert_eq!(inside[..36], GIVEN[..36]);
        assert_ne!(inside, GIVEN);
        assert_eq!(of(&span), inside);
    }
}
