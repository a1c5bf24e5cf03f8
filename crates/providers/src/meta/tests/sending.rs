//! What goes out: every kind of template and of free message, to numbers and to user ids, by both endpoints.

use super::*;
use crate::{Fault, errors::THROTTLE};
use domain::content::FreeMessage;

const MESSAGES: &str = "POST /v23.0/106540352242922/messages ";
const MARKETING: &str = "POST /v23.0/106540352242922/marketing_messages ";

fn assert_fits(schema: &str, json: &Value) {
    contracts::assert_valid(&contracts::schema("meta-whatsapp/openapi.relaxed.json", &format!("/components/schemas/{schema}")), json);
}

fn with(more: &[(&str, &str)], addr: SocketAddr) -> Arc<dyn Send> {
    let base = format!("http://{addr}");
    let more: Vec<_> = more.iter().copied().chain([("base_url", base.as_str())]).collect();
    sender(&account(APP_SECRET, &more), Channel::Whatsapp, DEADLINE).unwrap()
}

fn accepted() -> Vec<u8> {
    http(200, &[], &contracts::bytes("meta-whatsapp/samples/send_response_accepted.json"))
}

fn refusal(code: u32) -> Vec<u8> {
    http(400, &[], json!({"error": {"code": code, "message": "no"}}).to_string().as_bytes())
}

fn marketing(template: MetaTemplate) -> Message {
    super::template(MetaTemplate { category: "MARKETING".to_owned(), ..template })
}

/// Indexes are texts in ours and numbers in some of Meta's.
fn normal(mut components: Value) -> Value {
    for component in components.as_array_mut().unwrap() {
        if let Some(index) = component.get("index").and_then(Value::as_u64) {
            component["index"] = json!(index.to_string());
        }
    }
    components
}

#[tokio::test]
async fn every_published_variant_of_a_template_is_sent_as_it_is() {
    let variants = contracts::json("meta-whatsapp/samples/send_requests_template_variants.json");
    let mut seen = 0;
    for (name, wanted) in variants.as_object().unwrap() {
        let template = &wanted["template"];
        let sent = super::template(MetaTemplate { components: Some(template["components"].clone()), ..MetaTemplate::default() });
        let (_, json) = posted(&sent).await;
        assert_fits("Message", &json);
        assert_fits("TemplateMessage", &json);
        assert_eq!(normal(json["template"]["components"].clone()), normal(template["components"].clone()), "{name}");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} variants");
}

/// Some of Meta's own examples don't fit its description, so that only what is sent is looked at.
#[tokio::test]
async fn metas_own_examples_of_templates_are_sent_as_they_are() {
    let published = contracts::json("meta-whatsapp/samples/send_requests_published.json");
    let templates: Vec<_> = published.as_object().unwrap().values().filter(|request| request["type"] == "template").collect();
    assert!(templates.len() >= 6);
    for wanted in templates {
        let components = wanted["template"].get("components").cloned();
        let (_, json) = posted(&super::template(MetaTemplate { components, ..MetaTemplate::default() })).await;
        assert_eq!(json["template"]["components"], wanted["template"]["components"]);
    }
}

#[tokio::test]
async fn media_that_meta_has_are_sent_by_their_ids() {
    let link = "https://cdn.example.com/spring.jpg";
    let ids = || [(link.to_owned(), "1602186516975000".to_owned())].into();
    let simple = super::template(MetaTemplate { header_image_url: link.to_owned(), media_ids: ids(), ..MetaTemplate::default() });
    let document = json!([{"type": "header", "parameters": [{"type": "document", "document": {"link": link, "filename": "a.pdf"}}]}]);
    let written = super::template(MetaTemplate { components: Some(document), media_ids: ids(), ..MetaTemplate::default() });
    let other =
        super::template(MetaTemplate { header_image_url: "https://x.example/y".to_owned(), media_ids: ids(), ..MetaTemplate::default() });
    let parameter = |json: &Value| json["template"]["components"][0]["parameters"][0].clone();
    assert_eq!(parameter(&posted(&simple).await.1), json!({"type": "image", "image": {"id": "1602186516975000"}}));
    let by_id = json!({"type": "document", "document": {"id": "1602186516975000", "filename": "a.pdf"}});
    assert_eq!(parameter(&posted(&written).await.1), by_id);
    assert_eq!(parameter(&posted(&other).await.1), json!({"type": "image", "image": {"link": "https://x.example/y"}}));
}

#[tokio::test]
async fn people_without_a_number_are_reached_by_their_user_id() {
    let mut message = full();
    message.to = "US.13491208655302741918".to_owned();
    let (head, json) = posted(&message).await;
    assert!(head.starts_with(MESSAGES));
    assert_eq!((json["recipient"].as_str(), json.get("to")), (Some("US.13491208655302741918"), None));
    assert_fits("TemplateMessage", &json);
}

fn free(text: &str, media_url: &str) -> Message {
    let free = FreeMessage {
        text: text.to_owned(),
        media_url: media_url.to_owned(),
        in_reply_to: "wamid.HBgL".to_owned(),
        ..FreeMessage::default()
    };
    message("+16505551234", Rendered::Free(free))
}

