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

#[tokio::test]
async fn there_are_the_addresses_that_providers_post_to_and_no_others() {
    let ingest = Ingest::start().await;
    let (twilio, meta, sendgrid) = (ingest.twilio, ingest.meta, ingest.sendgrid);
    let post =
        async |path: String| ingest.client.post(format!("{}/webhooks/{path}", ingest.base)).body("{}").send().await.unwrap().status();
    for nowhere in [
        format!("twilio/{twilio}"),
        format!("twilio/{twilio}/webhook"),
        format!("meta/{meta}/status"),
        format!("sendgrid/{twilio}"),
        format!("smtp/{twilio}"),
        format!("fax/{twilio}"),
        format!("twilio/{}/status", domain::SenderId::new()),
        "twilio/1/status".to_owned(),
    ] {
        assert_eq!(post(nowhere.clone()).await, StatusCode::NOT_FOUND, "{nowhere}");
    }
    for unsigned in [format!("twilio/{twilio}/status"), format!("meta/{meta}"), format!("sendgrid/{sendgrid}")] {
        assert_eq!(post(unsigned.clone()).await, StatusCode::UNAUTHORIZED, "{unsigned}");
    }
    for (path, status) in [
        (format!("sendgrid/{sendgrid}"), StatusCode::METHOD_NOT_ALLOWED),
        (format!("twilio/{twilio}"), StatusCode::NOT_FOUND),
        (format!("twilio/{twilio}/status"), StatusCode::METHOD_NOT_ALLOWED),
        (format!("fax/{twilio}"), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ingest.get(&format!("/webhooks/{path}")).await.status(), status, "{path}");
    }
}
