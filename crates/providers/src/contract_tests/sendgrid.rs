//! SendGrid: Mail Send, one letter and many a call.

use super::{Bench, accepted, json_answer, message, refused};
use crate::{Attachment, Message, conformance::stub::http};
use domain::Channel;
use serde_json::{Value, json};

const SEND: &str = "/v3/mail/send";

pub(super) fn bench() -> Bench {
    Bench::new("sendgrid", Channel::Email, &[("from", "news@example.com"), ("from_name", "Example Store")], &[("api_key", "SG.not-a-key")])
}

pub(super) fn email(subject: &str, text: &str, html: &str) -> Message {
    message("ann@example.net", json!({"email": {"subject": subject, "text": text, "html": html}}))
}

/// Every form of message that the adapter can make.
fn variants() -> Vec<Message> {
    let both = email("Hello", "Hi", "<p>Hi</p><img src=\"cid:logo\">");
    let picture = |content_id: Option<&str>| Attachment {
        name: "logo.png".to_owned(),
        media_type: "image/png".to_owned(),
        content_id: content_id.map(str::to_owned),
        bytes: b"\x89PNG\r\n\x1a\n".as_slice().into(),
    };
    vec![
        email("Hello", "Hi", ""),
        email("Grüße", "", "<p>Hi</p>"),
        Message { unsubscribe_url: Some("https://hub.example.com/u/opaque".to_owned()), ..both.clone() },
        Message { to_name: None, ..both.clone() },
        Message { attachments: vec![picture(Some("logo")), picture(None)], ..both },
    ]
}

fn taken() -> Vec<u8> {
    http(202, &[("X-Message-Id", "abc123")], b"")
}

/// The errors that the file itself gives for Mail Send, by status.
fn published_errors() -> Vec<(u16, Value)> {
    let file = contracts::json("sendgrid/openapi.json");
    let mut found = Vec::new();
    for status in ["400", "401", "403", "404", "405", "413"] {
        let body = &file["components"]["responses"][format!("PostMailSend{status}")]["content"]["application/json"];
        for example in body["examples"].as_object().into_iter().flat_map(|examples| examples.values()) {
            found.push((status.parse().unwrap(), example["value"].clone()));
        }
    }
    assert!(found.len() >= 2, "the file has examples: {found:?}");
    found
}

#[tokio::test]
async fn every_request_with_every_answer() {
    for message in variants() {
        let (outcome, calls) = bench().send(&message, &taken()).await;
        assert!(accepted(&outcome).starts_with("abc123"));
        assert_eq!(contracts::assert_requests("sendgrid", &calls), [SEND]);
        assert_eq!(calls[0].json()["personalizations"].as_array().unwrap().len(), 1);
        for (status, body) in published_errors() {
            let fault = refused(bench().send(&message, &json_answer(status, body.to_string().as_bytes())).await.0);
            assert_eq!(fault.code, format!("http_{status}"));
        }
    }
}

#[tokio::test]
async fn many_letters_in_one_call_are_one_described_request() {
    let letters: Vec<Message> = (0..40)
        .map(|i| {
            let name = format!("Ann{i}");
            let text = format!("Hello {name}, see https://hub.example.com/c/{i}");
            Message {
                to: format!("ann{i}@example.net"),
                to_name: Some(name.clone()),
                correlation: format!("d{i}.017-Ab_c"),
                idempotency_key: format!("d{i}"),
                unsubscribe_url: Some(format!("https://hub.example.com/u/{i}")),
                ..email(&format!("For {name}"), &text, &format!("<p>{text}</p>"))
            }
        })
        .collect();
    let bench = bench();
    let stub = bench.stand_in(&taken()).await;
    let sender = (crate::find("sendgrid").unwrap().sender)(&bench.account(&stub), Channel::Email).unwrap();
    let outcomes = sender.send_batch(&letters).await;
    assert!(outcomes.len() == 40 && outcomes.iter().all(|outcome| !accepted(outcome).is_empty()));
    let calls = bench.judged(&stub);
    let recipients: usize = calls.iter().map(|call| call.json()["personalizations"].as_array().unwrap().len()).sum();
    assert_eq!(recipients, 40);
    assert!(calls.len() < 10, "{} calls", calls.len());
}

/// What the file itself gives as one of its lists.
fn published_list(name: &str) -> Value {
    let file = contracts::json("sendgrid/suppressions.openapi.json");
    let list = &file["paths"][format!("/v3/suppression/{name}")]["get"]["responses"]["200"]["content"]["application/json"];
    let examples = list["examples"].as_object().unwrap();
    examples.values().next().unwrap()["value"].clone()
}

#[tokio::test]
async fn suppressions_are_read_as_described() {
    let mut bench = bench();
    let lists = ["unsubscribes", "spam_reports", "invalid_emails", "bounces"];
    let begins = ["GET /v3/suppression/unsubscribes", "GET /v3/suppression/spam_reports", "GET /v3/suppression/invalid_emails"];
    bench.before =
        begins.into_iter().zip(lists).map(|(begin, name)| (begin, json_answer(200, published_list(name).to_string().as_bytes()))).collect();
    let since = time::OffsetDateTime::from_unix_timestamp(1_250_000_000).unwrap();
    let bounces = json_answer(200, published_list("bounces").to_string().as_bytes());
    let (read, calls) = bench.manage(&bounces, async |manage| manage.opt_outs(since).await).await;
    let read = read.unwrap().unwrap();
    let sources: std::collections::BTreeSet<_> = read.iter().map(|entry| entry.source.clone()).collect();
    assert_eq!(calls.len(), lists.len());
    assert!(lists.iter().all(|name| sources.contains(*name)), "{sources:?}");
}

#[tokio::test]
async fn an_account_is_tested_as_described() {
    let (checked, calls) = bench().manage(&http(200, &[], b""), async |manage| manage.check().await).await;
    assert_eq!(checked.unwrap().handle, "news@example.com");
    assert_eq!(contracts::assert_requests("sendgrid", &calls), [SEND]);
    assert_eq!(calls[0].json()["mail_settings"]["sandbox_mode"]["enable"], true);
}
