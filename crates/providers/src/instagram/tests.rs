use super::*;
use crate::conformance::{
    Fixture, conformance, lookups,
    stub::{Protocol, Stub, Then, http},
};
use crate::errors::{PAUSE, PERMANENT};
use crate::posts::testing::{account, asked, calls, pending, post, sent, to_post};
use crate::{Capability, FaultAction, Lookup, Outcome, Quota};
use domain::content::SocialVariant;
use serde_json::{Value, json};
use std::net::SocketAddr;

// Not the case in which the message in the list is another's: a container that was published is proof, whatever the list says.
conformance!(sends super::fixture:
    accepted_message_has_an_id, refusal_has_code_and_action, throttle_says_how_long, time_out_after_the_request_is_uncertain,
    reset_after_the_request_is_uncertain, refused_connection_may_be_tried_again, server_error_is_uncertain,
    unreadable_success_is_uncertain, secrets_are_absent_from_debug, capability_is_what_the_account_can_do, lookup_finds_what_was_taken,
    lookup_in_doubt_cannot_say, unknown_fields_change_nothing, unknown_code_is_kept, batch_keeps_order_and_length,
    secrets_are_absent_from_urls);

const TOKEN: &str = "EAAig-not-real";
const USER: &str = "17841400000000000";
const CONTAINER: &str = "17889455560051444";
const MEDIA: &str = "17920238422030506";
const JPEG: &str = "https://cdn.example.com/a.jpg";

fn own(more: &[(&str, &str)]) -> Account {
    let settings: Vec<_> = [("ig_user_id", USER), ("client_id", "app")].iter().chain(more).copied().collect();
    account(&settings, &[("access_token", TOKEN), ("client_secret", "s3cret-of-app")])
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    sender(&own(&[("base_url", &format!("http://{addr}"))]), Channel::Social, deadline).unwrap()
}

fn patient(addr: SocketAddr) -> Arc<dyn Send> {
    at(addr, DEADLINE)
}

fn sample(name: &str) -> Vec<u8> {
    http(200, &[], &contracts::bytes(&format!("instagram/samples/{name}.json")))
}

fn error(code: u32, subcode: u32) -> Vec<u8> {
    json!({"error": {"code": code, "error_subcode": subcode, "message": "no"}}).to_string().into_bytes()
}

fn ready() -> Value {
    json!({"container": CONTAINER, "ready": true})
}

fn permalink() -> (&'static str, Vec<u8>) {
    let answer = json!({"id": MEDIA, "permalink": "https://www.instagram.com/p/abc/"});
    ("GET /v25.0/17920238422030506?", http(200, &[], answer.to_string().as_bytes()))
}

fn fixture() -> Fixture {
    let config = Config::read(&own(&[])).unwrap();
    let debug = format!(
        "{config:?} {:?} {:?} {:?}",
        send::Sender::new(config.clone(), DEADLINE).unwrap(),
        manage::Manager::new(config.clone(), DEADLINE).unwrap(),
        connect::Connector::new(&own(&[])).unwrap()
    );
    // The answer to both questions of a look-up.
    let listed = json!({"id": CONTAINER, "status_code": "PUBLISHED", "data": [
        {"id": MEDIA, "caption": "Hello", "timestamp": "2026-05-28T20:27:00+0000", "permalink": "https://www.instagram.com/p/abc/"}]});
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: to_post(post("Hello", &[JPEG]), Some(ready())),
        before: vec![permalink()],
        accepted: (sample("publish_200"), MEDIA),
        refused: (http(400, &[], &error(2_207_051, 0)), "2207051", PAUSE),
        throttled: (http(429, &[("Retry-After", "2")], &error(4, 0)), FaultAction::Throttle { after: Some(Duration::from_secs(2)) }),
        server_error: Some((http(500, &[], &error(2, 0)), "http_500")),
        garbage: http(200, &[], b"<html>"),
        debug,
        secrets: vec![TOKEN, "s3cret-of-app"],
        capability: Capability::Lookup,
        lookup: Some(lookups::Case {
            query: asked(post("Hello", &[JPEG]), Some(ready())),
            found: (http(200, &[], listed.to_string().as_bytes()), MEDIA),
            not_found: sample("container_status"),
        }),
        hooks: None,
    }
}

fn limit(used: u32) -> (&'static str, Vec<u8>) {
    let answer = json!({"data": [{"quota_usage": used, "config": {"quota_total": 50, "quota_duration": 86_400}}]});
    ("GET /v25.0/17841400000000000/content_publishing_limit?", http(200, &[], answer.to_string().as_bytes()))
}

