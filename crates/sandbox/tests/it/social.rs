//! Pages, professional accounts, X and LinkedIn.

use reqwest::{Response, StatusCode};
use sandbox::Config;
use sandbox::behaviour::{Behaviour, Faults};
use sandbox::config::{Facebook, Instagram, Linkedin, OauthApp, X};
use serde_json::{Value, json};

use crate::support::{Running, json as body, smooth};

const PAGE: &str = "102290129340398";
const USER: &str = "17841400000000000";
const AUTHOR: &str = "urn:li:organization:5515715";

fn networks(behaviour: Behaviour) -> Config {
    let app = OauthApp::default;
    Config {
        facebook: Some(Facebook { access_token: "fb".into(), page_id: PAGE.into(), page_name: "Acme".into(), app: app() }),
        instagram: Some(Instagram {
            access_token: "ig".into(),
            ig_user_id: USER.into(),
            username: "acme".into(),
            quota_total: 2,
            app: app(),
        }),
        x: Some(X { access_token: Some("x".into()), user_id: "5".into(), username: "acme".into(), max_characters: 280, app: app() }),
        linkedin: Some(Linkedin {
            access_token: Some("li".into()),
            author: AUTHOR.into(),
            name: "Acme".into(),
            oldest_version: "202509".into(),
            app: app(),
        }),
        behaviour,
        ..Config::default()
    }
}

async fn running() -> Running {
    Running::start(networks(smooth())).await
}

async fn post(running: &Running, path: &str, token: &str, fields: &Value) -> Response {
    running.client.post(format!("{}{path}", running.sandbox.url())).bearer_auth(token).json(fields).send().await.unwrap()
}

async fn get(running: &Running, path: &str, token: &str) -> Value {
    body(running.client.get(format!("{}{path}", running.sandbox.url())).bearer_auth(token).send().await.unwrap()).await
}

async fn code(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, body(response).await["error"]["code"].clone())
}

#[tokio::test]
async fn a_page_shows_what_was_posted_once() {
    let running = running().await;
    let feed = format!("/v25.0/{PAGE}/feed");
    let made = body(post(&running, &feed, "fb", &json!({"message": "Hello"})).await).await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with(&format!("{PAGE}_")));
    let listed = get(&running, &format!("{feed}?fields=id,message,created_time&limit=10"), "fb").await;
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["message"]), (&made["id"], &json!("Hello")));
    assert!(listed["data"][0]["created_time"].as_str().unwrap().ends_with("+0000"));
    assert_eq!(code(post(&running, &feed, "fb", &json!({"message": "Hello"})).await).await, (400, 506.into()), "the same again");
    assert_eq!(running.sandbox.figures().social.sent, 1);
    assert_eq!(running.log().await[0]["to"], PAGE);
}

#[tokio::test]
async fn several_pictures_hang_on_one_post() {
    let running = running().await;
    let (photos, feed) = (format!("/v25.0/{PAGE}/photos"), format!("/v25.0/{PAGE}/feed"));
    let mut attached = Vec::new();
    for name in ["a", "b"] {
        let photo = json!({"url": format!("https://cdn.example.com/{name}.jpg"), "published": false});
        attached.push(json!({"media_fbid": body(post(&running, &photos, "fb", &photo).await).await["id"]}));
    }
    assert_eq!(running.sandbox.figures().social.sent, 0, "nobody sees them yet");
    let fields = json!({"message": "Two", "attached_media": attached});
    assert_eq!(post(&running, &feed, "fb", &fields).await.status(), 200);
    assert_eq!(running.log().await[0]["media"].as_array().unwrap().len(), 2);
    let again = json!({"message": "Three", "attached_media": attached});
    assert_eq!(code(post(&running, &feed, "fb", &again).await).await, (400, 100.into()), "they are on another post");
    let one = body(post(&running, &photos, "fb", &json!({"url": "https://cdn.example.com/c.jpg", "caption": "One"})).await).await;
    assert!(one["post_id"].as_str().unwrap().starts_with(PAGE));
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let running = running().await;
    let feed = format!("/v25.0/{PAGE}/feed");
    assert_eq!(code(post(&running, &feed, "guess", &json!({"message": "x"})).await).await, (401, 190.into()));
    assert_eq!(code(post(&running, &feed, "ig", &json!({"message": "x"})).await).await, (403, 200.into()));
    assert_eq!(code(post(&running, "/v25.0/1/feed", "fb", &json!({"message": "x"})).await).await, (400, 100.into()));
    assert_eq!(code(post(&running, &feed.replace("v25.0", "latest"), "fb", &json!({"message": "x"})).await).await, (400, 2_500.into()));
    assert_eq!(post(&running, "/2/tweets", "guess", &json!({"text": "x"})).await.status(), 401);
    assert_eq!(post(&running, "/rest/posts", "guess", &json!({})).await.status(), 401);
    assert!(running.log().await.is_empty());
}

