//! The conversation: which command is allowed when, and what is said to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::behaviour::{Answer, Ruling};
use crate::desk::Desk;
use crate::message::Channel;
use crate::sendgrid::is_email;
use crate::smtp::HOST;
use crate::smtp::bounce::Returned;
use crate::smtp::mail;
use crate::smtp::slow::Slow;
use crate::smtp::wire::MAX_MESSAGE_BYTES;

const MAX_RECIPIENTS: usize = 100;

/// Commands that made no sense before the connection is closed.
const MAX_MISTAKES: u32 = 20;

pub enum Reply {
    Say(String),
    /// Say it, then read message data.
    Data(String),
    Close(String),
}

/// What the next line is.
enum Expected {
    Command,
    Plain,
    LoginName,
    LoginPassword(Vec<u8>),
}

pub struct Session<'d> {
    desk: &'d Desk,
    slow: &'d Slow,
    expected: Expected,
    greeted: bool,
    known: bool,
    from: Option<String>,
    recipients: Vec<String>,
    /// What was decided about the recipients, for the end of the data.
    fails: bool,
    lost: bool,
    answer: Answer,
    mistakes: u32,
}

fn say(text: &str) -> Reply {
    Reply::Say(text.into())
}

impl<'d> Session<'d> {
    pub fn new(desk: &'d Desk, slow: &'d Slow) -> Self {
        Session {
            desk,
            slow,
            expected: Expected::Command,
            greeted: false,
            known: false,
            from: None,
            recipients: Vec::new(),
            fails: false,
            lost: false,
            answer: Answer::Normal,
            mistakes: 0,
        }
    }

