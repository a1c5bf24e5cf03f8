//! What is wrong with a content, and where.

use crate::content::Variant;
use std::fmt;

/// Something in a content that is wrong, or should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentProblem {
    pub severity: Severity,
    /// None for fragments and for the content as a whole.
    pub variant: Option<Variant>,
    /// The tag of the translation; empty for the content itself.
    pub locale: String,
    /// Path of the field within the content, such as `email.subject`; empty for the content as a whole.
    pub field: String,
    /// From 1, within the field; 0 when it is about the whole field.
    pub line: usize,
    /// From 1, in characters; 0 when it is about the whole line or field.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The content can't be used like that.
    Error,
    /// It can, but may not do what was meant.
    Warning,
}

impl ContentProblem {
    pub(super) fn error(field: impl fmt::Display, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let field = field.to_string();
        Self {
            severity: Severity::Error,
            variant: variant_of(&field),
            locale: String::new(),
            field,
            line: 0,
            column: 0,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn warning(field: impl fmt::Display, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(field, message, remedy) }
    }

    pub(super) fn at(self, place: Place) -> Self {
        Self { line: place.line, column: place.column, ..self }
    }

    pub(super) fn on_line(self, line: usize) -> Self {
        Self { line, ..self }
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn variant_of(field: &str) -> Option<Variant> {
    field.split(['.', '[']).next().and_then(|first| first.parse().ok())
}

/// Everything but the field, which callers show in ways of their own.
impl fmt::Display for ContentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => {}
            (line, 0) => write!(f, "line {line}: ")?,
            (line, column) => write!(f, "line {line}, column {column}: ")?,
        }
        f.write_str(&self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// A place in a text, as people count: lines and characters from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Of a byte in a text; of its end when it lies beyond it or within a character.
    pub fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Self { line, column: before[start..].chars().count() + 1 }
    }
}
