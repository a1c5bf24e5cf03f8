mod managing;
mod sending;

use super::*;
use crate::conformance::{
    Fixture, Hooks, conformance, message,
    stub::{Protocol, Stub, Then, body, http},
};
use crate::contracts;
use crate::errors::{INVALID, LADDER, OPT_OUT, PAUSE, PAUSE_TEMPLATE, PERMANENT, RETRY};
use crate::signature::{hex, unhex};
use crate::{Capability, Decoded, EventKind, FaultAction, Message, Outcome, Preference, Refused, WebhookRequest};
use domain::content::{MetaTemplate, Rendered, WhatsappVariant};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};
use time::OffsetDateTime;

conformance!(super::fixture);

const ACCESS_TOKEN: &str = "EAA-not-a-real-token";
const APP_SECRET: &str = "meta_app_secret_for_tests";
const VERIFY_TOKEN: &str = "meatyhamhock";

fn account(app_secret: &str, more: &[(&str, &str)]) -> Account {
    let settings = [("phone_number_id", "106540352242922")];
    let secrets = [("access_token", ACCESS_TOKEN), ("app_secret", app_secret), ("verify_token", VERIFY_TOKEN)];
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Account {
        settings: settings.iter().chain(more).map(text).collect(),
        secrets: secrets.iter().map(text).map(|(name, value)| (name, Secret::new(value))).collect(),
    }
}

fn at(addr: SocketAddr, deadline: Duration) -> Arc<dyn Send> {
    let account = account(APP_SECRET, &[("base_url", &format!("http://{addr}"))]);
    sender(&account, Channel::Whatsapp, deadline).unwrap()
}

fn template(template: MetaTemplate) -> Message {
    let meta = Some(MetaTemplate { name: "spring_sale".to_owned(), language: "en_US".to_owned(), ..template });
    let variant = WhatsappVariant { meta, ..WhatsappVariant::default() };
    message("+16505551234", Rendered::Whatsapp(variant))
}

fn full() -> Message {
    template(MetaTemplate {
        header_image_url: "https://cdn.example.com/spring.jpg".to_owned(),
        body: vec!["Pablo".to_owned(), "25%".to_owned()],
        url_buttons: [(0, "n3mtql".to_owned()), (2, "x/y?z".to_owned())].into(),
        ..MetaTemplate::default()
    })
}