#[tokio::test]
async fn a_container_is_published_once_and_within_the_quota() {
    let running = running().await;
    let (media, publish) = (format!("/v25.0/{USER}/media"), format!("/v25.0/{USER}/media_publish"));
    let mut published = Vec::new();
    for number in 0..3 {
        let fields = json!({"image_url": format!("https://cdn.example.com/{number}.jpg"), "caption": format!("Number {number}")});
        let container = body(post(&running, &media, "ig", &fields).await).await["id"].clone();
        let creation = json!({"creation_id": container});
        assert_eq!(code(post(&running, &publish, "ig", &creation).await).await, (400, 9_007.into()), "it isn't ready");
        let status = format!("/v25.0/{}?fields=status_code", container.as_str().unwrap());
        assert_eq!(get(&running, &status, "ig").await["status_code"], "IN_PROGRESS");
        assert_eq!(get(&running, &status, "ig").await["status_code"], "FINISHED");
        let answer = post(&running, &publish, "ig", &creation).await;
        if number == 2 {
            assert_eq!(code(answer).await, (403, 9.into()), "two a day");
            break;
        }
        published.push(body(answer).await["id"].clone());
        assert_eq!(get(&running, &status, "ig").await["status_code"], "PUBLISHED");
        assert_eq!(code(post(&running, &publish, "ig", &creation).await).await, (400, 100.into()));
    }
    let limit = get(&running, &format!("/v25.0/{USER}/content_publishing_limit?fields=config,quota_usage"), "ig").await;
    assert_eq!((&limit["data"][0]["quota_usage"], &limit["data"][0]["config"]["quota_total"]), (&json!(2), &json!(2)));
    let link = get(&running, &format!("/v25.0/{}?fields=permalink", published[0].as_str().unwrap()), "ig").await;
    assert!(link["permalink"].as_str().unwrap().starts_with("https://www.instagram.com/p/"));
    let bad = json!({"image_url": "https://cdn.example.com/a.png"});
    assert_eq!(code(post(&running, &media, "ig", &bad).await).await, (400, 36_001.into()), "JPEG only");
}

#[tokio::test]
async fn x_takes_what_its_description_has() {
    let running = running().await;
    assert_eq!(post(&running, "/2/tweets", "x", &json!({"text": "Hi", "colour": 1})).await.status(), 400);
    let begun = json!({"media_type": "image/png", "total_bytes": 4, "media_category": "tweet_image"});
    let id = body(post(&running, "/2/media/upload/initialize", "x", &begun).await).await["data"]["id"].as_str().unwrap().to_owned();
    let early = json!({"text": "Pic", "media": {"media_ids": [id]}});
    assert_eq!(post(&running, "/2/tweets", "x", &early).await.status(), 400, "it isn't finished");
    let part = json!({"media": "AQIDBA==", "segment_index": 0});
    assert_eq!(post(&running, &format!("/2/media/upload/{id}/append"), "x", &part).await.status(), 200);
    assert_eq!(post(&running, &format!("/2/media/upload/{id}/append"), "x", &part).await.status(), 400, "out of order");
    assert_eq!(post(&running, &format!("/2/media/upload/{id}/finalize"), "x", &json!({})).await.status(), 200);
    let described = json!({"id": id, "metadata": {"alt_text": {"text": "A dot"}}});
    assert_eq!(post(&running, "/2/media/metadata", "x", &described).await.status(), 200);
    assert_eq!(post(&running, "/2/tweets", "x", &early).await.status(), 201);
    assert_eq!(running.log().await[0]["custom_args"]["alt"], json!(["A dot"]));
    assert_eq!(post(&running, "/2/tweets", "x", &json!({"text": "A & B https://example.com/long"})).await.status(), 201);
    let again = post(&running, "/2/tweets", "x", &json!({"text": "A & B https://example.com/long"})).await;
    assert_eq!((again.status(), body(again).await["detail"].as_str().unwrap().contains("duplicate")), (StatusCode::FORBIDDEN, true));
    let listed = get(&running, "/2/users/5/tweets?max_results=5&tweet.fields=created_at", "x").await;
    assert_eq!(listed["data"][0]["text"], "A &amp; B https://t.co/abcdefghij");
    assert_eq!(get(&running, "/2/users/me", "x").await["data"]["username"], "acme");
}

