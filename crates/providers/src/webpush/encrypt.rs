//! The body of a push message: one record that only the subscribed browser can read.
//!
//! `aes128gcm` of RFC 8188 with the keys of RFC 8291: an ephemeral key of ours and the browser's make a secret by ECDH, which its
//! authentication secret and a salt turn into the key and nonce of the one record.

use crate::PushKeys;
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::{SecureRandom, SystemRandom},
};

/// What push services must take (RFC 8030, 7.2), the head and the tag included.
const BODY_MAX_BYTES: usize = 4_096;
const RECORD_SIZE: u32 = 4_096;
pub(super) const SALT_BYTES: usize = 16;
const POINT_BYTES: usize = 65;
/// Salt, record size, length of the key's name, and the key, which is its own name (RFC 8291, 4).
const HEAD_BYTES: usize = SALT_BYTES + 4 + 1 + POINT_BYTES;
const TAG_BYTES: usize = 16;
/// Marks the end of the last record (RFC 8188, 2).
const LAST: u8 = 2;
/// The longest text: 3,993 bytes.
pub(super) const PLAIN_MAX_BYTES: usize = BODY_MAX_BYTES - HEAD_BYTES - TAG_BYTES - 1;

/// Encrypts at most [`PLAIN_MAX_BYTES`] for one subscription. The head needs no help from others: what comes out is the whole body.
///
/// # Errors
/// When the browser's key is no point of the curve, or the machine has no randomness.
pub(super) fn encrypt(plain: &[u8], keys: &PushKeys) -> Result<Vec<u8>, Unspecified> {
    let random = SystemRandom::new();
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt)?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
    let public = own.compute_public_key()?;
    let public: [u8; POINT_BYTES] = public.as_ref().try_into().map_err(|_| Unspecified)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, keys.p256dh);
    agree_ephemeral(own, &theirs, |secret| seal(plain, keys, secret, &public, &salt))?
}

/// The body, from the secret that ECDH gave on.
pub(super) fn seal(
    plain: &[u8],
    keys: &PushKeys,
    secret: &[u8],
    public: &[u8; POINT_BYTES],
    salt: &[u8; SALT_BYTES],
) -> Result<Vec<u8>, Unspecified> {
    let key_info = [b"WebPush: info\0".as_slice(), &keys.p256dh, public].concat();
    let ikm: [u8; 32] = derive(&keys.auth, secret, &key_info)?;
    let content_key: [u8; 16] = derive(salt, &ikm, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(salt, &ikm, b"Content-Encoding: nonce\0")?;
    let mut record = [plain, &[LAST]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
    let mut body = Vec::with_capacity(HEAD_BYTES + record.len());
    body.extend_from_slice(salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    // A point has 65 bytes: it fits.
    body.push(POINT_BYTES as u8);
    body.extend_from_slice(public);
    body.extend_from_slice(&record);
    Ok(body)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF with SHA-256 (RFC 5869), both steps.
pub(super) fn derive<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Result<[u8; N], Unspecified> {
    let mut derived = [0; N];
    Salt::new(HKDF_SHA256, salt).extract(input).expand(&[info], Length(N))?.fill(&mut derived)?;
    Ok(derived)
}
