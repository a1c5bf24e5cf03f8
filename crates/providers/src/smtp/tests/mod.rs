use super::errors::LATER;
use super::*;
use crate::conformance::{
    Fixture, conformance, message,
    stub::{Protocol, Scripted, Stub, Then},
};
use crate::contracts;
use crate::errors::{INVALID, PAUSE, PERMANENT, RETRY, THROTTLE, retry_once};
use crate::{Capability, FaultAction, Message, Outcome};
use domain::content::{EmailVariant, Rendered};
use std::net::SocketAddr;

mod letters;
mod logs;
mod tls;

conformance!(sending super::fixture);

const PASSWORD: &str = "not a real password";
const USERNAME: &str = "not-a-real-user";

fn account(more: &[(&str, &str)]) -> Account {
    let settings = [("host", "127.0.0.1"), ("tls", "none"), ("from", "news@example.com"), ("from_name", "Example Störe")];
    let secrets = [("username", USERNAME), ("password", PASSWORD)];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Account {
        settings: settings.iter().chain(more).map(text).collect(),
        secrets: secrets.iter().map(text).map(|(name, value)| (name, Secret::new(value))).collect(),
    }
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    let account = account(&[("port", &addr.port().to_string())]);
    sender(&account, Channel::Email, deadline).unwrap()
}

fn email(text: &str, html: &str) -> Message {
    let (subject, text, html) = ("Hello, Ann".to_owned(), text.to_owned(), html.to_owned());
    message("ann@example.net", Rendered::Email(EmailVariant { subject, html, text, ..EmailVariant::default() }))
}

fn fine() -> Then {
    Then::Reply(b"250 2.0.0 queued as 77\r\n".to_vec())
}

fn fixture() -> Fixture {
    let config = Config::read(&account(&[])).unwrap();
    let sender = send::Sender::new(config.clone(), DEADLINE).unwrap();
    Fixture {
        protocol: Protocol::Smtp,
        sender: at,
        message: email("Hi", "<p>Hi</p>"),
        before: Vec::new(),
        accepted: (b"250 2.0.0 queued\r\n".to_vec(), "d1-key@example.com"),
        refused: (b"554 5.7.1 <ann@example.net> spam\r\n".to_vec(), "5.7.1", PERMANENT),
        throttled: (b"450 4.7.28 too fast\r\n".to_vec(), crate::errors::SLOW_DOMAIN),
        server_error: None,
        garbage: b"yes, certainly\r\n".to_vec(),
        debug: format!("{:?} {config:?} {sender:?}", account(&[])),
        secrets: vec![PASSWORD, USERNAME],
        capability: Capability::None,
        lookup: None,
        hooks: None,
    }
}

async fn scripted(script: &[Scripted]) -> Stub {
    Stub::scripted(Protocol::Smtp, fine(), script.to_vec()).await
}

fn refused(outcome: Outcome) -> (String, FaultAction) {
    match outcome {
        Outcome::Refused(fault) => (fault.code, fault.action),
        other => panic!("must be refused: {other:?}"),
    }
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

/// What the server got for one message.
async fn delivered(message: &Message) -> String {
    let stub = scripted(&[]).await;
    let outcome = at(stub.addr, DEADLINE).send(message).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    String::from_utf8(stub.requests().remove(0)).unwrap()
}

fn header<'a>(letter: &'a str, name: &str) -> Vec<&'a str> {
    let head = letter.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[tokio::test]
async fn letter_has_every_header_once() {
    let mut message = email("Hi", "<p>Grüße</p>");
    let link = format!("https://hub.example.com/u/{}", "x".repeat(120));
    message.unsubscribe_url = Some(link.clone());
    let letter = delivered(&message).await;
    assert!(letter.contains("MAIL FROM:<news@example.com>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"));
    for (name, value) in [
        ("Message-ID", "<d1-key@example.com>"),
        ("X-Fanfare-Delivery", "d1.017-Ab_c"),
        ("List-Unsubscribe", &format!("<{link}>")),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Subject", "Hello, Ann"),
        ("MIME-Version", "1.0"),
    ] {
        // A long value may be folded after the name.
        let unfolded = letter.replace(":\r\n ", ": ");
        assert_eq!(header(&unfolded, name), [value], "{letter}");
    }
    for name in ["From", "To", "Date", "Content-Type"] {
        assert_eq!(header(&letter, name).len(), 1, "{name}: {letter}");
    }
    assert!(letter.is_ascii() && letter.contains("multipart/alternative"), "{letter}");
}

