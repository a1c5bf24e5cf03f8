//! What the process is started with ([`Options`]) and what can be changed while it runs ([`Config`]).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RsaKeyPair};
use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
pub use crate::config_mail::Mail;
pub use crate::config_social::{Facebook, Instagram, Linkedin, OauthApp, X};
pub use crate::config_whatsapp::{Content, Template, Whatsapp};

/// How the process is started.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: SocketAddr,
    pub smtp_listen: SocketAddr,
    /// Holds the log, the outcomes and the last configuration.
    pub state_dir: PathBuf,
    /// Gets `{"http":port,"smtp":port}` once both are served.
    pub ports_file: Option<PathBuf>,
    /// Lets callbacks and clicks go to other machines.
    pub allow_remote: bool,
}

/// Accounts and behaviour. A provider without a section refuses every login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub seed: u64,
    pub twilio: Option<Twilio>,
    pub sendgrid: Option<SendGrid>,
    pub meta: Option<Meta>,
    pub smtp: Option<Smtp>,
    pub fcm: Option<Fcm>,
    pub webpush: Option<Webpush>,
    pub facebook: Option<Facebook>,
    pub instagram: Option<Instagram>,
    pub x: Option<X>,
    pub linkedin: Option<Linkedin>,
    pub whatsapp: Whatsapp,
    pub mail: Mail,
    pub behaviour: Behaviour,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 7,
            twilio: None,
            sendgrid: None,
            meta: None,
            smtp: None,
            fcm: None,
            webpush: None,
            facebook: None,
            instagram: None,
            x: None,
            linkedin: None,
            whatsapp: Whatsapp::default(),
            mail: Mail::default(),
            behaviour: Behaviour::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    pub account_sid: String,
    pub auth_token: String,
    /// Where replies go. Without it nobody replies STOP.
    #[serde(default)]
    pub inbound_url: Option<String>,
    /// Numbers that carriers have taken back, in the file of every day.
    #[serde(default)]
    pub deactivated_numbers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendGrid {
    pub api_key: String,
    /// EC P-256, PKCS#8, PEM. Signs the events.
    pub private_key_pem: String,
    /// Where events go. Without it there are none.
    #[serde(default)]
    pub webhook_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    pub access_token: String,
    pub app_secret: String,
    pub phone_number_id: String,
    #[serde(default)]
    pub webhook_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub username: String,
    pub password: String,
    /// A second message with the same Message-ID for the same recipient is answered like the first, and dropped.
    #[serde(default)]
    pub duplicate_suppression: bool,
}

/// A Firebase project and its one service account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fcm {
    pub project_id: String,
    pub client_email: String,
    /// RSA, PKCS#8, PEM: the service account's own.
    pub private_key_pem: String,
}

/// The push service of simulated devices and of browsers that open `/push/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webpush {
    /// The application server key that all of them have subscribed with: base64url, 65 bytes.
    pub vapid_public_key: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("behaviour.{0} is out of range")]
    Behaviour(&'static str),
    #[error("sendgrid.private_key_pem is not an EC P-256 key in PKCS#8 PEM")]
    Key,
    #[error("fcm.private_key_pem is not an RSA key of 2048 bits or more in PKCS#8 PEM")]
    FcmKey,
    #[error("webpush.vapid_public_key is not a point of 65 bytes in base64url")]
    VapidKey,
    #[error("{0} is not an http(s) URL")]
    Url(&'static str),
}

/// A checked configuration with what was derived from it.
pub struct Active {
    pub config: Config,
    pub sendgrid_key: Option<EcdsaKeyPair>,
    pub fcm_key: Option<RsaKeyPair>,
    /// What push messages are signed with.
    pub vapid_key: Option<Vec<u8>>,
}

impl Active {
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if let Some(setting) = config.behaviour.fault() {
            return Err(ConfigError::Behaviour(setting));
        }
        let urls = [
            ("twilio.inbound_url", config.twilio.as_ref().and_then(|t| t.inbound_url.as_deref())),
            ("sendgrid.webhook_url", config.sendgrid.as_ref().and_then(|s| s.webhook_url.as_deref())),
            ("meta.webhook_url", config.meta.as_ref().and_then(|m| m.webhook_url.as_deref())),
        ];
        for (name, url) in urls {
            if url.is_some_and(|url| !is_http_url(url)) {
                return Err(ConfigError::Url(name));
            }
        }
        let sendgrid_key = config.sendgrid.as_ref().map(|s| key_from_pem(&s.private_key_pem)).transpose()?;
        let fcm_key = config.fcm.as_ref().map(|fcm| rsa_from_pem(&fcm.private_key_pem)).transpose()?;
        let vapid_key = config.webpush.as_ref().map(|webpush| point(&webpush.vapid_public_key)).transpose()?;
        Ok(Active { config, fcm_key, vapid_key, sendgrid_key })
    }
}

