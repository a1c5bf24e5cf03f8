use super::*;
use crate::conformance::{
    Fixture, conformance, lookups,
    stub::{Protocol, Stub, Then, http},
};
use crate::errors::{PAUSE, PERMANENT};
use crate::http_client::Answer;
use crate::posts::testing::{account, asked, pending, post, sent, to_post};
use crate::{Capability, FaultAction, Outcome};
use domain::content::SocialVariant;
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::OffsetDateTime;

conformance!(sending super::fixture);

const TOKEN: &str = "li-access-not-real";
const AUTHOR: &str = "urn:li:organization:5515715";
const URN: &str = "urn:li:share:6844785523593134080";

fn own(more: &[(&str, &str)]) -> Account {
    let settings: Vec<_> = [("author", AUTHOR), ("client_id", "app")].iter().chain(more).copied().collect();
    account(&settings, &[("access_token", TOKEN), ("client_secret", "s3cret-of-app")])
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&own(&[("base_url", &format!("http://{addr}"))]), Channel::Social, deadline).unwrap()
}

fn patient(addr: SocketAddr) -> Arc<dyn Send> {
    at(addr, DEADLINE)
}

fn sample(name: &str) -> Vec<u8> {
    contracts::bytes(&format!("linkedin/samples/{name}.json"))
}

fn created() -> Vec<u8> {
    http(201, &[("x-restli-id", URN)], b"")
}

fn list(posts: Value) -> Vec<u8> {
    http(200, &[], json!({"elements": posts, "paging": {"start": 0, "count": 50, "links": []}}).to_string().as_bytes())
}

fn listed(id: &str, commentary: &str) -> Value {
    json!({"id": id, "commentary": commentary, "createdAt": 1_780_000_020_000_i64})
}

fn fixture() -> Fixture {
    let api = Api::read(&own(&[]), DEADLINE).unwrap();
    let debug = format!("{:?} {api:?} {:?} {:?}", own(&[]), manage::Manager(api.clone()), connect::Connector::new(&own(&[])).unwrap());
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to_post(post("Hello", &[]), None),
        before: Vec::new(),
        accepted: (created(), URN),
        refused: (http(400, &[], br#"{"message":"a field is wrong","status":400}"#), "http_400", PERMANENT),
        throttled: (
            http(429, &[("Retry-After", "2")], &sample("error_429")),
            FaultAction::Throttle { after: Some(Duration::from_secs(2)) },
        ),
        server_error: Some((http(500, &[], b"{}"), "http_500")),
        garbage: http(201, &[], b"created, but who knows what"),
        debug,
        secrets: vec![TOKEN, "s3cret-of-app"],
        capability: Capability::Lookup,
        lookup: Some(lookups::Case {
            query: asked(post("Hello (all) #sale", &[]), None),
            found: (list(json!([listed(URN, "Hello \\(all\\) \\#sale")])), URN),
            not_found: list(json!([listed("urn:li:share:1", "Hello")])),
        }),
        hooks: None,
    }
}

async fn posted(message: &crate::Message) -> Value {
    let (outcome, calls) = sent(patient, message, Vec::new(), created()).await;
    let permalink = Some(format!("https://www.linkedin.com/feed/update/{URN}"));
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: URN.to_owned(), permalink });
    assert_eq!(contracts::assert_requests("linkedin", &calls), ["/rest/posts"]);
    assert_eq!(calls[0].header("linkedin-version"), Some("202608"));
    assert_eq!(calls[0].header("x-restli-protocol-version"), Some("2.0.0"));
    assert_eq!(calls[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    calls[0].json()
}

#[tokio::test]
async fn posts_are_as_published() {
    let expected = |name: &str| serde_json::from_slice::<Value>(&sample(name)).unwrap();
    let text = posted(&to_post(post("Sample text post created with /posts API", &[]), None)).await;
    assert_eq!(text, expected("create_post_text"));
    let article =
        SocialVariant { link: "https://example.com/a".to_owned(), link_title: "Title".to_owned(), ..post("With an article", &[]) };
    let mut published = expected("create_post_article");
    // The page's own description and picture are read by LinkedIn.
    published["content"]["article"].as_object_mut().unwrap().retain(|name, _| name == "source" || name == "title");
    assert_eq!(posted(&to_post(article, None)).await, published);
    let progress = json!({"images": ["urn:li:image:C5610AQFj6TdYowm-YQ"]});
    let mut pictured = post("With an image", &["https://cdn.example.com/a.jpg"]);
    pictured.alt_texts = vec!["alt text".to_owned()];
    assert_eq!(posted(&to_post(pictured, Some(progress))).await, expected("create_post_image"));
    let several = json!({"images": ["urn:li:image:1", "urn:li:image:2"]});
    let two = posted(&to_post(post("Two", &["https://cdn.example.com/a.jpg"; 2]), Some(several))).await;
    assert_eq!(two["content"]["multiImage"]["images"].as_array().unwrap().len(), 2);
}

#[test]
fn little_text_stands_for_itself() {
    let text = "50% (off) #sale @you [a] {b} <c> d|e f*g h_i j~k \\ é";
    let little = wire::little_text(text);
    assert_eq!(little, "50% \\(off\\) \\#sale \\@you \\[a\\] \\{b\\} \\<c\\> d\\|e f\\*g h\\_i j\\~k \\\\ é");
    assert_eq!(wire::plain_text(&little), text);
}

/// Where a test's picture is; the adapters' tests may call this machine.
async fn picture() -> String {
    let stub = Stub::start(Protocol::Http, Then::Reply(http(200, &[("Content-Type", "image/png")], b"PNG"))).await;
    format!("http://{}/a.png", stub.addr)
}

#[tokio::test]
async fn a_picture_is_put_where_linkedin_says() {
    let url = picture().await;
    let place = Stub::start(Protocol::Http, Then::Reply(http(201, &[], b""))).await;
    let begun =
        json!({"value": {"uploadUrl": format!("http://{}/upload/1", place.addr), "image": "urn:li:image:C1", "uploadUrlExpiresAt": 1}});
    let begin = ("POST /rest/images?action=initializeUpload ", http(200, &[], begun.to_string().as_bytes()));
    // The stand-in for LinkedIn is another host than the place: the token must not go there.
    let message = to_post(post("Look", &[&url]), None);
    let (outcome, calls) = sent(patient, &message, vec![begin.clone()], created()).await;
    assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == "upload_elsewhere"), "{outcome:?}");
    assert!(place.requests().is_empty());
    assert_eq!(contracts::assert_requests("linkedin", &calls), ["/rest/images"]);
    assert_eq!(calls[0].json(), json!({"initializeUploadRequest": {"owner": AUTHOR}}));
    let api = Api::read(&own(&[("base_url", &format!("http://{}", place.addr))]), DEADLINE).unwrap();
    let allowed = |text: &str| upload::target(&api, text).is_ok();
    assert!(allowed(&format!("http://{}/upload/1", place.addr)) && allowed("https://www.linkedin.com/dms-uploads/x"));
    for strange in
        ["https://linkedin.com.evil.example/x", "http://www.linkedin.com/x", "https://www.linkedin.com:8443/x", "file:///etc/passwd"]
    {
        assert!(!allowed(strange), "{strange}");
    }
}