#[tokio::test]
async fn one_part_alone_and_none_at_all() {
    assert!(delivered(&email("Hi", "")).await.contains("Content-Type: text/plain"));
    assert!(delivered(&email("", "<p>Hi</p>")).await.contains("Content-Type: text/html"));
    let nobody = at(Stub::nobody().await, DEADLINE);
    assert_eq!(refused(nobody.send(&email("", "")).await).0, "content");
}

#[tokio::test]
async fn no_header_can_be_smuggled_in() {
    let mut message = email("Hi", "");
    message.to_name = Some("Ann\r\nBcc: eve@example.com".to_owned());
    message.unsubscribe_url = Some("https://a.example/\r\nX-Evil: 1".to_owned());
    if let Rendered::Email(email) = &mut message.content {
        email.subject = "Hi\r\nX-Evil: 2\r\n\r\nbody".to_owned();
        email.text = "one\r\n.\r\nMAIL FROM:<eve@example.com>".to_owned();
    }
    let letter = delivered(&message).await;
    assert!(header(&letter, "X-Evil").is_empty() && header(&letter, "Bcc").is_empty(), "{letter}");
    assert!(letter.contains("\r\n..\r\n"), "the lonely dot is stuffed: {letter}");
}

#[tokio::test]
async fn bad_addresses_never_reach_the_server() {
    let nobody = at(Stub::nobody().await, DEADLINE);
    for to in ["ann", "ann@", "@example.net", "ann@example.net> RCPT TO:<eve@example.com", "a@b\r\nDATA"] {
        let mut message = email("Hi", "");
        message.to = to.to_owned();
        assert_eq!(refused(nobody.send(&message).await), ("5.1.3".to_owned(), INVALID), "{to}");
    }
}

#[tokio::test]
async fn replies_mean_what_their_stage_makes_of_them() {
    for (command, reply, code, action) in [
        ("RCPT", "550 5.1.1 no such user", "5.1.1", INVALID),
        ("RCPT", "550 no such user", "550", INVALID),
        ("RCPT", "552 5.2.2 full", "5.2.2", LATER),
        ("RCPT", "450 try later", "450", LATER),
        ("RCPT", "450 4.2.0 greylisted", "4.2.0", LATER),
        ("RCPT", "451 come again", "451", LATER),
        ("RCPT", "451 4.3.0 out of order", "4.3.0", RETRY),
        ("RCPT", "550-5.7.26 unauthenticated\r\n550 5.7.26 see our pages", "5.7.26", PAUSE),
        ("MAIL", "550 5.7.1 you may not send", "5.7.1", PAUSE),
        ("MAIL", "553 not your address", "553", PAUSE),
        ("MAIL", "451 4.3.2 busy", "4.3.2", RETRY),
        ("MAIL", "450 not now", "450", RETRY),
        ("DATA", "554 no", "554", PERMANENT),
        ("DATA", "550 spam", "550", PERMANENT),
        ("AUTH", "535 5.7.8 wrong", "5.7.8", PAUSE),
        ("AUTH", "454 4.7.0 later", "4.7.0", THROTTLE),
        ("EHLO", "554 5.7.1 your network is blocked", "5.7.1", PAUSE),
        ("greeting", "421 too many connections", "421", RETRY),
        ("EHLO", "250 no way to sign in", "setup", PAUSE),
        ("greeting", "", "connect", RETRY),
        ("RCPT", "", "reset", RETRY),
        ("DATA", "", "reset", RETRY),
        ("RCPT", "what?", "garbage", RETRY),
    ] {
        let stub = scripted(&[(command, reply)]).await;
        let outcome = at(stub.addr, DEADLINE).send(&email("Hi", "")).await;
        assert_eq!(refused(outcome), (code.to_owned(), action), "{command} {reply}");
        assert!(stub.requests().is_empty(), "the text was not sent");
    }
}