/// The configuration in force, replaceable at any time and kept in the state folder.
pub struct Live {
    active: RwLock<Arc<Active>>,
    file: PathBuf,
}

impl Live {
    /// Takes up the configuration that the last process in this folder had, or the default.
    pub fn open(state_dir: &Path) -> anyhow::Result<Self> {
        let file = state_dir.join("config.json");
        let config = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Live { active: RwLock::new(Arc::new(Active::new(config)?)), file })
    }

    pub fn get(&self) -> Arc<Active> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the whole configuration, on disk first.
    pub fn replace(&self, active: Active) -> std::io::Result<()> {
        write_private(&self.file, &serde_json::to_vec_pretty(&active.config)?)?;
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(active);
        Ok(())
    }
}

/// Writes a file in one step, readable by its owner only (it may hold keys).
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let beside = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(bytes)?;
    std::fs::rename(beside, path)
}

pub fn is_http_url(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The bytes of a PKCS#8 key in PEM.
fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?.strip_suffix("-----END PRIVATE KEY-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

fn rsa_from_pem(pem: &str) -> Result<RsaKeyPair, ConfigError> {
    let der = der_of_pem(pem).ok_or(ConfigError::FcmKey)?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| ConfigError::FcmKey)
}

fn point(text: &str) -> Result<Vec<u8>, ConfigError> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| ConfigError::VapidKey)?;
    if bytes.len() == 65 { Ok(bytes) } else { Err(ConfigError::VapidKey) }
}

fn key_from_pem(pem: &str) -> Result<EcdsaKeyPair, ConfigError> {
    let der = der_of_pem(pem).ok_or(ConfigError::Key)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &SystemRandom::new()).map_err(|_| ConfigError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_misspelt_is_refused() {
        let config: Config = serde_json::from_str(r#"{"seed":3,"behaviour":{"click":0.5}}"#).unwrap();
        assert_eq!((config.seed, config.behaviour.click, config.behaviour.read), (3, 0.5, 0.45));
        assert!(serde_json::from_str::<Config>(r#"{"behaviour":{"clicks":0.5}}"#).is_err());
    }

    #[test]
    fn a_key_that_is_not_one_is_refused() {
        let sendgrid = SendGrid { api_key: "k".into(), private_key_pem: "nonsense".into(), webhook_url: None };
        let config = Config { sendgrid: Some(sendgrid), ..Config::default() };
        assert!(matches!(Active::new(config), Err(ConfigError::Key)));
    }

    #[test]
    fn a_webhook_that_is_not_a_url_is_refused() {
        let twilio = Twilio {
            account_sid: "AC".into(),
            auth_token: "t".into(),
            inbound_url: Some("ftp://x".into()),
            deactivated_numbers: Vec::new(),
        };
        let config = Config { twilio: Some(twilio), ..Config::default() };
        assert!(matches!(Active::new(config), Err(ConfigError::Url("twilio.inbound_url"))));
    }
}