/// What the renderer makes of a card with a video, a quick reply and a code.
fn components() -> Value {
    json!([
        {"type": "header", "parameters": [{"type": "video", "video": {"link": "https://cdn.example.com/spring.mp4"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Pablo"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "n3mtql"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [{"type": "payload", "payload": "yes"}]},
        {"type": "button", "sub_type": "copy_code", "index": "2", "parameters": [{"type": "coupon_code", "coupon_code": "SUMMER"}]}
    ])
}

fn receiver(app_secret: &str) -> Arc<dyn Webhook> {
    (PROVIDER.webhook.unwrap())(&account(app_secret, &[])).unwrap()
}

fn status(name: &str) -> Vec<u8> {
    let status = json!({"id": "wamid.1", "status": name, "timestamp": "1750030073",
        "biz_opaque_callback_data": "d1.017-Ab_c"});
    let value = json!({"messaging_product": "whatsapp", "statuses": [status]});
    let change = json!({"field": "messages", "value": value});
    let post = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]});
    post.to_string().into_bytes()
}

fn fixture() -> Fixture {
    let error = |code: u32| json!({"error": {"code": code, "message": "(#1) no, +16505551234"}});
    let error = |code| error(code).to_string().into_bytes();
    let config = Config::read(&account(APP_SECRET, &[])).unwrap();
    let sender = send::Sender::new(config.clone(), DEADLINE).unwrap();
    let debug = format!("{:?} {config:?} {sender:?} {:?}", account(APP_SECRET, &[]), webhook::Receiver::new(&config));
    Fixture {
        protocol: Protocol::Http,
        sender: at,
        message: full(),
        before: Vec::new(),
        accepted: (
            http(200, &[], &contracts::bytes("meta-whatsapp/samples/send_response_accepted.json")),
            "wamid.gBGGSFcCNEOPAgkO_KJ55r4w_ww",
        ),
        refused: (http(400, &[], &error(131_050)), "131050", OPT_OUT),
        throttled: (http(429, &[("Retry-After", "2")], &error(80_007)), FaultAction::Throttle { after: Some(Duration::from_secs(2)) }),
        server_error: Some((http(503, &[], &error(131_016)), "http_503")),
        garbage: http(200, &[], br#"{"messages":[]}"#),
        debug,
        secrets: vec![ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN],
        capability: Capability::None,
        lookup: None,
        hooks: Some(Hooks {
            receiver: receiver(APP_SECRET),
            url: "https://hub.example.com/webhooks/meta/7",
            now: OffsetDateTime::UNIX_EPOCH,
            known: status("delivered"),
            unknown: status("teleported"),
            sign: |body| [("x-hub-signature-256".to_owned(), sign(body))].into(),
            signature_header: "x-hub-signature-256",
            bytes: |text| unhex(text.strip_prefix("sha256=").unwrap()).unwrap(),
            text: |bytes| format!("sha256={}", hex(bytes)),
        }),
    }
}

fn sign(body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    format!("sha256={}", hex(ring::hmac::sign(&key, body).as_ref()))
}

async fn posted(message: &Message) -> (String, Value) {
    let answer = contracts::bytes("meta-whatsapp/samples/send_response_accepted.json");
    let stub = Stub::start(Protocol::Http, Then::Reply(http(200, &[], &answer))).await;
    let outcome = at(stub.addr, DEADLINE).send(message).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let request = stub.requests().remove(0);
    let head = String::from_utf8(request[..request.len() - body(&request).len()].to_vec()).unwrap();
    (head, serde_json::from_slice(body(&request)).unwrap())
}

#[tokio::test]
async fn requests_fit_the_contract() {
    // "Message" is one of all the kinds of message; "TemplateMessage" is the one we send.
    let kinds = ["Message", "TemplateMessage"]
        .map(|kind| contracts::schema("meta-whatsapp/openapi.relaxed.json", &format!("/components/schemas/{kind}")));
    let mut buttons_only = full();
    if let Rendered::Whatsapp(WhatsappVariant { meta: Some(template), .. }) = &mut buttons_only.content {
        template.header_image_url.clear();
        template.body.clear();
    }
    let written = template(MetaTemplate { components: Some(components()), ..MetaTemplate::default() });
    for message in [template(MetaTemplate::default()), full(), buttons_only, written] {
        let (head, json) = posted(&message).await;
        for kind in &kinds {
            contracts::assert_valid(kind, &json);
        }
        assert!(head.starts_with("POST /v23.0/106540352242922/messages "), "{head}");
        assert!(head.contains(&format!("Bearer {ACCESS_TOKEN}\r\n")), "{head}");
        assert_eq!(json["biz_opaque_callback_data"], "d1.017-Ab_c");
        assert_eq!(json["to"], "+16505551234");
    }
    let (_, json) = posted(&full()).await;
    assert_eq!(
        json["template"]["components"],
        json!([
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://cdn.example.com/spring.jpg"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Pablo"}, {"type": "text", "text": "25%"}]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "n3mtql"}]},
            {"type": "button", "sub_type": "url", "index": "2", "parameters": [{"type": "text", "text": "x/y?z"}]},
        ])
    );
}

#[tokio::test]
async fn written_components_are_sent_as_they_are() {
    let (_, json) =
        posted(&template(MetaTemplate { components: Some(components()), body: vec!["unused".to_owned()], ..MetaTemplate::default() }))
            .await;
    assert_eq!(json["template"]["components"], components());
}

#[tokio::test]
async fn published_error_is_understood() {
    let answer = contracts::bytes("meta-whatsapp/samples/error_response_130429.json");
    let stub = Stub::start(Protocol::Http, Then::Reply(http(400, &[], &answer))).await;
    let Outcome::Refused(fault) = at(stub.addr, DEADLINE).send(&full()).await else { panic!() };
    let after = Some(Duration::from_secs(5));
    assert_eq!((fault.code.as_str(), fault.action), ("130429", FaultAction::Throttle { after }));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_without_a_call() {
    let sender = at(Stub::nobody().await, DEADLINE);
    let mut twilio_only = full();
    twilio_only.content = Rendered::Whatsapp(WhatsappVariant::default());
    let mut bad_number = full();
    bad_number.to = "ann@example.com".to_owned();
    for (message, code) in [(twilio_only, "content"), (bad_number, "131026")] {
        let Outcome::Refused(fault) = sender.send(&message).await else { panic!() };
        assert_eq!(fault.code, code);
    }
}

/// What our few actions may stand for the contract's many.
fn fits(code: u32, action: FaultAction, contract: &str) -> bool {
    use FaultAction::{Ladder, Retry, Throttle};
    match contract {
        "pause_account" | "pause_sender" => action == PAUSE,
        // One person's name may be too long or hold a line break: that loses one message, and stops no template.
        "pause_template" if [132_005, 132_012, 132_018].contains(&code) => action == PERMANENT,
        "pause_template" => action == PAUSE_TEMPLATE,
        "fix_request" | "permanent" | "use_template" | "fallback_cloud_api" => action == PERMANENT,
        "invalid_address" => action == INVALID,
        "opt_out" => action == OPT_OUT,
        "throttle" => matches!(action, Throttle { .. }),
        "retry" if code == 1 => matches!(action, Retry { after: None, at_most: Some(3) }),
        // Only this recipient waits, and longer each time.
        "retry" | "throttle_pair" => action == RETRY,
        "retry_in_10_minutes" => action == Retry { after: Some(Duration::from_secs(600)), at_most: None },
        // The ladder ends with the day that Meta asks for.
        "defer_24h" => matches!(action, Ladder { waits } if waits.after(3) == Some(Duration::from_secs(86_400))),
        other => panic!("the contract has a new action: {other}"),
    }
}

#[test]
fn error_table_agrees_with_the_contract() {
    assert!(errors::TABLE.is_sorted_by(|a, b| a.code < b.code));
    let contract = contracts::json("meta-whatsapp/error-codes.json");
    let rows = contract["codes"].as_array().unwrap();
    assert!(rows.len() > 50);
    for row in rows {
        let code = u32::try_from(row["code"].as_u64().unwrap()).unwrap();
        let ours = errors::find(code).unwrap_or_else(|| panic!("{code} is missing"));
        let action = row["action"].as_str().unwrap();
        assert!(fits(code, ours.action, action), "{code}: {:?} for {action}", ours.action);
        assert_eq!(errors::report_action(&code.to_string()), Some(ours.action));
    }
    let action = |code| errors::find(code).unwrap().action;
    assert_eq!([action(131_026), action(131_050), action(131_042)], [INVALID, OPT_OUT, PAUSE]);
    assert_eq!([action(132_000), action(132_001), action(132_015), action(132_016)], [PAUSE_TEMPLATE; 4]);
    assert_eq!(action(130_429), FaultAction::Throttle { after: Some(Duration::from_secs(5)) });
    assert_eq!(["failed", "999999", ""].map(errors::report_action), [None; 3]);
    assert_eq!(action(299), PAUSE, "the whole range 200-299");
    assert!(errors::find(300).is_none());
}

fn request<'a>(headers: &'a BTreeMap<String, String>, body: &'a [u8]) -> WebhookRequest<'a> {
    let now = OffsetDateTime::UNIX_EPOCH;
    WebhookRequest { url: "https://hub.example.com/webhooks/meta/7", headers, body, now }
}

#[test]
fn vectors_verify_as_stated() {
    let vectors = contracts::json("meta-whatsapp/vectors.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let headers = [("x-hub-signature-256".to_owned(), text("header").to_owned())].into();
        // The published secret has blanks in it, which no app secret has: build the receiver without the account's checks.
        let mut config = Config::read(&account(APP_SECRET, &[])).unwrap();
        config.app_secret = Secret::new(text("app_secret"));
        let verified = webhook::Receiver::new(&config).verify(&request(&headers, text("body").as_bytes()));
        assert_eq!(verified.is_ok(), vector["valid"].as_bool().unwrap(), "{}", text("name"));
    }
}

fn decode(body: &[u8]) -> Decoded {
    receiver(APP_SECRET).decode(&request(&BTreeMap::new(), body)).unwrap()
}

#[test]
fn published_posts_decode() {
    let webhook = contracts::schema("meta-whatsapp/openapi.relaxed.json", "/components/schemas/WebhookPayload");
    let mut seen = 0;
    for begin in ["status_", "inbound_", "user_preferences_", "template_status_"] {
        for (name, body) in contracts::samples("meta-whatsapp", begin, ".json") {
            contracts::assert_valid(&webhook, &serde_json::from_slice(&body).unwrap());
            let decoded = decode(&body);
            let counts = (decoded.events.len(), decoded.inbound.len(), decoded.unknown);
            let expected = match name.as_str() {
                name if name.starts_with("inbound_group_") => (0, 0, 1),
                name if name.starts_with("template_status_") => (0, 0, 0),
                name if name.starts_with("status_") => (1, 0, 0),
                _ => (0, 1, 0),
            };
            assert_eq!(counts, expected, "{name}");
            assert_eq!(decoded.templates.len(), usize::from(name.starts_with("template_status_")), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} samples");
}

fn sample(name: &str) -> Decoded {
    decode(&contracts::bytes(&format!("meta-whatsapp/samples/{name}.json")))
}

#[test]
fn failures_carry_their_action() {
    for (code, action) in [("131047", PERMANENT), ("131049", LADDER), ("131050", OPT_OUT)] {
        let event = sample(&format!("status_failed_{code}")).events.remove(0);
        assert_eq!(event.kind, EventKind::Failed);
        assert_eq!((event.code.as_deref(), event.action), (Some(code), Some(action)));
        assert!(event.key.ends_with(&format!(":failed:{code}")), "{}", event.key);
    }
}

#[test]
fn the_account_may_have_a_ladder_of_its_own() {
    let own = account(APP_SECRET, &[("marketing_limit_retry_hours", "24, 48")]);
    let ladder = FaultAction::Ladder { waits: Waits::parse("24,48").unwrap() };
    let sender = sender(&own, Channel::Whatsapp, DEADLINE).unwrap();
    assert_eq!(sender.report_action("131049"), Some(ladder));
    let body = contracts::bytes("meta-whatsapp/samples/status_failed_131049.json");
    let decoded = (PROVIDER.webhook.unwrap())(&own).unwrap().decode(&request(&BTreeMap::new(), &body)).unwrap();
    assert_eq!(decoded.events[0].action, Some(ladder));
}

#[tokio::test]
async fn a_throttle_of_the_table_keeps_its_time_under_429() {
    let answer = contracts::bytes("meta-whatsapp/samples/error_response_130429.json");
    let stub = Stub::start(Protocol::Http, Then::Reply(http(429, &[], &answer))).await;
    let Outcome::Refused(fault) = at(stub.addr, DEADLINE).send(&full()).await else { panic!() };
    assert_eq!(fault.action, FaultAction::Throttle { after: Some(Duration::from_secs(5)) });
}

#[test]
fn delivery_carries_correlation_and_time() {
    let event = sample("status_delivered_biz_opaque_marketing_lite").events.remove(0);
    assert_eq!(event.correlation.as_deref(), Some("send_01J0000000000000000000000"));
    assert_eq!(event.kind, EventKind::Delivered);
    assert_eq!(event.occurred_at.unix_timestamp(), 1_750_030_073);
}

#[test]
fn people_are_understood() {
    let text = |name| sample(name).inbound.remove(0).text;
    assert_eq!(text("inbound_text_message"), "Does it come in another color?");
    assert_eq!(text("inbound_button_message"), "Unsubscribe");
    assert_eq!(text("inbound_interactive_button_reply_message"), "cancel-button");
    assert_eq!(text("inbound_interactive_list_reply_message"), "priority_express");
    assert_eq!(text("inbound_reaction_message"), "👍");
    assert_eq!(text("inbound_contact_sharing_message"), "");
    assert_eq!(sample("inbound_unsupported_message").inbound.remove(0).kind, "unsupported");
    let from = |name| sample(name).inbound.remove(0).from;
    assert_eq!(from("inbound_text_message").as_deref(), Some("+16505551234"));
    assert_eq!(from("inbound_text_bsuid_no_phone"), None);
    let hidden = sample("inbound_text_bsuid_no_phone").inbound.remove(0);
    assert_eq!((hidden.user_id.as_deref(), hidden.name.as_deref()), (Some("US.13491208655302741918"), Some("Sheena Nelson")));
    let quoting = sample("inbound_text_message_with_context_product_inquiry").inbound.remove(0);
    assert_eq!(quoting.reply_to.as_deref(), Some("wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA"));
}

#[test]
fn marketing_preference_is_a_wish() {
    for (name, preference) in [("stop", Preference::Stop), ("resume", Preference::Start)] {
        let inbound = sample(&format!("user_preferences_{name}")).inbound.remove(0);
        assert_eq!(inbound.preference, Some(preference));
        assert_eq!(inbound.from.as_deref(), Some("+16505551234"));
        assert_eq!(inbound.key, format!("16505551234:marketing_messages:{name}:1731705721"));
    }
}

#[test]
fn a_templates_state_is_news() {
    let approved = sample("template_status_approved").templates.remove(0);
    let said = (approved.name.as_str(), approved.language.as_str(), approved.status.as_deref(), approved.category.as_deref());
    assert_eq!(said, ("order_confirmation", "en_US", Some("APPROVED"), Some("UTILITY")));
    assert_eq!(approved.reason, None);
    assert!(approved.key.ends_with(":1751247548"), "{}", approved.key);
    let rejected = sample("template_status_rejected").templates.remove(0);
    assert_eq!(rejected.status.as_deref(), Some("REJECTED"));
    assert!(rejected.reason.unwrap().starts_with("Your template has parameters"));
}

#[test]
fn one_strange_part_hides_no_other() {
    let mut post: Value = serde_json::from_slice(&status("read")).unwrap();
    let statuses = post["entry"][0]["changes"][0]["value"]["statuses"].as_array_mut().unwrap();
    statuses.insert(0, json!({"id": 7, "status": {}}));
    statuses.insert(0, json!("what?"));
    let decoded = decode(post.to_string().as_bytes());
    assert_eq!((decoded.events.len(), decoded.unknown), (1, 2));
}

#[test]
fn challenge_is_answered_to_who_knows_the_token() {
    let contract = contracts::json("meta-whatsapp/vectors.json")["verify_challenge"].clone();
    let (_, query) = contract["request"].as_str().unwrap().split_once('?').unwrap();
    let ask = |query: &str| challenge::challenge(&account(APP_SECRET, &[]), query).unwrap();
    assert_eq!(ask(query), Ok(contract["expect_body"].as_str().unwrap().to_owned()));
    for (query, refused) in [
        ("", Refused::Missing),
        ("hub.mode=subscribe&hub.challenge=1", Refused::Missing),
        ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhoc", Refused::Mismatch),
        ("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=meatyhamhock", Refused::Mismatch),
        ("hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=meatyhamhock", Refused::Mismatch),
        ("hub.mode=subscribe&hub.verify_token=meatyhamhock", Refused::Mismatch),
    ] {
        assert_eq!(ask(query), Err(refused), "{query}");
    }
}

#[test]
fn accounts_are_checked_field_by_field() {
    let field = |account: &Account, channel| match sender(account, channel, DEADLINE) {
        Ok(_) => String::new(),
        Err(error) => error.field,
    };
    let with = |name: &str, value: &str| account(APP_SECRET, &[(name, value)]);
    assert_eq!(field(&with("version", "v24.0"), Channel::Whatsapp), "");
    assert_eq!(field(&with("version", "24"), Channel::Whatsapp), "version");
    assert_eq!(field(&with("version", "v24.0/../x"), Channel::Whatsapp), "version");
    assert_eq!(field(&with("phone_number_id", "+16505551234"), Channel::Whatsapp), "phone_number_id");
    assert_eq!(field(&with("base_url", "graph"), Channel::Whatsapp), "base_url");
    assert_eq!(field(&with("marketing_limit_retry_hours", "0"), Channel::Whatsapp), "marketing_limit_retry_hours");
    for (name, bad) in [("waba_id", "x"), ("marketing_api", "sometimes"), ("media_by_id", "yes"), ("marketing_correlation", "1")] {
        assert_eq!(field(&with(name, bad), Channel::Whatsapp), name);
    }
    assert_eq!(field(&account("", &[]), Channel::Whatsapp), "app_secret");
    assert_eq!(field(&account(APP_SECRET, &[]), Channel::Sms), "channel");
    for name in ["access_token", "verify_token"] {
        let mut account = account(APP_SECRET, &[]);
        account.secrets.remove(name);
        assert_eq!(field(&account, Channel::Whatsapp), name);
    }
}
