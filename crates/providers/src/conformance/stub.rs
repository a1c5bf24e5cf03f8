//! A server of a few lines for tests: takes one HTTP request or one letter at a time, keeps it, and then does as told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Http,
    Smtp,
}

/// What to do with a request once it is whole.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    /// Say these bytes, and go on.
    Reply(Vec<u8>),
    /// Break the connection.
    Reset,
    /// Say nothing, ever.
    Hold,
}

/// A server's reply to commands with this beginning, instead of the usual one. An empty reply breaks the connection.
pub(crate) type Scripted = (&'static str, &'static str);

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub addr: SocketAddr,
    /// Requests that begin so are answered so, and listed apart.
    before: Arc<Vec<(&'static str, Vec<u8>)>>,
    steps: Arc<Mutex<Vec<Vec<u8>>>>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<Mutex<usize>>,
}

impl Stub {
    pub(crate) async fn start(protocol: Protocol, then: Then) -> Self {
        Self::scripted(protocol, then, Vec::new()).await
    }

    pub(crate) async fn scripted(protocol: Protocol, then: Then, script: Vec<Scripted>) -> Self {
        Self::serving(protocol, Vec::new(), then, script).await
    }

    /// One that answers what is asked `before` the sending request as given there, by the beginning of the request.
    pub(crate) async fn stepped(protocol: Protocol, before: Vec<(&'static str, Vec<u8>)>, then: Then) -> Self {
        Self::serving(protocol, before, then, Vec::new()).await
    }

    async fn serving(protocol: Protocol, before: Vec<(&'static str, Vec<u8>)>, then: Then, script: Vec<Scripted>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let before = Arc::new(before);
        let stub = Self { addr, before, steps: Arc::default(), requests: Arc::default(), connections: Arc::default() };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *serving.connections.lock().unwrap() += 1;
                let (stub, then, script) = (serving.clone(), then.clone(), script.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    stub.serve(protocol, stream, &then, &script).await
                });
            }
        });
        stub
    }

    /// An address where nobody listens.
    pub(crate) async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests that came before the sending one.
    pub(crate) fn steps(&self) -> Vec<Vec<u8>> {
        self.steps.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    async fn serve(&self, protocol: Protocol, stream: TcpStream, then: &Then, script: &[Scripted]) -> Option<()> {
        let mut stream = BufReader::new(stream);
        if matches!(protocol, Protocol::Smtp) {
            say(&mut stream, scripted(script, "greeting").unwrap_or("220 stub")).await?;
        }
        loop {
            let request = match protocol {
                Protocol::Http => http_request(&mut stream).await?,
                Protocol::Smtp => letter(&mut stream, script).await?,
            };
            if let Some((_, answer)) = self.before.iter().find(|(begin, _)| request.starts_with(begin.as_bytes())) {
                self.steps.lock().unwrap().push(request);
                stream.write_all(answer).await.ok()?;
                continue;
            }
            self.requests.lock().unwrap().push(request);
            match then {
                Then::Reply(bytes) => stream.write_all(bytes).await.ok()?,
                Then::Reset => {
                    stream.get_ref().set_zero_linger().ok()?;
                    return None;
                }
                Then::Hold => std::future::pending().await,
            }
        }
    }
}

/// One request, head and body; None at the end of the connection.
async fn http_request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let start = request.len();
        if stream.read_until(b'\n', &mut request).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&request[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let start = request.len();
    request.resize(start + length, 0);
    stream.read_exact(&mut request[start..]).await.ok()?;
    Some(request)
}

/// The commands and the text of one letter; answers the commands.
async fn letter(stream: &mut BufReader<TcpStream>, script: &[Scripted]) -> Option<Vec<u8>> {
    let mut letter = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        letter.extend_from_slice(line.as_bytes());
        let usual = match line.get(..4).unwrap_or_default() {
            "EHLO" => "250-stub\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 2.0.0 fine",
        };
        let reply = scripted(script, &line).unwrap_or(usual);
        say(stream, reply).await?;
        if reply.starts_with("354") {
            break;
        }
    }
    while !letter.ends_with(b"\r\n.\r\n") {
        if stream.read_until(b'\n', &mut letter).await.ok()? == 0 {
            return None;
        }
    }
    Some(letter)
}

fn scripted(script: &[Scripted], command: &str) -> Option<&'static str> {
    script.iter().find(|(begin, _)| command.starts_with(begin)).map(|(_, reply)| *reply)
}

async fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> Option<()> {
    if reply.is_empty() {
        return None;
    }
    stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()
}

/// The bytes of an HTTP answer.
pub(crate) fn http(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status} As Told\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str("\r\n");
    [answer.as_bytes(), body].concat()
}

/// The body of a recorded HTTP request.
pub(crate) fn body(request: &[u8]) -> &[u8] {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &request[end + 4..]
}
