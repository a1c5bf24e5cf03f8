//! Reports in the shapes that mail systems write, composed here after RFC 3464 and what such systems are known to write.

use super::*;
use crate::errors::{INVALID, PAUSE, PERMANENT, retry_once};

const ONCE_MORE: FaultAction = retry_once(86_400);
const ORIGINAL: &str = "Return-Path: <bounces+t@mail.example.com>\r\nFrom: Shop <news@mail.example.com>\r\nTo: ann@example.net\r\n\
    Subject: Spring\r\nMessage-ID: <AAAAAAAAACo.key@mail.example.com>\r\nX-Fanfare-Delivery:\r\n AAAAAAAAACp2ZXJ5LXNlY3JldA\r\n\r\n";

/// A multipart/report of two or three parts.
fn report(status: &str, original: Option<(&str, &str)>) -> String {
    let third = original.map_or(String::new(), |(kind, text)| format!("--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n"));
    format!(
        "From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\nTo: bounces+t@mail.example.com\r\nSubject: Undelivered Mail\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <report-1@mx.example.net>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\nThis is a MIME message.\r\n\
         --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nSorry. 550 5.7.1 stands here only to mislead.\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n{third}--b--\r\n"
    )
}

fn status(per_recipient: &str) -> String {
    let whole = "Reporting-MTA: dns; mx.example.net\r\nArrival-Date: Sun, 22 Nov 2026 09:59:58 +0000\r\n\r\n";
    report(&format!("{whole}Final-Recipient: rfc822; ann@example.net\r\n{per_recipient}"), Some(("message/rfc822", ORIGINAL)))
}

/// Who writes like this, the recipient's fields, what is read in them.
#[rustfmt::skip]
const FAILURES: &[(&str, &str, &str, FaultAction)] = &[
    ("Postfix", "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx\r\nDiagnostic-Code: smtp; 550 5.1.1 <ann@example.net>: Recipient address\r\n    rejected: User unknown\r\n", "5.1.1", INVALID),
    ("Postfix, no such domain", "Action: failed\r\nStatus: 5.4.4\r\nDiagnostic-Code: X-Postfix; Host or domain name not found\r\n", "5.4.4", INVALID),
    ("Postfix, no address record", "Action: failed\r\nStatus: 5.1.2\r\nDiagnostic-Code: X-Postfix; bad domain\r\n", "5.1.2", INVALID),
    ("Postfix, given up", "Action: failed\r\nStatus: 4.4.1\r\nDiagnostic-Code: X-Postfix; connect to mx: Connection timed out\r\n", "4.4.1", ONCE_MORE),
    ("Postfix, expired", "Action: failed\r\nStatus: 4.4.7\r\nDiagnostic-Code: X-Postfix; delivery temporarily suspended\r\n", "4.4.7", PERMANENT),
    ("Exim", "Action: failed\r\nStatus: 5.0.0\r\nRemote-MTA: dns; mx\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user here\r\n", "5.1.1", INVALID),
    ("Exim, basic code alone", "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 Unrouteable address\r\n", "5.0.0", PERMANENT),
    ("Gmail", "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.\r\n 550 5.1.1 Please try double-checking\r\n", "5.1.1", INVALID),
    ("Gmail, full", "Action: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552-5.2.2 The email account that you tried to reach is over quota.\r\n", "5.2.2", ONCE_MORE),
    ("Gmail, unauthenticated", "Action: failed\r\nStatus: 5.7.26\r\nDiagnostic-Code: smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n", "5.7.26", PAUSE),
    ("Gmail, policy", "Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 550-5.7.1 likely unsolicited mail\r\n", "5.7.1", PERMANENT),
    ("Exchange Online", "Action: failed\r\nStatus: 5.1.10\r\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found\r\n", "5.1.10", INVALID),
    ("Exchange Online, refused", "Action: failed\r\nStatus: 5.4.1\r\nDiagnostic-Code: smtp;550 5.4.1 Recipient address rejected: Access denied.\r\n", "5.4.1", ONCE_MORE),
    ("Exchange, full", "Action: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver\r\n", "5.2.2", ONCE_MORE),
    ("Outlook.com", "Action: failed\r\nStatus: 5.5.0\r\nDiagnostic-Code: smtp;550 5.5.0 Requested action not taken: mailbox unavailable\r\n", "5.5.0", PERMANENT),
    ("Microsoft, DMARC", "Action: failed\r\nStatus: 5.7.509\r\nDiagnostic-Code: smtp;550 5.7.509 Access denied, sending domain does not pass DMARC\r\n", "5.7.509", PAUSE),
    ("Amazon SES", "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\r\n", "5.1.1", INVALID),
    ("Amazon SES, suppression list", "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: Amazon SES has suppressed sending to this address\r\n", "5.1.1", INVALID),
    ("Yahoo", "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 554 delivery error: dd This user doesn't have an account\r\n", "5.0.0", PERMANENT),
    ("Sendmail", "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: SMTP; 550 5.1.1 <ann@example.net>... User unknown\r\nLast-Attempt-Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n", "5.1.1", INVALID),
    ("Lotus Domino", "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: X-Notes; User ann not listed in public Name & Address Book\r\n", "5.0.0", PERMANENT),
    ("status with a comment", "Action: FAILED (really)\r\nStatus: 5.1.1 (bad destination mailbox address)\r\n", "5.1.1", INVALID),
    ("no status", "Action: failed\r\nDiagnostic-Code: smtp; 553 5.1.3 bad syntax\r\n", "5.1.3", INVALID),
    ("nothing but the action", "Action: failed\r\n", "bounce", PERMANENT),
    ("a status that is none", "Action: failed\r\nStatus: banana\r\nDiagnostic-Code: smtp; 550 nobody\r\n", "550", INVALID),
    ("words before the code", "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; host mx said (#5.1.1): nobody\r\n", "5.1.1", INVALID),
];