#[tokio::test]
async fn pictures_and_post_are_two_tries() {
    let url = picture().await;
    let kept = to_post(post("Look", &[&url]), Some(json!({"images": ["urn:li:image:C1"]})));
    assert_eq!(posted(&kept).await["content"]["media"]["id"], "urn:li:image:C1");
    assert_eq!(pending(crate::posts::go_on(&upload::Progress { images: vec!["a".to_owned()] }, Duration::ZERO)), json!({"images": ["a"]}));
}

fn fault(status: u16, body: &[u8]) -> crate::Fault {
    let answer = Answer { status: http::StatusCode::from_u16(status).unwrap(), headers: http::HeaderMap::new(), body: body.to_vec() };
    errors::fault_at(&answer, OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap())
}

#[test]
fn refusals_lead_to_their_actions() {
    let of = |status, body: &[u8]| fault(status, body).action;
    let unauthorized = fault(401, &sample("error_401"));
    assert_eq!((unauthorized.code.as_str(), unauthorized.action), ("65600", FaultAction::Reconnect));
    assert_eq!(fault(422, &sample("error_422")).code, "duplicate");
    assert_eq!(of(422, br#"{"message":"little text"}"#), PERMANENT);
    assert_eq!([of(403, b"{}"), of(426, b"{}")], [PAUSE; 2]);
    assert!(fault(426, b"{}").detail.contains("version"));
    assert_eq!([of(400, b"{}"), of(404, br#"{"message":"no such image"}"#)], [PERMANENT; 2]);
    // 20:26:40 UTC: until midnight.
    assert_eq!(of(429, &sample("error_429")), FaultAction::Throttle { after: Some(Duration::from_secs(12_800)) });
}

#[tokio::test]
async fn a_duplicate_is_in_doubt() {
    let (outcome, _) = sent(patient, &to_post(post("Hello", &[]), None), Vec::new(), http(422, &[], &sample("error_422"))).await;
    assert!(matches!(&outcome, Outcome::Uncertain(fault) if fault.code == "duplicate"), "{outcome:?}");
}

#[tokio::test]
async fn people_and_their_organizations_can_be_connected() {
    let person = http(200, &[], br#"{"sub":"abc123","name":"Ann"}"#);
    let roles = json!({"elements": [{"organization": AUTHOR}, {"organization": "urn:li:strange:1"}]});
    let before = vec![
        ("GET /v2/userinfo ", person),
        ("GET /rest/organizationAcls?", http(200, &[], roles.to_string().as_bytes())),
        ("GET /rest/organizations/5515715 ", http(200, &[], br#"{"localizedName":"Acme"}"#)),
    ];
    let stub = Stub::stepped(Protocol::Http, before, Then::Reply(http(404, &[], b"{}"))).await;
    let account = own(&[("base_url", &format!("http://{}", stub.addr))]);
    let tokens = crate::Tokens { access_token: Secret::new("t"), refresh_token: None, expires_at: None, scopes: Vec::new() };
    let accounts = (PROVIDER.connect.unwrap())(&account).unwrap().accounts(&tokens).await.unwrap();
    let shown: Vec<_> = accounts.iter().map(|account| (account.handle.as_str(), account.external_id.as_str())).collect();
    assert_eq!(shown, [("Ann", "urn:li:person:abc123"), ("Acme", AUTHOR)]);
    let checked = (PROVIDER.manage.unwrap())(&account, Channel::Social).unwrap().check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("Acme", AUTHOR));
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |more: &[(&str, &str)]| sender(&own(more), Channel::Social, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&[("version", "202509")]), None);
    assert_eq!(field(&[("version", "2025-09")]).as_deref(), Some("version"));
    assert_eq!(field(&[("author", "5515715")]).as_deref(), Some("author"));
    assert_eq!(field(&[("author", "urn:li:person:x/../y")]).as_deref(), Some("author"));
    assert_eq!(sender(&own(&[]), Channel::Email, DEADLINE).err().unwrap().field, "channel");
}
