//! What can go wrong between us and PostgreSQL.

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique, foreign-key or check constraint refused it; the name is the constraint's.
    #[error("the constraint {0} refuses it")]
    Constraint(String),
    /// Something stored can't be read as what it should be.
    #[error("stored {what} can't be read: {reason}")]
    Corrupt { what: &'static str, reason: String },
    #[error("the migrations failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(|database| database.constraint()) {
            Some(constraint) => Self::Constraint(constraint.to_owned()),
            None => Self::Database(error),
        }
    }
}

impl Error {
    /// Whether the named constraint refused the statement.
    #[must_use]
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Self::Constraint(constraint) if constraint == name)
    }

    /// Whether the data itself is refused, so that trying again can't help (SQLSTATE classes 22 and 23, and what can't be read).
    #[must_use]
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::Constraint(_) | Self::Corrupt { .. } => true,
            Self::Database(error) => {
                let code = error.as_database_error().and_then(|database| database.code());
                code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
            }
            Self::Migrate(_) => false,
        }
    }
}
