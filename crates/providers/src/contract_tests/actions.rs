//! One row, one test: each code of the published tables comes over the wire, and what follows from it is what its table says.

use super::{Bench, json_answer, meta, refused, sendgrid, twilio};
use crate::conformance::stub::{Protocol, Stub, Then};
use crate::{Fault, FaultAction, Message, Outcome, find};
use domain::Channel;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Whether an action of ours is what a word of the tables asks for.
fn fits(action: FaultAction, word: &str) -> bool {
    use FaultAction::{FixAccount, InvalidAddress, Ladder, OptOut, PauseSender, PauseTemplate, Permanent, Retry, SlowDomain, Throttle};
    match word {
        "pause_account" | "pause_sender" | "pause" => action == PauseSender,
        "pause_template" => matches!(action, PauseTemplate | Permanent),
        // A fault of the sender's or the template's set-up stops that; a fault of the message loses the message.
        "fix_request" => matches!(action, PauseSender | PauseTemplate | Permanent),
        "fix_account" => action == FixAccount,
        "permanent" | "permanent_for_message" | "filtered_alert" | "blocked_policy" | "fix_payload" => action == Permanent,
        "use_template" | "fallback_cloud_api" | "unknown_do_not_resend" => action == Permanent,
        "invalid_address" | "drop_endpoint" | "drop_endpoint_or_fix_project" => action == InvalidAddress,
        "fix_request_or_drop_endpoint" => matches!(action, InvalidAddress | Permanent),
        "opt_out" | "block_or_opt_out" => action == OptOut,
        "throttle" => matches!(action, Throttle { .. } | SlowDomain { .. }),
        "warning_only" => matches!(action, Throttle { .. }),
        "throttle_pair" => matches!(action, Retry { at_most: None, .. }),
        "retry" | "soft_bounce" => matches!(action, Retry { .. } | Ladder { .. }),
        "retry_once_then_permanent" => matches!(action, Retry { at_most: Some(1), .. }),
        "retry_in_allowed_hours" | "retry_in_10_minutes" => matches!(action, Retry { after: Some(_), at_most: None }),
        // The ladder ends with the day that Meta asks for.
        "defer_24h" => matches!(action, Ladder { waits } if waits.after(3) == Some(DAY)),
        "next_day" => action.wait(1) == Some(DAY) && !action.gives_up(1),
        other => panic!("a table has a new word: {other}"),
    }
}

fn rows(file: &str, at_least: usize) -> Vec<Value> {
    let rows = contracts::json(file)["codes"].as_array().unwrap().clone();
    assert!(rows.len() >= at_least, "{file} has {} rows", rows.len());
    rows
}

fn word(row: &Value) -> &str {
    row["action"].as_str().unwrap()
}

/// What a refusal or a doubt says.
fn fault_of(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Refused(fault) | Outcome::Uncertain(fault) => fault,
        other => panic!("must not be taken: {other:?}"),
    }
}

async fn told(bench: &Bench, message: &Message, status: u16, body: &Value) -> Outcome {
    bench.send(message, &json_answer(status, body.to_string().as_bytes())).await.0
}

#[tokio::test]
async fn twilios_codes() {
    let message = twilio::text(json!({"sms": {"text": "Hi"}}));
    let bench = twilio::bench(Channel::Sms);
    for row in rows("twilio/error-codes.json", 111) {
        let code = &row["code"];
        let body = json!({"code": code, "message": row["message"], "status": 400});
        let outcome = told(&bench, &message, 400, &body).await;
        let doubt = matches!(outcome, Outcome::Uncertain(_));
        assert_eq!(doubt, word(&row) == "unknown_do_not_resend", "{code}: {outcome:?}");
        let fault = fault_of(outcome);
        assert_eq!(fault.code, code.to_string());
        assert!(fits(fault.action, word(&row)), "{code}: {:?} for {}", fault.action, word(&row));
    }
}

#[tokio::test]
async fn metas_codes() {
    let message = meta::template(json!({}));
    for row in rows("meta-whatsapp/error-codes.json", 50) {
        let code = &row["code"];
        let body = json!({"error": {"message": row["meaning"], "type": "OAuthException", "code": code, "fbtrace_id": "x"}});
        // Some of the codes send the template to the other endpoint, which says the same here.
        let fault = refused(told(&meta::bench(), &message, 400, &body).await);
        assert_eq!(fault.code, code.to_string());
        assert!(fits(fault.action, word(&row)), "{code}: {:?} for {}", fault.action, word(&row));
    }
    for code in [201, 250, 299] {
        let body = json!({"error": {"message": "Permissions error", "type": "OAuthException", "code": code}});
        assert_eq!(refused(told(&meta::bench(), &message, 403, &body).await).action, FaultAction::PauseSender, "{code}");
    }
}

/// SendGrid has no codes: the status, and the field that is complained of.
#[tokio::test]
async fn sendgrids_statuses() {
    use FaultAction::{InvalidAddress, PauseSender, Permanent, Throttle};
    let message = sendgrid::email("Hello", "Hi", "");
    for (status, field, action) in [
        (400, json!("personalizations.0.to.0.email"), InvalidAddress),
        (400, json!("from.email"), PauseSender),
        (400, json!("content"), Permanent),
        (400, json!(null), Permanent),
        (401, json!(null), PauseSender),
        (403, json!("from"), PauseSender),
        (404, json!(null), PauseSender),
        (405, json!(null), PauseSender),
        (413, json!(null), Permanent),
        (415, json!(null), PauseSender),
        (429, json!(null), Throttle { after: None }),
    ] {
        let body = json!({"errors": [{"message": "no", "field": field, "help": null}]});
        let fault = refused(told(&sendgrid::bench(), &message, status, &body).await);
        assert_eq!((fault.code, fault.action), (format!("http_{status}"), action), "{field}");
    }
}

/// Each enhanced status in the answer to RCPT, from which the message is certainly not taken.
#[tokio::test]
async fn mail_servers_statuses() {
    let message = sendgrid::email("Hello", "Hi", "");
    for row in rows("smtp/enhanced-status.json", 20) {
        let code = row["code"].as_str().unwrap().replace('x', "9");
        let class = row["class"].as_str().unwrap();
        if class == "accepted" {
            continue;
        }
        let basic = if code.starts_with('4') { 450 } else { 550 };
        let reply: &'static str = format!("{basic} {code} whatever is said").leak();
        let stub = Stub::scripted(Protocol::Smtp, Then::Hold, vec![("RCPT", reply)]).await;
        let port = stub.addr.port().to_string();
        let mut bench = Bench::new(
            "smtp",
            Channel::Email,
            &[("host", "127.0.0.1"), ("port", &port), ("tls", "none"), ("from", "news@example.com")],
            &[],
        );
        bench.addresses.clear();
        let sender = (find("smtp").unwrap().sender)(&bench.account(&stub), Channel::Email).unwrap();
        let fault = refused(sender.send(&message).await);
        assert_eq!(fault.code, code);
        assert!(fits(fault.action, class), "{code}: {:?} for {class}", fault.action);
    }
}
