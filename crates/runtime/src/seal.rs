//! Secrets at rest: envelope encryption. Each secret has a data key of its own, wrapped by a key-encryption key (KEK).
//!
//! Format, version 1, all AES-256-GCM: `1 | KEK id (8) | nonce (12) | wrapped data key (32+16) | nonce (12) | ciphertext+16`.
//! What is before a ciphertext is authenticated with it, and so is the caller's `aad`, which ties a secret to its row: a
//! sealed value copied to another row doesn't open. The KEK id is the start of a hash, so that rotation finds the key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey},
    digest,
    rand::{SecureRandom as _, SystemRandom},
};
use std::fmt;

const VERSION: u8 = 1;
const KEY_LEN: usize = 32;
const ID_LEN: usize = 8;
/// Version and KEK id.
const HEAD_LEN: usize = 1 + ID_LEN;
const WRAPPED_END: usize = HEAD_LEN + NONCE_LEN + KEY_LEN + MAX_TAG_LEN;

/// Why something wasn't sealed or opened. Says nothing of the secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("a key-encryption key must be 32 bytes in base64")]
    BadKey,
    #[error("the system gave no randomness")]
    NoRandomness,
    #[error("it was sealed with a key that is not configured")]
    UnknownKey,
    #[error("it is damaged, or belongs somewhere else")]
    Damaged,
}

/// The key-encryption keys: the first seals, all of them open.
pub struct Kek {
    first: WrappingKey,
    older: Vec<WrappingKey>,
}

struct WrappingKey {
    id: [u8; ID_LEN],
    key: LessSafeKey,
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek").field("keys", &(1 + self.older.len())).finish_non_exhaustive()
    }
}

impl Kek {
    /// Reads keys of 32 bytes in base64, by comma. To rotate, put a new key first, re-seal, then drop the old one.
    ///
    /// # Errors
    /// [`Error::BadKey`].
    pub fn from_base64(list: &str) -> Result<Self, Error> {
        let mut keys = list.split(',').map(|text| WrappingKey::from_base64(text.trim()));
        let first = keys.next().ok_or(Error::BadKey)??;
        Ok(Self { first, older: keys.collect::<Result<_, _>>()? })
    }

    /// A new random key, as configuration takes it.
    ///
    /// # Errors
    /// [`Error::NoRandomness`].
    pub fn generate() -> Result<String, Error> {
        Ok(STANDARD.encode(random::<KEY_LEN>()?))
    }

    /// Seals a secret; `aad` is where it belongs (the row's id) and must be given again to open it.
    ///
    /// # Errors
    /// [`Error::NoRandomness`].
    pub fn seal(&self, secret: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = Vec::with_capacity(WRAPPED_END + NONCE_LEN + secret.len() + MAX_TAG_LEN);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.first.id);
        let data_key = random::<KEY_LEN>()?;
        append(&mut sealed, &self.first.key, &data_key, aad)?;
        append(&mut sealed, &gcm(&data_key)?, secret, aad)?;
        Ok(sealed)
    }

    /// Opens what any of the keys has sealed.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when its key isn't here, [`Error::Damaged`] when a byte or `aad` differs.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
        if sealed.len() < WRAPPED_END + NONCE_LEN + MAX_TAG_LEN || sealed[0] != VERSION {
            return Err(Error::Damaged);
        }
        let id = &sealed[1..HEAD_LEN];
        let kek = std::iter::once(&self.first).chain(&self.older).find(|kek| kek.id == id).ok_or(Error::UnknownKey)?;
        let data_key = take(&sealed[..WRAPPED_END], HEAD_LEN, &kek.key, aad)?;
        take(sealed, WRAPPED_END, &gcm(&data_key)?, aad)
    }

    /// Whether the first key sealed it; if not, seal it again before that key is dropped.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.first() == Some(&VERSION) && sealed.get(1..HEAD_LEN) == Some(&self.first.id)
    }
}

