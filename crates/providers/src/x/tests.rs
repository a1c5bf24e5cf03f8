use super::*;
use crate::conformance::{
    Fixture, conformance, lookups,
    stub::{Protocol, Stub, Then, http},
};
use crate::errors::{PAUSE, PERMANENT};
use crate::posts::testing::{account, asked, calls, pending, post, sent, to_post};
use crate::{Capability, FaultAction, Lookup, Outcome};
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::OffsetDateTime;

conformance!(sending super::fixture);

const TOKEN: &str = "x-access-not-real";
const REFRESH: &str = "x-refresh-not-real";

fn own(more: &[(&str, &str)]) -> Account {
    let settings: Vec<_> = [("user_id", "2244994945"), ("client_id", "app")].iter().chain(more).copied().collect();
    account(&settings, &[("access_token", TOKEN), ("refresh_token", REFRESH), ("client_secret", "s3cret-of-app")])
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&own(&[("base_url", &format!("http://{addr}"))]), Channel::Social, deadline).unwrap()
}

fn patient(addr: SocketAddr) -> Arc<dyn Send> {
    at(addr, DEADLINE)
}

fn sample(name: &str) -> Vec<u8> {
    contracts::bytes(&format!("x/samples/{name}.json"))
}

fn listed(id: &str, text: &str) -> Value {
    json!({"id": id, "text": text, "created_at": "2026-05-28T20:27:00.000Z"})
}

fn timeline(posts: Value) -> Vec<u8> {
    http(200, &[], json!({"data": posts, "meta": {"result_count": 1}}).to_string().as_bytes())
}

fn problem(kind: &str, status: u16) -> Vec<u8> {
    let body = json!({"title": "No", "detail": "It is not so.", "type": format!("https://api.x.com/2/problems/{kind}"), "status": status});
    body.to_string().into_bytes()
}

fn fixture() -> Fixture {
    let api = Api::read(&own(&[]), DEADLINE).unwrap();
    let debug = format!("{:?} {api:?} {:?} {:?}", own(&[]), manage::Manager(api.clone()), connect::Connector::new(&own(&[])).unwrap());
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to_post(post("Hello", &[]), None),
        before: Vec::new(),
        accepted: (http(201, &[], &sample("create_post_201")), "1346889436626259968"),
        refused: (http(400, &[], &problem("invalid-request", 400)), "invalid-request", PERMANENT),
        throttled: (
            http(429, &[("Retry-After", "2")], &sample("error_429")),
            FaultAction::Throttle { after: Some(Duration::from_secs(2)) },
        ),
        server_error: Some((http(503, &[], b"{}"), "http_503")),
        garbage: http(201, &[], b"<html>"),
        debug,
        secrets: vec![TOKEN, REFRESH, "s3cret-of-app"],
        capability: Capability::Lookup,
        lookup: Some(lookups::Case {
            query: asked(post("Fish & chips <3 https://example.com/a", &[]), None),
            found: (timeline(json!([listed("77", "Fish &amp; chips &lt;3 https://t.co/x")])), "77"),
            not_found: timeline(json!([listed("76", "Fish")])),
        }),
        hooks: None,
    }
}

