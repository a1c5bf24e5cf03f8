//! Bounces: letters that could not be delivered and come back to an address with a token of ours, by SMTP or into a mailbox.
//!
//! The listener takes mail for such addresses and for nothing else: without a valid token there is no recipient, so it relays nothing and
//! keeps nothing. It offers no TLS and no login; put a relay of your own before it where that is wanted. A letter is answered with 250
//! only when what it says is in the database, so that the other side keeps it otherwise.
//! `session` is the conversation, `wire` the reading of lines, [`take`] what a letter leads to, [`mailbox`] the mailboxes.

mod mailbox;
mod session;
mod take;
mod wire;

pub(crate) use mailbox::Mailboxes;
use session::{Reply, Session};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
pub(crate) use take::Taker;
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::Line;

/// Connections at once at most, each with a letter of at most [`providers::dsn::MAX_BYTES`].
const MAX_CONNECTIONS: usize = 200;
/// RFC 5321, 4.5.3.2.7 asks for five minutes; whoever only wants to return a letter is quicker.
const IDLE: Duration = Duration::from_secs(60);
/// However slowly it dribbles in.
const WHOLE_LETTER: Duration = Duration::from_secs(120);
const WHOLE_CONNECTION: Duration = Duration::from_secs(600);

/// Takes bounces in by SMTP.
pub(crate) struct Listener {
    listener: TcpListener,
    /// What it calls itself.
    host: Arc<str>,
    taker: Taker,
}

impl Listener {
    /// # Errors
    /// When the address can't be had.
    pub async fn bind(addr: SocketAddr, host: &str, taker: Taker) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(addr).await?, host: host.into(), taker })
    }

    /// Serves until it is to end; each connection then finishes the command that it is at.
    pub async fn serve(self, end: CancellationToken, connections: TaskTracker) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(accepted) = end.run_until_cancelled(self.listener.accept()).await {
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection for a bounce could not be accepted");
                    end.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100))).await;
                    continue;
                }
            };
            let permit = room.clone().try_acquire_owned().ok();
            let (host, taker, end) = (self.host.clone(), self.taker.clone(), end.clone());
            connections.spawn(async move {
                let served = timeout(WHOLE_CONNECTION, connection(stream, &host, taker, &end, permit.is_some())).await;
                if let Ok(Err(error)) = served {
                    tracing::debug!(%error, "a connection for a bounce broke");
                }
                drop(permit);
            });
        }
    }
}

async fn connection(mut stream: TcpStream, host: &str, taker: Taker, end: &CancellationToken, has_room: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if !has_room {
        return say(&mut stream, &format!("421 4.3.2 {host} has too many connections")).await;
    }
    let mut stream = BufReader::new(stream);
    say(&mut stream, &format!("220 {host} ESMTP")).await?;
    let mut session = Session::new(host, taker);
    loop {
        let line = match end.run_until_cancelled(timeout(IDLE, wire::read_line(&mut stream))).await {
            None => return say(&mut stream, &format!("421 4.3.2 {host} is closing")).await,
            Some(Err(_)) => return say(&mut stream, &format!("421 4.4.2 {host} waited too long")).await,
            Some(Ok(line)) => line?,
        };
        let reply = match line {
            Line::End => return Ok(()),
            Line::TooLong => session.mistake("500 5.5.2 the line is too long"),
            Line::Complete(line) => session.command(&line),
        };
        match reply {
            Reply::Say(text) => say(&mut stream, &text).await?,
            Reply::Close(text) => return say(&mut stream, &text).await,
            Reply::Data => {
                say(&mut stream, "354 end with a line that has only a dot").await?;
                // What isn't acknowledged comes again.
                let letter = end.run_until_cancelled(timeout(WHOLE_LETTER, wire::read_letter(&mut stream)));
                let Some(letter) = letter.await else { return say(&mut stream, &format!("421 4.3.2 {host} is closing")).await };
                let text = session.letter(letter.map_err(|_| io::ErrorKind::TimedOut)??).await;
                say(&mut stream, &text).await?;
            }
        }
    }
}

async fn say(stream: &mut (impl AsyncWriteExt + Unpin), text: &str) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}
