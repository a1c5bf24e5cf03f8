//! Pages in order of an id: the token is the last id of the page before.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Which page to read.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// How many rows at most: 1 to 500.
    pub size: u32,
    /// Rows beyond this one.
    pub after: Option<Uuid>,
}

/// The token was not made by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("page_token is not one of ours: leave it empty to start over")]
pub struct BadToken;

impl Page {
    pub const DEFAULT_SIZE: u32 = 50;
    pub const MAX_SIZE: u32 = 500;

    /// Reads what a caller asked for; size 0 is the default, and too large a size is the largest.
    ///
    /// # Errors
    /// When the token isn't one of ours.
    pub fn parse(size: u32, token: &str) -> Result<Self, BadToken> {
        let size = if size == 0 { Self::DEFAULT_SIZE } else { size.min(Self::MAX_SIZE) };
        if token.is_empty() {
            return Ok(Self { size, after: None });
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
        let after = Uuid::from_slice(&bytes).map_err(|_| BadToken)?;
        Ok(Self { size, after: Some(after) })
    }

    /// How many rows to read: one more than the page, to know whether there is a next one.
    #[must_use]
    pub fn limit(self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Cuts the extra row off and makes the token of the next page; empty on the last.
    pub fn finish<T>(self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> String {
        let size = self.size as usize;
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last().map(|row| URL_SAFE_NO_PAD.encode(id(row).as_bytes())).unwrap_or_default()
    }
}
