//! Liveness and readiness, over HTTP and as grpc.health.v1. Readiness is truthful: it asks what the service stands on.

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, future::join_all, stream};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Display, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server::Health};

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// The port is public for some services; a flood of questions must not become a flood of pings.
const REMEMBERED: Duration = Duration::from_secs(1);
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Whether the service can do its work. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Readiness {
    checks: Vec<(&'static str, Check)>,
    ending: CancellationToken,
    last: Arc<Mutex<Option<(Instant, Report)>>>,
}

/// The answer of `/readyz`. Why a check failed is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) ready: bool,
    checks: BTreeMap<&'static str, &'static str>,
}

impl Readiness {
    pub(super) fn add<F, Fut, E>(&mut self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + 'static,
    {
        let check: Check = Arc::new(move || check().map(|outcome| outcome.map_err(|error| error.to_string())).boxed());
        self.checks.push((name, check));
    }

    /// Not ready any more once the token fires.
    pub(super) fn until(self, ending: CancellationToken) -> Self {
        Self { ending, ..self }
    }

    pub(super) async fn report(&self) -> Report {
        if self.ending.is_cancelled() {
            return Report { ready: false, checks: BTreeMap::from([("draining", "yes")]) };
        }
        // Held while the checks run, so that many questions at once are one.
        let mut last = self.last.lock().await;
        if let Some((at, report)) = last.as_ref()
            && at.elapsed() < REMEMBERED
        {
            return report.clone();
        }
        let checks = join_all(self.checks.iter().map(|(name, check)| ask(name, check))).await;
        let report = Report { ready: checks.iter().all(|(_, word)| *word == "ok"), checks: checks.into_iter().collect() };
        if last.as_ref().is_some_and(|(_, before)| before.ready != report.ready) {
            tracing::info!(ready = report.ready, "readiness changed");
        }
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn ask(name: &'static str, check: &Check) -> (&'static str, &'static str) {
    match timeout(CHECK_TIMEOUT, check()).await {
        Ok(Ok(())) => (name, "ok"),
        Ok(Err(error)) => {
            tracing::warn!(check = name, error, "not ready");
            (name, "failed")
        }
        Err(_) => {
            tracing::warn!(check = name, "not ready: no answer");
            (name, "no answer")
        }
    }
}

/// grpc.health.v1 over the same readiness, for the server as a whole ("") and for each of its services.
pub(super) struct GrpcHealth {
    services: Vec<&'static str>,
    readiness: Readiness,
}

impl GrpcHealth {
    pub(super) fn new(services: &[&'static str], readiness: Readiness) -> Self {
        Self { services: services.to_vec(), readiness }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

async fn serving(readiness: &Readiness) -> ServingStatus {
    if readiness.report().await.ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[tonic::async_trait]
impl Health for GrpcHealth {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(HealthCheckResponse { status: serving(&self.readiness).await.into() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if !self.knows(&request.get_ref().service) {
            // The protocol wants an answer here, not an error.
            let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
            return Ok(Response::new(Box::pin(stream::iter([Ok(unknown)]).chain(stream::pending()))));
        }
        let changes = stream::unfold((self.readiness.clone(), None), |(readiness, told)| async move {
            let mut now = serving(&readiness).await;
            while told == Some(now) {
                sleep(WATCH_INTERVAL).await;
                now = serving(&readiness).await;
            }
            Some((Ok(HealthCheckResponse { status: now.into() }), (readiness, Some(now))))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn all_checks_count_and_are_remembered() {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut readiness = Readiness::default();
        let counted = Arc::clone(&asked);
        readiness.add("database", move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, String>(()) }
        });
        readiness.add("broker", || async { Err("refused") });
        let reports = join_all((0..10).map(|_| readiness.report())).await;
        assert!(reports.iter().all(|report| !report.ready && report.checks["broker"] == "failed" && report.checks["database"] == "ok"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_given_two_seconds() {
        let mut readiness = Readiness::default();
        readiness.add("database", std::future::pending::<Result<(), String>>);
        let started = Instant::now();
        assert_eq!(readiness.report().await.checks["database"], "no answer");
        assert_eq!(started.elapsed().as_secs(), CHECK_TIMEOUT.as_secs());
    }

    #[tokio::test]
    async fn draining_is_not_ready() {
        let token = CancellationToken::new();
        let readiness = Readiness::default().until(token.clone());
        assert!(readiness.report().await.ready);
        token.cancel();
        assert!(!readiness.report().await.ready);
    }
}
