use super::*;
use crate::conformance::{
    Fixture, conformance, lookups,
    stub::{Protocol, http},
};
use crate::errors::{PAUSE, PERMANENT};
use crate::posts::testing::{account, asked, pending, post, sent, to_post};
use crate::{Capability, FaultAction, Lookup, Outcome, Tokens};
use serde_json::json;
use std::net::SocketAddr;

conformance!(sending super::fixture);

const TOKEN: &str = "EAApage-not-real";
const PAGE: &str = "102290129340398";

fn own(more: &[(&str, &str)]) -> Account {
    let settings: Vec<_> = [("page_id", PAGE), ("client_id", "app")].iter().chain(more).copied().collect();
    account(&settings, &[("access_token", TOKEN), ("client_secret", "s3cret-of-app")])
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&own(&[("base_url", &format!("http://{addr}"))]), Channel::Social, deadline).unwrap()
}

fn patient(addr: SocketAddr) -> Arc<dyn Send> {
    at(addr, DEADLINE)
}

fn sample(name: &str) -> Vec<u8> {
    contracts::bytes(&format!("facebook-page/samples/{name}.json"))
}

fn error(code: u32) -> Vec<u8> {
    json!({"error": {"code": code, "message": "no"}}).to_string().into_bytes()
}

fn entry(id: &str, text: &str, time: &str) -> serde_json::Value {
    json!({"id": id, "message": text, "created_time": time, "permalink_url": format!("https://www.facebook.com/{id}")})
}

fn fixture() -> Fixture {
    let config = Config::read(&own(&[])).unwrap();
    let debug = format!(
        "{config:?} {:?} {:?} {:?}",
        send::Sender::new(config.clone(), DEADLINE).unwrap(),
        manage::Manager::new(config.clone(), DEADLINE).unwrap(),
        connect::Connector::new(&own(&[])).unwrap()
    );
    // The query's time is 2026-05-28T20:26:40Z.
    let list = |entries: serde_json::Value| http(200, &[], json!({"data": entries}).to_string().as_bytes());
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to_post(post("Hello", &[]), None),
        before: Vec::new(),
        accepted: (http(200, &[], &sample("feed_post_200")), "102290129340398_122101234567890"),
        refused: (http(400, &[], &error(100)), "100", PERMANENT),
        throttled: (http(400, &[("Retry-After", "2")], &error(32)), FaultAction::Throttle { after: Some(Duration::from_secs(2)) }),
        server_error: Some((http(500, &[], &error(2)), "http_500")),
        garbage: http(200, &[], b"<html>"),
        debug,
        secrets: vec![TOKEN, "s3cret-of-app"],
        capability: Capability::Lookup,
        lookup: Some(lookups::Case {
            query: asked(post("Hello", &[]), None),
            found: (list(json!([entry("1_2", "Hello", "2026-05-28T20:27:00+0000")])), "1_2"),
            not_found: list(json!([entry("1_1", "Other", "2026-05-28T20:27:00+0000")])),
        }),
        hooks: None,
    }
}

