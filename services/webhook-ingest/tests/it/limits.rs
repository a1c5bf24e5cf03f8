//! What is too large or no post at all.

use crate::{signed::Signature, support::Ingest};
use reqwest::StatusCode;

#[tokio::test]
async fn a_post_of_three_megabytes_is_read_and_a_larger_one_is_not() {
    let ingest = Ingest::start().await;
    let padded = |size: usize| format!("[{}]", " ".repeat(size - 2));
    assert_eq!(ingest.sendgrid(&padded(3 << 20), Signature::Good).await, StatusCode::OK);
    assert_eq!(ingest.sendgrid(&padded((3 << 20) + 1), Signature::Good).await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_genuine_post_that_cannot_be_read_is_the_providers_fault() {
    let ingest = Ingest::start().await;
    assert_eq!(ingest.sendgrid("{}", Signature::Good).await, StatusCode::BAD_REQUEST);
    assert_eq!(ingest.meta("not json", Signature::Good).await, StatusCode::BAD_REQUEST);
    assert_eq!(ingest.twilio("/status", &[("a", "b"), ("c", "d")], Signature::Good).await, StatusCode::BAD_REQUEST);
}
