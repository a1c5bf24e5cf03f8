//! E-mail by SMTP, spoken by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::behaviour::{Behaviour, Faults};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{Folder, Hub, Running, config, smooth};

struct Talk(BufReader<TcpStream>);

impl Talk {
    /// Connected, greeted and logged in.
    async fn start(running: &Running) -> Talk {
        let mut talk = Talk(BufReader::new(TcpStream::connect(running.sandbox.smtp()).await.unwrap()));
        assert!(talk.listen().await.starts_with("220 "));
        talk.expect("EHLO test", "250").await;
        let login = STANDARD.encode("\0relay\0secret");
        talk.expect(&format!("AUTH PLAIN {login}"), "235 2.7.0").await;
        talk
    }

    /// A whole reply, of one or more lines.
    async fn listen(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the server has gone after {reply:?}");
            let more = line.as_bytes().get(3) == Some(&b'-');
            reply.push_str(&line);
            if !more {
                return reply;
            }
        }
    }

    async fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn say(&mut self, command: &str) -> String {
        self.write(&format!("{command}\r\n")).await;
        self.listen().await
    }

    async fn expect(&mut self, command: &str, start: &str) -> String {
        let reply = self.say(command).await;
        assert!(reply.starts_with(start), "{command}: {reply}");
        reply
    }

    async fn send(&mut self, to: &str, message: &str) -> String {
        self.expect("MAIL FROM:<news@example.com> SIZE=100 BODY=8BITMIME", "250").await;
        self.expect(&format!("RCPT TO:<{to}>"), "250").await;
        self.expect("DATA", "354").await;
        self.say(&format!("{message}\r\n.")).await
    }
}

fn message(token: &str, html: &str, more: &str) -> String {
    format!(
        "From: News <news@example.com>\r\nTo: ann@example.com\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{token}@mail.example.com>\r\nSubject: =?utf-8?B?2YXYsdit2KjYpw==?=\r\n\
         X-Fanfare-Delivery: {token}\r\n{more}MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n..dot\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--b--"
    )
}

#[tokio::test]
async fn a_message_is_logged_and_its_recipient_acts() {
    let hub = Hub::start().await;
    let behaviour = Behaviour { read: 1.0, click: 1.0, stop: 1.0, ..smooth() };
    let running = Running::start(config(Some(&hub), behaviour)).await;
    let mut talk = Talk::start(&running).await;
    let html = format!("<a href=\"{0}/c/one\">x</a><img src=\"{0}/o/two\">", hub.url);
    let headers = format!("List-Unsubscribe: <{}/u/three>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", hub.url);
    let reply = talk.send("Ann@Example.com", &message("tok-1", &html, &headers)).await;
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    talk.expect("QUIT", "221").await;

    let email = running.settled().await.email;
    assert_eq!((email.sent, email.read, email.clicked, email.unsubscribed), (1, 1, 1, 1));
    assert_eq!(hub.calls().iter().map(|call| call.path.as_str()).collect::<Vec<_>>(), ["/o/two", "/c/one", "/u/three"]);
    let line = &running.log().await[0];
    assert_eq!((&line["to"], &line["subject"], &line["correlation"]), (&"ann@example.com".into(), &"مرحبا".into(), &"tok-1".into()));
    assert_eq!((&line["message_id"], line["text"].as_str().unwrap().trim()), (&"tok-1@mail.example.com".into(), "plain\r\n.dot"));
    assert!(reply.contains(line["provider_message_id"].as_str().unwrap()));
}

#[tokio::test]
async fn there_are_no_delivery_reports() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk::start(&running).await;
    assert!(talk.send("a@example.com", &message("t", "<p>x</p>", "")).await.starts_with("250"));
    let figures = running.settled().await;
    assert_eq!((figures.email.sent, figures.email.delivered, figures.pending), (1, 0, 0));
}

