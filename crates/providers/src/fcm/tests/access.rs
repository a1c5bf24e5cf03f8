//! Access tokens: signed for, kept, renewed, and never the reason of a doubt.

use super::*;

#[tokio::test]
async fn an_access_token_is_signed_for_and_kept() {
    let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(fixture().accepted.0)).await;
    let sender = at(stub.addr, DEADLINE);
    for _ in 0..3 {
        sender.send(&fixture().message).await;
    }
    let steps = stub.steps();
    assert_eq!((steps.len(), stub.requests().len()), (1, 3), "one token for all messages");
    let form = contracts::Call::read(&steps[0]).form();
    let assertion = form.iter().find(|(name, _)| name == "assertion").unwrap().1.clone();
    assert!(form.contains(&("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned())));
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let key = private_key(KEY).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
    assert!(public.verify(signed.as_bytes(), &decode(signature)).is_ok());
    let parts: Vec<Value> = signed.split('.').map(|part| serde_json::from_slice(&decode(part)).unwrap()).collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(parts[1]["aud"], format!("http://{}/token", stub.addr));
    assert_eq!(parts[1]["iss"], "push@myproject.iam.gserviceaccount.com");
    assert_eq!(parts[1]["scope"], "https://www.googleapis.com/auth/firebase.messaging");
    assert_eq!(parts[1]["exp"].as_i64().unwrap() - parts[1]["iat"].as_i64().unwrap(), 3_600);
}

#[tokio::test]
async fn many_messages_at_once_ask_for_one_token() {
    let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(fixture().accepted.0)).await;
    let (sender, message) = (at(stub.addr, DEADLINE), fixture().message);
    let sent = (0..20).map(|_| {
        let (sender, message) = (sender.clone(), message.clone());
        tokio::spawn(async move { sender.send(&message).await })
    });
    for sent in sent.collect::<Vec<_>>() {
        assert!(matches!(sent.await.unwrap(), Outcome::Accepted { .. }));
    }
    assert_eq!(stub.steps().len(), 1);
}

#[tokio::test]
async fn a_token_that_ends_soon_is_renewed_and_used_until_then() {
    let config = |addr| Config::read(&here(addr)).unwrap();
    let fresh = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(fixture().accepted.0)).await;
    let soon = send::Sender::new(config(fresh.addr), DEADLINE).unwrap().with_token("old", Duration::from_secs(200));
    soon.send(&fixture().message).await;
    assert_eq!(contracts::Call::read(&fresh.requests()[0]).header("authorization"), Some(format!("Bearer {ACCESS}").as_str()));
    // Google gives none at the moment, but the old one is good for some minutes.
    let denied = http(503, &[], b"");
    let stub = Stub::stepped(Protocol::Http, vec![("POST /token", denied)], Then::Reply(fixture().accepted.0)).await;
    let soon = send::Sender::new(config(stub.addr), DEADLINE).unwrap().with_token("old", Duration::from_secs(200));
    assert!(matches!(soon.send(&fixture().message).await, Outcome::Accepted { .. }));
    assert_eq!(contracts::Call::read(&stub.requests()[0]).header("authorization"), Some("Bearer old"));
}

#[tokio::test]
async fn without_an_access_token_nothing_leaves() {
    for (answer, code, action) in [
        (http(400, &[], br#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#), "token_invalid_grant", PAUSE),
        (http(401, &[], b"?"), "token_http_401", PAUSE),
        (http(429, &[], b""), "token_http_429", FaultAction::Throttle { after: None }),
        (http(503, &[], b""), "http_503", RETRY),
        (http(200, &[], b"<html>"), "garbage", RETRY),
        (http(200, &[], br#"{"access_token":"a b"}"#), "garbage", RETRY),
    ] {
        let stub = Stub::stepped(Protocol::Http, vec![("POST /token", answer)], Then::Reply(fixture().accepted.0)).await;
        let Outcome::Refused(fault) = at(stub.addr, DEADLINE).send(&fixture().message).await else { panic!("must be refused") };
        assert_eq!((fault.code.as_str(), fault.action, stub.requests().len()), (code, action, 0));
    }
}

#[tokio::test]
async fn a_refused_access_token_is_replaced_once() {
    let unauthenticated = json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}}).to_string();
    let stub = Stub::stepped(Protocol::Http, fixture().before, Then::Reply(http(401, &[], unauthenticated.as_bytes()))).await;
    let Outcome::Refused(fault) = at(stub.addr, DEADLINE).send(&fixture().message).await else { panic!("must be refused") };
    assert_eq!((fault.code.as_str(), fault.action), ("UNAUTHENTICATED", PAUSE));
    assert_eq!((stub.steps().len(), stub.requests().len()), (2, 2));
}
