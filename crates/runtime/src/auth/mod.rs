//! Who is calling: bearer tokens (JWT) and API keys, the layer that asks for one on every RPC, and what a handler checks.
//!
//! A token is checked here for signature, algorithm, issuer, audience and time, an API key for its secret, its end and its
//! revocation. What the workspace says of a person goes before the token's role. What a role may do, and that another workspace's
//! data is NOT_FOUND, is for handlers: [`authorize`] and [`crate::status::not_found`].
//! Start at [`Authenticator::verify`] and `people.rs`; `layer.rs` says what is open to anybody.

mod api_key;
mod cache;
mod issuer;
mod jwks;
mod keys;
pub(crate) mod layer;
mod people;
mod stream;

pub use api_key::{ApiKeyText, NoRandomness};
pub use issuer::{Grant, Issuer};

use crate::{config, status};
use domain::{ApiKeyId, WorkspaceId, role::Role};
use jsonwebtoken::{Validation, errors::ErrorKind};
use jwks::Jwks;
use keys::Key;
use people::People;
use serde::Deserialize;
use std::sync::Arc;
use store::Db;
use time::OffsetDateTime;
use tonic::{Request, Status};
use uuid::Uuid;

/// How far the clocks of an issuer and ours may differ.
const LEEWAY_SECONDS: u64 = 30;
/// Longer than any token that an issuer makes; headers are limited anyhow.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What the subject of a caller with an API key starts with; the key's id follows. No token may name such a subject.
pub const KEY_SUBJECT: &str = "api_key:";

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`: a user's or a service's id; for an API key, [`KEY_SUBJECT`] and its id. Not for logs: an issuer may put an
    /// address there.
    pub subject: String,
    /// The workspace that it may see; the nil id for an internal caller without one.
    pub workspace: WorkspaceId,
    pub role: Role,
    /// The API key that it calls with, if it isn't a token.
    pub api_key: Option<ApiKeyId>,
}

impl Caller {
    /// # Errors
    /// PERMISSION_DENIED with the reason ROLE_REQUIRED.
    pub fn require(&self, role: Role) -> Result<(), Status> {
        if self.role.allows(role) {
            return Ok(());
        }
        Err(status::denied("ROLE_REQUIRED", format!("this needs the role {role}")))
    }

    /// For what hands out access: a key that has leaked must not outlive its revocation by making others.
    ///
    /// # Errors
    /// PERMISSION_DENIED with the reason TOKEN_REQUIRED when an API key calls.
    pub fn require_token(&self) -> Result<(), Status> {
        if self.api_key.is_none() {
            return Ok(());
        }
        Err(status::denied("TOKEN_REQUIRED", "this needs a person's token: an API key can't do it"))
    }
}

/// The caller of a request that has come through the server.
///
/// # Errors
/// UNAUTHENTICATED when it hasn't.
pub fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    request.extensions().get().ok_or_else(|| Refusal::Missing.into())
}

/// The caller, if its role allows what `required` may: the first line of a handler.
///
/// # Errors
/// UNAUTHENTICATED or PERMISSION_DENIED.
pub fn authorize<T>(request: &Request<T>, required: Role) -> Result<Caller, Status> {
    let caller = caller(request)?;
    caller.require(required)?;
    Ok(caller.clone())
}

/// Why a caller isn't let in: all that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a bearer token or an API key is required")]
    Missing,
    #[error("the token has expired")]
    Expired,
    #[error("the token is invalid")]
    Invalid,
    /// The issuer's keys can't be fetched: not the caller's fault, and it may retry.
    #[error("tokens can't be checked at the moment")]
    KeysUnavailable,
    #[error("the API key is invalid")]
    KeyInvalid,
    /// Told only to whoever has its secret, as is the next one.
    #[error("the API key has expired")]
    KeyExpired,
    #[error("the API key was revoked")]
    KeyRevoked,
    #[error("this user is disabled in the workspace")]
    UserDisabled,
    /// The database can't be asked: not the caller's fault either.
    #[error("callers can't be looked up at the moment")]
    PeopleUnavailable,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Missing => status::unauthenticated("TOKEN_MISSING", &message),
            Refusal::Expired => status::unauthenticated("TOKEN_EXPIRED", &message),
            Refusal::Invalid => status::unauthenticated("TOKEN_INVALID", &message),
            Refusal::KeysUnavailable => status::unavailable_unlogged("KEYS_UNAVAILABLE", &message),
            Refusal::KeyInvalid => status::unauthenticated("API_KEY_INVALID", &message),
            Refusal::KeyExpired => status::unauthenticated("API_KEY_EXPIRED", &message),
            Refusal::KeyRevoked => status::unauthenticated("API_KEY_REVOKED", &message),
            Refusal::UserDisabled => status::denied("USER_DISABLED", message),
            Refusal::PeopleUnavailable => status::unavailable_unlogged("CALLERS_UNAVAILABLE", &message),
        }
    }
}

/// Checks tokens and API keys. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    tokens: Arc<Tokens>,
    people: Option<Arc<People>>,
}

struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
}

enum Keys {
    One(Arc<Key>),
    Published(Box<Jwks>),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    workspace_id: Option<Uuid>,
    role: Role,
}

impl Authenticator {
    /// Takes the key from the PEM file, or from the JWKS URL at the first token.
    ///
    /// # Errors
    /// When the file holds no public key of a kind that we take, or the URL isn't https (or local).
    pub fn new(config: &config::Auth) -> anyhow::Result<Self> {
        let keys = match (&config.jwt_public_key, &config.jwks_url) {
            (Some(path), None) => Keys::One(Arc::new(Key::from_pem_file(path)?)),
            (None, Some(url)) => Keys::Published(Box::new(Jwks::new(url)?)),
            _ => anyhow::bail!("exactly one of FANFARE_JWT_PUBLIC_KEY and FANFARE_JWKS_URL must be set"),
        };
        let tokens = Tokens { keys, issuer: config.jwt_issuer.clone(), audience: config.jwt_audience.clone() };
        Ok(Self { tokens: Arc::new(tokens), people: None })
    }

    /// Also takes API keys, and asks the database what a workspace says of a person. Without this the role is the token's: for
    /// services that only other services call.
    #[must_use]
    pub fn with_people(self, db: Db) -> Self {
        Self { people: Some(Arc::new(People::new(db, OffsetDateTime::now_utc))), ..self }
    }

    /// Checks a token's signature, algorithm, issuer, audience and time, and reads its caller as the token names it.
    ///
    /// # Errors
    /// [`Refusal`]; that a token has expired is told only if all else about its signature is right.
    pub async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Invalid)?;
        let key = match &self.tokens.keys {
            Keys::One(key) => Arc::clone(key),
            Keys::Published(keys) => keys.find(header.kid.as_deref()).await?,
        };
        let claims: Claims = jsonwebtoken::decode(token, &key.decoding, &self.validation(&key)).map_err(|error| refusal(&error))?.claims;
        caller_of(claims).ok_or(Refusal::Invalid)
    }

    fn validation(&self, key: &Key) -> Validation {
        // The algorithm is the key's, never the token's.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.tokens.issuer]);
        validation.set_audience(&[&self.tokens.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> Refusal {
    tracing::debug!(%error, "token refused");
    match error.kind() {
        ErrorKind::ExpiredSignature => Refusal::Expired,
        _ => Refusal::Invalid,
    }
}

fn caller_of(claims: Claims) -> Option<Caller> {
    let workspace = match (claims.workspace_id, claims.role) {
        (Some(id), _) => id,
        // The hub's own services act for any workspace, which the request names; nil matches no row.
        (None, Role::Internal) => Uuid::nil(),
        (None, _) => return None,
    };
    let subject = Some(claims.sub).filter(|subject| !subject.starts_with(KEY_SUBJECT))?;
    Some(Caller { subject, workspace: WorkspaceId(workspace), role: claims.role, api_key: None })
}

#[cfg(test)]
mod tests;