#[tokio::test]
async fn a_login_is_needed_and_checked() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk(BufReader::new(TcpStream::connect(running.sandbox.smtp()).await.unwrap()));
    talk.listen().await;
    let hello = talk.expect("EHLO test", "250").await;
    for extension in ["PIPELINING", "8BITMIME", "SIZE 20971520", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN"] {
        assert!(hello.contains(extension), "{hello}");
    }
    talk.expect("MAIL FROM:<a@example.com>", "530 5.7.0").await;
    talk.expect(&format!("AUTH PLAIN {}", STANDARD.encode("\0relay\0wrong")), "535 5.7.8").await;
    talk.expect("AUTH CRAM-MD5", "504").await;
    talk.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    talk.expect(&STANDARD.encode("relay"), "334 UGFzc3dvcmQ6").await;
    talk.expect(&STANDARD.encode("secret"), "235").await;
    talk.expect("MAIL FROM:<a@example.com>", "250").await;
}

#[tokio::test]
async fn commands_out_of_order_and_bad_addresses_are_refused() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk::start(&running).await;
    talk.expect("RCPT TO:<a@example.com>", "503").await;
    talk.expect("MAIL FROM:a@example.com", "501").await;
    talk.expect("MAIL FROM:<a@example.com> SIZE=99999999", "552 5.3.4").await;
    talk.expect("MAIL FROM:<a@example.com>", "250").await;
    talk.expect("DATA", "503").await;
    talk.expect("RCPT TO:<nonsense>", "501 5.1.3").await;
    talk.expect("RCPT TO:<é@example.com>", "553 5.6.7").await;
    for i in 0..100 {
        talk.expect(&format!("RCPT TO:<user{i}@example.com>"), "250").await;
    }
    talk.expect("RCPT TO:<one-more@example.com>", "452 4.5.3").await;
    talk.expect("RSET", "250").await;
    talk.expect("NOOP", "250").await;
    talk.expect("STARTTLS", "500").await;
    talk.expect("MAIL FROM:<>", "250").await;
}

#[tokio::test]
async fn a_message_without_its_headers_is_refused() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk::start(&running).await;
    let reply = talk.send("a@example.com", "Subject: x\r\n\r\nbody").await;
    assert!(reply.starts_with("550 5.6.0"), "{reply}");
    let twice = message("t", "x", "").replacen("From:", "From: other@example.com\r\nFrom:", 1);
    assert!(talk.send("a@example.com", &twice).await.starts_with("550 5.6.0"));
    assert!(running.log().await.is_empty());
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk::start(&running).await;
    let body = message("t", &"x".repeat(20 * 1024 * 1024), "");
    assert!(talk.send("a@example.com", &body).await.starts_with("552 5.3.4"));
    assert!(talk.send("a@example.com", &message("t", "x", "")).await.starts_with("250"));
}

#[tokio::test]
async fn refused_and_throttled_recipients_hear_it_at_once() {
    let running = Running::start(config(None, Behaviour { refuse: 1.0, ..smooth() })).await;
    let mut talk = Talk::start(&running).await;
    talk.expect("MAIL FROM:<a@example.com>", "250").await;
    talk.expect("RCPT TO:<b@example.com>", "550 5.1.1").await;
    assert_eq!(running.sandbox.figures().email.failed, 1);
    running.sandbox.configure(config(None, Behaviour { throttle: 1.0, ..smooth() })).unwrap();
    talk.expect("RCPT TO:<b@example.com>", "451 4.7.0").await;
    talk.expect("RCPT TO:<b@example.com>", "250 2.1.5").await;
}

