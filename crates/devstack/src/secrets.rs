//! The keys, tokens and passwords of a local run, made anew for each state folder and kept in it.
//!
//! They look like each provider's own, so that nothing downstream treats a local run differently. None opens anything
//! outside of this machine.

mod accounts;

pub use accounts::{Push, Social};

use crate::{dirs, endpoints::Webhooks};
use anyhow::{Context, Result, anyhow};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fmt::Write as _, fs, path::Path, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// What the services expect unless told otherwise.
pub const ISSUER: &str = "fanfare";
/// What the services expect unless told otherwise.
pub const AUDIENCE: &str = "fanfare";

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the 65 bytes of a P-256 point in a SubjectPublicKeyInfo (RFC 5480, section 2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

/// All secrets of a local run.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Ed25519 key that signs tokens: PKCS#8 DER in base64.
    pub jwt_private_key: String,
    /// Its public half, PEM.
    pub jwt_public_key_pem: String,
    /// 32 bytes in base64.
    pub kek: String,
    /// 32 bytes in base64.
    pub link_key: String,
    pub twilio_account_sid: String,
    pub twilio_auth_token: String,
    pub meta_access_token: String,
    pub meta_app_secret: String,
    pub meta_verify_token: String,
    pub meta_phone_number_id: String,
    pub sendgrid_api_key: String,
    /// P-256 key that signs the sandbox's events: PKCS#8 PEM.
    pub sendgrid_private_key_pem: String,
    /// Its public half as SendGrid shows it: SubjectPublicKeyInfo DER in base64.
    pub sendgrid_public_key: String,
    pub smtp_username: String,
    pub smtp_password: String,
    pub push: Push,
    pub social: Social,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// Who a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    Agent,
    Admin,
    Internal,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    workspace_id: Uuid,
    role: TokenRole,
}

impl Secrets {
    /// Makes new ones.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let random = SystemRandom::new();
        let jwt_der = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| anyhow!("no Ed25519 key can be made"))?;
        let jwt = Ed25519KeyPair::from_pkcs8(jwt_der.as_ref()).map_err(|error| anyhow!("the new Ed25519 key is refused: {error}"))?;
        let event_der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|_| anyhow!("no P-256 key can be made"))?;
        let event = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, event_der.as_ref(), &random)
            .map_err(|error| anyhow!("the new P-256 key is refused: {error}"))?;
        Ok(Self {
            jwt_private_key: BASE64_STANDARD.encode(&jwt_der),
            jwt_public_key_pem: pem("PUBLIC KEY", &[&ED25519_SPKI, jwt.public_key().as_ref()].concat()),
            kek: BASE64_STANDARD.encode(random_bytes::<32>()?),
            link_key: BASE64_STANDARD.encode(random_bytes::<32>()?),
            twilio_account_sid: format!("AC{}", random_hex()?),
            twilio_auth_token: random_hex()?,
            meta_access_token: format!("EAA{}", random_text()?),
            meta_app_secret: random_hex()?,
            meta_verify_token: random_hex()?,
            meta_phone_number_id: format!("1{:014}", u64::from_le_bytes(random_bytes()?) % 100_000_000_000_000),
            sendgrid_api_key: format!("SG.{}.{}", &random_text()?[..22], random_text()?),
            sendgrid_private_key_pem: pem("PRIVATE KEY", event_der.as_ref()),
            sendgrid_public_key: BASE64_STANDARD.encode([&P256_SPKI, event.public_key().as_ref()].concat()),
            smtp_username: "fanfare".to_owned(),
            smtp_password: random_text()?,
            push: Push::generate()?,
            social: Social::generate()?,
        })
    }

    /// Those of a state folder; made at its first use. They stay, since what the database holds is sealed with them.
    ///
    /// # Errors
    /// When they can't be read or written.
    pub fn load_or_generate(state_dir: &Path) -> Result<Self> {
        let path = state_dir.join("secrets.json");
        if path.exists() {
            let text = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
            let kept: Value = serde_json::from_slice(&text).with_context(|| damaged(&path))?;
            let whole = completed(&kept)?;
            if whole != kept {
                dirs::write_private(&path, &serde_json::to_vec_pretty(&whole)?)?;
            }
            return serde_json::from_value(whole).with_context(|| damaged(&path));
        }
        let secrets = Self::generate()?;
        dirs::write_private(&path, &serde_json::to_vec_pretty(&secrets)?)?;
        Ok(secrets)
    }

    /// A bearer token that the services of this run accept.
    ///
    /// # Errors
    /// When the key is damaged.
    pub fn mint_token(&self, role: TokenRole, workspace: Uuid, now: OffsetDateTime, lifetime: Duration) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: format!("local-{role:?}").to_lowercase(),
            iat: now.unix_timestamp(),
            exp: (now + lifetime).unix_timestamp(),
            workspace_id: workspace,
            role,
        };
        let key = EncodingKey::from_ed_der(&BASE64_STANDARD.decode(&self.jwt_private_key)?);
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key)?)
    }

    /// The sandbox's configuration: these secrets, the hub's webhooks and how recipients behave.
    #[must_use]
    pub fn sandbox_config(&self, seed: u64, webhooks: &Webhooks, behaviour: &Value) -> Value {
        let mut config = json!({
            "seed": seed,
            "twilio": {"account_sid": self.twilio_account_sid, "auth_token": self.twilio_auth_token, "inbound_url": webhooks.twilio_inbound},
            "sendgrid": {"api_key": self.sendgrid_api_key, "private_key_pem": self.sendgrid_private_key_pem, "webhook_url": webhooks.sendgrid},
            "meta": {
                "access_token": self.meta_access_token,
                "app_secret": self.meta_app_secret,
                "phone_number_id": self.meta_phone_number_id,
                "webhook_url": webhooks.meta,
            },
            "smtp": {"username": self.smtp_username, "password": self.smtp_password},
            "behaviour": behaviour,
        });
        for (name, account) in self.push.sandbox().into_iter().chain(self.social.sandbox()) {
            config[name] = account;
        }
        config
    }
}

