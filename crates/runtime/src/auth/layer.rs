//! Asks for a token on every RPC. Open to anybody are health, because probes have no token, and reflection, because it
//! shows the schema only and can be turned off.

use super::{Authenticator, Caller, Refusal};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header::AUTHORIZATION};
use tonic::Status;
use tracing::Span;

const OPEN: [&str; 3] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Whether a path needs no token.
pub(crate) fn is_open(path: &str) -> bool {
    OPEN.iter().any(|service| path.starts_with(service))
}

pub(crate) async fn authenticate(State(authenticator): State<Authenticator>, mut request: Request, next: Next) -> Response {
    if is_open(request.uri().path()) {
        return next.run(request).await;
    }
    match authenticator.caller_of(request.headers()).await {
        Ok(caller) => {
            let span = Span::current();
            span.record("workspace.id", caller.workspace.to_string());
            span.record("caller.role", caller.role.as_str());
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => Status::from(refusal).into_http::<Body>(),
    }
}

impl Authenticator {
    async fn caller_of(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::Missing)?;
        // Two of them: which one a proxy before us has looked at can't be known.
        if values.next().is_some() {
            return Err(Refusal::Invalid);
        }
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Missing);
        }
        self.verify(token.trim()).await
    }
}
