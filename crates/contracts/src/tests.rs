//! The judge judged: it takes what the providers publish, and refuses every single fault.

use super::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "AC00000000000000000000000000000001";

fn twilio() -> Call {
    Call::new("POST", &format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json"))
        .with_header("authorization", "Basic QUM6dG9rZW4=")
        .with_form([
            ("To", "+15558675310"),
            ("From", "+15017250604"),
            ("Body", "Hi"),
            ("ValidityPeriod", "300"),
            ("MediaUrl", "https://a.example/1"),
        ])
}

fn linkedin() -> Call {
    Call::new("POST", "/rest/posts")
        .with_header("authorization", "Bearer abc")
        .with_header("linkedin-version", "202506")
        .with_header("x-restli-protocol-version", "2.0.0")
        .with_json(&json("linkedin/samples/create_post_text.json"))
}

fn meta(body: &Value) -> Call {
    Call::new("POST", "/v23.0/106540352242922/messages").with_header("authorization", "Bearer abc").with_json(body)
}

/// The places of the faults.
fn places(provider: &str, call: &Call) -> Vec<String> {
    match judge(provider, call) {
        Verdict::Described { faults, .. } => faults.into_iter().map(|fault| fault.place).collect(),
        Verdict::Unknown => vec!["unknown".to_owned()],
        Verdict::Outside(why) => panic!("{why}"),
    }
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[test]
fn good_requests_have_no_fault() {
    assert_eq!(assert_requests("twilio", &[twilio()]), ["/2010-04-01/Accounts/{AccountSid}/Messages.json"]);
    assert_eq!(assert_requests("linkedin", &[linkedin()]), ["/rest/posts"]);
    let fcm = Call::new("POST", "/v1/projects/p/messages:send").with_header("authorization", "Bearer abc");
    assert_requests("fcm", &[fcm.with_json(&json("fcm/samples/send_request.json"))]);
    let sendgrid = Call::new("POST", "/v3/mail/send").with_header("authorization", "Bearer SG.x");
    assert_requests("sendgrid", &[sendgrid.with_json(&json("sendgrid/samples/mail_send_request.json"))]);
    let variants = json("meta-whatsapp/samples/send_requests_template_variants.json");
    let variants: Vec<Call> = variants.as_object().unwrap().values().map(meta).collect();
    assert!(variants.len() >= 6);
    assert_requests("meta", &variants);
}

#[test]
fn each_kind_of_fault_is_found_where_it_is() {
    let good = twilio();
    assert!(places("twilio", &good).is_empty());
    assert_eq!(places("twilio", &good.clone().without_header("authorization")), ["security"]);
    assert_eq!(places("twilio", &good.clone().with_header("authorization", "Bearer abc")), ["security"]);
    assert_eq!(places("twilio", &good.clone().with_header("content-type", "application/json")), ["header content-type"]);
    assert_eq!(places("twilio", &Call { target: "/2010-04-01/Accounts/AC1/Message.json".to_owned(), ..good.clone() }), ["unknown"]);
    assert_eq!(places("twilio", &Call { method: "PATCH".to_owned(), ..good.clone() }), ["unknown"]);
    let short = Call { target: "/2010-04-01/Accounts/AC1/Messages.json".to_owned(), ..good.clone() };
    assert_eq!(places("twilio", &short), ["path AccountSid"]);
    let query = Call { target: format!("{}?access_token=x", good.target), ..good.clone() };
    assert_eq!(places("twilio", &query), ["query access_token"]);
    let form = |pairs: &[(&str, &str)]| places("twilio", &good.clone().with_form(pairs.iter().copied()));
    assert_eq!(form(&[("Body", "Hi")]), ["body "]);
    assert_eq!(form(&[("To", "+1"), ("Bodi", "Hi")]), ["body /Bodi"]);
    assert!(form(&[("To", "+1"), ("ContentSid", "HX1")]).contains(&"body /ContentSid".to_owned()));
    assert!(form(&[("To", "+1"), ("ValidityPeriod", "soon")]).contains(&"body /ValidityPeriod".to_owned()));
    assert_eq!(places("linkedin", &linkedin().without_header("linkedin-version")), ["header LinkedIn-Version"]);
    assert_eq!(places("linkedin", &linkedin().with_header("linkedin-version", "June")), ["header LinkedIn-Version"]);
}

#[test]
fn a_body_is_judged_to_its_depth() {
    let good = json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "template",
        "template": {"name": "spring", "language": {"code": "en"}, "components": [{"type": "body", "parameters": [{"type": "text", "text": "x"}]}]}});
    assert!(places("meta", &meta(&good)).is_empty());
    for (pointer, value) in [("/template/name", json!(7)), ("/template/language", json!("en")), ("/template/components", json!({}))] {
        assert!(!places("meta", &meta(&with(good.clone(), pointer, value))).is_empty(), "{pointer}");
    }
    let misspelt = with(good.clone(), "/template/language", json!({"code": "en", "polici": "deterministic"}));
    assert!(places("meta", &meta(&misspelt)).contains(&"body /template/language/polici".to_owned()));
    assert_eq!(places("meta", &Call { body: Vec::new(), ..meta(&good) }), Vec::<String>::new(), "the file itself doesn't insist on a body");
    assert!(!places("linkedin", &Call { body: Vec::new(), ..linkedin() }).is_empty());
    assert!(!places("linkedin", &Call { body: b"{".to_vec(), ..linkedin() }).is_empty());
}

#[test]
fn answers_are_judged_too() {
    let answer = |status, content_type: &str, body: &[u8]| Answer {
        status,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: body.to_vec(),
    };
    let created = bytes("twilio/samples/create_message_201.json");
    assert_answer("twilio", &twilio(), &answer(201, "application/json", &created));
    let mut wrong: Value = serde_json::from_slice(&created).unwrap();
    wrong["num_media"] = json!([]);
    let operation = &Operation::matching("twilio/openapi.json", "POST", &twilio().target)[0];
    let places = |status, content_type, body: &[u8]| -> Vec<String> {
        operation.answer(&answer(status, content_type, body)).into_iter().map(|fault| fault.place).collect()
    };
    assert_eq!(places(201, "application/json", wrong.to_string().as_bytes()), ["answer 201 /num_media"]);
    assert_eq!(places(201, "text/html", b"<html>"), ["answer 201"]);
    assert_eq!(places(201, "application/json", b""), ["answer 201"]);
    assert_eq!(places(204, "application/json", b""), ["answer 204"]);
    assert!(places(400, "application/json", b"{}").is_empty(), "excused");
}

#[test]
fn every_broken_request_has_a_fault_and_each_required_part_is_broken_once() {
    let what = |provider_file, call: &Call| -> Vec<String> {
        let operation = &Operation::matching(provider_file, &call.method, &call.target)[0];
        broken(operation, call).into_iter().map(|broken| broken.what).collect()
    };
    let twilio = what("twilio/openapi.json", &twilio());
    for expected in ["no credentials", "no field To", "field ValidityPeriod is nonsense", "a body of another media type"] {
        assert!(twilio.iter().any(|what| what == expected), "{expected}: {twilio:?}");
    }
    assert!(!twilio.iter().any(|what| what == "no field Body"), "the file doesn't insist on it");
    let linkedin = what("linkedin/openapi.json", &linkedin());
    for expected in ["no header linkedin-version", "/author is missing", "/commentary is of another kind"] {
        assert!(linkedin.iter().any(|what| what == expected), "{expected}: {linkedin:?}");
    }
}
