//! Pieces of requests and answers that every noun has.

pub use proto::convert::timestamp;

use runtime::status;
use store::page::Page;
use tonic::Status;

/// Reads which page is asked for.
///
/// # Errors
/// INVALID_ARGUMENT when the token isn't one of ours.
pub fn page(size: u32, token: &str) -> Result<Page, Status> {
    Page::parse(size, token).map_err(|error| status::invalid("page_token", error.to_string()))
}

/// Longest `request_id` that is taken.
const MAX_REQUEST_ID: usize = 200;

/// Reads the id that makes a repeated call harmless; it may be empty.
///
/// # Errors
/// INVALID_ARGUMENT when it is too long to be an id.
pub fn request_id(text: &str) -> Result<&str, Status> {
    if text.len() > MAX_REQUEST_ID {
        return Err(status::invalid("request_id", format!("must be at most {MAX_REQUEST_ID} bytes")));
    }
    Ok(text)
}

/// Commits.
///
/// # Errors
/// When the database fails; nothing is written then.
pub async fn commit(tx: store::Tx) -> Result<(), Status> {
    tx.commit().await.map_err(|error| status::store(error.into()))
}

/// Longest reason that is taken.
const MAX_REASON: usize = 1_000;

/// Reads why a person does something; it may be empty.
///
/// # Errors
/// INVALID_ARGUMENT when it is too long to be read.
pub fn reason(text: &str) -> Result<String, Status> {
    let text = text.trim();
    if text.chars().count() > MAX_REASON {
        return Err(status::invalid("reason", format!("must be at most {MAX_REASON} characters")));
    }
    Ok(text.to_owned())
}
