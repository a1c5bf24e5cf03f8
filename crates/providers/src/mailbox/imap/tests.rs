use super::*;
use std::sync::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// A server with these letters, by number; answers a command by its beginning, if told to.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

type Letters = &'static [(u32, &'static str)];

impl Server {
    async fn start(validity: u32, letters: Letters, said: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = server.heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"* OK ready\r\n").await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap_or_default() > 0 {
                    let (tag, command) = line.trim_end().split_once(' ').unwrap();
                    heard.lock().unwrap().push(command.to_owned());
                    let answer = match said.iter().find(|(begin, _)| command.starts_with(begin)) {
                        Some((_, answer)) => answer.replace("TAG", tag),
                        None => usual(validity, letters, tag, command),
                    };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                    line.clear();
                }
            }
        });
        server
    }

    fn mailbox(&self) -> Imap {
        Imap::read_account(&account(&[("mailbox_port", &self.port.to_string())]), &[]).unwrap().unwrap()
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn usual(validity: u32, letters: Letters, tag: &str, command: &str) -> String {
    let next = letters.last().map_or(1, |(uid, _)| uid + 1);
    let said = if command.starts_with("EXAMINE") || command.starts_with("SELECT") {
        format!("* 3 EXISTS\r\n* OK [UIDVALIDITY {validity}] valid\r\n* OK [UIDNEXT {next}] next\r\n")
    } else if let Some(range) = command.strip_prefix("UID SEARCH UID ") {
        let (from, to) = range.split_once(':').unwrap();
        let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
        let found = letters.iter().filter(|(uid, _)| (from..=to).contains(uid)).map(|(uid, _)| format!(" {uid}"));
        format!("* SEARCH{}\r\n", found.collect::<String>())
    } else if let Some(rest) = command.strip_prefix("UID FETCH ") {
        let wanted: Vec<u32> = rest.split_once(' ').unwrap().0.split(',').map(|uid| uid.parse().unwrap()).collect();
        let letters = letters.iter().filter(|(uid, _)| wanted.contains(uid));
        letters.rev().map(|(uid, text)| format!("* 1 FETCH (UID {uid} BODY[]<0> {{{}}}\r\n{text})\r\n", text.len())).collect()
    } else {
        String::new()
    };
    format!("{said}{tag} OK done\r\n")
}

fn account(more: &[(&str, &str)]) -> Account {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings = [("mailbox_host", "127.0.0.1"), ("mailbox_tls", "none")];
    let secrets = [("mailbox_username", "bounces@x"), ("mailbox_password", "a \"quoted\\ one")];
    Account {
        settings: settings.iter().chain(more).map(text).collect(),
        secrets: secrets.iter().map(text).map(|(name, value)| (name, Secret::new(value))).collect(),
    }
}

#[tokio::test]
async fn letters_are_read_from_where_the_last_visit_ended() {
    let server = Server::start(7, &[(2, "Subject: a\r\n\r\nx"), (5, "Subject: b)\r\n\r\n{3}"), (2_500, "Subject: c")], &[]).await;
    let mailbox = server.mailbox();
    let first = mailbox.read(Place::default(), 1).await.unwrap();
    assert_eq!((first.place, first.more), (Place { validity: 7, uid: 2 }, true));
    assert_eq!(first.letters, [Letter { uid: 2, bytes: b"Subject: a\r\n\r\nx".to_vec() }]);
    let second = mailbox.read(first.place, 10).await.unwrap();
    assert_eq!((second.letters.len(), second.letters[0].bytes.as_slice()), (1, &b"Subject: b)\r\n\r\n{3}"[..]));
    assert_eq!((second.place.uid, second.more), (1_002, true), "a window without its end");
    let third = mailbox.read(second.place, 10).await.unwrap();
    assert_eq!((third.letters[0].uid, third.place.uid, third.more), (2_500, 2_500, false), "empty windows are skipped");
    let last = mailbox.read(third.place, 10).await.unwrap();
    assert!(last.letters.is_empty() && !last.more);
    let anew = mailbox.read(Place { validity: 6, uid: 2_500 }, 10).await.unwrap();
    assert_eq!(anew.letters.iter().map(|letter| letter.uid).collect::<Vec<_>>(), [2, 5], "another mailbox by the same name");
    assert!(server.heard().contains(&"LOGIN \"bounces@x\" \"a \\\"quoted\\\\ one\"".to_owned()));
    assert!(server.heard().iter().all(|command| !command.starts_with("SELECT")), "reading changes nothing");
}

#[tokio::test]
async fn what_was_stored_is_marked_unless_the_mailbox_is_another_one() {
    let server = Server::start(7, &[(2, "x")], &[]).await;
    server.mailbox().seen(Place { validity: 7, uid: 5 }, &[2, 5]).await.unwrap();
    assert!(server.heard().contains(&"UID STORE 2,5 +FLAGS.SILENT (\\Seen)".to_owned()));
    let before = server.heard().len();
    server.mailbox().seen(Place { validity: 6, uid: 5 }, &[2]).await.unwrap();
    assert!(server.heard()[before..].iter().all(|command| !command.starts_with("UID STORE")));
}

#[tokio::test]
async fn what_a_server_may_say_is_bounded() {
    let long: &'static str = Box::leak("x".repeat(100_000).into_boxed_str());
    let endless: &'static str = Box::leak("* 1 EXPUNGE\r\n".repeat(6_000).into_boxed_str());
    let wide: &'static str = Box::leak(format!("* 1 {}\r\n", "x".repeat(60_000)).repeat(900).into_boxed_str());
    for (begin, answer, code, action) in [
        ("LOGIN", "TAG NO [AUTHENTICATIONFAILED] a \"quoted one\r\n", "NO", PAUSE),
        ("EXAMINE", "TAG NO no such mailbox\r\n", "NO", RETRY),
        ("EXAMINE", "TAG OK done\r\n", "garbage", RETRY),
        ("EXAMINE", "TAG BAD what?\r\n", "BAD", RETRY),
        ("UID FETCH", "* 1 FETCH (UID 2 BODY[]<0> {99999999}\r\n", "garbage", RETRY),
        ("UID SEARCH", long, "garbage", RETRY),
        ("UID SEARCH", endless, "garbage", RETRY),
        ("UID SEARCH", wide, "garbage", RETRY),
    ] {
        let said: &'static [(&'static str, &'static str)] = Box::leak(Box::new([(begin, answer)]));
        let server = Server::start(7, &[(2, "x")], said).await;
        if begin == "UID SEARCH" && answer == long {
            // Without an end of the line.
            let fault = timeout(Duration::from_secs(5), server.mailbox().read(Place::default(), 10)).await.unwrap().err().unwrap();
            assert_eq!(fault.code, code);
            continue;
        }
        let fault = server.mailbox().read(Place::default(), 10).await.err().unwrap();
        assert_eq!((fault.code.as_str(), fault.action), (code, action), "{begin}");
        assert!(!fault.detail.contains("quoted"));
    }
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account| Imap::read_account(account, &[]).err().map(|error| error.field);
    assert!(Imap::read_account(&account(&[("mailbox_host", "")]), &[]).unwrap().is_none());
    assert_eq!(field(&account(&[])), None);
    for (name, bad) in [("mailbox_host", "a b"), ("mailbox_port", "0"), ("mailbox_tls", "maybe"), ("mailbox_folder", "Rückläufer")] {
        assert_eq!(field(&account(&[(name, bad)])).as_deref(), Some(name));
    }
    assert_eq!(field(&account(&[("mailbox_host", "imap.example.com")])).as_deref(), Some("mailbox_tls"), "a password in plain text");
    let mut without = account(&[]);
    without.secrets.remove("mailbox_password");
    assert_eq!(field(&without).as_deref(), Some("mailbox_password"));
    let imap = Imap::read_account(&account(&[]), &[]).unwrap().unwrap();
    assert!(!format!("{imap:?}").contains("quoted"));
}