fn linked(text: &str) -> Value {
    json!({"author": AUTHOR, "commentary": text, "visibility": "PUBLIC", "distribution": {"feedDistribution": "MAIN_FEED"},
           "lifecycleState": "PUBLISHED"})
}

async fn linkedin(running: &Running, version: &str, fields: &Value) -> Response {
    let request = running.client.post(format!("{}/rest/posts", running.sandbox.url())).bearer_auth("li").json(fields);
    request.header("LinkedIn-Version", version).header("X-Restli-Protocol-Version", "2.0.0").send().await.unwrap()
}

#[tokio::test]
async fn linkedin_minds_its_versions_and_little_text() {
    let running = running().await;
    assert_eq!(linkedin(&running, "202401", &linked("Hi")).await.status(), 426);
    assert_eq!(linkedin(&running, "2026", &linked("Hi")).await.status(), 400);
    assert_eq!(linkedin(&running, "202608", &linked("Hi (all)")).await.status(), 422, "not escaped");
    let made = linkedin(&running, "202608", &linked("Hi \\(all\\)")).await;
    assert_eq!(made.status(), 201);
    let urn = made.headers()["x-restli-id"].to_str().unwrap().to_owned();
    assert_eq!(running.log().await[0]["text"], "Hi (all)");
    assert_eq!(linkedin(&running, "202608", &linked("Hi \\(all\\)")).await.status(), 422, "a duplicate");
    let url = format!("{}/rest/posts?q=author&author={AUTHOR}&count=10", running.sandbox.url());
    let list = running.client.get(url).bearer_auth("li").header("LinkedIn-Version", "202608");
    let list = list.header("X-Restli-Protocol-Version", "2.0.0").header("X-RestLi-Method", "FINDER").send().await.unwrap();
    let list = body(list).await;
    assert_eq!((&list["elements"][0]["id"], &list["elements"][0]["commentary"]), (&json!(urn), &json!("Hi \\(all\\)")));
}

#[tokio::test]
async fn a_post_may_be_taken_without_an_answer() {
    let faults = Faults { accept_then_reset: 1.0, first_attempts: 1, ..Faults::default() };
    let running = Running::start(networks(Behaviour { faults, ..smooth() })).await;
    let url = format!("{}/2/tweets", running.sandbox.url());
    let lost = running.client.post(&url).bearer_auth("x").json(&json!({"text": "Lost"})).send().await;
    assert!(lost.is_err());
    let listed = get(&running, "/2/users/5/tweets?max_results=5", "x").await;
    assert_eq!(listed["data"][0]["text"], "Lost", "it is up all the same");
    assert_eq!(running.sandbox.figures().social.sent, 1);
}

#[tokio::test]
async fn codes_and_refresh_tokens_work_once() {
    let running = running().await;
    let base = running.sandbox.url();
    // RFC 7636, appendix B.
    let (verifier, challenge) = ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let asked = format!(
        "{base}/oauth/x/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fhub.example%2Fcb&state=s&code_challenge={challenge}&code_challenge_method=S256"
    );
    let back = running.client.get(&asked).send().await.unwrap();
    let location = back.headers()["location"].to_str().unwrap().to_owned();
    let code = url::Url::parse(&location).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let trade = async |form: &[(&str, &str)]| {
        let request = running.client.post(format!("{base}/oauth/x/token")).basic_auth("app", Some("app-secret")).form(form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), body(answer).await)
    };
    let redirect = ("redirect_uri", "https://hub.example/cb");
    let wrong = [("grant_type", "authorization_code"), ("code", "guess"), redirect, ("code_verifier", verifier)];
    assert_eq!(trade(&wrong).await.0, 400);
    let right = [("grant_type", "authorization_code"), ("code", code.as_str()), redirect, ("code_verifier", verifier)];
    let (status, tokens) = trade(&right).await;
    assert_eq!(status, 200);
    assert_eq!(trade(&right).await.0, 400, "once");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let (status, newer) = trade(&refresh).await;
    assert_eq!(status, 200);
    assert_eq!(trade(&refresh).await.0, 400, "once");
    let me = get(&running, "/2/users/me", newer["access_token"].as_str().unwrap()).await;
    assert_eq!(me["data"]["id"], "5");
    let bad = running.client.get(asked.replace("client_id=app", "client_id=other")).send().await.unwrap();
    assert_eq!(bad.status(), 400);
}
