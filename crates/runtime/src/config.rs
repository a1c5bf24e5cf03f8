//! Pieces of configuration that services flatten into their own; the only place that reads the environment.
//!
//! `--help` of a service lists every variable. Secrets are never shown, neither there nor in `Debug`.

use crate::seal;
use anyhow::Context as _;
use clap::Args;
use std::{fmt, net::SocketAddr, ops::Deref, path::PathBuf, str::FromStr};

/// Text that must not be logged. Derefs to the text; `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What every service is told.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// PostgreSQL, as postgres://user:password@host/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Secret,

    /// NATS with JetStream, as nats://[user:password@]host:port
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    pub nats_url: Secret,

    /// Servers that each stream is kept on; 3 in production
    #[arg(long, env = "FANFARE_NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: usize,

    /// Sizes of streams that differ from the usual ones, in bytes, as SEND=1048576,EVENTS=4194304; the same for every service
    #[arg(long, env = "FANFARE_STREAM_BYTES", value_delimiter = ',')]
    pub stream_bytes: Vec<StreamBytes>,

    /// First word of the names of streams and subjects
    #[arg(long, env = "FANFARE_SUBJECT_PREFIX", default_value = "fanfare")]
    pub subject_prefix: String,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "FANFARE_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// File to write {"port":n} to once the service answers
    #[arg(long, env = "FANFARE_PORTS_FILE")]
    pub ports_file: Option<PathBuf>,

    /// Origins whose pages may call this service from a browser, by comma, as https://host[:port]
    #[arg(long, env = "FANFARE_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,

    /// Whether gRPC reflection shows the schema (never data) to anybody that can reach the port
    #[arg(long, env = "FANFARE_REFLECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub reflection: bool,

    /// Whether addresses of private networks may be called, as a provider's base URL or by a link that somebody else has written: refuse or
    /// allow. Allow it only where providers are stand-ins beside the hub
    #[arg(long, env = "FANFARE_PRIVATE_NETWORKS", default_value = "refuse")]
    pub private_networks: PrivateNetworks,

    /// Collector for traces and metrics over gRPC without TLS, as http://host:4317; none are sent when absent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Which logs to write, as level or target=level, by comma
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
}

impl Common {
    /// A service on a free local port, all else by default; for tests and local runs inside one process.
    #[must_use]
    pub fn local(database_url: impl Into<Secret>, nats_url: impl Into<Secret>) -> Self {
        Self {
            database_url: database_url.into(),
            nats_url: nats_url.into(),
            nats_replicas: 1,
            stream_bytes: Vec::new(),
            subject_prefix: "fanfare".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ports_file: None,
            cors_origins: Vec::new(),
            reflection: true,
            private_networks: PrivateNetworks::Allow,
            otlp_endpoint: None,
            log: "info".to_owned(),
        }
    }

    /// Sizes of streams by their names, in bytes.
    pub fn stream_sizes(&self) -> impl Iterator<Item = (&str, i64)> {
        self.stream_bytes.iter().map(|size| (size.stream.as_str(), size.bytes))
    }
}

/// What is said of private networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PrivateNetworks {
    Refuse,
    Allow,
}

/// The size of one stream, as `SEND=1048576`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBytes {
    pub stream: String,
    pub bytes: i64,
}

impl FromStr for StreamBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('=').and_then(|(stream, bytes)| Some((stream, bytes.parse().ok().filter(|bytes| *bytes > 0)?)));
        let (stream, bytes) = read.ok_or("expected a stream and its bytes, as SEND=1048576")?;
        Ok(Self { stream: stream.to_owned(), bytes })
    }
}

/// How bearer tokens are checked. Exactly one source of keys must be given.
#[derive(Debug, Clone, Args)]
pub struct Auth {
    /// PEM file with the public key of the tokens' issuer: Ed25519, EC P-256 or RSA
    #[arg(long, env = "FANFARE_JWT_PUBLIC_KEY", conflicts_with = "jwks_url", required_unless_present = "jwks_url")]
    pub jwt_public_key: Option<PathBuf>,

    /// Where the issuer publishes its keys (JSON Web Key Set), https only unless local
    #[arg(long, env = "FANFARE_JWKS_URL")]
    pub jwks_url: Option<String>,

    /// The issuer that tokens must name
    #[arg(long, env = "FANFARE_JWT_ISSUER", default_value = "fanfare")]
    pub jwt_issuer: String,

    /// The audience that tokens must name
    #[arg(long, env = "FANFARE_JWT_AUDIENCE", default_value = "fanfare")]
    pub jwt_audience: String,
}

impl Auth {
    /// Tokens signed with the key of a PEM file, with the default issuer and audience.
    #[must_use]
    pub fn public_key(path: impl Into<PathBuf>) -> Self {
        Self { jwt_public_key: Some(path.into()), jwks_url: None, jwt_issuer: "fanfare".to_owned(), jwt_audience: "fanfare".to_owned() }
    }
}

/// The keys that seal credentials at rest.
#[derive(Debug, Clone, Args)]
pub struct Kek {
    /// Key-encryption keys, 32 bytes in base64, by comma: the first seals, all of them open (to rotate, put a new one first)
    #[arg(long, env = "FANFARE_KEK", hide_env_values = true, conflicts_with = "kek_file", required_unless_present = "kek_file")]
    pub kek: Option<Secret>,

    /// File that holds the same
    #[arg(long, env = "FANFARE_KEK_FILE")]
    pub kek_file: Option<PathBuf>,
}

impl Kek {
    /// The keys, ready to use.
    ///
    /// # Errors
    /// When they are absent, unreadable or not 32 bytes each.
    pub fn load(&self) -> anyhow::Result<seal::Kek> {
        let text = match (&self.kek, &self.kek_file) {
            (Some(keys), _) => keys.clone(),
            (None, Some(path)) => Secret(std::fs::read_to_string(path).with_context(|| format!("FANFARE_KEK_FILE {}", path.display()))?),
            (None, None) => anyhow::bail!("FANFARE_KEK or FANFARE_KEK_FILE must be set"),
        };
        seal::Kek::from_base64(&text).context("FANFARE_KEK")
    }
}

/// What makes and reads the links and correlation strings that leave with messages.
#[derive(Debug, Clone, Args)]
pub struct Links {
    /// Key that authenticates links and correlation strings, 32 bytes in base64
    #[arg(long, env = "FANFARE_LINK_KEY", hide_env_values = true)]
    pub link_key: Secret,

    /// Where the public reaches webhook-ingest, as https://host
    #[arg(long, env = "FANFARE_PUBLIC_URL")]
    pub public_url: String,
}

/// How to call the scheduler.
#[derive(Debug, Clone, Args)]
pub struct Internal {
    /// The scheduler, as http://host:port
    #[arg(long, env = "FANFARE_SCHEDULER_URL")]
    pub scheduler_url: String,

    /// Bearer token with the role internal
    #[arg(long, env = "FANFARE_INTERNAL_TOKEN", hide_env_values = true)]
    pub internal_token: Secret,
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