#[tokio::test]
async fn each_kind_of_post_is_as_described() {
    let photo = "https://cdn.example.com/a.jpg";
    let linked = crate::conformance::message(
        "acme",
        domain::content::Rendered::Social(domain::content::SocialVariant { link: "https://example.com/a".to_owned(), ..post("Look", &[]) }),
    );
    let uploaded = to_post(post("Both", &[photo, photo]), Some(json!({"photos": ["1", "2"]})));
    for (message, answer, path, body) in [
        (to_post(post("Hi", &[]), None), "feed_post_200", "feed", json!({"message": "Hi"})),
        (linked, "feed_post_200", "feed", json!({"message": "Look", "link": "https://example.com/a"})),
        (uploaded, "feed_post_200", "feed", json!({"message": "Both", "attached_media": [{"media_fbid": "1"}, {"media_fbid": "2"}]})),
        (
            to_post(post("One", &[photo]), None),
            "photo_200",
            "photos",
            json!({"url": photo, "caption": "One", "alt_text_custom": "A picture", "published": true}),
        ),
    ] {
        let (outcome, calls) = sent(patient, &message, Vec::new(), http(200, &[], &sample(answer))).await;
        let Outcome::Accepted { provider_message_id, permalink } = outcome else { panic!("{outcome:?}") };
        assert_eq!(permalink, Some(format!("https://www.facebook.com/{provider_message_id}")));
        contracts::assert_requests("facebook", &calls);
        assert_eq!((calls.len(), calls[0].path()), (1, format!("/v25.0/{PAGE}/{path}").as_str()));
        assert_eq!(calls[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(calls[0].json(), body);
    }
}

#[tokio::test]
async fn several_pictures_go_up_unseen_first() {
    let message = to_post(post("Both", &["https://cdn.example.com/a.jpg", "https://cdn.example.com/b.jpg"]), None);
    let (outcome, calls) = sent(patient, &message, Vec::new(), http(200, &[], &sample("photo_200"))).await;
    assert_eq!(pending(outcome), json!({"photos": ["122101234567890", "122101234567890"]}));
    contracts::assert_requests("facebook", &calls);
    assert!(calls.len() == 2 && calls.iter().all(|call| call.json()["published"] == false && call.path().ends_with("/photos")));
    // A lost answer to an upload leaves no doubt: nobody can see it.
    let (outcome, _) = sent(patient, &message, Vec::new(), http(503, &[], b"")).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn what_is_posted_already_is_in_doubt() {
    let (outcome, _) = sent(patient, &to_post(post("Hi", &[]), None), Vec::new(), http(400, &[], &error(506))).await;
    assert!(matches!(&outcome, Outcome::Uncertain(fault) if fault.code == "duplicate"), "{outcome:?}");
}

#[tokio::test]
async fn published_errors_have_their_action() {
    for (name, status, code, action) in [
        ("error_190", 400, "190", FaultAction::Reconnect),
        ("error_368", 400, "368", PAUSE),
        ("error_190", 401, "190", FaultAction::Reconnect),
    ] {
        let (outcome, _) = sent(patient, &to_post(post("Hi", &[]), None), Vec::new(), http(status, &[], &sample(name))).await;
        let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
        assert_eq!((fault.code.as_str(), fault.action), (code, action));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_without_a_call() {
    let nobody = at(crate::conformance::stub::Stub::nobody().await, DEADLINE);
    for bad in [post("", &[]), post("v", &["https://cdn.example.com/v.mp4"]), post("x", &["https://cdn.example.com/a.jpg"; 11])] {
        let outcome = nobody.send(&to_post(bad, None)).await;
        assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == "content"), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_feed_is_read_on_by_its_cursor() {
    let page = json!({"data": [entry("1_9", "Newer", "2026-05-28T20:30:00+0000")],
        "paging": {"cursors": {"after": "c2"}, "next": "https://graph.facebook.com/v25.0/1/feed?access_token=t0ken&after=c2"}});
    let last = json!({"data": [entry("1_2", "Hello", "2026-05-28T20:26:50+0000")]});
    let path = "GET /v25.0/102290129340398/feed?fields=id%2Cmessage%2Ccreated_time%2Cpermalink_url&limit=50 ";
    let stub = crate::conformance::stub::Stub::stepped(
        Protocol::Http,
        vec![(path, http(200, &[], page.to_string().as_bytes()))],
        crate::conformance::stub::Then::Reply(http(200, &[], last.to_string().as_bytes())),
    )
    .await;
    let answer = at(stub.addr, DEADLINE).lookup(&asked(post("Hello", &[]), None)).await;
    let permalink = Some("https://www.facebook.com/1_2".to_owned());
    assert_eq!(answer, Lookup::Found { provider_message_id: "1_2".to_owned(), permalink });
    let calls = crate::posts::testing::calls(&stub);
    assert!(calls.len() == 2 && calls[1].target.ends_with("&after=c2"), "{calls:?}");
    contracts::assert_requests("facebook", &calls);
}

#[tokio::test]
async fn a_test_of_the_connection_reads_the_name() {
    let answer = http(200, &[], br#"{"id":"102290129340398","name":"Acme"}"#);
    let stub = crate::conformance::stub::Stub::start(Protocol::Http, crate::conformance::stub::Then::Reply(answer)).await;
    let account = own(&[("base_url", &format!("http://{}", stub.addr))]);
    let checked = (PROVIDER.manage.unwrap())(&account, Channel::Social).unwrap().check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("Acme", PAGE));
    contracts::assert_requests("facebook", &crate::posts::testing::calls(&stub));
}

#[tokio::test]
async fn connecting_trades_the_short_token_and_fetches_the_pages() {
    let token = http(200, &[], br#"{"access_token":"long","expires_in":5183944}"#);
    let pages = json!({"data": [{"id": "1", "name": "Acme", "access_token": "page-token"}, {"id": "2", "name": "Not ours"}]});
    let before = vec![("POST /token", token)];
    let then = crate::conformance::stub::Then::Reply(http(200, &[], pages.to_string().as_bytes()));
    let stub = crate::conformance::stub::Stub::stepped(Protocol::Http, before, then).await;
    let base = format!("http://{}", stub.addr);
    let account = own(&[("base_url", &base), ("token_url", &format!("{base}/token"))]);
    let connect = (PROVIDER.connect.unwrap())(&account).unwrap();
    let tokens = connect.exchange(&Secret::new("c0de"), &Secret::new("verifier"), "https://hub.example/oauth/callback").await.unwrap();
    assert_eq!((tokens.access_token.expose(), tokens.refresh_token.is_none()), ("long", true));
    let accounts = connect.accounts(&tokens).await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!((accounts[0].handle.as_str(), accounts[0].settings[0].1.as_str()), ("Acme", "1"));
    assert_eq!(accounts[0].access_token.as_ref().unwrap().expose(), "page-token");
    let grants: Vec<_> = stub.steps().iter().map(|step| contracts::Call::read(step).form()).collect();
    assert!(grants[1].contains(&("grant_type".to_owned(), "fb_exchange_token".to_owned())), "{grants:?}");
    let last = contracts::Call::read(&stub.requests()[0]);
    assert_eq!(last.header("authorization"), Some("Bearer long"));
    let refused = connect.refresh(&Secret::new("x")).await.unwrap_err();
    assert_eq!(refused.code, "not_refreshable");
    assert!(format!("{:?}", Tokens { scopes: Vec::new(), ..tokens }).len() > 10);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |more: &[(&str, &str)]| sender(&own(more), Channel::Social, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&[]), None);
    assert_eq!(field(&[("page_id", "acme")]).as_deref(), Some("page_id"));
    assert_eq!(field(&[("version", "25")]).as_deref(), Some("version"));
    assert_eq!(field(&[("base_url", "http://graph.example.com")]).as_deref(), Some("base_url"));
    assert_eq!(sender(&own(&[]), Channel::Email, DEADLINE).err().unwrap().field, "channel");
    let mut account = own(&[]);
    account.secrets.clear();
    assert_eq!(sender(&account, Channel::Social, DEADLINE).err().unwrap().field, "access_token");
}
