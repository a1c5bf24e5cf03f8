//! Letters that fail are returned to their envelope's sender (RFC 3464), as a receiving server far away would do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::message::Message;
use crate::smtp::HOST;

/// Each try, from connecting to the last answer.
const DEADLINE: Duration = Duration::from_secs(10);
const TRIES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(500);

/// How letters fail, by turns: status, and what the far server said.
const FAILURES: [(&str, &str); 3] = [
    ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    ("5.2.2", "552 5.2.2 The recipient's mailbox is full"),
    ("5.7.1", "550 5.7.1 The message was blocked by the receiving server's policy"),
];

/// A letter that comes back.
pub struct Returned {
    to: String,
    report: String,
}

impl Returned {
    /// None of one that doesn't fail, or has nobody to return to.
    pub fn of(message: &Message) -> Option<Self> {
        message.fails_with.as_ref()?;
        let to = message.return_path.clone().filter(|path| !path.is_empty())?;
        Some(Returned { report: report(message, &to), to })
    }

    /// Hands it over; tries again while that is refused for a time.
    pub async fn deliver(self, server: SocketAddr, shutdown: CancellationToken) {
        for _ in 0..TRIES {
            let tried = shutdown.run_until_cancelled(timeout(DEADLINE, self.hand_over(server))).await;
            match tried {
                None => return,
                Some(Ok(Ok(done))) if done => return,
                Some(outcome) => tracing::debug!(?outcome, "a letter could not be returned; trying again"),
            }
            if shutdown.run_until_cancelled(sleep(BETWEEN)).await.is_none() {
                return;
            }
        }
        tracing::warn!("a letter could not be returned");
    }

    /// Whether it is over: taken, or refused for good.
    async fn hand_over(&self, server: SocketAddr) -> io::Result<bool> {
        let mut stream = BufReader::new(TcpStream::connect(server).await?);
        answer(&mut stream).await?;
        let lines = [format!("EHLO {HOST}"), "MAIL FROM:<>".into(), format!("RCPT TO:<{}>", self.to), "DATA".into(), self.report.clone()];
        for line in lines {
            stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            match answer(&mut stream).await? {
                200..400 => {}
                400..500 => return Ok(false),
                code => {
                    tracing::warn!(code, "a returned letter is refused for good");
                    return Ok(true);
                }
            }
        }
        stream.write_all(b"QUIT\r\n").await?;
        Ok(true)
    }
}

/// The code of an answer of any number of lines.
async fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<u16> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
}

/// The report with the dot that ends it.
fn report(message: &Message, to: &str) -> String {
    let turn = message.to.bytes().fold(0_usize, |sum, byte| sum + usize::from(byte)) % FAILURES.len();
    let (status, said) = FAILURES.get(turn).copied().unwrap_or(FAILURES[0]);
    let id = uuid::Uuid::new_v4().simple();
    let message_id = message.message_id.as_deref().unwrap_or_default();
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@{HOST}>\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <{id}@{HOST}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"{id}\"\r\n\r\n\
         --{id}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nYour message could not be delivered.\r\n\r\n\
         --{id}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {HOST}\r\n\r\n\
         Final-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {said}\r\n\r\n\
         --{id}\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {}\r\nTo: {}\r\nMessage-ID: <{message_id}>\r\n\
         X-Fanfare-Delivery: {}\r\n\r\n--{id}--\r\n.",
        message.to, message.from, message.to, message.correlation
    )
}