    pub async fn command(&mut self, line: &[u8]) -> Reply {
        match std::mem::replace(&mut self.expected, Expected::Command) {
            Expected::Command => {}
            _ if line == b"*" => return say("501 5.7.0 authentication cancelled"),
            Expected::Plain => return self.plain(line),
            Expected::LoginName => {
                let Ok(name) = STANDARD.decode(line) else { return say("501 5.5.2 that is not base64") };
                self.expected = Expected::LoginPassword(name);
                return say("334 UGFzc3dvcmQ6");
            }
            Expected::LoginPassword(name) => {
                let Ok(password) = STANDARD.decode(line) else { return say("501 5.5.2 that is not base64") };
                return self.log_in(&name, &password);
            }
        }
        let Ok(line) = std::str::from_utf8(line) else { return self.mistake("500 5.5.2 that is not text") };
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !rest.is_empty() => self.hello(true),
            "HELO" if !rest.is_empty() => self.hello(false),
            "AUTH" => self.auth(rest),
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest).await,
            "DATA" => self.start_data(),
            "RSET" => {
                self.forget();
                say("250 2.0.0 Ok")
            }
            "NOOP" => say("250 2.0.0 Ok"),
            "QUIT" => Reply::Close("221 2.0.0 Bye".into()),
            "VRFY" => say("252 2.5.2 send some mail and see"),
            "EHLO" | "HELO" => self.mistake("501 5.5.4 who is there?"),
            _ => self.mistake("500 5.5.1 unknown command"),
        }
    }

    fn mistake(&mut self, text: &str) -> Reply {
        self.mistakes += 1;
        if self.mistakes > MAX_MISTAKES { Reply::Close("421 4.7.0 too many mistakes".into()) } else { say(text) }
    }

    fn forget(&mut self) {
        self.from = None;
        self.recipients.clear();
        self.fails = false;
        self.lost = false;
        self.answer = Answer::Normal;
    }

    fn hello(&mut self, extended: bool) -> Reply {
        self.forget();
        self.greeted = true;
        if !extended {
            return Reply::Say(format!("250 {HOST}"));
        }
        Reply::Say(format!(
            "250-{HOST}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE {MAX_MESSAGE_BYTES}\r\n\
             250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN"
        ))
    }

    fn auth(&mut self, rest: &str) -> Reply {
        if !self.greeted || self.known {
            return self.mistake("503 5.5.1 not now");
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        match (mechanism.to_ascii_uppercase().as_str(), initial) {
            ("PLAIN", "") => {
                self.expected = Expected::Plain;
                say("334 ")
            }
            ("PLAIN", initial) => self.plain(initial.as_bytes()),
            ("LOGIN", "") => {
                self.expected = Expected::LoginName;
                say("334 VXNlcm5hbWU6")
            }
            ("LOGIN", name) => {
                let Ok(name) = STANDARD.decode(name) else { return say("501 5.5.2 that is not base64") };
                self.expected = Expected::LoginPassword(name);
                say("334 UGFzc3dvcmQ6")
            }
            _ => say("504 5.5.4 unknown mechanism"),
        }
    }

    /// RFC 4616: authorization identity, name and password, with NUL between them.
    fn plain(&mut self, response: &[u8]) -> Reply {
        let Ok(decoded) = STANDARD.decode(response) else { return say("501 5.5.2 that is not base64") };
        let parts: Vec<&[u8]> = decoded.split(|byte| *byte == 0).collect();
        match parts[..] {
            [_, name, password] => self.log_in(name, password),
            _ => say("501 5.5.2 that is not a PLAIN response"),
        }
    }

    fn log_in(&mut self, name: &[u8], password: &[u8]) -> Reply {
        let active = self.desk.live.get();
        let matches = |smtp: &crate::config::Smtp| smtp.username.as_bytes() == name && smtp.password.as_bytes() == password;
        self.known = active.config.smtp.as_ref().is_some_and(matches);
        if self.known { say("235 2.7.0 Accepted") } else { say("535 5.7.8 wrong name or password") }
    }

    fn mail(&mut self, rest: &str) -> Reply {
        if !self.greeted || self.from.is_some() {
            return self.mistake("503 5.5.1 not now");
        }
        if !self.known {
            return say("530 5.7.0 Authentication required");
        }
        let Some((from, parameters)) = path(rest, "FROM:") else { return self.mistake("501 5.5.4 MAIL FROM:<address>") };
        if !from.is_empty() && !is_email(from) {
            return say("501 5.1.7 that is not an address");
        }
        for parameter in parameters.split_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if value.parse::<usize>().is_ok_and(|size| size > MAX_MESSAGE_BYTES) => {
                    return say("552 5.3.4 the message is too large");
                }
                "SIZE" | "BODY" | "AUTH" => {}
                _ => return say("555 5.5.4 unknown parameter"),
            }
        }
        self.from = Some(from.to_owned());
        say("250 2.1.0 Ok")
    }

    async fn rcpt(&mut self, rest: &str) -> Reply {
        if self.from.is_none() {
            return self.mistake("503 5.5.1 MAIL first");
        }
        let Some((to, _)) = path(rest, "TO:") else { return self.mistake("501 5.5.4 RCPT TO:<address>") };
        if self.recipients.len() >= MAX_RECIPIENTS {
            return say("452 4.5.3 too many recipients");
        }
        let to = to.to_lowercase();
        if !to.is_ascii() {
            self.refused(&to).await;
            return say("553 5.6.7 only ASCII addresses");
        }
        if !is_email(&to) {
            self.refused(&to).await;
            return say("501 5.1.3 that is not an address");
        }
        let active = self.desk.live.get();
        if self.slow.puts_off(&active, &to) {
            return say("451 4.7.1 this domain takes no more mail from you at the moment");
        }
        let judged = self.desk.judge(&active, Channel::Email, &[to.as_str()]).await;
        match judged.ruling {
            Ruling::Refuse => {
                self.refused(&to).await;
                return Reply::Say(format!("550 5.1.1 <{to}>: no such mailbox"));
            }
            Ruling::Throttle => return say("451 4.7.0 maximum sending rate exceeded: try again later"),
            Ruling::ServerError => self.fails = true,
            Ruling::Lose => self.lost = true,
            Ruling::Accept => {}
        }
        if judged.answer != Answer::Normal {
            self.answer = judged.answer;
        }
        self.recipients.push(to);
        say("250 2.1.5 Ok")
    }

    /// At this point it is not known which message it is, so every refusal counts as one of its own.
    async fn refused(&self, to: &str) {
        let call = format!("rcpt-{}", uuid::Uuid::new_v4().simple());
        self.desk.refuse(Channel::Email, to, &call).await;
    }

    fn start_data(&mut self) -> Reply {
        if self.recipients.is_empty() {
            return self.mistake("503 5.5.1 no recipients");
        }
        Reply::Data("354 End data with <CR><LF>.<CR><LF>".into())
    }

    /// What is said to the message, and whether it is said at all.
    pub async fn data(&mut self, data: Option<Vec<u8>>) -> (String, Answer) {
        let (fails, lost, answer) = (self.fails, self.lost, self.answer);
        let (recipients, from) = (std::mem::take(&mut self.recipients), self.from.take().unwrap_or_default());
        self.forget();
        let Some(data) = data else { return ("552 5.3.4 the message is too large".into(), Answer::Normal) };
        if fails {
            return ("451 4.3.0 something went wrong here".into(), Answer::Normal);
        }
        if lost {
            return ("250 2.0.0 Ok".into(), answer);
        }
        let active = self.desk.live.get();
        let mail = match mail::read(&data, &active) {
            Ok(mail) => mail,
            Err(refusal) => {
                for to in &recipients {
                    self.desk.refuse(Channel::Email, to, &refusal.correlation).await;
                }
                return (format!("550 5.6.0 {}", refusal.why), Answer::Normal);
            }
        };
        let id = uuid::Uuid::new_v4().simple().to_string();
        let messages: Vec<_> = recipients.iter().map(|to| mail::message(self.desk, &active, &mail, &from, to, &id)).collect();
        let returned: Vec<_> = messages.iter().filter_map(Returned::of).collect();
        match self.desk.accept(&active, messages).await {
            Ok(()) => {
                if let Some(server) = active.config.mail.bounces_to {
                    returned.into_iter().for_each(|letter| drop(tokio::spawn(letter.deliver(server, self.desk.shutdown.clone()))));
                }
                (format!("250 2.0.0 Ok: queued as {id}"), answer)
            }
            Err(_) => ("451 4.3.0 cannot store the message".into(), Answer::Normal),
        }
    }
}

/// The address of `FROM:<address> parameters`, and the parameters.
fn path<'r>(rest: &'r str, keyword: &str) -> Option<(&'r str, &'r str)> {
    let given = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword))?;
    rest[given.len()..].trim_start().strip_prefix('<')?.split_once('>')
}