#[test]
fn failures_are_read_in_every_shape() {
    assert!(FAILURES.len() >= 25);
    for (who, fields, code, action) in FAILURES {
        let read = read(status(fields).as_bytes()).unwrap_or_else(|| panic!("{who}"));
        assert_eq!((read.verdict, read.code.as_str(), read.action), (Verdict::Failed, *code, Some(*action)), "{who}");
        assert_eq!(read.correlation.as_deref(), Some("AAAAAAAAACp2ZXJ5LXNlY3JldA"), "{who}");
        assert_eq!(read.original_id.as_deref(), Some("AAAAAAAAACo.key@mail.example.com"), "{who}");
        assert_eq!(read.own_id.as_deref(), Some("report-1@mx.example.net"), "{who}");
        assert_eq!(read.written_at.map(OffsetDateTime::unix_timestamp), Some(1_795_341_600), "{who}");
    }
}

#[test]
fn what_has_not_failed_leads_to_nothing() {
    for (fields, verdict) in [
        ("Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Tue, 24 Nov 2026 10:00:00 +0000\r\n", Verdict::Delayed),
        ("Action: delivered\r\nStatus: 2.1.5\r\n", Verdict::Delivered),
        ("Action: relayed\r\nStatus: 2.0.0\r\n", Verdict::Delivered),
        ("Action: expanded\r\nStatus: 2.0.0\r\n", Verdict::Delivered),
    ] {
        let read = read(status(fields).as_bytes()).unwrap();
        assert_eq!((read.verdict, read.action), (verdict, None));
    }
    assert_eq!(read(status("Action: imagined\r\nStatus: 5.1.1\r\n").as_bytes()), None);
    assert_eq!(read(status("Status: 5.1.1\r\n").as_bytes()), None, "without an action it says nothing");
}

#[test]
fn the_worst_of_several_recipients_counts() {
    let second = "Action: delivered\r\nStatus: 2.1.5\r\n\r\nFinal-Recipient: rfc822; x@example.net\r\nAction: failed\r\nStatus: 5.2.1\r\n";
    assert_eq!(read(status(second).as_bytes()).unwrap().code, "5.2.1");
}

