//! The hub's own e-mail adapters against the sandbox: what one side writes, the other, made apart from it, reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Channel;
use domain::content::{EmailVariant, Rendered};
use providers::{Account, Message, Outcome, Secret, Send, public_net};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use sandbox::Config;
use sandbox::config::Mail;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{API_KEY, Running, config, smooth};

const RSA: &str = include_str!("../../../providers/src/smtp/fixtures/dkim_rsa.pem");
/// A `SubjectPublicKeyInfo` up to the key, for RSA of 2,048 bits (RFC 5280, RFC 3279).
const SPKI_RSA_2048: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
    0x0f, 0x00,
];

/// A private key as PEM, and its record in the DNS.
fn keys() -> [(String, String); 2] {
    let body: String = RSA.lines().filter(|line| !line.starts_with("-----")).collect();
    let rsa = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let rsa = STANDARD.encode([&SPKI_RSA_2048[..], rsa.public().as_ref()].concat());
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let ed25519 = STANDARD.encode(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap().public_key().as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
    [(RSA.to_owned(), format!("v=DKIM1; k=rsa; p={rsa}")), (pem, format!("v=DKIM1; k=ed25519; p={ed25519}"))]
}

fn email(n: usize) -> Message {
    let name = ["Ann Marie", "Bob", "Žofie 😀", "", "a  b\tc "][n % 5];
    let html = format!("<p>Dear {name},</p>\n<p>{}</p><a href=\"https://shop.example/{n}\">go</a>", "long ".repeat(n * 20));
    let email =
        EmailVariant { subject: format!("Grüße, {name} {n}"), text: format!("Hi {name}\n\n \n.\n..\n"), html, ..EmailVariant::default() };
    Message {
        unsubscribe_url: Some(format!("https://hub.example/u/{n}")),
        ..Message::new(format!("p{n}@example.net"), Rendered::Email(email), format!("token-{n}"), format!("key-{n}"))
    }
}

fn account(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Account {
    Account {
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        secrets: secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect(),
    }
}

#[tokio::test]
async fn every_signed_letter_passes() {
    for (pem, record) in keys() {
        let mail = Mail { dkim_keys: [("s1._domainkey.example.com".to_owned(), record)].into(), ..Mail::default() };
        let running = Running::start(Config { mail, ..config(None, smooth()) }).await;
        let port = running.sandbox.smtp().port().to_string();
        let settings = [("host", "127.0.0.1"), ("port", &port), ("tls", "none"), ("from", "news@example.com"), ("dkim_selector", "s1")];
        let secrets = [("username", "relay"), ("password", "secret"), ("dkim_private_key", pem.as_str())];
        let sender = providers::smtp::sender(&account(&settings, &secrets), Channel::Email, Duration::from_secs(10)).unwrap();
        for n in 0..50 {
            let outcome = sender.send(&email(n)).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{n}: {outcome:?}");
        }
        let log = running.log().await;
        assert_eq!(log.len(), 50);
        for line in &log {
            assert_eq!(line["dkim"], "pass", "{}", line["subject"]);
        }
    }
}

#[tokio::test]
async fn what_shared_a_call_arrives_word_for_word() {
    public_net::allow_private(true);
    let running = Running::start(config(None, smooth())).await;
    let settings = [("from", "news@example.com"), ("base_url", &running.sandbox.url())];
    let sender: Arc<dyn Send> =
        providers::sendgrid::sender(&account(&settings, &[("api_key", API_KEY)]), Channel::Email, Duration::from_secs(10)).unwrap();
    let messages: Vec<Message> = (0..100).map(email).collect();
    let outcomes = sender.send_batch(&messages).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })), "{outcomes:?}");
    let log = running.log().await;
    assert_eq!(log.len(), 100);
    for message in &messages {
        let Rendered::Email(email) = &message.content else { panic!() };
        let line = log.iter().find(|line| line["to"] == message.to).unwrap();
        assert_eq!((&line["html"], &line["text"]), (&email.html.clone().into(), &email.text.clone().into()));
        assert_eq!(line["correlation"], message.correlation);
    }
}