#[tokio::test]
async fn silence_before_the_text_is_certain() {
    // The stub says nothing more once a letter is whole, so its only connection is busy for the second message.
    let stub = Stub::start(Protocol::Smtp, Then::Hold).await;
    let one = [("port", stub.addr.port().to_string()), ("max_connections", "1".to_owned())];
    let one = one.each_ref().map(|(name, value)| (*name, value.as_str()));
    let sender = sender(&account(&one), Channel::Email, Duration::from_secs(1)).unwrap();
    let (hi, ho) = (email("Hi", ""), email("Ho", ""));
    let (first, second) = tokio::join!(sender.send(&hi), sender.send(&ho));
    assert!(matches!(first, Outcome::Uncertain(fault) if fault.code == "timeout"));
    assert_eq!(refused(second), ("timeout".to_owned(), RETRY));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn connections_are_kept_and_bounded() {
    let stub = scripted(&[]).await;
    let four = [("port", stub.addr.port().to_string()), ("max_connections", "4".to_owned())];
    let four = four.each_ref().map(|(name, value)| (*name, value.as_str()));
    let sender = sender(&account(&four), Channel::Email, DEADLINE).unwrap();
    assert_eq!(sender.concurrency(), 4);
    let many: Vec<_> = (0..40)
        .map(|_| {
            let sender = Arc::clone(&sender);
            tokio::spawn(async move { sender.send(&email("Hi", "")).await })
        })
        .collect();
    for task in many {
        assert!(is_accepted(&task.await.unwrap()));
    }
    assert_eq!(stub.requests().len(), 40);
    assert!((1..=4).contains(&stub.connections()), "{} connections", stub.connections());
}

#[tokio::test]
async fn refusal_leaves_the_connection_usable() {
    let stub = scripted(&[("RCPT TO:<no@", "550 5.1.1 no such user")]).await;
    let sender = at(stub.addr, DEADLINE);
    let mut unknown = email("Hi", "");
    unknown.to = "no@example.net".to_owned();
    assert_eq!(refused(sender.send(&unknown).await).0, "5.1.1");
    assert!(is_accepted(&sender.send(&email("Hi", "")).await));
    assert_eq!(stub.connections(), 1);
    let talk = String::from_utf8(stub.requests().remove(0)).unwrap();
    assert!(talk.contains("RSET\r\nMAIL FROM"), "{talk}");
}

#[tokio::test]
async fn connection_closed_while_it_rested_is_replaced() {
    // 421 to the second letter on a connection, as a server does that is tired of it.
    let stub = Stub::start(Protocol::Smtp, Then::Reply(b"250 ok\r\n421 closing\r\n".to_vec())).await;
    let sender = at(stub.addr, DEADLINE);
    assert!(is_accepted(&sender.send(&email("Hi", "")).await));
    assert!(is_accepted(&sender.send(&email("Ho", "")).await));
    assert_eq!((stub.connections(), stub.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_hundred_messages_take_no_forty_milliseconds_each() {
    let stub = scripted(&[]).await;
    let sender = at(stub.addr, DEADLINE);
    let begun = std::time::Instant::now();
    for _ in 0..99 {
        assert!(is_accepted(&sender.send(&email("Hi", "<p>Hi</p>")).await));
    }
    // With Nagle's delay it is 4 s at the least.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn every_try_has_the_same_message_id() {
    let mut again = email("Hi", "");
    again.correlation = "another-trace".to_owned();
    for message in [email("Hi", ""), again] {
        let letter = delivered(&message).await;
        assert_eq!(header(&letter, "Message-ID"), ["<d1-key@example.com>"]);
        assert_eq!(header(&letter, "X-Fanfare-Delivery"), [message.correlation.as_str()]);
    }
}

#[test]
fn a_server_that_drops_repetitions_makes_the_account_idempotent() {
    for (setting, capability) in [("true", Capability::Idempotent), ("false", Capability::None), ("", Capability::None)] {
        let account = account(&[("duplicate_suppression", setting)]);
        assert_eq!(sender(&account, Channel::Email, DEADLINE).unwrap().capability(), capability, "{setting}");
    }
}

#[test]
fn delivery_reports_are_tried_again_once_at_most() {
    for (status, action) in [
        ("5.1.1", Some(INVALID)),
        ("550", Some(INVALID)),
        ("5.7.1", Some(PERMANENT)),
        ("5.7.26", Some(PAUSE)),
        ("4.4.7", Some(PERMANENT)),
        ("5.2.2", Some(retry_once(86_400))),
        ("4.2.2", Some(retry_once(86_400))),
        ("2.0.0", None),
        ("250", None),
        ("failed", None),
    ] {
        assert_eq!(errors::report_action(status), action, "{status}");
    }
}

/// What our few actions may stand for the contract's many.
fn fits(action: FaultAction, contract: &str) -> bool {
    match contract {
        "retry" => [RETRY, LATER].contains(&action),
        "soft_bounce" => action == LATER,
        "throttle" => action == THROTTLE,
        "permanent" | "permanent_for_message" | "blocked_policy" => action == PERMANENT,
        "invalid_address" => action == INVALID,
        "pause_sender" => action == PAUSE,
        other => panic!("the contract has a new class: {other}"),
    }
}

#[test]
fn reply_table_agrees_with_the_contract() {
    let contract = contracts::json("smtp/enhanced-status.json");
    let rows = contract["codes"].as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let code = row["code"].as_str().unwrap().replace('x', "9");
        let class = row["class"].as_str().unwrap();
        if class == "accepted" {
            continue;
        }
        let basic = if code.starts_with('4') { 450 } else { 550 };
        let reply = errors::by_reply(basic, &format!("{code} whatever is said"));
        assert_eq!(reply.code, code);
        assert!(fits(reply.action, class), "{code}: {:?} for {class}", reply.action);
    }
    let gaps: Vec<u64> = (1..=8).map_while(|failures| LATER.wait(failures)).map(|wait| wait.as_secs() / 60).collect();
    assert!(gaps.is_sorted() && (48 * 60..=72 * 60).contains(&gaps.iter().sum::<u64>()), "given up after two to three days: {gaps:?}");
    for (basic, action) in [
        (421, RETRY),
        (450, LATER),
        (451, LATER),
        (452, LATER),
        (550, INVALID),
        (551, INVALID),
        (553, INVALID),
        (552, LATER),
        (554, PERMANENT),
    ] {
        assert_eq!(errors::by_reply(basic, "no enhanced status").action, action, "{basic}");
    }
    // Things that look like an enhanced status and are none.
    for text in ["5.1", "5.1.1.1", "2.0.0 ok", "5.a.1", "5.1111.1", ""] {
        assert_eq!(errors::by_reply(554, text).code, "554", "{text}");
    }
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account| match sender(account, Channel::Email, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    let with = |name: &str, value: &str| account(&[(name, value)]);
    assert_eq!(field(&account(&[])), "");
    for (name, bad) in [
        ("host", "mail.example.com:25"),
        ("host", ""),
        ("tls", "ssl"),
        ("port", "0"),
        ("port", "smtp"),
        ("from", "nobody"),
        ("max_connections", "0"),
        ("max_connections", "1000"),
        ("ca_pem", "-----BEGIN NOTHING-----"),
        ("duplicate_suppression", "yes"),
    ] {
        assert_eq!(field(&with(name, bad)), name, "{bad}");
    }
    assert_eq!(field(&with("host", "mail.example.com")), "tls", "a password in plain text");
    assert_eq!(sender(&account(&[]), Channel::Sms, DEADLINE).err().unwrap().field, "channel");
    let ports = [("none", 25), ("starttls", 587), ("implicit", 465)];
    for (tls, port) in ports {
        assert_eq!(Config::read(&with("tls", tls)).unwrap().port, port);
    }
    for name in ["username", "password"] {
        let mut half = account(&[]);
        half.secrets.remove(name);
        assert_eq!(field(&half), name);
        half.secrets.insert(name.to_owned(), Secret::new("a\r\nb"));
        assert_eq!(field(&half), name);
    }
}
