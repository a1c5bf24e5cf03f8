//! Tokens and what is made of them.

mod published;

use super::{Authenticator, Caller, Claims, Grant, Issuer, KEY_SUBJECT, Keys, Refusal, Tokens, caller_of, keys::Key, stream::Watch};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ApiKeyId, WorkspaceId, role::Role};
use http::{HeaderMap, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tonic::{Code, Request, Status};

fn with_keys(keys: Keys) -> Authenticator {
    let tokens = Tokens { keys, issuer: "fanfare".to_owned(), audience: "fanfare".to_owned() };
    Authenticator { tokens: Arc::new(tokens), people: None }
}

fn trusting(issuer: &Issuer) -> Authenticator {
    with_keys(Keys::One(Arc::new(Key::from_pem(issuer.public_pem().as_bytes()).unwrap())))
}

fn grant() -> Grant {
    Grant::new("ana", Some(WorkspaceId::new()), Role::Agent, OffsetDateTime::now_utc())
}

/// A token with claims of any shape, signed with the issuer's key.
fn signed(issuer: &Issuer, claims: &Value) -> String {
    let der = issuer.private_pem().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

fn good_claims() -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({"iss": "fanfare", "aud": "fanfare", "sub": "ana", "exp": now + 600, "role": "agent", "workspace_id": WorkspaceId::new().to_string()})
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let (issuer, grant) = (Issuer::generate().unwrap(), grant());
    let caller = trusting(&issuer).verify(&issuer.token(&grant).unwrap()).await.unwrap();
    let expected = Caller { subject: "ana".to_owned(), workspace: grant.workspace.unwrap(), role: Role::Agent, api_key: None };
    assert_eq!(caller, expected);
}

#[tokio::test]
async fn a_key_survives_its_pem() {
    let issuer = Issuer::generate().unwrap();
    let again = Issuer::from_private_pem(&issuer.private_pem()).unwrap();
    assert_eq!(again.public_pem(), issuer.public_pem());
    assert!(trusting(&issuer).verify(&again.token(&grant()).unwrap()).await.is_ok());
    assert!(!format!("{issuer:?}").contains("pkcs8"));
}

#[tokio::test]
async fn another_issuers_key_is_refused() {
    let token = Issuer::generate().unwrap().token(&grant()).unwrap();
    assert_eq!(trusting(&Issuer::generate().unwrap()).verify(&token).await, Err(Refusal::Invalid));
}

#[tokio::test]
async fn time_is_checked_with_a_small_leeway() {
    let issuer = Issuer::generate().unwrap();
    let authenticator = trusting(&issuer);
    let issued = |seconds: i64, ttl: u64| Grant {
        issued_at: OffsetDateTime::now_utc() + time::Duration::seconds(seconds),
        ttl: Duration::from_secs(ttl),
        ..grant()
    };
    for (at, ttl, expected) in
        [(-3600, 3500, Err(Refusal::Expired)), (-3600, 3595, Ok(())), (300, 600, Err(Refusal::Invalid)), (5, 600, Ok(()))]
    {
        let token = issuer.token(&issued(at, ttl)).unwrap();
        assert_eq!(authenticator.verify(&token).await.map(drop), expected, "issued {at} s ahead for {ttl} s");
    }
}

#[tokio::test]
async fn every_claim_counts() {
    let issuer = Issuer::generate().unwrap();
    let authenticator = trusting(&issuer);
    assert!(authenticator.verify(&signed(&issuer, &good_claims())).await.is_ok());
    for (claim, value) in [
        ("iss", Some(json!("somebody"))),
        ("iss", None),
        ("aud", Some(json!("elsewhere"))),
        ("aud", Some(json!(["a", "b"]))),
        ("aud", None),
        ("exp", None),
        ("exp", Some(json!("never"))),
        ("sub", None),
        ("role", None),
        ("role", Some(json!("root"))),
        ("role", Some(json!("Admin"))),
        ("workspace_id", None),
        ("workspace_id", Some(json!("1"))),
    ] {
        let mut claims = good_claims();
        match &value {
            Some(value) => claims[claim] = value.clone(),
            None => drop(claims.as_object_mut().unwrap().remove(claim)),
        }
        assert_eq!(authenticator.verify(&signed(&issuer, &claims)).await, Err(Refusal::Invalid), "{claim} = {value:?}");
    }
}

#[tokio::test]
async fn the_token_does_not_choose_the_algorithm() {
    let issuer = Issuer::generate().unwrap();
    let authenticator = trusting(&issuer);
    let unsigned = |header: Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(&good_claims()))
    };
    let public = issuer.public_pem();
    let raw = URL_SAFE_NO_PAD.encode(public.as_bytes());
    let by_secret =
        |secret: &[u8]| jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good_claims(), &EncodingKey::from_secret(secret)).unwrap();
    for token in [
        unsigned(json!({"alg": "none", "typ": "JWT"})),
        unsigned(json!({"alg": "EdDSA", "typ": "JWT"})),
        by_secret(public.as_bytes()),
        by_secret(public.trim().as_bytes()),
        by_secret(raw.as_bytes()),
        "".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(9000),
    ] {
        assert_eq!(authenticator.verify(&token).await, Err(Refusal::Invalid), "{token}");
    }
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let issuer = Issuer::generate().unwrap();
    let token = issuer.token(&grant()).unwrap();
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not a token") };
    let mut claims = good_claims();
    claims["role"] = "admin".into();
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    assert_eq!(trusting(&issuer).verify(&forged).await, Err(Refusal::Invalid));
}

