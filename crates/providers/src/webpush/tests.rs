use super::*;
use crate::conformance::{
    Fixture, conformance, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::contracts;
use crate::errors::{INVALID, PAUSE, PERMANENT};
use crate::{Capability, Device, FaultAction, Message, Outcome, PushKeys, Secret};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::content::{PushVariant, Rendered, Urgency};
use p256::{PublicKey, SecretKey};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::OffsetDateTime;

mod strangers;

conformance!(sending super::fixture);

/// Of RFC 8292's example: only its public half is published.
const PRIVATE: [u8; 32] = [7; 32];

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn public(private: &[u8]) -> Vec<u8> {
    SecretKey::from_slice(private).unwrap().public_key().to_sec1_bytes().into_vec()
}

fn account(more: &[(&str, &str)]) -> Account {
    let key = encoded(public(&PRIVATE));
    let settings = [("vapid_public_key", key.as_str()), ("subject", "mailto:push@example.com"), ("push_services", "127.0.0.1")];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let secrets = [("vapid_private_key".to_owned(), Secret::new(encoded(PRIVATE)))].into();
    Account { settings: settings.iter().chain(more).map(text).collect(), secrets }
}

/// Sends to where the test's push service listens, whatever the message says.
struct Aimed(Arc<dyn Send>, SocketAddr);

#[async_trait::async_trait]
impl Send for Aimed {
    async fn send(&self, message: &Message) -> Outcome {
        self.0.send(&Message { to: format!("http://{}/push/abc", self.1), ..message.clone() }).await
    }
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    Arc::new(Aimed(sender(&account(&[]), Channel::Push, deadline).unwrap(), addr))
}

/// One that no setting names.
fn stranger(addr: SocketAddr) -> Arc<dyn Send> {
    Arc::new(Aimed(sender(&account(&[("push_services", "")]), Channel::Push, DEADLINE).unwrap(), addr))
}

fn vector() -> Value {
    contracts::json("webpush/vectors.json")["rfc8291_aes128gcm"].clone()
}

fn of_vector(pointer: &str) -> Vec<u8> {
    decoded(vector().pointer(pointer).unwrap().as_str().unwrap())
}

fn keys() -> PushKeys {
    PushKeys { p256dh: of_vector("/ua_public").try_into().unwrap(), auth: of_vector("/auth_secret").try_into().unwrap() }
}

fn push() -> PushVariant {
    PushVariant { title: "Spring sale".into(), body: "25% off today".into(), ..PushVariant::default() }
}

fn to_browser(push: PushVariant) -> Message {
    let device = Some(Device { kind: DeviceKind::WebPush, keys: Some(keys()) });
    Message { device, ..message("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", Rendered::Push(push)) }
}

fn fixture() -> Fixture {
    let config = Config::read(&account(&[])).unwrap();
    let debug = format!("{:?} {config:?} {:?}", account(&[]), send::Sender::new(Config::read(&account(&[])).unwrap(), DEADLINE).unwrap());
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to_browser(push()),
        before: Vec::new(),
        accepted: (
            http(201, &[("Location", "https://push.example.net/message/qDIYHNcfAIPP_5ITvURr-d6BGt")], b""),
            "qDIYHNcfAIPP_5ITvURr-d6BGt",
        ),
        refused: (http(410, &[], b""), "http_410", INVALID),
        throttled: (http(429, &[("Retry-After", "2")], b""), FaultAction::Throttle { after: Some(Duration::from_secs(2)) }),
        server_error: Some((http(500, &[], b"oops"), "http_500")),
        garbage: http(200, &[], b"<html>welcome to the hotel's network</html>"),
        debug,
        secrets: vec!["BwcHBwcHBwc"],
        capability: Capability::None,
        lookup: None,
        hooks: None,
    }
}

/// What a browser with the vector's keys reads in a body: by another implementation of the curve.
fn decrypt(body: &[u8]) -> Option<Vec<u8>> {
    let (salt, sender, record) = (&body[..16], &body[21..86], &body[86..]);
    let secret = SecretKey::from_slice(&of_vector("/ua_private")).unwrap();
    let shared = secret.diffie_hellman(&PublicKey::from_sec1_bytes(sender).ok()?);
    let keys = keys();
    let key_info = [b"WebPush: info\0".as_slice(), &keys.p256dh, sender].concat();
    let ikm: [u8; 32] = encrypt::derive(&keys.auth, shared.raw_secret_bytes().as_slice(), &key_info).ok()?;
    let key: [u8; 16] = encrypt::derive(salt, &ikm, b"Content-Encoding: aes128gcm\0").ok()?;
    let nonce: [u8; 12] = encrypt::derive(salt, &ikm, b"Content-Encoding: nonce\0").ok()?;
    let mut record = record.to_vec();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
    plain.strip_suffix(&[2]).map(<[u8]>::to_vec)
}

