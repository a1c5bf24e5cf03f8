//! Why a request is not answered with success.

use crate::commit::NotDurable;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use providers::Refused;

/// The answer to a request that changed nothing. Says no more than its sender may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No such sender, or a token that isn't ours.
    NotFound,
    /// 401: it carries no signature.
    Unsigned,
    /// 403: the signature is wrong, or too old.
    Forged,
    /// Genuine, but not in the provider's format.
    Unreadable,
    TooLarge,
    /// Nothing is stored: to be posted again.
    Unavailable,
    /// The same, but not soon.
    Overloaded,
}

impl Problem {
    /// A word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unsigned => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds after which to come again.
    const fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Self::Unavailable => Some(HeaderValue::from_static("1")),
            Self::Overloaded => Some(HeaderValue::from_static("30")),
            _ => None,
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing => Self::Unsigned,
            Refused::Mismatch | Refused::Stale => Self::Forged,
        }
    }
}

impl From<NotDurable> for Problem {
    fn from(problem: NotDurable) -> Self {
        match problem {
            NotDurable::Behind => Self::Overloaded,
            NotDurable::Full | NotDurable::Late => Self::Unavailable,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.as_str()).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
