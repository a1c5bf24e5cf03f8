//! Meta's WhatsApp Cloud API: templates at both endpoints, free text and files, media, the number and the templates.

use super::{Bench, accepted, json_answer, message, refused};
use crate::{Message, find};
use contracts::Call;
use domain::Channel;
use serde_json::{Value, json};

const TO: &str = "+16505551234";
const MESSAGES: &str = "/{Version}/{Phone-Number-ID}/messages";
const MARKETING: &str = "/{Version}/{Phone-Number-ID}/marketing_messages";

pub(super) fn bench() -> Bench {
    let settings = [("phone_number_id", "106540352242922"), ("waba_id", "102290129340398")];
    Bench::new("meta", Channel::Whatsapp, &settings, &[("access_token", "EAAtoken"), ("app_secret", "secret"), ("verify_token", "verify")])
}

pub(super) fn template(more: Value) -> Message {
    let mut meta = json!({"name": "spring_sale", "language": "en_US"});
    meta.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message(TO, json!({"whatsapp": {"meta": meta}}))
}

fn free(text: &str, media_url: &str) -> Message {
    message(TO, json!({"free": {"text": text, "media_url": media_url, "subject": "", "in_reply_to": "wamid.HBgL"}}))
}

fn accepted_answer() -> Vec<u8> {
    json_answer(200, &contracts::bytes("meta-whatsapp/samples/send_response_accepted.json"))
}

/// The published requests, by name.
fn published() -> serde_json::Map<String, Value> {
    contracts::json("meta-whatsapp/samples/send_requests_template_variants.json").as_object().unwrap().clone()
}

/// Every form of message that the adapter can make.
fn variants() -> Vec<Message> {
    let mut all = vec![
        template(json!({})),
        template(
            json!({"header_image_url": "https://cdn.example.com/spring.jpg", "body": ["Pablo", "25%"], "url_buttons": {"0": "n3mtql"}}),
        ),
        free("Gladly", ""),
        free("This one", "https://cdn.example.com/a.jpg"),
        free("", "https://cdn.example.com/v.mp4"),
        free("The offer", "https://cdn.example.com/offer.pdf"),
        Message { to: "US.13491208655302741918".to_owned(), ..template(json!({"body": ["Pablo"]})) },
    ];
    all.extend(published().into_values().map(|request| template(json!({"components": request["template"]["components"]}))));
    all
}

#[tokio::test]
async fn every_request_with_every_answer() {
    for message in variants() {
        let (outcome, calls) = bench().send(&message, &accepted_answer()).await;
        assert!(accepted(&outcome).starts_with("wamid."));
        assert_eq!(contracts::assert_requests("meta", &calls), [MESSAGES]);
        let answer = contracts::bytes("meta-whatsapp/samples/error_response_130429.json");
        assert_eq!(refused(bench().send(&message, &json_answer(400, &answer)).await.0).code, "130429");
    }
}

#[tokio::test]
async fn published_templates_are_sent_as_they_were_published() {
    for (name, request) in published() {
        let message = Message {
            correlation: request["biz_opaque_callback_data"].as_str().unwrap().to_owned(),
            ..template(json!({"name": request["template"]["name"], "components": request["template"]["components"]}))
        };
        let (_, calls) = bench().send(&message, &accepted_answer()).await;
        let mut sent = calls[0].json();
        // Meta takes a number with its plus and without.
        sent["to"] = json!(sent["to"].as_str().unwrap().trim_start_matches('+'));
        assert_eq!(sent, request, "{name}");
    }
}