#[test]
fn a_private_key_is_not_taken_for_a_public_one() {
    assert!(Key::from_pem(Issuer::generate().unwrap().private_pem().as_bytes()).is_none());
    assert!(Key::from_pem(b"nonsense").is_none());
}

#[test]
fn only_internal_callers_may_lack_a_workspace() {
    let claims = |role, workspace_id| Claims { sub: "s".to_owned(), workspace_id, role };
    assert!(caller_of(claims(Role::Admin, None)).is_none());
    assert_eq!(caller_of(claims(Role::Internal, None)).unwrap().workspace, WorkspaceId(uuid::Uuid::nil()));
}

#[tokio::test]
async fn whoever_watches_a_stream_is_told_when_its_caller_would_be_refused() {
    let issuer = Issuer::generate().unwrap();
    let authenticator = trusting(&issuer);
    let watch = |grant: &Grant, role| {
        let token = issuer.token(grant).unwrap();
        let credential = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        let caller = Caller { subject: "ana".to_owned(), workspace: grant.workspace.unwrap(), role, api_key: None };
        Watch { authenticator: authenticator.clone(), credential, caller, every: Duration::from_millis(1) }
    };
    let hour_ago = OffsetDateTime::now_utc() - time::Duration::HOUR;
    let expired = Grant { issued_at: hour_ago, ttl: Duration::from_secs(60), ..grant() };
    assert_eq!(watch(&expired, Role::Agent).until_refused().await.code(), Code::Unauthenticated);
    assert_eq!(watch(&grant(), Role::Admin).until_refused().await.code(), Code::PermissionDenied, "its rights have changed");
    let still = tokio::time::timeout(Duration::from_millis(50), watch(&grant(), Role::Agent).until_refused());
    assert!(still.await.is_err(), "nothing has changed");
}

#[test]
fn no_token_speaks_for_an_api_key() {
    let claims = |sub: String| Claims { sub, workspace_id: Some(uuid::Uuid::nil()), role: Role::Agent };
    assert!(caller_of(claims(format!("{KEY_SUBJECT}{}", ApiKeyId::new()))).is_none());
    assert!(caller_of(claims("api_keys".to_owned())).is_some());
}

#[test]
fn what_hands_out_access_takes_a_token() {
    let caller = |api_key| Caller { subject: "ana".to_owned(), workspace: WorkspaceId::new(), role: Role::Admin, api_key };
    assert!(caller(None).require_token().is_ok());
    assert_eq!(caller(Some(ApiKeyId::new())).require_token().unwrap_err().code(), Code::PermissionDenied);
}

#[test]
fn roles_are_required_in_one_step() {
    let caller = Caller { subject: "ana".to_owned(), workspace: WorkspaceId::new(), role: Role::Agent, api_key: None };
    let mut request = Request::new(());
    assert_eq!(super::authorize(&request, Role::Agent).unwrap_err().code(), Code::Unauthenticated);
    request.extensions_mut().insert(caller.clone());
    assert_eq!(super::authorize(&request, Role::Agent).unwrap(), caller);
    assert_eq!(super::authorize(&request, Role::Admin).unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(super::authorize(&request, Role::Internal).unwrap_err().code(), Code::PermissionDenied);
}

#[test]
fn refusals_say_no_more_than_they_must() {
    let words = |refusal: Refusal| Status::from(refusal).message().to_owned();
    assert_eq!(words(Refusal::Missing), "a bearer token or an API key is required");
    assert_eq!(words(Refusal::Expired), "the token has expired");
    assert_eq!(words(Refusal::Invalid), "the token is invalid");
    for refusal in [Refusal::KeyInvalid, Refusal::KeyExpired, Refusal::KeyRevoked] {
        assert_eq!(Status::from(refusal).code(), Code::Unauthenticated);
    }
    assert_eq!(Status::from(Refusal::UserDisabled).code(), Code::PermissionDenied);
    for refusal in [Refusal::KeysUnavailable, Refusal::PeopleUnavailable] {
        assert_eq!(Status::from(refusal).code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn each_kind_of_key_has_its_one_algorithm() {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])});
    let key = Key::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap();
    assert_eq!(key.algorithm, Algorithm::ES256);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &good_claims(), &EncodingKey::from_ec_der(pkcs8.as_ref())).unwrap();
    assert!(with_keys(Keys::One(Arc::new(key))).verify(&token).await.is_ok());

    let rsa = Key::from_pem(RSA_PUBLIC_PEM.as_bytes()).unwrap();
    assert_eq!(rsa.algorithm, Algorithm::RS256);
    let authenticator = with_keys(Keys::One(Arc::new(rsa)));
    assert_eq!(authenticator.verify(RS256_TOKEN).await.unwrap().subject, "rsa");
    // The same claims by the same key, but with an algorithm that we don't take.
    assert_eq!(authenticator.verify(RS512_TOKEN).await, Err(Refusal::Invalid));
    assert_eq!(authenticator.verify(&token).await, Err(Refusal::Invalid));
}

