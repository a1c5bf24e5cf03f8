//! The accounts for push and social channels: apps, pages and profiles that only the sandbox knows.

use super::{random_bytes, random_text};
use anyhow::{Context, Result, anyhow};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// See `fixtures/README.md`.
const FCM_KEY: &str = include_str!("../../fixtures/fcm_key.pem");
/// Where the 32 bytes of the private key begin in ring's PKCS#8 form of a P-256 key (RFC 5958, RFC 5915).
const P256_PRIVATE_AT: usize = 36;

/// A Firebase project and an application server for browsers.
#[derive(Clone, Serialize, Deserialize)]
pub struct Push {
    pub fcm_project_id: String,
    pub fcm_client_email: String,
    /// RSA, PKCS#8 PEM.
    pub fcm_private_key_pem: String,
    /// 65 bytes in base64url.
    pub vapid_public_key: String,
    /// 32 bytes in base64url.
    pub vapid_private_key: String,
}

/// An account at each network.
#[derive(Clone, Serialize, Deserialize)]
pub struct Social {
    pub facebook_access_token: String,
    pub facebook_page_id: String,
    pub instagram_access_token: String,
    pub instagram_user_id: String,
    pub x_access_token: String,
    pub x_user_id: String,
    pub linkedin_access_token: String,
    /// `urn:li:organization:…`
    pub linkedin_author: String,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Push(…)")
    }
}

impl fmt::Debug for Social {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Social(…)")
    }
}

impl Push {
    pub(super) fn generate() -> Result<Self> {
        let random = SystemRandom::new();
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|_| anyhow!("no P-256 key can be made"))?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.as_ref(), &random)
            .map_err(|error| anyhow!("the new P-256 key is refused: {error}"))?;
        let private = der.as_ref().get(P256_PRIVATE_AT..P256_PRIVATE_AT + 32).context("the new P-256 key has another form")?;
        let project = format!("fanfare-{:08x}", u32::from_le_bytes(random_bytes()?));
        Ok(Self {
            fcm_client_email: format!("hub@{project}.iam.gserviceaccount.com"),
            fcm_project_id: project,
            fcm_private_key_pem: FCM_KEY.to_owned(),
            vapid_public_key: BASE64_URL_SAFE_NO_PAD.encode(key.public_key()),
            vapid_private_key: BASE64_URL_SAFE_NO_PAD.encode(private),
        })
    }

    /// The service account's key file, as Google's console hands it out, with its tokens from the sandbox.
    #[must_use]
    pub fn service_account(&self, sandbox: &str) -> String {
        json!({
            "type": "service_account",
            "project_id": self.fcm_project_id,
            "private_key_id": "sandbox",
            "private_key": self.fcm_private_key_pem,
            "client_email": self.fcm_client_email,
            "token_uri": format!("{sandbox}/oauth2/token"),
        })
        .to_string()
    }

    pub(super) fn sandbox(&self) -> [(&'static str, Value); 2] {
        let fcm = json!({
            "project_id": self.fcm_project_id,
            "client_email": self.fcm_client_email,
            "private_key_pem": self.fcm_private_key_pem,
        });
        [("fcm", fcm), ("webpush", json!({"vapid_public_key": self.vapid_public_key}))]
    }
}

impl Social {
    pub(super) fn generate() -> Result<Self> {
        Ok(Self {
            facebook_access_token: format!("EAAP{}", random_text()?),
            facebook_page_id: digits()?,
            instagram_access_token: format!("EAAI{}", random_text()?),
            instagram_user_id: format!("1784{}", &digits()?[..13]),
            x_access_token: random_text()?,
            x_user_id: digits()?,
            linkedin_access_token: format!("AQ{}", random_text()?),
            linkedin_author: format!("urn:li:organization:{}", &digits()?[..8]),
        })
    }

    pub(super) fn sandbox(&self) -> [(&'static str, Value); 4] {
        let facebook = json!({"access_token": self.facebook_access_token, "page_id": self.facebook_page_id, "page_name": "Lumen"});
        let instagram = json!({"access_token": self.instagram_access_token, "ig_user_id": self.instagram_user_id, "username": "lumen"});
        let x = json!({"access_token": self.x_access_token, "user_id": self.x_user_id, "username": "lumen"});
        let linkedin = json!({"access_token": self.linkedin_access_token, "author": self.linkedin_author, "name": "Lumen"});
        [("facebook", facebook), ("instagram", instagram), ("x", x), ("linkedin", linkedin)]
    }
}

/// 15 digits with no zero in front, as networks number their accounts.
fn digits() -> Result<String> {
    Ok(format!("1{:014}", u64::from_le_bytes(random_bytes()?) % 100_000_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_have_the_form_that_push_services_and_google_give() {
        let push = Push::generate().unwrap();
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let (private, public) = (bytes(&push.vapid_private_key), bytes(&push.vapid_public_key));
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &private, &public, &random);
        assert!(pair.is_ok(), "the two belong together");
        let file: Value = serde_json::from_str(&push.service_account("http://127.0.0.1:1")).unwrap();
        assert_eq!(file["token_uri"], "http://127.0.0.1:1/oauth2/token");
        assert!(file["private_key"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }

    #[test]
    fn networks_have_accounts_of_their_own() {
        let social = Social::generate().unwrap();
        assert_eq!((social.facebook_page_id.len(), social.instagram_user_id.len()), (15, 17));
        assert_ne!(social.facebook_page_id, social.x_user_id);
        assert!(!format!("{social:?}").contains(&social.x_access_token));
    }
}