#[tokio::test]
async fn posts_are_as_described() {
    let uploaded = json!({"media": ["1234567890123456789"], "since": OffsetDateTime::now_utc().unix_timestamp()});
    let samples: Value = serde_json::from_slice(&sample("create_post_requests")).unwrap();
    for (message, expected) in [
        (to_post(post("Hello from the API!", &[]), None), &samples["text"]),
        (to_post(post("Photo of the day", &["https://cdn.example.com/a.jpg"]), Some(uploaded)), &samples["media"]),
    ] {
        let (outcome, calls) = sent(patient, &message, Vec::new(), http(201, &[], &sample("create_post_201"))).await;
        let permalink = Some("https://x.com/i/web/status/1346889436626259968".to_owned());
        assert_eq!(outcome, Outcome::Accepted { provider_message_id: "1346889436626259968".to_owned(), permalink });
        contracts::assert_requests("x", &calls);
        assert_eq!((calls.len(), &calls[0].json()), (1, expected));
        assert_eq!(calls[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    }
}

/// Where a test's picture is; the adapters' tests may call this machine.
async fn picture(kind: &str, bytes: usize) -> String {
    let stub = Stub::start(Protocol::Http, Then::Reply(http(200, &[("Content-Type", kind)], &vec![7; bytes]))).await;
    format!("http://{}/a.jpg", stub.addr)
}

fn upload_answers(state: &str) -> Vec<(&'static str, Vec<u8>)> {
    let finished = json!({"data": {"id": "99", "processing_info": {"state": state, "check_after_secs": 7}}});
    let begun = json!({"data": {"id": "99", "expires_after_secs": 86_400}});
    vec![
        ("POST /2/media/upload/initialize", http(200, &[], begun.to_string().as_bytes())),
        ("POST /2/media/upload/99/append", http(200, &[], b"{\"data\":{\"expires_at\":1}}")),
        ("POST /2/media/upload/99/finalize", http(200, &[], finished.to_string().as_bytes())),
        ("POST /2/media/metadata", http(200, &[], b"{\"data\":{\"id\":\"99\"}}")),
        ("GET /2/media/upload?", http(200, &[], br#"{"data":{"id":"99","processing_info":{"state":"succeeded"}}}"#)),
    ]
}

#[tokio::test]
async fn a_picture_is_uploaded_in_parts_before_the_post() {
    let url = picture("image/jpeg", 1_300_000).await;
    let message = to_post(post("Look", &[&url]), None);
    let (outcome, calls) = sent(patient, &message, upload_answers("succeeded"), http(201, &[], &sample("create_post_201"))).await;
    let progress = pending(outcome);
    assert_eq!((&progress["media"], &progress["working"]), (&json!(["99"]), &json!(false)));
    contracts::assert_requests("x", &calls);
    let paths: Vec<_> = calls.iter().map(contracts::Call::path).collect();
    let append = "/2/media/upload/99/append";
    assert_eq!(paths, ["/2/media/upload/initialize", append, append, append, "/2/media/upload/99/finalize", "/2/media/metadata"]);
    assert_eq!(calls[0].json(), json!({"media_type": "image/jpeg", "total_bytes": 1_300_000, "media_category": "tweet_image"}));
    assert_eq!(calls[5].json(), json!({"id": "99", "metadata": {"alt_text": {"text": "A picture"}}}));
    let message = to_post(post("Look", &[&url]), Some(progress));
    let (outcome, calls) = sent(patient, &message, Vec::new(), http(201, &[], &sample("create_post_201"))).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }) && calls[0].json()["media"]["media_ids"] == json!(["99"]));
}

#[tokio::test]
async fn an_upload_that_is_being_worked_on_is_asked_about() {
    let url = picture("image/gif", 10).await;
    let (outcome, _) = sent(patient, &to_post(post("Look", &[&url]), None), upload_answers("in_progress"), Vec::new()).await;
    let Outcome::Pending { progress, again_after } = outcome else { panic!("{outcome:?}") };
    assert_eq!((again_after, &progress["working"]), (Duration::from_secs(7), &json!(true)));
    let (outcome, calls) = sent(patient, &to_post(post("Look", &[&url]), Some(progress)), upload_answers(""), Vec::new()).await;
    assert_eq!(pending(outcome)["working"], json!(false));
    contracts::assert_requests("x", &calls);
    let (outcome, _) = sent(patient, &to_post(post("Look", &[&url]), None), upload_answers("failed"), Vec::new()).await;
    assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == "media_failed"), "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_picture_is_never_uploaded() {
    let page = picture("text/html", 10).await;
    for url in [page.as_str(), "ftp://example.com/a.jpg", "https://user:pw@example.com/a.jpg"] {
        let (outcome, calls) = sent(patient, &to_post(post("Look", &[url]), None), Vec::new(), http(201, &[], b"")).await;
        assert!(matches!(&outcome, Outcome::Refused(fault) if fault.action == PERMANENT), "{outcome:?}");
        assert!(calls.is_empty());
    }
}

#[tokio::test]
async fn old_uploads_are_made_anew() {
    let url = picture("image/png", 10).await;
    let old = json!({"media": ["1"], "since": OffsetDateTime::now_utc().unix_timestamp() - 90_000});
    let (outcome, calls) = sent(patient, &to_post(post("Look", &[&url]), Some(old)), upload_answers(""), Vec::new()).await;
    assert!(pending(outcome)["media"] == json!(["99"]) && calls.len() == 4, "{calls:?}");
}

async fn refusal(answer: Vec<u8>) -> Outcome {
    sent(patient, &to_post(post("Hello", &[]), None), Vec::new(), answer).await.0
}

