//! Reads a push message as a browser does (RFC 8188, 8291), with the subscription's own keys.

use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

const SALT_BYTES: usize = 16;
const POINT_BYTES: usize = 65;
const HEAD_BYTES: usize = SALT_BYTES + 4 + 1 + POINT_BYTES;
/// A tag and the padding's delimiter, and nothing besides (RFC 8188, 2).
const LEAST_RECORD: u32 = 18;

/// The keys of a subscription.
pub struct Keys {
    pub secret: SecretKey,
    pub auth: [u8; 16],
}

impl Keys {
    /// The public key, as it is given away: an uncompressed point.
    pub fn public(&self) -> Box<[u8]> {
        self.secret.public_key().to_sec1_bytes()
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Option<[u8; N]> {
    let mut derived = [0; N];
    Salt::new(HKDF_SHA256, salt).extract(input).expand(&[info], Length(N)).ok()?.fill(&mut derived).ok()?;
    Some(derived)
}

/// Whether a body has the head of a push message, whoever it is for.
pub fn is_message(body: &[u8]) -> bool {
    let Some((head, record)) = body.split_at_checked(HEAD_BYTES) else { return false };
    let size = head.get(SALT_BYTES..).and_then(|rest| rest.first_chunk::<4>()).map(|size| u32::from_be_bytes(*size));
    let named = head.get(SALT_BYTES + 4).copied() == u8::try_from(POINT_BYTES).ok();
    size.is_some_and(|size| size >= LEAST_RECORD) && named && head.get(SALT_BYTES + 5) == Some(&4) && record.len() > 16
}

/// The text of a message of one record; None when it isn't for these keys.
pub fn decrypt(body: &[u8], keys: &Keys) -> Option<Vec<u8>> {
    if !is_message(body) {
        return None;
    }
    let (head, record) = body.split_at_checked(HEAD_BYTES)?;
    let (salt, rest) = head.split_at_checked(SALT_BYTES)?;
    let sender = rest.get(5..)?;
    let shared = keys.secret.diffie_hellman(&PublicKey::from_sec1_bytes(sender).ok()?);
    let key_info = [b"WebPush: info\0".as_slice(), &keys.public(), sender].concat();
    let ikm: [u8; 32] = derive(&keys.auth, shared.raw_secret_bytes().as_slice(), &key_info)?;
    let content_key: [u8; 16] = derive(salt, &ikm, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(salt, &ikm, b"Content-Encoding: nonce\0")?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key).ok()?);
    let mut sealed = record.to_vec();
    let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    // Zeros may stand behind the mark of the last record.
    let end = plain.iter().rposition(|byte| *byte != 0)?;
    (plain.get(end) == Some(&2)).then(|| plain[..end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// RFC 8291, section 5 and appendix A.
    const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A\
                        _yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

    fn keys() -> Keys {
        let secret = URL_SAFE_NO_PAD.decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94").unwrap();
        let auth = URL_SAFE_NO_PAD.decode("BTBZMqHH6r4Tts7J_aSIgg").unwrap();
        Keys { secret: SecretKey::from_slice(&secret).unwrap(), auth: auth.try_into().unwrap() }
    }

    #[test]
    fn the_published_message_is_read() {
        let body = URL_SAFE_NO_PAD.decode(BODY).unwrap();
        assert_eq!(decrypt(&body, &keys()).unwrap(), b"When I grow up, I want to be a watermelon");
    }

    #[test]
    fn no_bit_of_it_can_be_changed() {
        let body = URL_SAFE_NO_PAD.decode(BODY).unwrap();
        // Not the size of a record, of which there is one.
        for at in (0..body.len()).filter(|at| !(16..20).contains(at)) {
            let mut forged = body.clone();
            forged[at] ^= 1;
            assert_eq!(decrypt(&forged, &keys()), None, "byte {at}");
        }
        assert_eq!(decrypt(&body[..100], &keys()), None);
        assert_eq!(decrypt(&[], &keys()), None);
    }
}