impl WrappingKey {
    fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes: [u8; KEY_LEN] = STANDARD.decode(text).map_err(|_| Error::BadKey)?.try_into().map_err(|_| Error::BadKey)?;
        let mut hashed = digest::Context::new(&digest::SHA256);
        hashed.update(b"fanfare kek id\0");
        hashed.update(&bytes);
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&hashed.finish().as_ref()[..ID_LEN]);
        Ok(Self { id, key: gcm(&bytes)? })
    }
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Error::BadKey)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

/// Authenticates everything before the nonce, and where it belongs. The length keeps the two apart.
fn bound(before: &[u8], aad: &[u8]) -> Aad<Vec<u8>> {
    let length = (before.len() as u64).to_be_bytes();
    Aad::from([&length, before, aad].concat())
}

fn append(out: &mut Vec<u8>, key: &LessSafeKey, plain: &[u8], aad: &[u8]) -> Result<(), Error> {
    let nonce = random::<NONCE_LEN>()?;
    let bound = bound(out, aad);
    let mut text = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut text).map_err(|_| Error::Damaged)?;
    out.extend_from_slice(&nonce);
    out.append(&mut text);
    Ok(())
}

fn take(sealed: &[u8], start: usize, key: &LessSafeKey, aad: &[u8]) -> Result<Vec<u8>, Error> {
    let (before, rest) = sealed.split_at(start);
    let (nonce, text) = rest.split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Damaged)?;
    let mut text = text.to_vec();
    let plain = key.open_in_place(nonce, bound(before, aad), &mut text).map_err(|_| Error::Damaged)?.len();
    text.truncate(plain);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek() -> Kek {
        Kek::from_base64(&Kek::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_secret_opens_where_it_belongs_only() {
        let kek = kek();
        let sealed = kek.seal(b"token", b"sender 1").unwrap();
        assert_eq!(kek.open(&sealed, b"sender 1").unwrap(), b"token");
        assert_eq!(kek.open(&sealed, b"sender 2"), Err(Error::Damaged));
        assert!(!sealed.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn an_empty_secret_is_a_secret() {
        let kek = kek();
        assert_eq!(kek.open(&kek.seal(b"", b"").unwrap(), b"").unwrap(), b"");
    }

    #[test]
    fn equal_secrets_look_different() {
        let kek = kek();
        assert_ne!(kek.seal(b"token", b"a").unwrap(), kek.seal(b"token", b"a").unwrap());
    }

    #[test]
    fn every_flipped_or_missing_byte_is_noticed() {
        let kek = kek();
        let sealed = kek.seal(b"token", b"a").unwrap();
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(kek.open(&damaged, b"a").is_err(), "byte {index}");
            assert!(kek.open(&sealed[..index], b"a").is_err(), "first {index} bytes");
        }
    }

    #[test]
    fn another_key_is_told_from_damage() {
        let sealed = kek().seal(b"token", b"a").unwrap();
        assert_eq!(kek().open(&sealed, b"a"), Err(Error::UnknownKey));
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let (old, new) = (Kek::generate().unwrap(), Kek::generate().unwrap());
        let sealed = Kek::from_base64(&old).unwrap().seal(b"token", b"a").unwrap();
        let both = Kek::from_base64(&format!("{new}, {old}")).unwrap();
        assert!(!both.is_current(&sealed));
        let again = both.seal(&both.open(&sealed, b"a").unwrap(), b"a").unwrap();
        assert!(both.is_current(&again));
        assert_eq!(Kek::from_base64(&new).unwrap().open(&again, b"a").unwrap(), b"token");
    }

    #[test]
    fn bad_keys_are_refused() {
        for text in ["", "short", "AAAA", &format!("{},", Kek::generate().unwrap())] {
            assert_eq!(Kek::from_base64(text).unwrap_err(), Error::BadKey, "{text}");
        }
    }
}