#[tokio::test]
async fn a_picture_goes_up_in_three_tries() {
    let message = |progress| to_post(post("Hello", &[JPEG]), progress);
    let (outcome, first) = sent(patient, &message(None), vec![limit(2)], sample("container_200")).await;
    let made = pending(outcome);
    assert_eq!(first[1].json(), json!({"image_url": JPEG, "caption": "Hello", "alt_text": "A picture"}));
    let working = http(200, &[], br#"{"status_code":"IN_PROGRESS","id":"1"}"#);
    let (outcome, _) = sent(patient, &message(Some(made.clone())), Vec::new(), working).await;
    let Outcome::Pending { progress, again_after } = outcome else { panic!("{outcome:?}") };
    assert_eq!(again_after, Duration::from_secs(5));
    let (outcome, second) = sent(patient, &message(Some(progress)), Vec::new(), sample("container_status")).await;
    let finished = pending(outcome);
    assert_eq!((&finished["container"], &finished["ready"]), (&json!(CONTAINER), &json!(true)));
    let (outcome, third) = sent(patient, &message(Some(finished)), vec![permalink()], sample("publish_200")).await;
    let permalink = Some("https://www.instagram.com/p/abc/".to_owned());
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: MEDIA.to_owned(), permalink });
    let publish = third.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(publish.form(), [("creation_id".to_owned(), CONTAINER.to_owned())]);
    for step in [first, second, third] {
        contracts::assert_requests("instagram", &step);
        assert!(step.iter().all(|call| call.header("authorization").is_some_and(|value| value.ends_with(TOKEN))));
    }
}

#[tokio::test]
async fn container_and_publishing_are_as_published() {
    let published = |name: &str| serde_json::from_slice::<Value>(&contracts::bytes(&format!("instagram/samples/{name}.json"))).unwrap();
    let wanted = published("container_request");
    let text = |name: &str| wanted[name].as_str().unwrap();
    let picture = SocialVariant { alt_texts: vec![text("alt_text").to_owned()], ..post(text("caption"), &[text("image_url")]) };
    let (_, calls) = sent(patient, &to_post(picture, None), vec![limit(0)], sample("container_200")).await;
    assert_eq!(calls[1].json(), wanted);
    let publish = published("publish_request");
    let ready = json!({"container": publish["creation_id"], "ready": true});
    let (_, calls) = sent(patient, &to_post(post("Hello", &[JPEG]), Some(ready)), vec![permalink()], sample("publish_200")).await;
    let form = calls.iter().find(|call| call.method == "POST").unwrap().form();
    assert_eq!(form, [("creation_id".to_owned(), publish["creation_id"].as_str().unwrap().to_owned())]);
}

#[tokio::test]
async fn a_carousel_has_its_items_first() {
    let message = to_post(post("Two", &[JPEG, "https://cdn.example.com/v.mp4"]), None);
    let (outcome, calls) = sent(patient, &message, vec![limit(0)], sample("container_200")).await;
    assert_eq!(pending(outcome)["container"], json!(CONTAINER));
    contracts::assert_requests("instagram", &calls);
    let bodies: Vec<_> = calls.iter().filter(|call| call.method == "POST").map(contracts::Call::json).collect();
    assert_eq!(
        bodies,
        [
            json!({"image_url": JPEG, "alt_text": "A picture", "is_carousel_item": true}),
            json!({"video_url": "https://cdn.example.com/v.mp4", "media_type": "VIDEO", "is_carousel_item": true}),
            json!({"media_type": "CAROUSEL", "caption": "Two", "children": [CONTAINER, CONTAINER]}),
        ]
    );
    let (_, calls) =
        sent(patient, &to_post(post("Reel", &["https://cdn.example.com/v.mp4"]), None), vec![limit(0)], sample("container_200")).await;
    assert_eq!(calls[1].json()["media_type"], "REELS");
}

#[tokio::test]
async fn a_full_day_makes_no_container() {
    let (outcome, calls) = sent(patient, &to_post(post("Hello", &[JPEG]), None), vec![limit(50)], sample("container_200")).await;
    let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(fault.action, FaultAction::Throttle { after: Some(_) }), "{fault:?}");
    assert_eq!((fault.code.as_str(), calls.len()), ("2207042", 1));
}

