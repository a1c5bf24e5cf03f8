//! What happens to e-mails besides being taken: they come back, their domain is slow, their signature is looked at, they carry files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::Config;
use sandbox::behaviour::Behaviour;
use sandbox::config::Mail;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{API_KEY, Running, config, smooth};

async fn start(mail: Mail, behaviour: Behaviour) -> Running {
    Running::start(Config { mail, ..config(None, behaviour) }).await
}

struct Talk(BufReader<TcpStream>);

impl Talk {
    async fn start(running: &Running) -> Talk {
        let mut talk = Talk(BufReader::new(TcpStream::connect(running.sandbox.smtp()).await.unwrap()));
        talk.answer().await;
        talk.say("EHLO test").await;
        let login = STANDARD.encode("\0relay\0secret");
        assert!(talk.say(&format!("AUTH PLAIN {login}")).await.starts_with("235"));
        talk
    }

    async fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0);
            if line.as_bytes()[3] != b'-' {
                return line;
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn send(&mut self, letter: &str) -> String {
        assert!(self.say("MAIL FROM:<bounces+token@example.com>").await.starts_with("250"));
        assert!(self.say("RCPT TO:<ann@example.net>").await.starts_with("250"));
        assert!(self.say("DATA").await.starts_with("354"));
        self.say(&format!("{letter}\r\n.")).await
    }
}

fn letter(more: &str, body: &str) -> String {
    format!(
        "From: News <news@example.com>\r\nTo: ann@example.net\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <m1@example.com>\r\n\
         Subject: Hi\r\nX-Fanfare-Delivery: tok\r\nMIME-Version: 1.0\r\n{more}\r\n{body}"
    )
}

#[tokio::test]
async fn a_letter_that_fails_comes_back_as_a_report() {
    let hub = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mail = Mail { bounces_to: Some(hub.local_addr().unwrap()), ..Mail::default() };
    let running = start(mail, Behaviour { fail: 1.0, ..smooth() }).await;
    assert!(Talk::start(&running).await.send(&letter("Content-Type: text/plain\r\n", "Hello")).await.starts_with("250"));
    let (stream, _) = hub.accept().await.unwrap();
    let mut peer = BufReader::new(stream);
    let mut heard = String::new();
    for answer in ["220 hub", "250 hub", "250 ok", "250 ok", "354 go on"] {
        peer.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        peer.read_line(&mut heard).await.unwrap();
    }
    while !heard.ends_with("\r\n.\r\n") {
        assert!(peer.read_line(&mut heard).await.unwrap() > 0, "{heard}");
    }
    peer.write_all(b"250 taken\r\n").await.unwrap();
    for part in [
        "MAIL FROM:<>",
        "RCPT TO:<bounces+token@example.com>",
        "report-type=delivery-status",
        "Action: failed",
        "Final-Recipient: rfc822; ann@example.net",
        "Message-ID: <m1@example.com>",
        "X-Fanfare-Delivery: tok",
    ] {
        assert!(heard.contains(part), "{part} is not in {heard}");
    }
}

#[tokio::test]
async fn a_slow_domain_puts_off_as_many_as_it_is_told() {
    let running = start(Mail { slow_domains: [("slow.example".into(), 2)].into(), ..Mail::default() }, smooth()).await;
    let mut talk = Talk::start(&running).await;
    talk.say("MAIL FROM:<news@example.com>").await;
    let mut answers = Vec::new();
    for to in ["a@slow.example", "b@Slow.example", "c@fast.example", "d@slow.example"] {
        answers.push(talk.say(&format!("RCPT TO:<{to}>")).await.get(..9).unwrap().to_owned());
    }
    assert_eq!(answers, ["451 4.7.1", "451 4.7.1", "250 2.1.5", "250 2.1.5"]);
}