#[tokio::test]
async fn marketing_goes_to_the_endpoint_of_its_own_and_back() {
    let marketing = template(json!({"category": "MARKETING", "body": ["Pablo"]}));
    for how in ["on", "strict"] {
        let bench = bench().with(&[("marketing_api", how), ("message_activity_sharing", "true")]);
        let (outcome, calls) = bench.send(&marketing, &accepted_answer()).await;
        assert!(accepted(&outcome).starts_with("wamid."));
        assert_eq!(contracts::assert_requests("meta", &calls), [MARKETING]);
    }
    // What the marketing endpoint refuses for its kind goes to the other one, within the same try.
    let mut selling = bench().with(&[("marketing_api", "on")]);
    let no = json_answer(400, &contracts::bytes("meta-whatsapp/samples/error_response_mm_100.json"));
    selling.before = vec![("POST /v23.0/106540352242922/marketing_messages", no)];
    let (outcome, calls) = selling.send(&marketing, &accepted_answer()).await;
    assert!(accepted(&outcome).starts_with("wamid."));
    assert_eq!(contracts::assert_requests("meta", &calls), [MARKETING, MESSAGES]);
    let mut bench = bench();
    let error = json!({"error": {"message": "(#131063) x", "type": "OAuthException", "code": 131_063}}).to_string();
    bench.before = vec![("POST /v23.0/106540352242922/messages", json_answer(400, error.as_bytes()))];
    let (outcome, calls) = bench.send(&marketing, &accepted_answer()).await;
    assert!(accepted(&outcome).starts_with("wamid."));
    assert_eq!(contracts::assert_requests("meta", &calls), [MESSAGES, MARKETING]);
}

#[tokio::test]
async fn a_file_is_left_with_meta_as_described() {
    let bench = bench().with(&[("media_by_id", "true")]);
    let stub = bench.stand_in(&json_answer(200, br#"{"id":"4490709327384033"}"#)).await;
    let sender = (find("meta").unwrap().sender)(&bench.account(&stub), Channel::Whatsapp).unwrap();
    assert!(sender.keeps_media());
    assert_eq!(sender.keep_media("image/png", b"\x89PNG\r\n--x\r\n").await.unwrap(), "4490709327384033");
    let calls: Vec<Call> = stub.requests().iter().map(|request| Call::read(request)).collect();
    assert_eq!(contracts::assert_requests("meta", &calls), ["/{Version}/{Phone-Number-ID}/media"]);
}

/// What the file itself gives as an answer.
fn example(path: &str, name: &str) -> Value {
    let file = contracts::json("meta-whatsapp/openapi.relaxed.json");
    let example = file["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["examples"][name]["value"].clone();
    assert!(example.is_object(), "{path} has no example {name}");
    example
}

#[tokio::test]
async fn the_number_and_the_templates_are_read_as_described() {
    let numbers = example("/{Version}/{WABA-ID}/phone_numbers", "single_phone_number");
    let id = numbers["data"][0]["id"].as_str().unwrap();
    let owner = bench().with(&[("phone_number_id", id)]);
    let (checked, calls) = owner.manage(&json_answer(200, numbers.to_string().as_bytes()), async |manage| manage.check().await).await;
    assert_eq!((checked.unwrap().external_id.as_str(), calls.len()), (id, 1));

    let mut templates = example("/{Version}/{WABA-ID}/message_templates", "Example response");
    let count = templates["data"].as_array().unwrap().len();
    let last = json_answer(200, templates.to_string().as_bytes());
    let (read, _) = bench().manage(&last, async |manage| manage.templates().await).await;
    let read = read.unwrap().unwrap();
    assert!(read.len() == count && read.iter().all(|template| !template.name.is_empty() && !template.status.is_empty()));

    // The next page is asked for by its cursor.
    templates["paging"] = json!({"cursors": {"before": "a", "after": "MjQZD"}, "next": "https://elsewhere.example/?access_token=x"});
    let mut bench = bench();
    bench.before = vec![("GET /v23.0/102290129340398/message_templates HTTP", json_answer(200, templates.to_string().as_bytes()))];
    let (read, calls) = bench.manage(&last, async |manage| manage.templates().await).await;
    assert_eq!(read.unwrap().unwrap().len(), 2 * count);
    assert!(calls[1].target.ends_with("?after=MjQZD"), "{}", calls[1].target);
}
