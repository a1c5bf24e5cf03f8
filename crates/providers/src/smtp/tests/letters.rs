//! What a letter is made of beyond its text: files, a signature, and where it comes back to. And how it is slowed down.

use super::*;
use crate::{Attachment, errors::SLOW_DOMAIN};
use mail_parser::{MessageParser, MimeHeaders, PartType};

const KEY: &str = include_str!("../fixtures/dkim_rsa.pem");

fn file(name: &str, media_type: &str, content_id: Option<&str>, bytes: &[u8]) -> Attachment {
    Attachment { name: name.into(), media_type: media_type.into(), content_id: content_id.map(Into::into), bytes: bytes.into() }
}

fn made(message: &Message, more: &[(&str, &str)]) -> wire::Letter {
    wire::letter(&Config::read(&account(more)).unwrap(), message, time::OffsetDateTime::UNIX_EPOCH).unwrap()
}

#[test]
fn pictures_stand_beside_the_html_and_files_beside_the_text() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let all = vec![
        file("logo.png", "image/png", Some("logo"), &bytes),
        file("Angebot für Sie.pdf", "application/pdf", None, b"%PDF-1.7\n.\r\n\r"),
    ];
    for (text, html) in [("Hi", "<img src=\"cid:logo\">"), ("", "<img src=\"cid:logo\">")] {
        let letter = made(&Message { attachments: all.clone(), ..email(text, html) }, &[]);
        let parsed = MessageParser::default().parse(&letter.bytes).unwrap();
        assert_eq!(parsed.text_body_count(), 1);
        let files: Vec<_> = parsed.attachments().map(|part| (part.content_id(), part.attachment_name(), part.contents())).collect();
        assert_eq!(
            files,
            [(Some("logo"), Some("logo.png"), bytes.as_slice()), (None, Some("Angebot für Sie.pdf"), &b"%PDF-1.7\n.\r\n\r"[..]),]
        );
        let multiparts = parsed.parts.iter().filter(|part| matches!(part.body, PartType::Multipart(_)));
        let kinds: Vec<_> = multiparts.map(|part| part.content_type().unwrap().subtype().unwrap().to_owned()).collect();
        assert_eq!(kinds, if text.is_empty() { vec!["mixed", "related"] } else { vec!["mixed", "alternative", "related"] });
    }
    let plain = made(&Message { attachments: all, ..email("Hi", "") }, &[]);
    let parsed = MessageParser::default().parse(&plain.bytes).unwrap();
    assert_eq!(parsed.attachment_count(), 2, "without HTML a picture is a file");
}

#[test]
fn a_file_cannot_begin_a_header_of_its_own() {
    let bad = vec![file("a\r\nBcc: x@example.com.pdf", "application/pdf", Some("x\r\nY: z"), b"%PDF")];
    let letter = made(&Message { attachments: bad, ..email("Hi", "<p>Hi</p>") }, &[]);
    let text = String::from_utf8(letter.bytes).unwrap();
    assert!(!text.contains("\r\nBcc:") && !text.contains("\r\nY:"), "{text}");
    let odd = Message { attachments: vec![file("a", "no type", None, b"x")], ..email("Hi", "") };
    let config = Config::read(&account(&[])).unwrap();
    assert_eq!(wire::letter(&config, &odd, time::OffsetDateTime::UNIX_EPOCH).err().unwrap().code, "content");
}

