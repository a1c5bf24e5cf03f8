//! Plain HTTP: the service's own routes within limits, and the two that probes ask.

use super::health::{Readiness, Report};
use crate::{
    metrics::{self, Histogram, KeyValue, SECONDS},
    traceparent,
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use http::StatusCode;
use std::time::Duration;
use tokio::time::Instant;
use tower_http::{
    limit::RequestBodyLimitLayer,
    timeout::{RequestBodyTimeoutLayer, TimeoutLayer},
};
use tracing::{Instrument as _, field::Empty};

/// Meta posts up to 3 MB at once, more than any other provider.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_PAUSE: Duration = Duration::from_secs(10);

pub(super) fn router(routes: Router, readiness: Readiness) -> Router {
    let durations = metrics::histogram("http.server.request.duration", "s", "Time to answer a plain HTTP request", &SECONDS);
    let routes = routes
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(middleware::from_fn_with_state(durations, surround));
    let probes = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(readiness);
    routes.merge(probes)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Report>) {
    let report = readiness.report().await;
    (if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}

/// A span and a duration for each request. The path stays out of both: it may hold a recipient's token.
async fn surround(State(durations): State<Histogram<f64>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let span = tracing::info_span!(
        "http",
        otel.name = %method,
        otel.kind = "server",
        http.request.method = %method,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    if let Some(value) = request.headers().get(traceparent::HEADER).and_then(|value| value.to_str().ok()) {
        traceparent::parent(&span, value);
    }
    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    durations.record(started.elapsed().as_secs_f64(), &[KeyValue::new("http.response.status_code", i64::from(status.as_u16()))]);
    response
}
