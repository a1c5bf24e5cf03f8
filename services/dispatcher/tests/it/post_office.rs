//! A mail server that keeps every letter waiting for its answer until it is told to open.

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
    sync::watch,
};

/// A running mail server.
#[derive(Clone)]
pub struct PostOffice {
    pub address: SocketAddr,
    letters: Arc<AtomicUsize>,
    is_open: watch::Sender<bool>,
}

impl PostOffice {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let office = Self { address: listener.local_addr().unwrap(), letters: Arc::default(), is_open: watch::Sender::new(false) };
        let accepting = office.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let office = accepting.clone();
                tokio::spawn(async move { office.serve(BufReader::new(stream)).await });
            }
        });
        office
    }

    /// Letters that it has got, answered or not.
    pub fn letters(&self) -> usize {
        self.letters.load(Ordering::Relaxed)
    }

    /// Answers what waits, and what comes from now on.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// None at the end of the connection.
    async fn serve(&self, mut stream: BufReader<TcpStream>) -> Option<()> {
        say(&mut stream, "220 here").await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if !line.starts_with("DATA") {
                say(&mut stream, "250 fine").await?;
                continue;
            }
            say(&mut stream, "354 go on").await?;
            let mut letter = Vec::new();
            while !letter.ends_with(b"\r\n.\r\n") {
                if stream.read_until(b'\n', &mut letter).await.ok()? == 0 {
                    return None;
                }
            }
            self.letters.fetch_add(1, Ordering::Relaxed);
            self.is_open.subscribe().wait_for(|is_open| *is_open).await.ok()?;
            say(&mut stream, "250 taken").await?;
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> Option<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()
}
