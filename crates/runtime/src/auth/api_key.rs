//! The text of an API key: `ffk_<id>_<secret>`, the id in 32 hexadecimal digits, the secret in 43 characters of base64url.
//!
//! The secret has 256 random bits. Nobody can guess or list those, so its plain SHA-256 is what is kept; a slow hash, which
//! passwords need, would only slow us down.

use crate::config::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::ApiKeyId;
use ring::{
    digest::{SHA256, digest},
    rand::SecureRandom,
};
use std::fmt;
use uuid::Uuid;

/// What every key begins with, so that scanners for leaked secrets know one.
pub(super) const PREFIX: &str = "ffk_";
const ID_DIGITS: usize = 32;
const SECRET_BYTES: usize = 32;

/// A key as its owner has it. `Debug` shows the id only.
pub struct ApiKeyText {
    pub id: ApiKeyId,
    secret: [u8; SECRET_BYTES],
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyText").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no randomness")]
pub struct NoRandomness;

impl ApiKeyText {
    /// A new key.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate(id: ApiKeyId, random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut secret = [0; SECRET_BYTES];
        random.fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(Self { id, secret })
    }

    /// Reads a key; None when it hasn't the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
        if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let id = Uuid::try_parse(id).ok()?;
        let secret = URL_SAFE_NO_PAD.decode(secret.strip_prefix('_')?).ok()?.try_into().ok()?;
        Some(Self { id: ApiKeyId(id), secret })
    }

    /// What is shown to its owner, once.
    #[must_use]
    pub fn text(&self) -> Secret {
        format!("{PREFIX}{}_{}", self.id.0.simple(), URL_SAFE_NO_PAD.encode(self.secret)).into()
    }

    /// What is kept: SHA-256 of the secret.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.secret).as_ref());
        hash
    }

    /// Whether its secret is the one of that hash, in a time that doesn't tell how much of it is.
    #[must_use]
    pub fn matches(&self, secret_hash: &[u8]) -> bool {
        let mine = self.secret_hash();
        mine.len() == secret_hash.len() && mine.iter().zip(secret_hash).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn a_key_is_read_back_and_matches_its_hash_only() {
        let (id, random) = (ApiKeyId::new(), SystemRandom::new());
        let key = ApiKeyText::generate(id, &random).unwrap();
        let read = ApiKeyText::parse(&key.text()).unwrap();
        assert_eq!((read.id, read.secret_hash()), (id, key.secret_hash()));
        assert!(read.matches(&key.secret_hash()));
        let other = ApiKeyText::generate(id, &random).unwrap();
        assert!(!read.matches(&other.secret_hash()) && !read.matches(&[]) && !read.matches(&key.secret_hash()[..31]));
        assert!(!format!("{key:?}").contains(&URL_SAFE_NO_PAD.encode(key.secret)));
    }

    #[test]
    fn no_changed_character_of_a_key_is_taken_for_the_key() {
        let key = ApiKeyText::generate(ApiKeyId::new(), &SystemRandom::new()).unwrap();
        let text = key.text();
        let (mut tried, hash) = (0, key.secret_hash());
        for (place, _) in text.char_indices() {
            for replacement in ["", "_", "a", "A", "0", "=", " "] {
                let changed = format!("{}{replacement}{}", &text[..place], &text[place + 1..]);
                if changed == *text {
                    continue;
                }
                let same = ApiKeyText::parse(&changed).is_some_and(|read| read.id == key.id && read.matches(&hash));
                assert!(!same, "{changed}");
                tried += 1;
            }
        }
        assert!(tried > 500, "{tried}");
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        let secret = "A".repeat(43);
        let id = "0190000000007000800000000000000a";
        assert!(ApiKeyText::parse(&format!("ffk_{id}_{secret}")).is_some());
        for text in [
            String::new(),
            "ffk_".to_owned(),
            format!("FFK_{id}_{secret}"),
            format!("ffk_{}_{secret}", id.to_uppercase()),
            format!("ffk_{id}{secret}"),
            format!("ffk_{id}_{secret}="),
            format!("ffk_{id}_{}", "A".repeat(42)),
            format!("ffk_{id}_{}B", "A".repeat(42)),
            format!("ffk_0190000000007000-000000000000000a_{secret}"),
            format!("ffk_é{id}_{secret}"),
        ] {
            assert!(ApiKeyText::parse(&text).is_none(), "{text}");
        }
    }
}