#[test]
fn the_published_message_comes_out_byte_for_byte() {
    let plain = vector()["plaintext"].as_str().unwrap().as_bytes().to_vec();
    let (public, salt) = (of_vector("/as_public").try_into().unwrap(), of_vector("/salt").try_into().unwrap());
    let secret = SecretKey::from_slice(&of_vector("/as_private")).unwrap();
    let shared = secret.diffie_hellman(&PublicKey::from_sec1_bytes(&of_vector("/ua_public")).unwrap());
    assert_eq!(shared.raw_secret_bytes().as_slice(), of_vector("/intermediate/ecdh_secret"), "ECDH");
    let key_info = [b"WebPush: info\0".as_slice(), &of_vector("/ua_public"), &of_vector("/as_public")].concat();
    assert_eq!(key_info, of_vector("/intermediate/key_info"));
    let ikm: [u8; 32] = encrypt::derive(&of_vector("/auth_secret"), &of_vector("/intermediate/ecdh_secret"), &key_info).unwrap();
    assert_eq!(ikm.to_vec(), of_vector("/intermediate/IKM"));
    let cek: [u8; 16] = encrypt::derive(&of_vector("/salt"), &ikm, b"Content-Encoding: aes128gcm\0").unwrap();
    let nonce: [u8; 12] = encrypt::derive(&of_vector("/salt"), &ikm, b"Content-Encoding: nonce\0").unwrap();
    assert_eq!((cek.to_vec(), nonce.to_vec()), (of_vector("/intermediate/CEK"), of_vector("/intermediate/NONCE")));
    let body = encrypt::seal(&plain, &keys(), &of_vector("/intermediate/ecdh_secret"), &public, &salt).unwrap();
    assert_eq!((body.len(), &body), (144, &of_vector("/body")));
    assert_eq!(decrypt(&body).unwrap(), plain);
}

#[test]
fn every_message_has_keys_of_its_own_and_can_be_read() {
    for length in [0, 1, 100, encrypt::PLAIN_MAX_BYTES] {
        let plain = vec![b'x'; length];
        let (one, two) = (encrypt::encrypt(&plain, &keys()).unwrap(), encrypt::encrypt(&plain, &keys()).unwrap());
        assert_ne!(one[..86], two[..86]);
        assert_eq!(one.len(), length + 86 + 17);
        assert_eq!((decrypt(&one).unwrap(), decrypt(&two).unwrap()), (plain.clone(), plain));
        let mut forged = one;
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(decrypt(&forged), None);
    }
    assert_eq!(encrypt::PLAIN_MAX_BYTES, 3_993);
    assert!(encrypt::encrypt(b"x", &PushKeys { p256dh: [4; 65], auth: [0; 16] }).is_err(), "no point of the curve");
}

fn verified(header: &str) -> Option<(Value, Value)> {
    let (token, key) = header.strip_prefix("vapid t=")?.split_once(", k=")?;
    let (signed, signature) = token.rsplit_once('.')?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decoded(key)).verify(signed.as_bytes(), &decoded(signature)).ok()?;
    let part = |index: usize| serde_json::from_slice(&decoded(signed.split('.').nth(index).unwrap())).unwrap();
    Some((part(0), part(1)))
}

#[test]
fn the_published_token_and_ours_are_verified_alike() {
    let published = contracts::json("webpush/vectors.json")["rfc8292_vapid"].clone();
    let (header, claims) = verified(published["header_value"].as_str().unwrap()).unwrap();
    assert_eq!((&header, &claims), (&published["jwt_header"], &published["jwt_claims"]));
    let config = Config::read(&account(&[])).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(1_453_480_568).unwrap();
    let ours = |origin: &str, now| config.identity.authorization(origin, now).unwrap();
    let first = ours("https://push.example.net", now);
    let (header, claims) = verified(first.expose()).unwrap();
    assert_eq!(header, published["jwt_header"]);
    let expected = json!({"aud": "https://push.example.net", "exp": now.unix_timestamp() + 43_200, "sub": "mailto:push@example.com"});
    assert_eq!(claims, expected);
    assert_eq!(ours("https://push.example.net", now + time::Duration::hours(10)), first, "one token for many messages");
    assert_ne!(ours("https://push.example.net", now + time::Duration::hours(11)), first, "and another one before it ends");
    assert_eq!(verified(ours("https://other.example.net", now).expose()).unwrap().1["aud"], "https://other.example.net");
    assert_eq!(verified(&first.expose().replacen("vapid t=e", "vapid t=f", 1)), None);
}

