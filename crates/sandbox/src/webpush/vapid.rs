//! Who sends, as a push service looks at it (RFC 8292).

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::Refusal;

const MAX_LIFE_SECONDS: i64 = 24 * 3_600;

/// Checks the header of a message for the subscription's key.
pub fn check(headers: &HeaderMap, subscribed_with: Option<&[u8]>, now: i64) -> Result<(), Refusal> {
    let absent = || Refusal(StatusCode::UNAUTHORIZED, "the VAPID token is missing");
    let refused = |said| Refusal(StatusCode::FORBIDDEN, said);
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(absent)?;
    let parameters = given.strip_prefix("vapid ").ok_or_else(absent)?;
    let parameter = |name: &str| parameters.split(',').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let (token, key) = parameter("t").zip(parameter("k")).ok_or_else(absent)?;
    let key = URL_SAFE_NO_PAD.decode(key).map_err(|_| refused("the key can't be read"))?;
    if subscribed_with != Some(key.as_slice()) {
        return Err(refused("the subscription was made with another key"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or_else(|| refused("the token is no JWT"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refused("the signature can't be read"))?;
    let verified = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key).verify(signed.as_bytes(), &signature);
    verified.map_err(|_| refused("the signature doesn't match"))?;
    let part = |index: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(signed.split('.').nth(index)?).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let (head, claims) = part(0).zip(part(1)).ok_or_else(|| refused("the token is no JWT"))?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let until = claims["exp"].as_i64().unwrap_or_default();
    let subject = claims["sub"].as_str().unwrap_or_default();
    match () {
        () if head["alg"] != "ES256" => Err(refused("the algorithm is not ES256")),
        () if claims["aud"] != format!("http://{host}") => Err(refused("the audience is not this push service")),
        () if until <= now => Err(refused("the token has expired")),
        () if until > now + MAX_LIFE_SECONDS => Err(refused("the token is good for more than a day")),
        () if !subject.starts_with("mailto:") && !subject.starts_with("https://") => Err(refused("the subject is no contact")),
        () => Ok(()),
    }
}