#[tokio::test]
async fn free_messages_quote_and_carry_media() {
    let of = [
        ("TextMessage", free("Yes, in blue.", ""), json!({"body": "Yes, in blue.", "preview_url": false})),
        ("ImageMessage", free("See", "https://x.example/a.png"), json!({"link": "https://x.example/a.png", "caption": "See"})),
        ("VideoMessage", free("", "https://x.example/a.mp4"), json!({"link": "https://x.example/a.mp4"})),
        ("DocumentMessage", free("", "https://x.example/a.pdf"), json!({"link": "https://x.example/a.pdf", "filename": "a.pdf"})),
    ];
    for (name, message, part) in of {
        let (_, json) = posted(&message).await;
        assert_fits(name, &json);
        assert_eq!(json[json["type"].as_str().unwrap()], part);
        assert_eq!(json["context"], json!({"message_id": "wamid.HBgL"}));
        assert_eq!(json["biz_opaque_callback_data"], "d1.017-Ab_c");
    }
    for bad in [free(" ", ""), free(&"x".repeat(4_097), ""), free(&"x".repeat(1_025), "https://x.example/a.png")] {
        let Outcome::Refused(fault) = at(Stub::nobody().await, DEADLINE).send(&bad).await else { panic!() };
        assert_eq!(fault.code, "content");
    }
}

#[tokio::test]
async fn marketing_messages_fit_their_own_contract() {
    let published = contracts::json("meta-whatsapp/samples/marketing_messages_requests_published.json");
    for (how, policy) in [("on", "CLOUD_API_FALLBACK"), ("strict", "STRICT")] {
        let stub = Stub::start(Protocol::Http, Then::Reply(accepted())).await;
        let sender = with(&[("marketing_api", how), ("message_activity_sharing", "false")], stub.addr);
        for request in published.as_object().unwrap().values() {
            let components = request["template"].get("components").cloned();
            assert!(matches!(
                sender.send(&marketing(MetaTemplate { components, ..MetaTemplate::default() })).await,
                Outcome::Accepted { .. }
            ));
        }
        for request in stub.requests() {
            let json: Value = serde_json::from_slice(body(&request)).unwrap();
            assert_fits("MarketingMessageRequestPayload", &json);
            assert!(request.starts_with(MARKETING.as_bytes()));
            assert_eq!((json["product_policy"].as_str(), &json["message_activity_sharing"]), (Some(policy), &json!(false)));
        }
    }
}

#[tokio::test]
async fn our_reference_goes_along_where_the_account_asks_for_it() {
    let stub = Stub::start(Protocol::Http, Then::Reply(accepted())).await;
    let sender = with(&[("marketing_api", "on"), ("marketing_correlation", "true")], stub.addr);
    sender.send(&marketing(MetaTemplate::default())).await;
    let json: Value = serde_json::from_slice(body(&stub.requests()[0])).unwrap();
    assert_eq!(json["biz_opaque_callback_data"], "d1.017-Ab_c");
}

/// The outcome at an account whose marketing endpoint, or whose other one, says this.
async fn switched(how: &str, refused_at: &'static str, code: u32) -> (Outcome, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let stub = Stub::stepped(Protocol::Http, vec![(refused_at, refusal(code))], Then::Reply(accepted())).await;
    let sender = with(&[("marketing_api", how)], stub.addr);
    let outcome = sender.send(&marketing(MetaTemplate::default())).await;
    sender.send(&marketing(MetaTemplate::default())).await;
    (outcome, stub.steps(), stub.requests())
}

#[tokio::test]
async fn a_refused_kind_of_message_goes_to_the_other_endpoint_within_the_try() {
    for code in [100, 131_055, 134_100, 134_102] {
        let (outcome, refused, taken) = switched("on", MARKETING, code).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{code}: {outcome:?}");
        assert_eq!((refused.len(), taken.len()), (1, 2), "{code}: the second message knows the way");
        assert!(taken.iter().all(|request| request.starts_with(MESSAGES.as_bytes())));
    }
    let (outcome, refused, taken) = switched("auto", MESSAGES, 131_063).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!((refused.len(), taken.len()), (1, 2));
    assert!(taken.iter().all(|request| request.starts_with(MARKETING.as_bytes())));
}

#[tokio::test]
async fn where_the_account_forbids_it_a_refusal_stays_one() {
    for (how, at, code) in [("strict", MARKETING, 134_102), ("off", MESSAGES, 131_063)] {
        let (outcome, refused, taken) = switched(how, at, code).await;
        let Outcome::Refused(Fault { code: said, .. }) = outcome else { panic!("{how}: {outcome:?}") };
        assert_eq!((said, refused.len(), taken.len()), (code.to_string(), 2, 0));
    }
}

#[tokio::test]
async fn a_code_that_is_a_clear_no_counts_whatever_the_status_is() {
    let said = async |status: u16, code: u32| {
        let body = json!({"error": {"code": code, "message": "no"}}).to_string();
        let stub = Stub::start(Protocol::Http, Then::Reply(http(status, &[], body.as_bytes()))).await;
        at(stub.addr, DEADLINE).send(&full()).await
    };
    for (status, code, action) in
        [(500, 3, PAUSE), (500, 131_045, PAUSE), (429, 131_048, PAUSE), (429, 131_056, RETRY), (429, 131_009, THROTTLE)]
    {
        let outcome = said(status, code).await;
        assert!(matches!(&outcome, Outcome::Refused(fault) if fault.code == code.to_string() && fault.action == action), "{outcome:?}");
    }
    for code in [1, 131_000, 131_016, 133_004, 987_654] {
        assert!(matches!(said(500, code).await, Outcome::Uncertain(fault) if fault.code == "http_500"), "{code}");
    }
}

#[tokio::test]
async fn an_uncertain_call_is_never_followed_by_another() {
    for reply in [http(500, &[], b"{}"), http(200, &[], b"{}")] {
        let stub = Stub::start(Protocol::Http, Then::Reply(reply)).await;
        let outcome = with(&[("marketing_api", "on")], stub.addr).send(&marketing(MetaTemplate::default())).await;
        assert!(matches!(outcome, Outcome::Uncertain(_)), "{outcome:?}");
        assert_eq!(stub.requests().len(), 1);
    }
}
