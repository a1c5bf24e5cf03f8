//! Why a message can't be made for somebody.

use crate::content::Variant;

/// Why a message can't be made for this person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("{field}: {variable} has no value and no default")]
    Missing { field: String, variable: String },
    #[error("{field} is longer than the {limit} {unit} allowed")]
    TooLong { field: String, limit: usize, unit: &'static str },
    #[error("{field} is empty")]
    Empty { field: String },
    #[error("{field} is no http or https link")]
    BadLink { field: String },
    #[error("the template has no {0} variant")]
    NoVariant(Variant),
    #[error("{field}, line {line}: {message}")]
    Failed { field: String, line: usize, message: String },
}

impl RenderError {
    /// A short word for reasons and figures.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_variable",
            Self::TooLong { .. } => "content_too_long",
            Self::Empty { .. } => "content_empty",
            Self::BadLink { .. } => "content_bad_link",
            Self::NoVariant(_) => "no_variant",
            Self::Failed { .. } => "content_failed",
        }
    }
}