#[tokio::test]
async fn files_and_the_signature_are_in_the_log() {
    let running = start(Mail::default(), smooth()).await;
    let parts = "--b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:logo\">\r\n--b\r\nContent-Type: image/png\r\n\
        Content-ID: <logo>\r\nContent-Disposition: inline; filename=\"logo.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b--";
    let mut talk = Talk::start(&running).await;
    talk.send(&letter("Content-Type: multipart/related; boundary=b\r\n", parts)).await;
    talk.send(&format!("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=x; s=y; h=from; bh=AA==; b=AA==\r\n{}", letter("", "Hi")))
        .await;
    let log = running.log().await;
    assert_eq!((&log[0]["dkim"], &log[0]["return_path"]), (&"none".into(), &"bounces+token@example.com".into()));
    assert_eq!(log[0]["media"], json!(["cid:logo logo.png (image/png, 4 bytes)"]));
    assert_eq!(log[1]["dkim"], "fail (the body was changed)");
}

fn mail(own: &Value, attachments: &Value) -> Value {
    let mut one = json!({ "to": [{ "email": "a@example.com" }], "custom_args": { "fanfare": "t" } });
    one["substitutions"] = own.clone();
    json!({
        "personalizations": [one],
        "from": { "email": "news@example.com" },
        "subject": "Hi -1-",
        "content": [{ "type": "text/html", "value": "<p>-1-</p>" }],
        "attachments": attachments,
    })
}

#[tokio::test]
async fn sendgrid_puts_in_what_is_each_ones_own_and_takes_files() {
    let running = start(Mail::default(), smooth()).await;
    let file = json!({ "content": "JVBERg==", "type": "application/pdf", "filename": "a.pdf", "disposition": "attachment" });
    assert_eq!(running.sendgrid(&mail(&json!({ "-1-": "Ann" }), &json!([file]))).await.status(), 202);
    let line = &running.log().await[0];
    assert_eq!((&line["html"], &line["subject"]), (&"<p>Ann</p>".into(), &"Hi Ann".into()));
    assert_eq!(line["media"], json!(["a.pdf (application/pdf, 4 bytes)"]));
    for (own, attachments, field) in [
        (json!({ "-1-": "x".repeat(10_000) }), json!([]), "personalizations.0.substitutions"),
        (json!({ "-1-": 1 }), json!([]), "personalizations.0.substitutions"),
        (json!({}), json!([{ "content": "no base64!", "filename": "a" }]), "attachments.0.content"),
        (json!({}), json!([{ "content": "JVBERg==" }]), "attachments.0.filename"),
        (json!({}), json!([{ "content": "JVBERg==", "filename": "a", "disposition": "sideways" }]), "attachments.0.disposition"),
    ] {
        let response = running.sendgrid(&mail(&own, &attachments)).await;
        assert_eq!(response.status(), 400, "{field}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn suppression_lists_are_read_page_by_page() {
    let many: Vec<String> = (0..700).map(|n| format!("p{n}@example.com")).collect();
    let running = start(Mail { suppressions: [("bounces".into(), many)].into(), ..Mail::default() }, smooth()).await;
    let list = |name: &str, query: &str| {
        let url = format!("{}/v3/suppression/{name}?{query}", running.sandbox.url());
        running.client.get(url).bearer_auth(API_KEY).send()
    };
    let page = |offset: usize| list("bounces", &format!("start_time=1&limit=500&offset={offset}"));
    let first: Vec<Value> = page(0).await.unwrap().json().await.unwrap();
    let second: Vec<Value> = page(500).await.unwrap().json().await.unwrap();
    assert_eq!((first.len(), second.len()), (500, 200));
    assert_eq!((&first[0]["email"], &first[0]["status"]), (&"p0@example.com".into(), &"5.1.1".into()));
    assert!(list("unsubscribes", "").await.unwrap().json::<Vec<Value>>().await.unwrap().is_empty());
    assert_eq!(list("bounces", "limit=501").await.unwrap().status(), 400);
    assert_eq!(list("friends", "").await.unwrap().status(), 404);
    let stranger = running.client.get(format!("{}/v3/suppression/bounces", running.sandbox.url())).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}