/// Of a key pair made for this test; its private half is thrown away. The tokens hold until 2100.
const RSA_PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAh8xlRUAins6faAJDqHTu\n\
    1ufmGA4GdckQc/dc7TwqdDYB9n2bIryWQhuxepeYh7yMPlJ4okUBl8qcuJsepW2x\n\
    QwqgsNZ8QVT0Sp3RbbeJzvJdGE6ZjaaaeGl+UfSPF6P0ou+ffRkrzDeLyvUYFb5Q\n\
    2mAqybZcuCxHklFU2rwihA5pkti1EWnuReSMKf+NXJYdf9RsWVj2J0mZI1h1ssGv\n\
    ZEowE4zsLfkYM3zLtg/ii27FhxfGewmQIQcSoaWmTg55ursaKEMdzmxGv/W8glpl\n\
    rQoiLHVw6zgUsplpiAZnoLKSWIWuXjr85LWTZ6imLo5zD1pKWA9ewTqgFskksHwL\n\
    vwIDAQAB\n\
    -----END PUBLIC KEY-----\n";
const RS256_TOKEN: &str = "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiZmFuZmFyZSIsICJhdWQiOiAiZmFuZmFyZSIsICJzdWIiOiAicnNhIiwgImV4cCI6IDQxMDI0NDQ4MDAsICJyb2xlIjogImFnZW50IiwgIndvcmtzcGFjZV9pZCI6ICIwMTkwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEifQ.MOxF0pD9yovL4UtqJPLXJm-pJyEwb1w4GQBZjlU9ju6NUVLj98RlrhUbJ4xBm4ujrWm1LkJV1LZvwtPq8hwZSqx6L6wd9Oj0fLN0uoOHN1MTmMlc78Sp4sZrkcl3EWuhF8CX4CJrohAJyhLaU4hTl6CUI55AChqx9X__exSfW1tIwt3JUwur8_FBQNWw0hRu6JKrEo1pUkZu_cshlgi5sUZ1e2PPcfq4s0l9WCKWgEIini0Z8eowW9mpTD25gZvCv6h4dFLwnzuy2_lE65nw87PxC5teGlw5d66hgwD1J-1p7HW7WQw51dL0pRSW2jpR1-mVZsCYGRrBoG-PlEGtFA";
const RS512_TOKEN: &str = "eyJhbGciOiAiUlM1MTIiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiZmFuZmFyZSIsICJhdWQiOiAiZmFuZmFyZSIsICJzdWIiOiAicnNhIiwgImV4cCI6IDQxMDI0NDQ4MDAsICJyb2xlIjogImFnZW50IiwgIndvcmtzcGFjZV9pZCI6ICIwMTkwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEifQ.OZFMxeY4bDFq6Qd5o87rjzcoiElLueiA8mvfzjCjU3wxRQ4V2InYqB2mI_Ea82A2qZlY6LnWjYBKiiLohOq5IleVb07qya0Z9ORsmJY8f7fQ0UUoyMsXtAeWx-e4-itlIbWz_1G0XZOO6vN0roaqmZ3RoPz89lPnxA82LQ1nqfoYQnr17e2w0T4jOGA9FhiTIIE8xoF7cWyCeqdQblxjDy2qakgWZ7uLy9Ma1gBm5LERI-0XD_H41RUUf-okVmQyyk-gUvkYd8RnUSTXEmrJZVI-syiCjtj6kDNgWyKxnK-pxfbscEkSNJqVJAFeRMKd6SrbO7KE1v2JaAO-LEYUKg";