#[tokio::test]
async fn commands_may_be_pipelined() {
    let running = Running::start(config(None, smooth())).await;
    let mut talk = Talk::start(&running).await;
    talk.write("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n").await;
    for start in ["250", "250", "354"] {
        assert!(talk.listen().await.starts_with(start));
    }
    talk.write(&format!("{}\r\n.\r\nQUIT\r\n", message("t", "x", ""))).await;
    assert!(talk.listen().await.starts_with("250"));
    assert!(talk.listen().await.starts_with("221"));
    assert_eq!(talk.0.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(running.log().await.len(), 1);
}

#[tokio::test]
async fn faults_strike_once() {
    let running = Running::start(config(None, Behaviour { server_error: 1.0, ..smooth() })).await;
    let mut talk = Talk::start(&running).await;
    assert!(talk.send("a@example.com", &message("t", "x", "")).await.starts_with("451 4.3.0"));
    assert!(running.log().await.is_empty());
    assert!(talk.send("a@example.com", &message("t", "x", "")).await.starts_with("250"));

    running.sandbox.configure(config(None, Behaviour { reset: 1.0, ..smooth() })).unwrap();
    talk.expect("MAIL FROM:<a@example.com>", "250").await;
    talk.expect("RCPT TO:<b@example.com>", "250").await;
    talk.expect("DATA", "354").await;
    talk.write(&format!("{}\r\n.\r\n", message("u", "x", ""))).await;
    assert_eq!(talk.0.read(&mut [0; 8]).await.unwrap(), 0, "closed without an answer");
    assert_eq!(running.log().await.len(), 2, "but accepted");
}

#[tokio::test]
async fn a_repetition_is_answered_and_dropped_if_the_relay_does_so() {
    let folder = Folder::new();
    let mut once = config(None, smooth());
    once.smtp.as_mut().unwrap().duplicate_suppression = true;
    let running = Running::start_in(&folder.0, Some(once)).await;
    let mut talk = Talk::start(&running).await;
    for (to, token) in [("a@example.com", "one"), ("a@example.com", "one"), ("b@example.com", "one"), ("a@example.com", "two")] {
        assert!(talk.send(to, &message(token, "<p>x</p>", "")).await.starts_with("250 2.0.0 Ok"));
    }
    running.stop().await;

    let running = Running::start_in(&folder.0, None).await;
    let mut talk = Talk::start(&running).await;
    assert!(talk.send("A@example.com", &message("one", "<p>another</p>", "")).await.starts_with("250"));
    let log: Vec<_> = running.log().await.iter().map(|line| format!("{} {}", line["to"], line["correlation"])).collect();
    assert_eq!(log, [r#""a@example.com" "one""#, r#""b@example.com" "one""#, r#""a@example.com" "two""#]);
    assert_eq!(running.sandbox.figures().email.sent, 3);
    // Without the option it is a duplicate like any other.
    running.sandbox.configure(config(None, smooth())).unwrap();
    assert!(talk.send("a@example.com", &message("one", "<p>x</p>", "")).await.starts_with("250"));
    assert_eq!((running.log().await.len(), running.sandbox.figures().email.duplicates > 0), (4, true));
    running.stop().await;
}

#[tokio::test]
async fn every_fault_takes_the_letter_or_does_not() {
    let none = Faults::default();
    for (faults, taken) in [
        (Faults { accept_then_reset: 1.0, ..none.clone() }, true),
        (Faults { accept_then_500: 1.0, ..none.clone() }, true),
        (Faults { accept_then_garbage: 1.0, ..none.clone() }, true),
        (Faults { trickle: 1.0, ..none.clone() }, true),
        (Faults { reset: 1.0, ..none.clone() }, false),
        (Faults { garbage: 1.0, ..none.clone() }, false),
    ] {
        let running = Running::start(config(None, Behaviour { faults: faults.clone(), ..smooth() })).await;
        let mut talk = Talk::start(&running).await;
        talk.expect("MAIL FROM:<a@example.com>", "250").await;
        talk.expect("RCPT TO:<b@example.com>", "250").await;
        talk.expect("DATA", "354").await;
        talk.write(&format!("{}\r\n.\r\n", message("t", "x", ""))).await;
        let mut heard = [0; 8];
        let read = talk.0.read(&mut heard).await.unwrap();
        match &heard[..read] {
            b"" => assert!(faults.garbage + faults.accept_then_garbage + faults.trickle == 0.0, "{faults:?}"),
            b"2" => assert_eq!(faults.trickle, 1.0, "a byte at a time"),
            other => assert!(other.starts_with(b"<html>"), "{other:?}"),
        }
        assert_eq!(running.log().await.len(), usize::from(taken), "{faults:?}");
        running.stop().await;
    }
}
