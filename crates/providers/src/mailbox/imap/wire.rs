//! Commands and answers, all bounded: a server is as untrusted as what is in the mailbox.

use crate::errors::RETRY;
use crate::{Fault, dsn};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

const LINE_MAX_BYTES: u64 = 64 * 1024;
/// Of one command.
const ANSWERS_MAX: usize = 5_000;
/// All of them together: a hundred letters, and as much again of what stands around them.
const ANSWERS_MAX_BYTES: usize = 2 * 100 * dsn::MAX_BYTES;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One answer: its text, and the literals that stood in it.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub text: String,
    pub literals: Vec<Vec<u8>>,
}

pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    commands: u32,
}

pub(super) fn garbled() -> Fault {
    Fault::new("garbage", RETRY, "the mailbox's server can't be understood")
}

fn broken(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidData => garbled(),
        _ => Fault::new("reset", RETRY, "the connection to the mailbox's server broke"),
    }
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream), commands: 0 }
    }

    pub(super) async fn greeting(&mut self) -> Result<(), Fault> {
        let greeting = self.response().await.map_err(|error| broken(&error))?;
        if greeting.text.starts_with("* OK") { Ok(()) } else { Err(Fault::new("busy", RETRY, "the mailbox's server takes nobody now")) }
    }

    /// Makes one command, and answers with what was said before it was done. A refusal's code is `NO` or `BAD`; the server's words may
    /// quote what was sent, so they are left out.
    pub(super) async fn command(&mut self, command: &str) -> Result<Vec<Response>, Fault> {
        self.commands += 1;
        let tag = format!("A{}", self.commands);
        self.exchange(&tag, command).await.map_err(|error| broken(&error))?.ok_or_else(garbled)?.map_err(|code| {
            let detail = "the mailbox's server refuses a command: see whether the folder exists and may be read";
            Fault::new(code, RETRY, detail)
        })
    }

    async fn exchange(&mut self, tag: &str, command: &str) -> io::Result<Option<Result<Vec<Response>, &'static str>>> {
        self.stream.write_all(format!("{tag} {command}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        let (mut answers, mut bytes) = (Vec::new(), 0);
        while answers.len() < ANSWERS_MAX && bytes <= ANSWERS_MAX_BYTES {
            let answer = self.response().await?;
            bytes += answer.text.len() + answer.literals.iter().map(Vec::len).sum::<usize>();
            match answer.text.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                Some(done) if done.starts_with("OK") => return Ok(Some(Ok(answers))),
                Some(done) if done.starts_with("NO") => return Ok(Some(Err("NO"))),
                Some(_) => return Ok(Some(Err("BAD"))),
                None => answers.push(answer),
            }
        }
        Ok(None)
    }

    /// Says good-bye; whether that is heard makes no difference.
    pub(super) async fn logout(mut self) {
        if let Err(fault) = self.command("LOGOUT").await {
            tracing::debug!(code = fault.code, "a mailbox's server didn't say good-bye");
        }
    }

    /// One answer with its literals (RFC 9051, 4.3).
    async fn response(&mut self) -> io::Result<Response> {
        let mut response = Response::default();
        loop {
            let mut line = Vec::new();
            (&mut self.stream).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).await?;
            if !line.ends_with(b"\n") {
                let kind = if line.len() as u64 >= LINE_MAX_BYTES { io::ErrorKind::InvalidData } else { io::ErrorKind::UnexpectedEof };
                return Err(kind.into());
            }
            let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            let Some(length) = literal(&text) else {
                response.text.push_str(&text);
                return Ok(response);
            };
            if length > dsn::MAX_BYTES || response.literals.len() > 8 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            response.text.push_str(&text);
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).await?;
            response.literals.push(bytes);
        }
    }
}

/// The length in `… {342}` at the end of a line.
fn literal(line: &str) -> Option<usize> {
    let (_, length) = line.strip_suffix('}')?.rsplit_once('{')?;
    length.parse().ok()
}
