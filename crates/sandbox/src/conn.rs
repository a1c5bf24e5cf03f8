//! The HTTP listener: no delay on small writes, a bound on connections, and the means to hang up on a caller or to answer
//! at a byte a second.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{future, io};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// As many connections as are served at a time; the others wait in the backlog.
const MAX_CONNECTIONS: usize = 2_048;

pub struct Listener {
    inner: TcpListener,
    permits: Arc<Semaphore>,
}

impl Listener {
    pub fn new(inner: TcpListener) -> Self {
        Listener { inner, permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }
}

impl axum::serve::Listener for Listener {
    type Io = Conn;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Conn, SocketAddr) {
        let Ok(permit) = self.permits.clone().acquire_owned().await else {
            return future::pending().await;
        };
        loop {
            match self.inner.accept().await {
                Ok((stream, addr)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "cannot set TCP_NODELAY");
                    }
                    return (Conn { stream, hangup: Hangup::default(), pause: None, _permit: permit }, addr);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// Between two bytes of a trickle.
pub const TRICKLE: Duration = Duration::from_secs(1);

const TRICKLING: u8 = 1;
const CLOSED: u8 = 2;

/// Spoils its connection: what is written after [`Hangup::now`] is not sent, not even a status line; what is written after
/// [`Hangup::trickle`] is sent at a byte a second.
#[derive(Clone, Default)]
pub struct Hangup(Arc<AtomicU8>);

impl Hangup {
    pub fn now(&self) {
        self.0.store(CLOSED, Ordering::Release);
    }

    pub fn trickle(&self) {
        self.0.store(TRICKLING, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) == CLOSED { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn trickles(&self) -> bool {
        self.0.load(Ordering::Acquire) == TRICKLING
    }
}

impl Connected<IncomingStream<'_, Listener>> for Hangup {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().hangup.clone()
    }
}

pub struct Conn {
    stream: TcpStream,
    hangup: Hangup,
    /// Until the next byte of a trickle.
    pause: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.hangup.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.hangup.check()?;
        if !self.hangup.trickles() {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(TRICKLE)));
        if pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        let byte = buf.get(..1).unwrap_or_default();
        Pin::new(&mut self.stream).poll_write(cx, byte)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.hangup.trickles() {
            let filled = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
            return self.poll_write(cx, filled);
        }
        self.hangup.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
