//! Logs as JSON on stderr; traces and metrics to a collector when one is configured.
//!
//! Spans are kept even without a collector, because logs and everything that carries a traceparent need their ids. An
//! exporter that fails loses its data and says so in the log; it never holds up the service. Start at [`init`].

mod json;

use crate::config::Common;
use anyhow::Context as _;
use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::SdkTracerProvider,
};
use std::{io::Write as _, process::ExitCode, time::Duration};
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _};

const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const METRICS_INTERVAL: Duration = Duration::from_secs(15);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What must be flushed before the process ends.
#[must_use = "what isn't shut down loses its last spans"]
#[derive(Debug)]
pub struct Telemetry {
    tracer: SdkTracerProvider,
    meter: Option<SdkMeterProvider>,
}

/// Sets up logs, traces and metrics for the process. To be called inside the tokio runtime, because the exporters live in it.
///
/// # Errors
/// When the log filter or the endpoint can't be read, or when it has been called before.
pub fn init(service: &'static str, config: &Common) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::builder().parse(&config.log).with_context(|| format!("RUST_LOG {:?}", config.log))?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.namespace", "fanfare"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ])
        .build();
    let telemetry = build(config.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()), &resource)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(telemetry.tracer.tracer("fanfare"))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(is_traced));
    // Spans pass whatever the filter says: they carry the fields and the trace id of the events that do.
    let logs = json::JsonLog::new(service, std::io::stderr)
        .with_filter(tracing_subscriber::filter::FilterExt::or(filter, filter_fn(|metadata| metadata.is_span() && is_traced(metadata))));
    tracing_subscriber::registry().with(spans).with(logs).try_init().context("logs are set up already")?;
    if let Some(meter) = &telemetry.meter {
        global::set_meter_provider(meter.clone());
    }
    log_panics();
    Ok(telemetry)
}

fn build(endpoint: Option<&str>, resource: &Resource) -> anyhow::Result<Telemetry> {
    let tracer = SdkTracerProvider::builder().with_resource(resource.clone());
    let Some(endpoint) = endpoint else {
        return Ok(Telemetry { tracer: tracer.build(), meter: None });
    };
    let wrong = || format!("OTEL_EXPORTER_OTLP_ENDPOINT {endpoint}");
    let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build().with_context(wrong)?;
    let metrics =
        MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build().with_context(wrong)?;
    let reader = PeriodicReader::builder(metrics).with_interval(METRICS_INTERVAL).build();
    Ok(Telemetry {
        tracer: tracer.with_batch_exporter(spans).build(),
        meter: Some(SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader).build()),
    })
}

/// Our own spans down to INFO. Those of the transport below would trace the exporter's own calls.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    const TRANSPORT: [&str; 6] = ["h2", "hyper", "tonic", "tower", "reqwest", "opentelemetry"];
    let target = metadata.target();
    *metadata.level() <= Level::INFO && !TRANSPORT.iter().any(|name| target.starts_with(name))
}

/// A panic ends one task, not the process; it must be as visible as an error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, panic = panic.payload_as_str().unwrap_or("no message"), "a task panicked");
    }));
}

impl Telemetry {
    /// Sends what is left, for at most 5 s.
    pub async fn shutdown(self) {
        // The exporters block their caller, and need the runtime meanwhile.
        let flushed = tokio::task::spawn_blocking(move || {
            let spans = self.tracer.shutdown_with_timeout(FLUSH_TIMEOUT).is_ok();
            let metrics = self.meter.is_none_or(|meter| meter.shutdown_with_timeout(FLUSH_TIMEOUT).is_ok());
            spans && metrics
        });
        if !matches!(tokio::time::timeout(FLUSH_TIMEOUT, flushed).await, Ok(Ok(true))) {
            tracing::warn!("the last traces or metrics were not sent");
        }
    }
}

/// Says why a service doesn't start when there is no log yet to say it in.
pub(crate) fn refuse_to_start(service: &'static str, error: &anyhow::Error) -> ExitCode {
    let line = serde_json::json!({ "level": "ERROR", "service": service, "message": format!("{error:#}") });
    // Nobody is left to tell if stderr is gone.
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Bytes, extract::State};
    use opentelemetry::{metrics::MeterProvider as _, trace::Tracer as _};
    use std::{
        sync::{Arc, Mutex},
        time::Instant,
    };

    /// Paths and bodies of what a collector was sent.
    type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

    async fn collector() -> (String, Received) {
        let received = Received::default();
        let take = async |State(received): State<Received>, uri: http::Uri, body: Bytes| {
            received.lock().unwrap().push((uri.path().to_owned(), body));
            tonic::Status::unavailable("not today").into_http::<axum::body::Body>()
        };
        let app = Router::new().fallback(take).with_state(Arc::clone(&received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (url, received)
    }

    fn resource() -> Resource {
        Resource::builder_empty().with_service_name("the-service").build()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_left_is_sent_at_the_end() {
        let (url, received) = collector().await;
        let telemetry = build(Some(&url), &resource()).unwrap();
        telemetry.tracer.tracer("test").in_span("the-span", |_| {});
        telemetry.meter.as_ref().unwrap().meter("test").u64_counter("the.counter").build().add(1, &[]);
        telemetry.shutdown().await;
        let received = received.lock().unwrap();
        for (service, name) in [("trace.v1.TraceService/Export", "the-span"), ("metrics.v1.MetricsService/Export", "the.counter")] {
            let sent = received.iter().find(|(path, _)| path.ends_with(service)).unwrap_or_else(|| panic!("nothing for {service}"));
            for word in [name, "the-service"] {
                assert!(sent.1.windows(word.len()).any(|window| window == word.as_bytes()), "{word} in {service}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_collector_that_is_away_holds_nothing_up() {
        let telemetry = build(Some("http://127.0.0.1:9"), &resource()).unwrap();
        let tracer = telemetry.tracer.tracer("test");
        let started = Instant::now();
        // More than the queue holds: what is over is dropped.
        for _ in 0..10_000 {
            tracer.in_span("span", |_| {});
        }
        assert!(started.elapsed() < FLUSH_TIMEOUT, "spans waited for the collector");
        telemetry.shutdown().await;
        assert!(started.elapsed() < FLUSH_TIMEOUT * 2 + EXPORT_TIMEOUT);
    }

    #[test]
    fn an_endpoint_that_is_none_is_refused() {
        assert!(build(Some("not a url"), &resource()).is_err());
        assert!(build(None, &resource()).unwrap().meter.is_none());
    }

    #[test]
    fn our_spans_are_traced_and_those_of_the_transport_are_not() {
        let ours = tracing::info_span!("ours");
        let theirs = tracing::info_span!(target: "h2::client", "theirs");
        let traced = |span: &tracing::Span| span.metadata().is_some_and(is_traced);
        crate::traceparent::tests::trace_all();
        assert!(traced(&ours) || ours.is_disabled());
        assert!(!traced(&theirs));
    }
}