#[tokio::test]
async fn a_step_that_nobody_sees_leaves_no_doubt() {
    let message = to_post(post("Hello", &[JPEG]), None);
    let (outcome, _) = sent(patient, &message, vec![limit(0)], http(500, &[], b"")).await;
    assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == "http_500"), "{outcome:?}");
    let looking = to_post(post("Hello", &[JPEG]), Some(json!({"container": CONTAINER})));
    let (outcome, _) = sent(patient, &looking, Vec::new(), http(500, &[], b"")).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn containers_end_in_several_ways() {
    let status = |word: &str| http(200, &[], json!({"status_code": word, "status": "Error: aspect ratio"}).to_string().as_bytes());
    let looking = || to_post(post("Hello", &[JPEG]), Some(json!({"container": CONTAINER, "looks": 3})));
    let (outcome, _) = sent(patient, &looking(), Vec::new(), status("ERROR")).await;
    assert!(matches!(&outcome, Outcome::Refused(fault) if fault.action == PERMANENT), "{outcome:?}");
    let (outcome, _) = sent(patient, &looking(), Vec::new(), status("EXPIRED")).await;
    assert_eq!(pending(outcome)["container"], Value::Null, "it is made anew");
    let (outcome, _) = sent(patient, &looking(), Vec::new(), status("SOMETHING_NEW")).await;
    assert_eq!(pending(outcome)["looks"], json!(4));
    let (outcome, _) = sent(patient, &looking(), Vec::new(), status("PUBLISHED")).await;
    assert!(matches!(outcome, Outcome::Uncertain(_)), "never published twice: {outcome:?}");
    let too_long = to_post(post("Hello", &[JPEG]), Some(json!({"container": CONTAINER, "looks": 60})));
    let (outcome, _) = sent(patient, &too_long, Vec::new(), status("IN_PROGRESS")).await;
    assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == "container_slow"), "{outcome:?}");
}

#[tokio::test]
async fn a_lost_container_is_made_anew_a_few_times() {
    let gone = || http(400, &[], &error(24, 2_207_006));
    let (outcome, _) = sent(patient, &to_post(post("Hello", &[JPEG]), Some(ready())), Vec::new(), gone()).await;
    assert_eq!(pending(outcome)["anew"], json!(1));
    let again = json!({"container": CONTAINER, "ready": true, "anew": 2});
    let (outcome, _) = sent(patient, &to_post(post("Hello", &[JPEG]), Some(again)), Vec::new(), gone()).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn the_container_says_whether_it_was_published() {
    let ask = async |progress: Option<Value>, answer: Vec<u8>| {
        let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
        (at(stub.addr, DEADLINE).lookup(&asked(post("Hello", &[JPEG]), progress)).await, calls(&stub))
    };
    let (lookup, asked) = ask(None, sample("container_status")).await;
    assert_eq!((lookup, asked.len()), (Lookup::NotFound, 0), "without a container nothing can be up");
    let published = http(200, &[], br#"{"id":"1","status_code":"PUBLISHED","data":[]}"#);
    let (lookup, asked) = ask(Some(ready()), published).await;
    assert_eq!(lookup, Lookup::Found { provider_message_id: CONTAINER.to_owned(), permalink: None });
    assert_eq!(asked.len(), 2);
    contracts::assert_requests("instagram", &asked);
}

#[tokio::test]
async fn a_test_of_the_connection_reads_name_and_quota() {
    let answer = http(200, &[], br#"{"id":"17841400000000000","username":"acme"}"#);
    let stub = Stub::stepped(Protocol::Http, vec![limit(7)], Then::Reply(answer)).await;
    let account = own(&[("base_url", &format!("http://{}", stub.addr))]);
    let checked = (PROVIDER.manage.unwrap())(&account, Channel::Social).unwrap().check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.posting), ("@acme", Some(Quota { limit: 50, used: 7, resets_at: None })));
    assert_eq!(contracts::assert_requests("instagram", &calls(&stub)).len(), 2);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |more: &[(&str, &str)]| sender(&own(more), Channel::Social, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&[]), None);
    assert_eq!(field(&[("ig_user_id", "@acme")]).as_deref(), Some("ig_user_id"));
    assert_eq!(field(&[("version", "v25")]).as_deref(), Some("version"));
    assert_eq!(sender(&own(&[]), Channel::Sms, DEADLINE).err().unwrap().field, "channel");
    assert!(crate::posts::on(&domain::content::Rendered::Social(SocialVariant::default()), domain::content::Network::Instagram).is_err());
}
