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
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unsigned => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
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
    fn from(_: NotDurable) -> Self {
        Self::Unavailable
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.as_str()).into_response();
        if self == Self::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
