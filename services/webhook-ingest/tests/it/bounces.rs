//! Letters that come back: taken with a token of ours and not otherwise, and each counted once.

use crate::support::{Ingest, until};
use domain::{Channel, DeliveryId};
use proto::event::{FactKind, InboundIntent};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

struct Peer(BufReader<TcpStream>);

impl Peer {
    async fn connect(ingest: &Ingest) -> Self {
        let mut peer = Self(BufReader::new(TcpStream::connect(ingest.bounces).await.unwrap()));
        assert_eq!(peer.answer().await, 220);
        assert_eq!(peer.say("EHLO mx.example.net").await, 250);
        peer
    }

    async fn answer(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "it hung up");
            if line.as_bytes()[3] != b'-' {
                return line[..3].parse().unwrap();
            }
        }
    }

    async fn say(&mut self, line: &str) -> u16 {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    /// The answers to RCPT and to the letter.
    async fn hand_in(&mut self, to: &str, letter: &str) -> (u16, u16) {
        assert_eq!(self.say("MAIL FROM:<>").await, 250);
        let rcpt = self.say(&format!("RCPT TO:<{to}>")).await;
        if rcpt != 250 {
            assert_eq!(self.say("DATA").await, 503);
            assert_eq!(self.say("RSET").await, 250);
            return (rcpt, 0);
        }
        assert_eq!(self.say("DATA").await, 354);
        (rcpt, self.say(&format!("{letter}\r\n.")).await)
    }
}

fn report(action: &str, status: &str, original: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.net\r\nMessage-ID: <{status}@mx.example.net>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; ann@example.net\r\n\
         Action: {action}\r\nStatus: {status}\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{original}>\r\n\r\n--b--"
    )
}

fn address(ingest: &Ingest, id: DeliveryId) -> String {
    format!("Bounces+{}@mail.example.com", ingest.links.bounce_token(id).to_uppercase())
}

#[tokio::test]
async fn a_failure_is_a_fact_of_the_delivery_and_stops_an_address_that_is_none() {
    let mut ingest = Ingest::start().await;
    let id = ingest.delivery(ingest.sendgrid, Channel::Email).await;
    let to = address(&ingest, id);
    let mut peer = Peer::connect(&ingest).await;
    assert_eq!(peer.hand_in(&to, &report("failed", "5.1.1", "key@mail.example.com")).await, (250, 250));
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id, fact.code.as_str()), (FactKind::Failed, id.0, "5.1.1"));
    assert_eq!((fact.sender_id, fact.provider_message_id.as_str()), (ingest.sendgrid.to_string(), "key@mail.example.com"));
    let stop = ingest.message().await;
    assert_eq!((stop.intent(), stop.source.as_str(), stop.delivery_id), (InboundIntent::Stop, "bounce", id.0));

    // The same letter again is the same fact, whoever reports it; what isn't a failure is none; another try is another one.
    assert_eq!(peer.hand_in(&to, &report("failed", "5.2.2", "key@mail.example.com")).await, (250, 250));
    assert_eq!(ingest.fact().await.key, fact.key);
    assert_eq!(peer.hand_in(&to, &report("delayed", "4.4.1", "key@mail.example.com")).await, (250, 250));
    assert_eq!(peer.hand_in(&to, "Auto-Submitted: auto-replied\r\n\r\nI am on holiday. 550 5.1.1").await, (250, 250));
    assert_eq!(peer.hand_in(&to, &report("failed", "5.2.2", "key.1@mail.example.com")).await, (250, 250));
    let next = ingest.fact().await;
    assert_ne!(next.key, fact.key);
    assert_eq!(next.code, "5.2.2");
}

#[tokio::test]
async fn mail_for_anybody_else_is_not_taken() {
    let mut ingest = Ingest::start().await;
    let id = ingest.delivery(ingest.sendgrid, Channel::Email).await;
    let good = address(&ingest, id);
    let forged = good.replace(&good[20..22], if &good[20..22] == "AA" { "BB" } else { "AA" });
    let mut peer = Peer::connect(&ingest).await;
    for stranger in ["postmaster@mail.example.com", "ann@example.net", "bounces+x@mail.example.com", &forged] {
        assert_eq!(peer.hand_in(stranger, "").await.0, 550, "{stranger}");
    }
    let other_channel = ingest.links.bounce_token(DeliveryId(99));
    let letter = report("failed", "5.1.1", "x@y");
    assert_eq!(peer.hand_in(&format!("b+{other_channel}@x"), &letter).await, (250, 250), "there is no such delivery");
    assert_eq!(peer.hand_in(&good, &format!("Subject: {}", "x".repeat(300_000))).await, (250, 552));
    assert_eq!(peer.hand_in(&good, &letter).await, (250, 250));
    assert_eq!(ingest.fact().await.delivery_id, id.0, "nothing came before it");
    assert_eq!(peer.say("MAIL FROM:<> SIZE=99999999").await, 552);
    assert_eq!(peer.say("QUIT").await, 221);
}

#[tokio::test]
async fn whoever_goes_on_guessing_is_shown_the_door() {
    let ingest = Ingest::start().await;
    let mut peer = Peer::connect(&ingest).await;
    assert_eq!(peer.say("MAIL FROM:<>").await, 250);
    let mut answers = Vec::new();
    while answers.last() != Some(&421) {
        assert!(answers.len() < 20);
        answers.push(peer.say("RCPT TO:<ann@example.net>").await);
    }
    assert!(answers.len() <= 11);
}

#[tokio::test]
async fn what_cannot_be_stored_is_to_come_again() {
    let mut ingest = Ingest::start().await;
    let id = ingest.delivery(ingest.sendgrid, Channel::Email).await;
    let to = address(&ingest, id);
    let letter = report("failed", "5.7.1", "key@mail.example.com");
    let mut peer = Peer::connect(&ingest).await;
    ingest.database.block(true);
    assert_eq!(peer.hand_in(&to, &letter).await, (250, 451));
    ingest.database.block(false);
    let taken = until(|| async { (Peer::connect(&ingest).await.hand_in(&to, &letter).await == (250, 250)).then_some(()) });
    taken.await;
    assert_eq!(ingest.fact().await.delivery_id, id.0);
}