#[tokio::test]
async fn refusals_lead_to_their_actions() {
    let outcome = refusal(http(403, &[], &sample("error_403_duplicate"))).await;
    assert!(matches!(&outcome, Outcome::Uncertain(fault) if fault.code == "duplicate"), "perhaps by a lost try: {outcome:?}");
    for (answer, code, action) in [
        (http(401, &[], b"{}"), "http_401", FaultAction::Reconnect),
        (http(403, &[], br#"{"title":"Forbidden","detail":"no"}"#), "http_403", PAUSE),
        (http(403, &[], &problem("client-forbidden", 403)), "client-forbidden", PAUSE),
        (http(429, &[], &problem("usage-capped", 429)), "usage-capped", PAUSE),
        (http(400, &[], &sample("error_problem")), "invalid-request", PERMANENT),
        (http(400, &[], &problem("brand-new", 400)), "brand-new", PERMANENT),
    ] {
        let outcome = refusal(answer).await;
        let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
        assert_eq!((fault.code.as_str(), fault.action), (code, action));
    }
    for (name, action, meaning) in errors::TABLE {
        let outcome = refusal(http(403, &[], &problem(name, 403))).await;
        assert!(matches!(&outcome, Outcome::Refused(fault) if fault.action == *action && fault.detail == *meaning), "{outcome:?}");
    }
    assert!(errors::TABLE.is_sorted_by(|a, b| a.0 < b.0));
}

#[tokio::test]
async fn a_limit_says_when_it_is_over() {
    let reset = (OffsetDateTime::now_utc().unix_timestamp() + 600).to_string();
    let outcome = refusal(http(429, &[("x-rate-limit-reset", &reset)], &sample("error_429"))).await;
    let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
    let FaultAction::Throttle { after: Some(after) } = fault.action else { panic!("{fault:?}") };
    assert!((590..=600).contains(&after.as_secs()), "{after:?}");
}

#[tokio::test]
async fn without_its_id_the_account_is_asked_for_first() {
    let me = http(200, &[], br#"{"data":{"id":"5","username":"acme","name":"Acme"}}"#);
    let found = timeline(json!([listed("77", "Hello")]));
    let stub = Stub::stepped(Protocol::Http, vec![("GET /2/users/me ", me)], Then::Reply(found)).await;
    let account = own(&[("base_url", &format!("http://{}", stub.addr)), ("user_id", "")]);
    let sender = sender(&account, Channel::Social, DEADLINE).unwrap();
    let permalink = Some("https://x.com/i/web/status/77".to_owned());
    let lookup = sender.lookup(&asked(post("Hello", &[]), None)).await;
    assert_eq!(lookup, Lookup::Found { provider_message_id: "77".to_owned(), permalink });
    assert_eq!(calls(&stub)[1].path(), "/2/users/5/tweets");
    assert_eq!(contracts::assert_requests("x", &calls(&stub)), ["/2/users/me"], "the list is known to be outside of the file");
    let checked = (PROVIDER.manage.unwrap())(&account, Channel::Social).unwrap().check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("@acme", "5"));
    let empty = http(200, &[], br#"{"meta":{"result_count":0}}"#);
    let stub = Stub::start(Protocol::Http, Then::Reply(empty)).await;
    assert_eq!(at(stub.addr, DEADLINE).lookup(&asked(post("Hello", &[]), None)).await, Lookup::NotFound, "an account without posts");
}

#[tokio::test]
async fn connecting_and_refreshing_go_by_the_book() {
    let token = http(200, &[], br#"{"access_token":"at2","refresh_token":"rt2","expires_in":7200,"scope":"tweet.read"}"#);
    let me = http(200, &[], br#"{"data":{"id":"5","username":"acme"}}"#);
    let stub = Stub::stepped(Protocol::Http, vec![("POST /2/oauth2/token", token)], Then::Reply(me)).await;
    let base = format!("http://{}", stub.addr);
    let account = own(&[("base_url", &base), ("token_url", &format!("{base}/2/oauth2/token"))]);
    let connect = (PROVIDER.connect.unwrap())(&account).unwrap();
    let url = connect.authorize_url("st4te", "ch4llenge", "https://hub.example/oauth/callback");
    assert!(url.as_str().starts_with("https://api.x.com/2/oauth2/authorize?") && url.as_str().contains("offline.access"), "{url}");
    let tokens = connect.refresh(&Secret::new(REFRESH)).await.unwrap();
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "rt2");
    let accounts = connect.accounts(&tokens).await.unwrap();
    assert_eq!((accounts[0].handle.as_str(), accounts[0].settings.as_slice()), ("@acme", &[("user_id", "5".to_owned())][..]));
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |more: &[(&str, &str)]| sender(&own(more), Channel::Social, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&[]), None);
    assert_eq!(field(&[("user_id", "@acme")]).as_deref(), Some("user_id"));
    assert_eq!(sender(&own(&[]), Channel::Whatsapp, DEADLINE).err().unwrap().field, "channel");
    let mut account = own(&[]);
    account.secrets.remove("access_token");
    assert_eq!(sender(&account, Channel::Social, DEADLINE).err().unwrap().field, "access_token");
}
