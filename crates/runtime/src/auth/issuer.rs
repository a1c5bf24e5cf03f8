//! Mints tokens with an Ed25519 key: for local runs, for tests, and for the hub's own services.

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{WorkspaceId, role::Role};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use std::{fmt, time::Duration};
use time::OffsetDateTime;

/// What precedes the 32 bytes of a public key in its DER form (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A private key that signs tokens.
pub struct Issuer {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}

/// What a token says.
#[derive(Debug, Clone)]
pub struct Grant {
    pub subject: String,
    /// None only for internal callers that act for any workspace.
    pub workspace: Option<WorkspaceId>,
    pub role: Role,
    pub issuer: String,
    pub audience: String,
    pub issued_at: OffsetDateTime,
    pub ttl: Duration,
}

impl Grant {
    /// A grant for 12 hours with the default issuer and audience.
    #[must_use]
    pub fn new(subject: impl Into<String>, workspace: Option<WorkspaceId>, role: Role, issued_at: OffsetDateTime) -> Self {
        Self {
            subject: subject.into(),
            workspace,
            role,
            issuer: "fanfare".to_owned(),
            audience: "fanfare".to_owned(),
            issued_at,
            ttl: Duration::from_secs(12 * 60 * 60),
        }
    }
}

impl Issuer {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| anyhow!("no randomness"))?;
        Self::from_pkcs8(pkcs8.as_ref().to_vec())
    }

    /// Reads what [`Issuer::private_pem`] or `openssl genpkey -algorithm ed25519` has written.
    ///
    /// # Errors
    /// When it is no Ed25519 key in PKCS#8.
    pub fn from_private_pem(pem: &str) -> anyhow::Result<Self> {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        Self::from_pkcs8(STANDARD.decode(base64).context("not a PEM file")?)
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map_err(|_| anyhow!("not an Ed25519 key in PKCS#8"))?;
        Ok(Self { public: pair.public_key().as_ref().to_vec(), pkcs8 })
    }

    /// The public key, as FANFARE_JWT_PUBLIC_KEY takes it.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &[&PUBLIC_PREFIX, self.public.as_slice()].concat())
    }

    /// The private key, to be kept in a file that only its owner can read.
    #[must_use]
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// A signed token.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self, grant: &Grant) -> anyhow::Result<String> {
        let issued_at = grant.issued_at.unix_timestamp();
        let mut claims = serde_json::json!({
            "iss": grant.issuer,
            "aud": grant.audience,
            "sub": grant.subject,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at.saturating_add_unsigned(grant.ttl.as_secs()),
            "role": grant.role,
        });
        if let Some(workspace) = grant.workspace {
            claims["workspace_id"] = workspace.to_string().into();
        }
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_der(&self.pkcs8))?)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        out.push_str(&text[start..text.len().min(start + 64)]);
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}
