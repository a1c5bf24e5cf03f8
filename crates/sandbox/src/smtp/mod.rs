//! A small ESMTP server: what a relay that takes submissions would do, without TLS.
//!
//! `session` is the conversation, `wire` the reading of lines and data, `mail` what is made of a message, `dkim` whether its signature is
//! good. It accepts, refuses or defers; what fails afterwards is returned to the envelope's sender ([`bounce`]) where the configuration
//! says to where. Otherwise all that is known of a message later is what its recipient does.

mod bounce;
mod dkim;
mod mail;
mod session;
mod slow;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::behaviour::Answer;
use crate::conn::TRICKLE;
use crate::desk::{Desk, GARBAGE};
use session::{Reply, Session};
use slow::Slow;
use wire::Line;

/// The name the server greets with.
const HOST: &str = "sandbox.invalid";

const MAX_CONNECTIONS: usize = 512;

/// RFC 5321 asks a server to wait at least five minutes for the next command.
const IDLE: Duration = Duration::from_secs(300);

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let slow = Arc::new(Slow::default());
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = desk.shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (desk, slow, permit) = (desk.clone(), slow.clone(), permits.clone().try_acquire_owned().ok());
                connections.spawn(async move {
                    if let Err(error) = connection(stream, &desk, &slow, permit.is_some()).await {
                        tracing::debug!(%error, "an SMTP connection broke");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an SMTP connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

struct Peer {
    reader: BufReader<OwnedReadHalf>,
    writer: BufWriter<OwnedWriteHalf>,
}

impl Peer {
    /// Replies go out at once unless more commands wait already: then they go together (RFC 2920).
    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.writer.write_all(reply.as_bytes()).await?;
        self.writer.write_all(b"\r\n").await?;
        if self.reader.buffer().is_empty() { self.writer.flush().await } else { Ok(()) }
    }

    async fn trickle(&mut self, reply: &str, desk: &Desk) -> io::Result<()> {
        for byte in format!("{reply}\r\n").into_bytes() {
            tokio::select! {
                () = desk.shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(TRICKLE) => {}
            }
            self.writer.write_all(&[byte]).await?;
            self.writer.flush().await?;
        }
        Ok(())
    }

    async fn last_word(&mut self, reply: &str) -> io::Result<()> {
        self.writer.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.writer.flush().await
    }
}

async fn connection(stream: TcpStream, desk: &Desk, slow: &Slow, has_room: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let mut peer = Peer { reader: BufReader::new(reader), writer: BufWriter::new(writer) };
    if !has_room {
        return peer.last_word(&format!("421 4.3.2 {HOST} has too many connections")).await;
    }
    peer.say(&format!("220 {HOST} ESMTP Fanfare sandbox")).await?;
    let mut session = Session::new(desk, slow);
    loop {
        let line = tokio::select! {
            () = desk.shutdown.cancelled() => return peer.last_word(&format!("421 4.3.2 {HOST} is closing")).await,
            line = timeout(IDLE, wire::read_line(&mut peer.reader)) => line,
        };
        let reply = match line {
            Err(_) => return peer.last_word(&format!("421 4.4.2 {HOST} waited too long")).await,
            Ok(line) => match line? {
                Line::Complete(line) => session.command(&line).await,
                Line::TooLong => Reply::Say("500 5.5.2 the line is too long".into()),
                Line::End => return Ok(()),
            },
        };
        match reply {
            Reply::Say(text) => peer.say(&text).await?,
            Reply::Close(text) => return peer.last_word(&text).await,
            Reply::Data(text) => {
                peer.last_word(&text).await?;
                let data = timeout(IDLE, wire::read_data(&mut peer.reader)).await.map_err(|_| io::ErrorKind::TimedOut)??;
                let (text, answer) = session.data(data).await;
                match answer {
                    Answer::Normal => peer.say(&text).await?,
                    // A refusal at this point would be certain, so an error of the server's own is no reply at all.
                    Answer::Reset | Answer::ServerError => return Ok(()),
                    Answer::Garbage => return peer.last_word(GARBAGE).await,
                    Answer::Trickle => return peer.trickle(&text, desk).await,
                    Answer::Hang => {
                        desk.hang().await;
                        return Ok(());
                    }
                }
            }
        }
    }
}
