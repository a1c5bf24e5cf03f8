//! The two ways to TLS, against a server with a certificate of its own.

use super::*;
use rustls::{
    ServerConfig, crypto,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &str = include_str!("../fixtures/certificate.pem");
const KEY: &str = include_str!("../fixtures/key.pem");

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Takes TLS off, at once or after STARTTLS, and passes the rest on to `stub`.
async fn terminator(stub: SocketAddr, starttls: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(terminate(stream, stub, starttls));
        }
    });
    addr
}

async fn terminate(mut stream: TcpStream, stub: SocketAddr, starttls: bool) -> std::io::Result<()> {
    let mut inner = BufReader::new(TcpStream::connect(stub).await?);
    if starttls {
        let mut plain = BufReader::new(&mut stream);
        plain.write_all(b"220 plain\r\n").await?;
        for reply in ["250-plain\r\n250 STARTTLS\r\n", "220 go on\r\n"] {
            plain.read_line(&mut String::new()).await?;
            plain.write_all(reply.as_bytes()).await?;
        }
        inner.read_line(&mut String::new()).await?;
    }
    let mut outer = acceptor().accept(stream).await?;
    copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}

async fn outcome(server: SocketAddr, tls: &str, ca_pem: &str, host: &str) -> Outcome {
    let port = server.port().to_string();
    let account = account(&[("host", host), ("tls", tls), ("port", &port), ("ca_pem", ca_pem)]);
    let sender = sender(&account, Channel::Email, DEADLINE).unwrap();
    sender.send(&email("Hi", "<p>Hi</p>")).await
}

#[tokio::test]
async fn both_ways_deliver_to_a_trusted_server() {
    for (tls, starttls) in [("implicit", false), ("starttls", true)] {
        let stub = scripted(&[]).await;
        let server = terminator(stub.addr, starttls).await;
        let outcome = outcome(server, tls, CERTIFICATE, "localhost").await;
        assert!(is_accepted(&outcome), "{tls}: {outcome:?}");
        let letter = String::from_utf8(stub.requests().remove(0)).unwrap();
        assert!(letter.contains("AUTH PLAIN "), "signed in under TLS: {letter}");
    }
}

#[tokio::test]
async fn untrusted_or_wrongly_named_server_gets_nothing() {
    for (tls, starttls) in [("implicit", false), ("starttls", true)] {
        for (ca_pem, host) in [("", "localhost"), (CERTIFICATE, "127.0.0.1")] {
            let stub = scripted(&[]).await;
            let server = terminator(stub.addr, starttls).await;
            let outcome = outcome(server, tls, ca_pem, host).await;
            assert_eq!(refused(outcome), ("tls".to_owned(), PAUSE), "{tls} {host}");
            assert!(stub.requests().is_empty());
        }
    }
}

#[tokio::test]
async fn server_without_starttls_gets_no_password() {
    let stub = scripted(&[]).await;
    assert_eq!(refused(outcome(stub.addr, "starttls", "", "127.0.0.1").await).0, "setup");
    assert!(stub.requests().is_empty());
}
