//! Conversions that sites tell of: by a picture, by a form, by JSON.

use crate::support::Ingest;
use domain::DeliveryId;
use proto::event::Inbound;
use reqwest::StatusCode;
use time::OffsetDateTime;

const CLICKED_AT: i64 = 1_790_000_000;

impl Ingest {
    fn conversion_path(&self, delivery: i64) -> String {
        let clicked_at = OffsetDateTime::from_unix_timestamp(CLICKED_AT).unwrap();
        format!("/v/{}", self.links.conversion_token(DeliveryId(delivery), clicked_at))
    }

    async fn tell(&self, path: &str, content_type: &str, body: &str) -> StatusCode {
        let post = self.client.post(format!("{}{path}", self.base)).header("content-type", content_type);
        post.body(body.to_owned()).send().await.unwrap().status()
    }
}

fn told(message: &Inbound) -> (i64, &str, i64, &str, i64) {
    let conversion = message.conversion.as_ref().unwrap();
    (message.delivery_id, &conversion.order_id, conversion.value_micros, &conversion.currency, conversion.clicked_at_ms)
}

#[tokio::test]
async fn a_picture_in_a_page_tells_of_an_order() {
    let mut ingest = Ingest::start().await;
    let path = ingest.conversion_path(5);
    let order = format!("{path}?order=A%2F1&value=129.90&currency=aed");
    let answer = ingest.get(&order).await;
    assert_eq!((answer.status(), answer.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "image/gif"));
    let message = ingest.message().await;
    assert_eq!(told(&message), (5, "A/1", 129_900_000, "AED", CLICKED_AT * 1_000));
    assert_eq!((message.source.as_str(), message.from.as_str(), message.text.as_str()), ("pixel", "", ""));

    // Neither a look, nor a machine, nor what can't be read, nor a forged token, nor a token of a message.
    ingest.head(&order).await;
    ingest.get_as("python-requests/2.32.3", &order).await;
    let other_purpose = format!("/v/{}", ingest.links.open_token(DeliveryId(5)));
    for path in [&format!("{path}?value=12"), &format!("{path}?value=x&currency=USD"), "/v/forged?order=1", &other_purpose] {
        assert_eq!(ingest.get(path).await.headers()["content-type"], "image/gif", "a page looks the same with it");
    }
    ingest.get(&order).await;
    assert_eq!(ingest.message().await.key, message.key, "the same order is the same message, and nothing came before it");
}

#[tokio::test]
async fn a_site_may_post_it() {
    let mut ingest = Ingest::start().await;
    let path = ingest.conversion_path(6);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(ingest.tell(&path, form, "order=2&value=7&currency=USD").await, StatusCode::NO_CONTENT);
    assert_eq!(told(&ingest.message().await), (6, "2", 7_000_000, "USD", CLICKED_AT * 1_000));
    for json in ["application/json", "text/plain;charset=UTF-8"] {
        assert_eq!(ingest.tell(&path, json, r#"{"order_id": 3, "value": 12.5, "currency": "EUR"}"#).await, StatusCode::NO_CONTENT);
        assert_eq!(told(&ingest.message().await), (6, "3", 12_500_000, "EUR", CLICKED_AT * 1_000), "{json}");
    }
    assert_eq!(ingest.tell(&path, form, "").await, StatusCode::NO_CONTENT, "that it happened is all there may be to tell");
    assert_eq!(told(&ingest.message().await).1, "");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_reason() {
    let ingest = Ingest::start().await;
    let path = ingest.conversion_path(6);
    let form = "application/x-www-form-urlencoded";
    let long = format!("order={}", "x".repeat(20_000));
    for (content_type, body) in [
        (form, "value=1"),
        (form, "value=-1&currency=USD"),
        (form, "order=a%00b"),
        (form, long.as_str()),
        ("application/json", "[]"),
        ("application/json", r#"{"order": {"id": 1}}"#),
        ("application/xml", "<order/>"),
    ] {
        assert_eq!(ingest.tell(&path, content_type, body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(ingest.tell("/v/forged", form, "order=1").await, StatusCode::NOT_FOUND);
}
