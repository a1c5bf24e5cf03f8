//! Opens one connection, ready for mail: TCP without Nagle's delay, TLS as configured, signed in.

use super::{Config, Tls, send::Stage};
use crate::errors::{PAUSE, RETRY};
use crate::http_client::CONNECT_TIMEOUT;
use crate::{AccountError, Fault, tls};
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters},
    extension::ClientId,
};
use rustls::pki_types::ServerName;
use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Opens connections to one server.
#[derive(Debug)]
pub(super) struct Opener {
    config: Config,
    hello: ClientId,
    security: Security,
}

enum Security {
    None,
    Upgraded(TlsParameters),
    Implicit(TlsConnector, ServerName<'static>),
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Upgraded(_) => "Upgraded",
            Self::Implicit(..) => "Implicit",
        })
    }
}

impl Opener {
    pub(super) fn new(config: Config) -> Result<Self, AccountError> {
        let fault = || AccountError::new("ca_pem", "the certificate can't be used");
        let security = match config.tls {
            Tls::None => Security::None,
            Tls::Upgraded => {
                let mut parameters = TlsParameters::builder(config.host.clone());
                for authority in &config.authorities {
                    let certificate = Certificate::from_der(authority.to_vec());
                    parameters = parameters.add_root_certificate(certificate.map_err(|_| fault())?);
                }
                Security::Upgraded(parameters.build().map_err(|_| fault())?)
            }
            Tls::Implicit => {
                let config_tls = tls::bundled(&config.authorities).map_err(|_| fault())?;
                let name =
                    ServerName::try_from(config.host.clone()).map_err(|_| AccountError::new("host", "enter the mail server's name"))?;
                Security::Implicit(TlsConnector::from(Arc::new(config_tls)), name)
            }
        };
        Ok(Self { config, hello: ClientId::default(), security })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) async fn open(&self) -> Result<AsyncSmtpConnection, Fault> {
        let stream = timeout(CONNECT_TIMEOUT, self.stream())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| connect_fault(&error))?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await.map_err(|error| fault(&error))?;
        if let Security::Upgraded(parameters) = &self.security {
            connection.starttls(parameters.clone(), &self.hello).await.map_err(|error| fault(&error))?;
        }
        if let Some(login) = &self.config.login {
            let credentials = Credentials::new(login.username.expose().to_owned(), login.password.expose().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(|error| fault(&error))?;
        }
        Ok(connection)
    }

    async fn stream(&self) -> io::Result<Box<dyn AsyncTokioStream>> {
        let tcp = TcpStream::connect((self.config.host.as_str(), self.config.port)).await?;
        tcp.set_nodelay(true)?;
        match &self.security {
            Security::None | Security::Upgraded(_) => Ok(Box::new(tcp)),
            Security::Implicit(connector, name) => Ok(Box::new(Encrypted(connector.connect(name.clone(), tcp).await?))),
        }
    }
}

/// Nothing of a message has left while a connection is being opened: every fault is certain.
fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    if error.status().is_some() {
        return Stage::Opening.refusal(error);
    }
    if error.is_client() {
        return Fault::new("setup", PAUSE, "the server doesn't offer the TLS or sign-in we need");
    }
    connect_fault(error)
}

fn connect_fault(error: &(dyn Error + 'static)) -> Fault {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) || error.is::<rustls::Error>() {
            return Fault::new("tls", PAUSE, "the server's certificate can't be trusted");
        }
        cause = error.source();
    }
    Fault::new("connect", RETRY, "no connection to the mail server")
}

/// A TLS connection in the form that lettre takes.
#[derive(Debug)]
struct Encrypted(TlsStream<TcpStream>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