#[test]
fn the_letter_may_be_given_back_as_headers_alone_or_not_at_all() {
    let fields = "Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n";
    for kind in ["text/rfc822-headers", "message/rfc822", "message/global"] {
        let read = read(report(fields, Some((kind, ORIGINAL))).as_bytes()).unwrap();
        assert_eq!(read.correlation.as_deref(), Some("AAAAAAAAACp2ZXJ5LXNlY3JldA"), "{kind}");
    }
    let bare = read(report(fields, None).as_bytes()).unwrap();
    assert_eq!((bare.code.as_str(), bare.correlation, bare.original_id), ("5.1.1", None, None));
    let joined = fields.replace("\r\n\r\n", "\r\n");
    assert_eq!(read(report(&joined, None).as_bytes()).unwrap().code, "5.1.1", "some leave out the empty line");
}

#[test]
fn notices_of_systems_that_write_no_status_are_read() {
    let qmail = format!(
        "From: MAILER-DAEMON@example.net\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program at example.net.\r\n\
         I'm afraid I wasn't able to deliver your message.\r\n\r\n<ann@example.net>:\r\n192.0.2.1 does not like recipient.\r\n\
         Remote host said: 550 5.1.1 unknown\r\nGiving up on 192.0.2.1.\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n{ORIGINAL}Hello"
    );
    let heard = read(qmail.as_bytes()).unwrap();
    assert_eq!((heard.code.as_str(), heard.action), ("5.1.1", Some(INVALID)));
    assert_eq!(heard.original_id.as_deref(), Some("AAAAAAAAACo.key@mail.example.com"));
    let exim = |said: &str| {
        format!(
            "From: Mailer-Daemon@example.net\r\nX-Failed-Recipients: ann@example.net\r\nSubject: Mail delivery failed\r\n\r\n\
             A message that you sent could not be delivered.\r\n  ann@example.net\r\n    {said}\r\n\r\n\
             ------ This is a copy of the message, including all the headers. ------\r\n\r\n{ORIGINAL}"
        )
    };
    let codes = ["host mx [192.0.2.1]\r\n    550 no such user", "Unrouteable address", "retry timeout exceeded: 451 4.2.2 full"];
    let read_codes = codes.map(|said| read(exim(said).as_bytes()).unwrap().code);
    assert_eq!(read_codes, ["550", "bounce", "4.2.2"]);
    assert!(read(exim("x").as_bytes()).unwrap().correlation.is_some());
}

#[test]
fn what_people_and_their_mailboxes_answer_is_no_report() {
    for letter in [
        "From: ann@example.net\r\nAuto-Submitted: auto-replied\r\nSubject: Out of office\r\n\r\nBack on Monday. 550 5.1.1",
        "From: ann@example.net\r\nX-Autoreply: yes\r\nX-Failed-Recipients: me\r\n\r\n550 5.1.1",
        "From: ann@example.net\r\nSubject: Re: Spring\r\n\r\nPlease stop. Hi. This is the qmail-send program 550 5.1.1",
        "From: a@b.c\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nread\r\n--b--\r\n",
        "",
        "\r\n\r\n",
        "no letter at all",
    ] {
        assert_eq!(read(letter.as_bytes()), None, "{letter}");
    }
}

#[test]
fn nothing_that_strangers_send_breaks_it() {
    let whole = status(FAILURES[0].1);
    for end in 0..whole.len() {
        drop(read(&whole.as_bytes()[..end]));
    }
    let mut bytes = whole.into_bytes();
    for at in (0..bytes.len()).step_by(7) {
        bytes[at] = bytes[at].wrapping_mul(31).wrapping_add(17);
        drop(read(&bytes));
    }
    let long = status(&format!("Action: failed\r\nStatus: 5.1.1\r\nX: {}\r\n", "x".repeat(2 * MAX_BYTES)));
    drop(read(long.as_bytes()));
    let many = "Final-Recipient: rfc822; a@b.c\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n".repeat(2_000);
    assert_eq!(read(status(&many).as_bytes()).unwrap().code, "5.1.1");
}
