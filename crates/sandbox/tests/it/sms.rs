//! What is only a text's at Twilio: names, media, encoding, validity; Messaging Services and deactivated numbers.

use crate::support::{ACCOUNT, Hub, Running, TOKEN, config, json, smooth};

#[tokio::test]
async fn names_and_options_are_checked() {
    let running = Running::start(config(None, smooth())).await;
    let cases: &[(u64, &[(&str, &str)])] = &[
        (21612, &[("From", "Fanfare")]),
        (20001, &[("ValidityPeriod", "0")]),
        (20001, &[("ValidityPeriod", "36001")]),
        (20001, &[("SmartEncoded", "yes")]),
    ];
    for (code, changes) in cases {
        let mut form = vec![("To", "+12025550143"), ("From", "+15005550001"), ("Body", "x")];
        form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        form.extend_from_slice(changes);
        assert_eq!(json(running.twilio(&form).await).await["code"], *code, "{changes:?}");
    }
    let fine = [("To", "+971501234567"), ("From", "Fanfare"), ("Body", "x"), ("ValidityPeriod", "600"), ("SmartEncoded", "true")];
    assert_eq!(running.twilio(&fine).await.status(), 201);
}

#[tokio::test]
async fn media_arrive_where_there_is_mms_and_fail_elsewhere() {
    let hub = Hub::start().await;
    let running = Running::start(config(Some(&hub), smooth())).await;
    for (to, token) in [("+12025550143", "here"), ("+971501234567", "there")] {
        let callback = format!("{}/status?d={token}", hub.url);
        let media = ("MediaUrl", "https://cdn.example/a.png");
        let form = [("To", to), ("From", "+15005550001"), ("Body", "x"), media, ("StatusCallback", callback.as_str())];
        let resource = json(running.twilio(&form).await).await;
        assert!(resource["sid"].as_str().unwrap().starts_with("MM"));
        assert_eq!(resource["num_media"], "1");
    }
    running.settled().await;
    let last = |token: &str| hub.calls_to(&format!("/status?d={token}")).last().unwrap().param("MessageStatus");
    assert_eq!((last("here"), last("there")), ("delivered".to_owned(), "undelivered".to_owned()));
    assert_eq!(hub.calls_to("/status?d=there").last().unwrap().param("ErrorCode"), "30011");
}

#[tokio::test]
async fn services_and_deactivated_numbers_are_there_for_the_account_alone() {
    let running = Running::start(config(None, smooth())).await;
    let url = |path: &str| format!("{}{path}", running.sandbox.url());
    let get = |path: &str| running.client.get(url(path)).basic_auth(ACCOUNT, Some(TOKEN)).send();
    let sid = "MG0123456789abcdef0123456789abcdef";
    assert_eq!(json(get(&format!("/v1/Services/{sid}")).await.unwrap()).await["sid"], sid);
    assert_eq!(get("/v1/Services/MG1").await.unwrap().status(), 404);
    assert!(json(get("/v1/Services").await.unwrap()).await["services"].is_array());
    assert_eq!(running.get("/v1/Services").await.status(), 401);
    assert_eq!(running.get("/v1/Deactivations?Date=2026-05-27").await.status(), 401);
    assert_eq!(get("/v1/Deactivations?Date=yesterday").await.unwrap().status(), 400);

    let direct = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let pointer = direct.get(url("/v1/Deactivations?Date=2026-05-27")).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap();
    assert_eq!(pointer.status(), 307);
    let file = json(pointer).await["redirect_to"].as_str().unwrap().to_owned();
    assert_eq!(direct.get(file).send().await.unwrap().text().await.unwrap(), "+12025550143");
}
