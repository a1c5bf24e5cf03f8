//! The conversation: which command is allowed when, and what is said to it.

use super::take::Taker;
use domain::{DeliveryId, link::BOUNCE_TOKEN_CHARS};
use providers::dsn::MAX_BYTES;

/// A report is about one letter, which had one recipient.
const MAX_RECIPIENTS: usize = 5;
/// Letters on one connection.
const MAX_LETTERS: u32 = 100;
/// Commands that made no sense, and recipients that aren't ours, before the connection is closed.
const MAX_MISTAKES: u32 = 10;

pub(super) enum Reply {
    Say(String),
    /// Say so, then read a letter.
    Data,
    Close(String),
}

pub(super) struct Session<'h> {
    host: &'h str,
    taker: Taker,
    greeted: bool,
    has_sender: bool,
    about: Vec<DeliveryId>,
    mistakes: u32,
    letters: u32,
}

fn say(text: &str) -> Reply {
    Reply::Say(text.to_owned())
}

impl<'h> Session<'h> {
    pub(super) fn new(host: &'h str, taker: Taker) -> Self {
        Self { host, taker, greeted: false, has_sender: false, about: Vec::new(), mistakes: 0, letters: 0 }
    }

    pub(super) fn command(&mut self, line: &[u8]) -> Reply {
        let Ok(line) = std::str::from_utf8(line) else { return self.mistake("500 5.5.2 that is not text") };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello(true),
            "HELO" => self.hello(false),
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" if self.about.is_empty() => self.mistake("503 5.5.1 no recipients"),
            "DATA" => Reply::Data,
            "RSET" => {
                self.forget();
                say("250 2.0.0 Ok")
            }
            "NOOP" => say("250 2.0.0 Ok"),
            "VRFY" => say("252 2.5.2 send and see"),
            "QUIT" => Reply::Close("221 2.0.0 Bye".to_owned()),
            _ => self.mistake("500 5.5.1 unknown command"),
        }
    }

    pub(super) fn mistake(&mut self, text: &str) -> Reply {
        self.mistakes += 1;
        if self.mistakes > MAX_MISTAKES { Reply::Close("421 4.7.0 too many mistakes".to_owned()) } else { say(text) }
    }

    fn forget(&mut self) {
        self.has_sender = false;
        self.about.clear();
    }

    fn hello(&mut self, extended: bool) -> Reply {
        self.forget();
        self.greeted = true;
        let host = self.host;
        Reply::Say(match extended {
            true => format!("250-{host}\r\n250-SIZE {MAX_BYTES}\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"),
            false => format!("250 {host}"),
        })
    }

    fn mail(&mut self, rest: &str) -> Reply {
        if !self.greeted || self.has_sender {
            return self.mistake("503 5.5.1 not now");
        }
        if self.letters >= MAX_LETTERS {
            return Reply::Close(format!("421 4.3.2 {} takes {MAX_LETTERS} letters a connection", self.host));
        }
        // Who sends it says nothing: a report's sender is empty, or anybody's.
        let Some((_, parameters)) = path(rest, "FROM:") else { return self.mistake("501 5.5.4 MAIL FROM:<address>") };
        let size = parameters.split_ascii_whitespace().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("SIZE").then(|| value.parse::<usize>().ok())?
        });
        if size.is_some_and(|size| size > MAX_BYTES) {
            return say("552 5.3.4 the letter is too large");
        }
        self.has_sender = true;
        say("250 2.1.0 Ok")
    }

    fn rcpt(&mut self, rest: &str) -> Reply {
        if !self.has_sender {
            return self.mistake("503 5.5.1 MAIL first");
        }
        let Some((to, _)) = path(rest, "TO:") else { return self.mistake("501 5.5.4 RCPT TO:<address>") };
        if self.about.len() >= MAX_RECIPIENTS {
            return say("452 4.5.3 too many recipients");
        }
        match token(to).and_then(|token| self.taker.read_token(token)) {
            Some(delivery) => {
                self.about.push(delivery);
                say("250 2.1.5 Ok")
            }
            None => self.mistake("550 5.1.1 no such mailbox"),
        }
    }

    /// What is said to a letter; None: it was too large.
    pub(super) async fn letter(&mut self, letter: Option<Vec<u8>>) -> String {
        let about = std::mem::take(&mut self.about);
        self.forget();
        self.letters += 1;
        let Some(letter) = letter else { return "552 5.3.4 the letter is too large".to_owned() };
        match self.taker.take(&about, &letter).await {
            Ok(()) => "250 2.0.0 Ok".to_owned(),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a bounce could not be stored: it is to come again");
                "451 4.3.0 try again later".to_owned()
            }
        }
    }
}

/// The token of an address: between the `+` and the `@`, whatever is before it.
pub(super) fn token(address: &str) -> Option<&str> {
    let (local, _) = address.rsplit_once('@')?;
    let (_, token) = local.trim_matches('"').rsplit_once('+')?;
    (token.len() == BOUNCE_TOKEN_CHARS).then_some(token)
}

/// The address of `FROM:<address> parameters`, and the parameters.
fn path<'r>(rest: &'r str, keyword: &str) -> Option<(&'r str, &'r str)> {
    let (given, rest) = rest.split_at_checked(keyword.len())?;
    if !given.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    // A source route says nothing (RFC 5321, appendix C).
    Some((address.rsplit_once(':').map_or(address, |(_, address)| address), parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_between_plus_and_at() {
        let t = "a".repeat(BOUNCE_TOKEN_CHARS);
        assert_eq!(token(&format!("bounces+{t}@mail.example.com")), Some(t.as_str()));
        assert_eq!(token(&format!("\"a+b+{t}\"@x")), Some(t.as_str()));
        for other in [format!("{t}@x"), format!("bounces+{t}"), format!("bounces+{t}a@x"), "postmaster@x".to_owned(), String::new()] {
            assert_eq!(token(&other), None, "{other}");
        }
    }

    #[test]
    fn paths_are_read_as_servers_write_them() {
        assert_eq!(path("FROM:<>", "FROM:"), Some(("", "")));
        assert_eq!(path("from: <a@b.c> SIZE=3 BODY=8BITMIME", "FROM:"), Some(("a@b.c", " SIZE=3 BODY=8BITMIME")));
        assert_eq!(path("TO:<@relay.example:a@b.c>", "TO:"), Some(("a@b.c", "")));
        for bad in ["", "FROM", "FROM:a@b.c", "TO:<a@b.c>", "ä"] {
            assert_eq!(path(bad, "FROM:"), None, "{bad}");
        }
    }
}
