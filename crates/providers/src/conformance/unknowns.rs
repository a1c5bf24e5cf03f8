//! What providers add without asking: new fields, new codes. And what holds for any number of messages.

use super::{Fixture, HASTY, PATIENT, Protocol, Then, answer};
use crate::{Fault, Message, Outcome};
use domain::content::{EmailVariant, Rendered, SmsVariant};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The bytes of an answer with a new field in each object of its body; None if that is no JSON.
fn with_new_fields(answer: &[u8]) -> Option<Vec<u8>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let mut body: Value = serde_json::from_slice(&answer[end..]).ok()?;
    add(&mut body);
    Some(with_body(answer, &body.to_string()))
}

fn add(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(add);
            members.insert("zz_new".to_owned(), json!({"a": [1, null, "x"]}));
        }
        Value::Array(items) => items.iter_mut().for_each(add),
        _ => {}
    }
}

/// The same answer with another body.
fn with_body(answer: &[u8], body: &str) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(crate) async fn unknown_fields_change_nothing(f: Fixture) {
    for usual in [&f.accepted.0, &f.refused.0, &f.throttled.0] {
        let Some(more) = with_new_fields(usual) else { continue };
        let expected = answer(&f, Then::Reply(usual.clone()), PATIENT).await;
        assert_eq!(answer(&f, Then::Reply(more), PATIENT).await, expected);
    }
}

/// A code that nobody has seen yet is still a no, still told to people, and never taken for a sign that the provider is down.
pub(crate) async fn unknown_code_is_kept(f: Fixture) {
    let (reply, code, _) = &f.refused;
    if matches!(f.protocol, Protocol::Smtp) {
        return;
    }
    let new = if code.bytes().all(|byte| byte.is_ascii_digit()) { "987654" } else { "SOMETHING_NEW" };
    let text = String::from_utf8(reply.clone()).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    if !body.contains(code) {
        // Its codes are statuses.
        let unheard_of = text.replacen(text.split(' ').nth(1).unwrap(), "418", 1).into_bytes();
        assert_eq!(refused(answer(&f, Then::Reply(unheard_of), PATIENT).await).code, "http_418");
        return;
    }
    let fault = refused(answer(&f, Then::Reply(with_body(reply, &body.replace(code, new))), PATIENT).await);
    assert_eq!(fault.code, new);
    assert!(!fault.says_down());
}

fn refused(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Refused(fault) => fault,
        other => panic!("must be refused: {other:?}"),
    }
}

pub(crate) async fn batch_keeps_order_and_length(f: Fixture) {
    let stub = f.stub(Then::Reply(f.accepted.0.clone())).await;
    let sender = (f.sender)(stub.addr, PATIENT);
    assert!(sender.batch() >= 1);
    assert!(sender.send_batch(&[]).await.is_empty());
    assert_eq!(stub.connections(), 0, "nothing to send is no call");
    // One in the middle that can't be put into this provider's form: it must not cost the others.
    let misfit = Message { content: of_another_channel(&f.message.content), ..f.message.clone() };
    let outcomes = sender.send_batch(&[f.message.clone(), misfit, f.message.clone()]).await;
    let classes: Vec<_> = outcomes.iter().map(|outcome| matches!(outcome, Outcome::Accepted { .. })).collect();
    assert_eq!(classes, [true, false, true], "{outcomes:?}");
    assert_eq!(refused(outcomes[1].clone()).code, "content");
    // A lost answer leaves each of them in doubt.
    let stub = f.stub(Then::Hold).await;
    let outcomes = (f.sender)(stub.addr, HASTY).send_batch(&[f.message.clone(), f.message.clone()]).await;
    assert!(outcomes.len() == 2 && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Uncertain(_))), "{outcomes:?}");
}

fn of_another_channel(content: &Rendered) -> Rendered {
    match content {
        Rendered::Email(_) => Rendered::Sms(SmsVariant { text: "Hi".to_owned(), ..SmsVariant::default() }),
        _ => Rendered::Email(EmailVariant { subject: "Hi".to_owned(), text: "Hi".to_owned(), ..EmailVariant::default() }),
    }
}

/// URLs end up in logs of proxies and of providers.
pub(crate) async fn secrets_are_absent_from_urls(f: Fixture) {
    if matches!(f.protocol, Protocol::Smtp) {
        return;
    }
    let stub = f.stub(Then::Reply(f.accepted.0.clone())).await;
    (f.sender)(stub.addr, PATIENT).send(&f.message).await;
    let requests = stub.steps().into_iter().chain(stub.requests());
    for request in requests {
        let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap()).into_owned();
        assert!(f.secrets.iter().all(|secret| !line.contains(secret)), "{line}");
    }
}

pub(crate) async fn unknown_fields_of_a_post_change_nothing(f: Fixture) {
    let hooks = f.hooks.unwrap();
    let headers = BTreeMap::new();
    let usual = hooks.receiver.decode(&hooks.request(&headers, &hooks.known)).unwrap();
    let more = match serde_json::from_slice::<Value>(&hooks.known) {
        Ok(mut post) => {
            add(&mut post);
            post.to_string().into_bytes()
        }
        Err(_) => [hooks.known.as_slice(), b"&ZzNew=1&ZzNew=2"].concat(),
    };
    assert_eq!(hooks.receiver.decode(&hooks.request(&headers, &more)).unwrap(), usual);
}
