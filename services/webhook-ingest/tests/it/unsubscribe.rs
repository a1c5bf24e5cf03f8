//! RFC 8058: a POST unsubscribes at once, a GET only shows a page.

use crate::{signed::contract, support::Ingest};
use domain::DeliveryId;
use proto::event::{FactKind, InboundIntent};
use reqwest::StatusCode;
use serde::Deserialize;

const FORM: &str = "application/x-www-form-urlencoded";

impl Ingest {
    fn unsubscribe_path(&self, delivery: i64) -> String {
        format!("/u/{}", self.links.unsubscribe_token(DeliveryId(delivery)))
    }

    async fn post(&self, path: &str, content_type: &str, body: String) -> StatusCode {
        let post = self.client.post(format!("{}{path}", self.base)).header("content-type", content_type);
        post.body(body).send().await.unwrap().status()
    }
}

#[tokio::test]
async fn a_post_is_an_opt_out_and_doing_it_again_is_as_good() {
    let mut ingest = Ingest::start().await;
    for (n, file) in ["one_click_post_multipart.txt", "one_click_post_urlencoded.txt"].into_iter().enumerate() {
        let delivery = i64::try_from(n).unwrap() + 10;
        let sample = contract(&format!("smtp/samples/{file}"));
        let (head, body) = sample.split_once("\r\n\r\n").or_else(|| sample.split_once("\n\n")).unwrap();
        let content_type = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap();
        for _ in 0..2 {
            assert_eq!(ingest.post(&ingest.unsubscribe_path(delivery), content_type, body.to_owned()).await, StatusCode::OK, "{file}");
            let stop = ingest.message().await;
            assert_eq!((stop.intent(), stop.delivery_id, stop.source.as_str()), (InboundIntent::Stop, delivery, "one_click"));
            let fact = ingest.fact().await;
            assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Unsubscribed, delivery));
        }
    }
}

#[tokio::test]
async fn a_get_shows_a_page_with_a_button_and_changes_nothing() {
    let mut ingest = Ingest::start().await;
    let page = ingest.get(&ingest.unsubscribe_path(1)).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let html = page.text().await.unwrap();
    assert!(html.contains(r#"<form method="post">"#) && html.contains("<button") && html.contains(r#"<html lang="en">"#));
    // The button posts this.
    ingest.post(&ingest.unsubscribe_path(2), FORM, "List-Unsubscribe=One-Click".to_owned()).await;
    assert_eq!(ingest.message().await.delivery_id, 2, "the first thing that came is the post's");
}

#[tokio::test]
async fn the_opt_out_says_from_where_it_came_and_a_tests_message_is_counted_nowhere() {
    let mut ingest = Ingest::start().await;
    let path = ingest.unsubscribe_path(-3);
    let page = ingest.client.get(format!("{}{path}", ingest.base)).header("accept-language", "ar, en;q=0.5").send().await.unwrap();
    let html = page.text().await.unwrap();
    assert!(html.contains(r#"<html lang="ar" dir="rtl">"#) && !html.contains("/preferences/"), "{html}");
    ingest.post(&path, FORM, "List-Unsubscribe=One-Click".to_owned()).await;
    let stop = ingest.message().await;
    assert_eq!((stop.delivery_id, stop.origin.unwrap().ip.as_str()), (-3, "127.0.0.1"));
    ingest.post(&ingest.unsubscribe_path(4), FORM, "List-Unsubscribe=One-Click".to_owned()).await;
    assert_eq!(ingest.fact().await.delivery_id, 4, "the first fact is the next real message's");
    let html = ingest.get(&ingest.unsubscribe_path(4)).await.text().await.unwrap();
    assert!(html.contains("href=\"../preferences/"), "leaving one subject may be enough");
}

#[tokio::test]
async fn a_bad_token_is_not_found() {
    let ingest = Ingest::start().await;
    let other_purpose = format!("/u/{}", ingest.links.open_token(DeliveryId(1)));
    for path in ["/u/forged", &other_purpose] {
        assert_eq!(ingest.get(path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ingest.post(path, FORM, "List-Unsubscribe=One-Click".to_owned()).await, StatusCode::NOT_FOUND);
    }
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    list_unsubscribe: String,
    list_unsubscribe_post: Option<String>,
    one_click: bool,
}

/// A mail program posts the value of List-Unsubscribe-Post to the https URI of List-Unsubscribe. Where the headers give it nothing
/// that may be posted, what it would post must not unsubscribe either.
#[tokio::test]
async fn only_the_pair_of_the_rfc_unsubscribes() {
    let mut ingest = Ingest::start().await;
    let cases: Cases = serde_json::from_str(&contract("smtp/rfc8058-cases.json")).unwrap();
    assert!(!cases.cases.is_empty());
    for case in cases.cases {
        let body = case.list_unsubscribe_post.unwrap_or_default();
        let has_uri = case.list_unsubscribe.contains("<https://");
        let expected = if body == "List-Unsubscribe=One-Click" { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(case.one_click, has_uri && expected == StatusCode::OK, "the case is as we read the RFC");
        assert_eq!(ingest.post(&ingest.unsubscribe_path(3), FORM, body.clone()).await, expected, "{body:?}");
        if expected == StatusCode::OK {
            assert_eq!(ingest.message().await.delivery_id, 3);
        }
    }
}
