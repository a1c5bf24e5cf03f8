//! A way to a server that can be blocked: nothing is refused, nothing comes back.

use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    blocked: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// In front of the server that a URL names.
    pub async fn start(server: &str) -> Self {
        let (scheme, rest) = server.split_once("://").unwrap();
        let (credentials, rest) = rest.rsplit_once('@').map_or(("", rest), |(credentials, rest)| (credentials, rest));
        let (target, path) = rest.split_once('/').unwrap_or((rest, ""));
        let target = target.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = if credentials.is_empty() { "" } else { "@" };
        let url = format!("{scheme}://{credentials}{at}{}/{path}", listener.local_addr().unwrap());
        let blocked = Arc::new(watch::channel(false).0);
        let switch = blocked.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, switch) = (target.clone(), switch.subscribe());
                tokio::spawn(async move {
                    let server = TcpStream::connect(target).await.unwrap();
                    let ((mut from_client, mut to_client), (from_server, mut to_server)) = (client.into_split(), server.into_split());
                    tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
                    answers(from_server, &mut to_client, switch).await;
                });
            }
        });
        Self { url, blocked }
    }

    /// Holds back all that the server says, until it is let through again.
    pub fn block(&self, blocked: bool) {
        self.blocked.send_replace(blocked);
    }
}

async fn answers(mut from: impl AsyncReadExt + Unpin, to: &mut (impl AsyncWriteExt + Unpin), mut blocked: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        blocked.wait_for(|blocked| !blocked).await.unwrap();
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}
