//! JSON Web Tokens as accounts sign them (RFC 7515, compact form): made here, never believed here.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

/// A token signed with RSA and SHA-256 (RFC 7518, 3.3). None when the machine has no randomness.
pub(crate) fn rs256(key: &RsaKeyPair, key_id: &str, claims: &Value) -> Option<String> {
    let header =
        if key_id.is_empty() { json!({"alg": "RS256", "typ": "JWT"}) } else { json!({"alg": "RS256", "typ": "JWT", "kid": key_id}) };
    let signed = unsigned(&header, claims);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// A token signed with ECDSA on P-256 and SHA-256 (RFC 7518, 3.4): `key` is one for signatures of fixed length. None when the machine has
/// no randomness.
pub(crate) fn es256(key: &EcdsaKeyPair, claims: &Value) -> Option<String> {
    let signed = unsigned(&json!({"typ": "JWT", "alg": "ES256"}), claims);
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
    Some(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