#[test]
fn an_account_with_a_key_signs() {
    let mut signing = account(&[("dkim_selector", "s1")]);
    signing.secrets.insert("dkim_private_key".to_owned(), Secret::new(KEY));
    let config = Config::read(&signing).unwrap();
    let mut message = email("Hi", "<p>Grüße</p>");
    message.unsubscribe_url = Some("https://hub.example.com/u/t".to_owned());
    let letter = wire::letter(&config, &message, time::OffsetDateTime::UNIX_EPOCH).unwrap();
    let text = String::from_utf8(letter.bytes).unwrap();
    assert!(text.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n\ts=s1; t=0;"), "{text}");
    for name in ["from:from", "message-id", "list-unsubscribe:list-unsubscribe-post"] {
        assert!(header(&text.replace("\r\n\t", " "), "DKIM-Signature")[0].contains(name), "{name}");
    }
    // All that the published letter has, and all that its signature covers.
    let published = String::from_utf8(contracts::bytes("smtp/samples/message_headers.txt")).unwrap();
    let covered = |letter: &str| -> Vec<String> {
        let names = letter.split_once(" h=").unwrap().1.split_once(';').unwrap().0;
        names.split(':').map(str::to_owned).collect()
    };
    let unfolded = text.replace("\r\n\t", " ");
    assert!(covered(&published).iter().all(|name| covered(&unfolded).contains(name)), "{unfolded}");
    for name in published.lines().filter_map(|line| Some(line.split_once(": ")?.0)) {
        assert_eq!(header(&unfolded, name).len(), 1, "{name}: {unfolded}");
    }
    assert!(!made(&message, &[]).bytes.starts_with(b"DKIM-Signature"));
    assert!(!format!("{config:?}").contains("PRIVATE"));
}

#[tokio::test]
async fn it_comes_back_to_the_address_that_names_it() {
    let mut message = email("Hi", "");
    message.return_path = Some("bounces+abc@mail.example.com".to_owned());
    let letter = delivered(&message).await;
    assert!(letter.contains("MAIL FROM:<bounces+abc@mail.example.com>\r\n"), "{letter}");
    assert!(header(&letter, "From")[0].contains("news@example.com"));
    message.return_path = Some("no address".to_owned());
    assert!(delivered(&message).await.contains("MAIL FROM:<news@example.com>\r\n"));
}

#[test]
fn a_bounce_address_has_room_for_a_token() {
    let field = |address: &str| Config::read(&account(&[("bounce_address", address)])).err().map(|error| error.field);
    let long = |local: usize| format!("{}@example.com", "b".repeat(local));
    for good in ["", "bounces@mail.example.com", &long(34)] {
        assert_eq!(field(good), None, "{good}");
    }
    for bad in ["bounces", "a+b@example.com", &long(35), "\"a b\"@example.com"] {
        assert_eq!(field(bad).as_deref(), Some("bounce_address"), "{bad}");
    }
}

#[tokio::test]
async fn a_domain_that_is_slow_is_told_from_a_relay_that_is() {
    for (command, reply, code, action) in [
        ("RCPT", "451 4.7.1 greylisted", "4.7.1", SLOW_DOMAIN),
        ("RCPT", "421 4.7.28 unusual rate of mail", "4.7.28", SLOW_DOMAIN),
        ("DATA", "450 4.7.0 deferred", "4.7.0", SLOW_DOMAIN),
        ("RCPT", "550 5.7.28 mail flood", "5.7.28", SLOW_DOMAIN),
        ("DATA", "454 4.7.0 Throttling failure: Maximum sending rate exceeded.", "4.7.0", THROTTLE),
        ("DATA", "454 4.7.0 Throttling failure: Daily message quota exceeded.", "4.7.0", THROTTLE),
        ("MAIL", "451 4.7.0 slow down", "4.7.0", THROTTLE),
        ("RCPT", "450 4.2.1 this mailbox gets too much", "4.2.1", LATER),
    ] {
        let stub = scripted(&[(command, reply)]).await;
        let outcome = at(stub.addr, DEADLINE).send(&email("Hi", "")).await;
        assert_eq!(refused(outcome), (code.to_owned(), action), "{command} {reply}");
    }
}

#[test]
fn an_answer_in_a_conversation_names_what_it_answers() {
    let answer = domain::content::FreeMessage {
        text: "Of course.".to_owned(),
        media_url: String::new(),
        subject: "Re: Spring".to_owned(),
        in_reply_to: "<q1@example.net>".to_owned(),
    };
    let letter = made(&message("ann@example.net", Rendered::Free(answer)), &[]);
    let text = String::from_utf8(letter.bytes).unwrap();
    assert_eq!((header(&text, "In-Reply-To"), header(&text, "References")), (vec!["<q1@example.net>"], vec!["<q1@example.net>"]));
}