fn damaged(path: &Path) -> String {
    format!("{} is damaged; `make clean` starts afresh", path.display())
}

/// What an earlier version has kept, with the accounts that are new since then.
fn completed(kept: &Value) -> Result<Value> {
    let mut whole = kept.clone();
    if let (Value::Object(whole), Value::Object(made)) = (&mut whole, serde_json::to_value(Secrets::generate()?)?) {
        for (name, account) in made.into_iter().filter(|(name, _)| name == "push" || name == "social") {
            whole.entry(name).or_insert(account);
        }
    }
    Ok(whole)
}

/// 256 random bits as text that needs no escaping in a URL.
pub(crate) fn random_text() -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

fn random_hex() -> Result<String> {
    Ok(random_bytes::<16>()?.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    }))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;
    use jsonwebtoken::{DecodingKey, Validation};
    use std::process::Command;

    #[test]
    fn tokens_verify_with_the_public_key_alone() {
        let secrets = Secrets::generate().unwrap();
        let workspace = Uuid::now_v7();
        let token = secrets.mint_token(TokenRole::Admin, workspace, OffsetDateTime::now_utc(), Duration::from_secs(60)).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let key = DecodingKey::from_ed_pem(secrets.jwt_public_key_pem.as_bytes()).unwrap();
        let claims = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap().claims;
        assert_eq!((claims.workspace_id, claims.role, claims.sub.as_str()), (workspace, TokenRole::Admin, "local-admin"));
        let other = DecodingKey::from_ed_pem(Secrets::generate().unwrap().jwt_public_key_pem.as_bytes()).unwrap_or(key);
        assert!(jsonwebtoken::decode::<Claims>(&token, &other, &validation).is_err());
    }

    #[test]
    fn a_state_folder_keeps_its_secrets() {
        let state = StateDir::scratch_blocking().unwrap();
        let first = Secrets::load_or_generate(state.path()).unwrap();
        assert_eq!(Secrets::load_or_generate(state.path()).unwrap().kek, first.kek);
        assert_ne!(Secrets::generate().unwrap().kek, first.kek);
    }

    #[test]
    fn what_an_earlier_version_kept_gets_the_new_accounts_once() {
        let state = StateDir::scratch_blocking().unwrap();
        let mut old = serde_json::to_value(Secrets::generate().unwrap()).unwrap();
        old.as_object_mut().unwrap().remove("push");
        old.as_object_mut().unwrap().remove("social");
        fs::write(state.path().join("secrets.json"), old.to_string()).unwrap();
        let first = Secrets::load_or_generate(state.path()).unwrap();
        let again = Secrets::load_or_generate(state.path()).unwrap();
        assert_eq!((&first.kek, &first.push.vapid_public_key), (&again.kek, &again.push.vapid_public_key));
        assert_eq!(old["kek"], first.kek);
    }

    #[test]
    fn the_event_key_is_one_that_openssl_reads() {
        let state = StateDir::scratch_blocking().unwrap();
        let secrets = Secrets::generate().unwrap();
        let path = state.path().join("key.pem");
        fs::write(&path, &secrets.sendgrid_private_key_pem).unwrap();
        // Without openssl on the machine there is nothing to compare with.
        let Ok(output) = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&path).output() else { return };
        let public = pem("PUBLIC KEY", &BASE64_STANDARD.decode(&secrets.sendgrid_public_key).unwrap());
        assert_eq!(String::from_utf8_lossy(&output.stdout), public);
    }

    #[test]
    fn debug_shows_no_secret() {
        let secrets = Secrets::generate().unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
    }
}
