//! Providers that take everything at once: an HTTP one that answers like Twilio, and an SMTP one.

use anyhow::Result;
use axum::{Router, http::StatusCode, response::IntoResponse, routing::post};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A running sink and how many messages it took.
pub struct Sink {
    pub address: SocketAddr,
    pub taken: Arc<AtomicUsize>,
}

impl Sink {
    pub fn count(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub async fn http() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, taken) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let counter = taken.clone();
        let answer = move |_body: String| {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            async move {
                let body = format!(r#"{{"sid":"SM{number:032x}","status":"queued","error_code":null}}"#);
                (StatusCode::CREATED, [("content-type", "application/json")], body).into_response()
            }
        };
        let router = Router::new().route("/2010-04-01/Accounts/{sid}/Messages.json", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, taken })
    }

    pub async fn smtp() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, taken) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let counter = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(session(stream, counter.clone()));
            }
        });
        Ok(Self { address, taken })
    }
}

async fn session(stream: TcpStream, taken: Arc<AtomicUsize>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        match line.get(..4).map(<[u8]>::to_ascii_uppercase).as_deref() {
            Some(b"EHLO") => stream.write_all(b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n").await?,
            Some(b"DATA") => {
                stream.write_all(b"354 go\r\n").await?;
                while line != b".\r\n" {
                    line.clear();
                    stream.read_until(b'\n', &mut line).await?;
                }
                taken.fetch_add(1, Ordering::Relaxed);
                stream.write_all(b"250 2.0.0 taken\r\n").await?;
            }
            Some(b"QUIT") => return Ok(stream.write_all(b"221 bye\r\n").await?),
            _ => stream.write_all(b"250 2.1.0 ok\r\n").await?,
        }
    }
}
