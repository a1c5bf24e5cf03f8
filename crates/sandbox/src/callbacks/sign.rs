//! The providers' webhook signatures, from the sender's side.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::error::Unspecified;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::EcdsaKeyPair;

/// `X-Twilio-Signature`: base64 of HMAC-SHA1, keyed with the auth token, over the URL as it is called followed
/// by every parameter's name and value, sorted, each different pair once.
pub fn twilio(auth_token: &str, url: &str, params: &[(&str, &str)]) -> String {
    let mut signed = url.to_owned();
    for (name, value) in params.iter().collect::<BTreeSet<_>>() {
        signed.push_str(name);
        signed.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

/// `X-Hub-Signature-256`: hex of HMAC-SHA256, keyed with the app secret, over the body.
pub fn meta(app_secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app_secret.as_bytes());
    let hex: String = hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// `X-Twilio-Email-Event-Webhook-Signature`: base64 of an ASN.1 ECDSA P-256 signature over the timestamp header
/// followed by the body.
pub fn sendgrid(key: &EcdsaKeyPair, timestamp: &str, body: &[u8]) -> Result<String, Unspecified> {
    let signed = [timestamp.as_bytes(), body].concat();
    Ok(STANDARD.encode(key.sign(&SystemRandom::new(), &signed)?))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, KeyPair, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// The providers' contracts lie beside the repository, or where `FANFARE_CONTRACTS` says.
    fn contract_path(file: &str) -> PathBuf {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
        std::env::var_os("FANFARE_CONTRACTS").map_or_else(beside, PathBuf::from).join(file)
    }

    fn contract(file: &str) -> Vec<u8> {
        let path = contract_path(file);
        std::fs::read(&path).unwrap_or_else(|error| panic!("this test needs the contract {}: {error}", path.display()))
    }

    fn vectors(file: &str) -> Vec<Value> {
        let file: Value = serde_json::from_slice(&contract(file)).unwrap();
        file["vectors"].as_array().unwrap().clone()
    }

    /// The parameters of a vector; none if its body file is not among the samples.
    fn twilio_params(vector: &Value) -> Option<Vec<(String, String)>> {
        if let Some(file) = vector["body_file"].as_str() {
            let body = std::fs::read(contract_path(&format!("twilio/{file}"))).ok()?;
            return Some(url::form_urlencoded::parse(&body).into_owned().collect());
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Some(vector["params"].as_array()?.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect())
    }

    #[test]
    fn twilio_signs_like_the_published_vectors() {
        let mut checked = 0;
        for vector in vectors("twilio/vectors.json") {
            let Some(params) = twilio_params(&vector) else { continue };
            let params: Vec<(&str, &str)> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let url = vector["signed_url"].as_str().or(vector["url"].as_str()).unwrap();
            let signature = twilio(vector["auth_token"].as_str().unwrap(), url, &params);
            let same = signature == vector["signature"].as_str().unwrap();
            assert_eq!(same, vector["valid"].as_bool().unwrap(), "{}", vector["name"]);
            checked += 1;
        }
        assert!(checked >= 11, "only {checked} vectors could be checked");
    }

    #[test]
    fn meta_signs_like_the_published_vectors() {
        for vector in vectors("meta-whatsapp/vectors.json") {
            let header = meta(vector["app_secret"].as_str().unwrap(), vector["body"].as_str().unwrap().as_bytes());
            let same = header == vector["header"].as_str().unwrap();
            assert_eq!(same, vector["valid"].as_bool().unwrap(), "{}", vector["name"]);
        }
    }

    #[test]
    fn sendgrid_signatures_verify_the_way_the_published_ones_do() {
        let verifies = |point: &[u8], signature: &str, timestamp: &str, body: &[u8]| {
            let signed = [timestamp.as_bytes(), body].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.to_vec());
            STANDARD.decode(signature).is_ok_and(|signature| key.verify(&signed, &signature).is_ok())
        };
        for vector in vectors("sendgrid/vectors.json") {
            let text = |name: &str| vector[name].as_str().unwrap();
            let der = STANDARD.decode(text("public_key_spki_der_base64")).unwrap();
            let body = STANDARD.decode(text("payload_base64")).unwrap();
            // The uncompressed point is the last 65 bytes of a P-256 SubjectPublicKeyInfo.
            let valid = verifies(&der[der.len() - 65..], text("signature_header"), text("timestamp_header"), &body);
            assert_eq!(valid, vector["valid"].as_bool().unwrap(), "{}", vector["name"]);
        }
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let ours = sendgrid(&key, "1600112502", b"[{}]\r\n").unwrap();
        assert!(verifies(key.public_key().as_ref(), &ours, "1600112502", b"[{}]\r\n"));
        assert!(!verifies(key.public_key().as_ref(), &ours, "1600112503", b"[{}]\r\n"));
    }
}
