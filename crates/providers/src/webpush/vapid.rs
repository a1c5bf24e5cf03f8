//! Who sends, as push services want to know it (RFC 8292): a token signed with the key that browsers subscribed with.

use crate::{Account, AccountError, Secret, jwt};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::json;
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};
use time::{Duration, OffsetDateTime};

pub(super) const PUBLIC_KEY: &str = "vapid_public_key";
pub(super) const PRIVATE_KEY: &str = "vapid_private_key";
/// A token may be good for a day at most (RFC 8292, 2); clocks differ.
const LIFE: Duration = Duration::hours(12);
/// So long before its end another one is made.
const EARLY: Duration = Duration::hours(1);
/// Push services are few; endpoints of strangers may name as many hosts as they like.
const MAX_KEPT: usize = 200;

/// The account's identity towards push services.
pub(super) struct Identity {
    key: EcdsaKeyPair,
    /// As browsers were given it.
    public: String,
    subject: String,
    /// Header values by origin, and until when they are used.
    kept: Mutex<HashMap<String, (Secret, OffsetDateTime)>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("public", &self.public).field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Identity {
    pub(super) fn read(account: &Account, subject: String) -> Result<Self, AccountError> {
        let remedy = "enter the key as browsers are given it: 65 bytes in base64url";
        let public = bytes::<65>(&account.required(PUBLIC_KEY, |text| bytes::<65>(text).is_some(), remedy)?)
            .ok_or_else(|| AccountError::new(PUBLIC_KEY, remedy))?;
        let remedy = "enter the private key of the same pair: 32 bytes in base64url";
        let private = account.token(PRIVATE_KEY, remedy)?;
        let private = bytes::<32>(private.expose()).ok_or_else(|| AccountError::new(PRIVATE_KEY, remedy))?;
        let key = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public, &SystemRandom::new())
            .map_err(|_| AccountError::new(PRIVATE_KEY, "doesn't belong to vapid_public_key: enter both of one pair"))?;
        Ok(Self { key, public: BASE64_URL_SAFE_NO_PAD.encode(public), subject, kept: Mutex::default() })
    }

    /// The `Authorization` header for an origin (`https://push.example.net`). None when the machine has no randomness.
    pub(super) fn authorization(&self, origin: &str, now: OffsetDateTime) -> Option<Secret> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((header, until)) = kept.get(origin)
            && now < *until
        {
            return Some(header.clone());
        }
        let until = now + LIFE;
        let token = jwt::es256(&self.key, &json!({ "aud": origin, "exp": until.unix_timestamp(), "sub": self.subject }))?;
        let header = Secret::new(format!("vapid t={token}, k={}", self.public));
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(origin.to_owned(), (header.clone(), until - EARLY));
        Some(header)
    }
}

/// Bytes in base64url, with or without padding.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}