#[tokio::test]
async fn a_message_has_all_that_a_push_service_wants() {
    let stub = Stub::start(Protocol::Http, Then::Reply(fixture().accepted.0)).await;
    let whole = PushVariant {
        link: "https://shop.example/offers".into(),
        data: [("screen".into(), "offers".into())].into(),
        ttl_seconds: 60,
        urgency: Urgency::High,
        collapse_key: "offers".into(),
        ..push()
    };
    let message = Message { receipt_url: Some("https://hub.example/r/token".into()), ..to_browser(whole) };
    assert!(matches!(at(stub.addr, DEADLINE).send(&message).await, Outcome::Accepted { .. }));
    let request = stub.requests().remove(0);
    let call = contracts::Call::read(&request);
    assert_eq!((call.method.as_str(), call.path()), ("POST", "/push/abc"));
    for (name, value) in [("ttl", "60"), ("urgency", "high"), ("topic", "offers"), ("content-encoding", "aes128gcm")] {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    let published = String::from_utf8(contracts::bytes("webpush/samples/push_request.txt")).unwrap();
    let names: Vec<_> = published.lines().skip(1).map_while(|line| Some(line.split_once(": ")?.0.to_ascii_lowercase())).collect();
    assert!(names.len() == 4 && names.iter().all(|name| call.header(name).is_some()), "{names:?}");
    let (_, claims) = verified(call.header("authorization").unwrap()).unwrap();
    assert_eq!(claims["aud"], format!("http://{}", stub.addr));
    let payload: Value = serde_json::from_slice(&decrypt(body(&request)).unwrap()).unwrap();
    let expected = json!({
        "title": "Spring sale", "body": "25% off today", "link": "https://shop.example/offers", "tag": "offers",
        "data": {"screen": "offers"}, "send_id": "d1-key", "receipt_url": "https://hub.example/r/token",
    });
    assert_eq!(payload, expected);
    let too_long = to_browser(PushVariant { body: "x".repeat(3_993), ..push() });
    assert!(matches!(at(stub.addr, DEADLINE).send(&too_long).await, Outcome::Refused(fault) if fault.code == "content"));
}

/// What comes of an answer: whether it is a clear no, its code, and what follows.
async fn told(sender: fn(SocketAddr) -> Arc<dyn Send>, status: u16) -> (bool, String, FaultAction) {
    let stub = Stub::start(Protocol::Http, Then::Reply(http(status, &[], b""))).await;
    match sender(stub.addr).send(&fixture().message).await {
        Outcome::Refused(fault) => (true, fault.code, fault.action),
        Outcome::Uncertain(fault) => (false, fault.code, fault.action),
        other => panic!("{status}: {other:?}"),
    }
}

fn known(addr: SocketAddr) -> Arc<dyn Send> {
    at(addr, DEADLINE)
}

#[tokio::test]
async fn every_status_of_the_contract_has_its_action() {
    let contract = contracts::json("webpush/status-codes.json");
    for (status, row) in contract.as_object().unwrap() {
        let action = row["action"].as_str().unwrap();
        let status: u16 = status.replace("5xx", "503").parse().unwrap();
        if action == "accepted" {
            let stub = Stub::start(Protocol::Http, Then::Reply(http(status, &[], b""))).await;
            let outcome = at(stub.addr, DEADLINE).send(&fixture().message).await;
            assert_eq!(outcome, Outcome::accepted("d1-key"), "without a name of its own it is known by ours");
            continue;
        }
        let (refused, code, told) = told(known, status).await;
        assert_eq!((refused, code), (action != "retry", format!("http_{status}")));
        match action {
            "drop_endpoint" => assert_eq!(told, INVALID, "{status}"),
            "throttle" => assert_eq!(told, FaultAction::Throttle { after: Some(Duration::from_secs(60)) }),
            // A wrong token is wrong for everybody; what else is to be fixed is in the message.
            "fix_request" => assert_eq!(told, if matches!(status, 401 | 403) { PAUSE } else { PERMANENT }, "{status}"),
            "retry" => assert_eq!(told, crate::errors::RETRY),
            other => panic!("a new action: {other}"),
        }
    }
    assert!(errors::STATUSES.is_sorted_by_key(|row| row.code));
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account, channel| match sender(account, channel, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    let other = encoded(public(&[9; 32]));
    assert_eq!(field(&account(&[]), Channel::Push), "");
    assert_eq!(field(&account(&[]), Channel::Email), "channel");
    for (name, value, at_fault) in [
        ("vapid_public_key", "BA1H", "vapid_public_key"),
        ("vapid_public_key", other.as_str(), "vapid_private_key"),
        ("subject", "push@example.com", "subject"),
        ("subject", "http://example.com", "subject"),
        ("push_services", "push.example.com, /x", "push_services"),
    ] {
        assert_eq!(field(&account(&[(name, value)]), Channel::Push), at_fault, "{value}");
    }
    assert_eq!(field(&account(&[("subject", "https://example.com/contact")]), Channel::Push), "");
    let mut keyless = account(&[]);
    keyless.secrets.clear();
    assert_eq!(field(&keyless, Channel::Push), "vapid_private_key");
}
