//! A public key with the one algorithm that it may be used for, so that a token can't choose.

use anyhow::Context as _;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use std::path::Path;

pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    pub(super) algorithm: Algorithm,
}

impl Key {
    pub(super) fn from_pem_file(path: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read(path).with_context(|| format!("FANFARE_JWT_PUBLIC_KEY {}", path.display()))?;
        Self::from_pem(&pem)
            .with_context(|| format!("FANFARE_JWT_PUBLIC_KEY {} holds no public key of Ed25519, EC P-256 or RSA", path.display()))
    }

    pub(super) fn from_pem(pem: &[u8]) -> Option<Self> {
        // A private key would do for some of these; it must not lie around where only tokens are checked.
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY") {
            return None;
        }
        DecodingKey::from_ed_pem(pem)
            .map(|decoding| Self { decoding, algorithm: Algorithm::EdDSA })
            .or_else(|_| DecodingKey::from_ec_pem(pem).map(|decoding| Self { decoding, algorithm: Algorithm::ES256 }))
            .or_else(|_| DecodingKey::from_rsa_pem(pem).map(|decoding| Self { decoding, algorithm: Algorithm::RS256 }))
            .ok()
    }

    /// None for keys that aren't for signatures or not of a kind that we take, which a key set may well hold.
    pub(super) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            _ => return None,
        };
        let declared = match jwk.common.key_algorithm {
            None => true,
            Some(declared) => matches!(
                (declared, algorithm),
                (KeyAlgorithm::EdDSA, Algorithm::EdDSA) | (KeyAlgorithm::ES256, Algorithm::ES256) | (KeyAlgorithm::RS256, Algorithm::RS256)
            ),
        };
        let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        (declared && signs).then(|| DecodingKey::from_jwk(jwk).ok()).flatten().map(|decoding| Self { decoding, algorithm })
    }
}
