//! Asks for a token or an API key on every RPC. Open to anybody are health, because probes have no token, and reflection, because
//! it shows the schema only and can be turned off.

use super::{
    Authenticator, Caller, Refusal, api_key,
    stream::{self, Watch},
};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use tonic::Status;
use tracing::Span;

/// Where an API key may be shown instead of `authorization`.
const API_KEY: &str = "x-api-key";

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
            let credential = credential(request.headers());
            request.extensions_mut().insert(caller.clone());
            let response = next.run(request).await;
            Watch { authenticator, credential, caller, every: stream::EVERY }.over(response)
        }
        Err(refusal) => Status::from(refusal).into_http::<Body>(),
    }
}

/// The headers that a caller is known by, and no others.
fn credential(headers: &HeaderMap) -> HeaderMap {
    let all = [AUTHORIZATION, HeaderName::from_static(API_KEY)].into_iter();
    all.filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
}

/// What a caller shows.
enum Shown<'a> {
    Token(&'a str),
    ApiKey(&'a str),
}

fn shown(headers: &HeaderMap) -> Result<Shown<'_>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let mut keys = headers.get_all(API_KEY).iter();
    let found = (values.next(), keys.next());
    // Two of them: which one a proxy before us has looked at can't be known.
    if values.next().is_some() || keys.next().is_some() {
        return Err(Refusal::Invalid);
    }
    let value = match found {
        (Some(value), None) => value,
        (None, Some(key)) => return key.to_str().map(|key| Shown::ApiKey(key.trim())).map_err(|_| Refusal::KeyInvalid),
        (Some(_), Some(_)) => return Err(Refusal::Invalid),
        (None, None) => return Err(Refusal::Missing),
    };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::Invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Missing);
    }
    let token = token.trim();
    Ok(if token.starts_with(api_key::PREFIX) { Shown::ApiKey(token) } else { Shown::Token(token) })
}

impl Authenticator {
    pub(super) async fn caller_of(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        match (shown(headers)?, &self.people) {
            (Shown::Token(token), None) => self.verify(token).await,
            (Shown::Token(token), Some(people)) => people.listed(self.verify(token).await?).await,
            (Shown::ApiKey(key), Some(people)) => people.holder(key).await,
            (Shown::ApiKey(_), None) => Err(Refusal::KeyInvalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(pairs: &[(&'static str, &str)]) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        shown(&headers).map(|shown| match shown {
            Shown::Token(token) => format!("token {token}"),
            Shown::ApiKey(key) => format!("key {key}"),
        })
    }

    #[test]
    fn one_credential_is_read_from_either_header() {
        assert_eq!(read(&[("authorization", "Bearer a.b.c")]), Ok("token a.b.c".to_owned()));
        assert_eq!(read(&[("authorization", "bearer  ffk_1")]), Ok("key ffk_1".to_owned()));
        assert_eq!(read(&[("x-api-key", " ffk_1 ")]), Ok("key ffk_1".to_owned()));
        assert_eq!(read(&[("x-api-key", "a.b.c")]), Ok("key a.b.c".to_owned()), "no token comes in by the other door");
    }

    #[test]
    fn none_and_more_than_one_are_refused() {
        assert_eq!(read(&[]), Err(Refusal::Missing));
        assert_eq!(read(&[("authorization", "Basic eDp5")]), Err(Refusal::Missing));
        assert_eq!(read(&[("authorization", "ffk_1")]), Err(Refusal::Invalid));
        for pairs in [
            [("authorization", "Bearer a"), ("authorization", "Bearer a")],
            [("x-api-key", "ffk_1"), ("x-api-key", "ffk_1")],
            [("authorization", "Bearer a"), ("x-api-key", "ffk_1")],
        ] {
            assert_eq!(read(&pairs), Err(Refusal::Invalid), "{pairs:?}");
        }
    }
}
