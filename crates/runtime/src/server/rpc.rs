//! What surrounds every RPC: a span that continues the caller's trace, a duration, the caller's deadline, and an end to
//! streams at shutdown. Health and reflection go without, so that probes fill no traces.
//!
//! Which errors are ours follows OpenTelemetry's conventions for gRPC servers: a client's mistake isn't an error of ours.

use super::body::Ended;
use crate::{
    auth::layer::is_open,
    metrics::{self, Histogram, KeyValue, SECONDS},
    traceparent,
};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::{Instrument as _, Span, field::Empty};

/// The RPCs that exist, by path. What else a caller may ask for shares one name, so that it can't fill the metrics.
type Names = HashMap<String, (String, String)>;

#[derive(Clone)]
pub(super) struct Surroundings {
    names: Arc<Names>,
    durations: Histogram<f64>,
    ending: CancellationToken,
}

impl Surroundings {
    pub(super) fn new(ending: CancellationToken) -> Self {
        Self {
            names: Arc::new(names()),
            durations: metrics::histogram("rpc.server.duration", "s", "Time from an RPC's start to the end of its answer", &SECONDS),
            ending,
        }
    }
}

fn names() -> Names {
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap_or_default().file;
    let mut names = Names::new();
    for file in files {
        for service in &file.service {
            let full = format!("{}.{}", file.package(), service.name());
            for method in &service.method {
                names.insert(format!("/{full}/{}", method.name()), (full.clone(), method.name().to_owned()));
            }
        }
    }
    names
}

pub(super) async fn surround(State(around): State<Surroundings>, request: Request, next: Next) -> Response {
    if is_open(request.uri().path()) {
        return end_at_shutdown(next.run(request).await, &around, None);
    }
    let call = Call::begin(&around, &request);
    let answered = async {
        match deadline(request.headers()) {
            Ok(None) => next.run(request).await,
            Ok(Some(limit)) => match timeout(limit, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Status::deadline_exceeded("the caller's deadline has passed").into_http::<Body>(),
            },
            Err(status) => status.into_http::<Body>(),
        }
    };
    let response = answered.instrument(call.span.clone()).await;
    end_at_shutdown(response, &around, Some(call))
}

fn end_at_shutdown(response: Response, around: &Surroundings, call: Option<Call>) -> Response {
    let status = Status::from_header_map(response.headers()).map(|status| status.code());
    response.map(|body| Body::new(Ended::new(body, around.ending.clone(), call, status)))
}

/// One RPC, from its first byte to the end of its answer.
pub(super) struct Call {
    span: Span,
    started: Instant,
    durations: Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl Call {
    fn begin(around: &Surroundings, request: &Request) -> Self {
        let (service, method) =
            around.names.get(request.uri().path()).map_or(("unknown", "unknown"), |(service, method)| (service.as_str(), method.as_str()));
        let short = service.rsplit('.').next().unwrap_or(service);
        let span = tracing::info_span!(
            "rpc",
            otel.name = format!("{short}.{method}"),
            otel.kind = "server",
            rpc.system = "grpc",
            rpc.service = service,
            rpc.method = method,
            rpc.grpc.status_code = Empty,
            otel.status_code = Empty,
            workspace.id = Empty,
            caller.role = Empty,
        );
        if let Some(value) = request.headers().get(traceparent::HEADER).and_then(|value| value.to_str().ok()) {
            traceparent::parent(&span, value);
        }
        let attributes = vec![KeyValue::new("rpc.service", service.to_owned()), KeyValue::new("rpc.method", method.to_owned())];
        Self { span, started: Instant::now(), durations: around.durations.clone(), attributes }
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// To be called once, when the answer has ended.
    pub(super) fn end(mut self, code: Code) {
        self.span.record("rpc.grpc.status_code", i32::from(code));
        if is_ours(code) {
            self.span.record("otel.status_code", "ERROR");
        }
        let elapsed = self.started.elapsed();
        self.span.in_scope(|| tracing::debug!(code = ?code, elapsed_ms = elapsed.as_secs_f64() * 1e3, "rpc"));
        self.attributes.push(KeyValue::new("rpc.grpc.status_code", i64::from(i32::from(code))));
        self.durations.record(elapsed.as_secs_f64(), &self.attributes);
    }
}

const fn is_ours(code: Code) -> bool {
    matches!(code, Code::Unknown | Code::DeadlineExceeded | Code::Unimplemented | Code::Internal | Code::Unavailable | Code::DataLoss)
}

/// The caller's `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn deadline(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let count: u64 = (digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())??;
        Some(match unit {
            "H" => Duration::from_secs(count * 3600),
            "M" => Duration::from_secs(count * 60),
            "S" => Duration::from_secs(count),
            "m" => Duration::from_millis(count),
            "u" => Duration::from_micros(count),
            "n" => Duration::from_nanos(count),
            _ => return None,
        })
    });
    parsed.map(Some).ok_or_else(|| Status::invalid_argument("grpc-timeout can't be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_or_refused() {
        let read = |text: &str| deadline(&HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), text.parse().unwrap())]));
        assert_eq!(read("5S").unwrap(), Some(Duration::from_secs(5)));
        assert_eq!(read("99999999H").unwrap(), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(deadline(&HeaderMap::new()).unwrap(), None);
        for text in ["", "S", "5", "-1S", "+1S", "123456789S", "5x", "5é"] {
            assert!(http::HeaderValue::from_str(text).is_err() || read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_rpc_has_its_name() {
        let names = names();
        let (service, method) = &names["/fanfare.scheduler.v1.SchedulerService/StartCampaign"];
        assert_eq!((service.as_str(), method.as_str()), ("fanfare.scheduler.v1.SchedulerService", "StartCampaign"));
    }

    #[test]
    fn a_clients_mistake_is_not_our_error() {
        for code in [
            Code::InvalidArgument,
            Code::NotFound,
            Code::Unauthenticated,
            Code::PermissionDenied,
            Code::FailedPrecondition,
            Code::Cancelled,
        ] {
            assert!(!is_ours(code));
        }
        assert!(is_ours(Code::Internal) && is_ours(Code::Unavailable));
    }
}
