//! Names, media, encoding and validity of texts; what they cost; what the account can be asked.

use super::*;
use crate::{Cost, RemoteOptOutKind};
use domain::content::FreeMessage;
use time::macros::datetime;

const SERVICE: (&str, &str) = ("messaging_service_sid", "MG0123456789abcdef0123456789abcdef");
const NAMES: [(&str, &str); 2] = [("alpha_sender", "Fanfare"), ("alpha_countries", "AE, GB")];

fn mms(text: &str, media: &[&str]) -> Message {
    let media_urls = media.iter().map(|url| (*url).to_owned()).collect();
    message("+12025550143", Rendered::Sms(SmsVariant { text: text.to_owned(), media_urls }))
}

fn to(number: &str, message: Message) -> Message {
    Message { to: number.to_owned(), ..message }
}

/// The form of a message, each name with its values in order.
async fn sent(more: &[(&str, &str)], message: &Message) -> BTreeMap<String, Vec<String>> {
    let created = contracts::bytes("twilio/samples/create_message_201.json");
    let stub = Stub::start(Protocol::Http, Then::Reply(http(201, &[], &created))).await;
    let base = format!("http://{}", stub.addr);
    let more: Vec<_> = more.iter().copied().chain([("base_url", base.as_str())]).collect();
    let outcome = sender_at(&account(TOKEN, &more), DEADLINE).send(message).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let mut form: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body(&stub.requests().remove(0))).into_owned() {
        form.entry(name).or_default().push(value);
    }
    form
}

/// As the description of the API sees a form: repeated names are lists, numbers and truths are what they say.
fn assert_fits(form: &BTreeMap<String, Vec<String>>) {
    let schema =
        "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post/requestBody/content/application~1x-www-form-urlencoded/schema";
    let names = contracts::json("twilio/openapi.json").pointer(schema).unwrap()["properties"].clone();
    let mut typed = serde_json::Map::new();
    for (name, values) in form {
        let value = match names[name]["type"].as_str().unwrap_or_else(|| panic!("{name} is not in the contract")) {
            "array" => json!(values),
            "integer" | "boolean" => serde_json::from_str(&values[0]).unwrap(),
            _ => json!(values[0]),
        };
        typed.insert(name.clone(), value);
    }
    contracts::assert_valid(&contracts::schema("twilio/openapi.json", schema), &Value::Object(typed));
}

#[tokio::test]
async fn the_name_is_used_in_its_countries_and_the_number_elsewhere() {
    for (number, from) in [("+971501234567", "Fanfare"), ("+447400123456", "Fanfare"), ("+15558675310", "+15017250604")] {
        let form = sent(&NAMES, &to(number, sms("Hello"))).await;
        assert_eq!(form["From"], [from], "{number}");
        assert_fits(&form);
    }
    let known = Message { country: Some("AE"), ..sms("Hello") };
    assert_eq!(sent(&NAMES, &known).await["From"], ["Fanfare"], "the hub's own word on the country counts");
    let with_service: Vec<_> = NAMES.into_iter().chain([SERVICE, ("from", "")]).collect();
    let form = sent(&with_service, &to("+971501234567", sms("Hello"))).await;
    assert_eq!((&form["From"][..], &form["MessagingServiceSid"][..]), (&["Fanfare".to_owned()][..], &[SERVICE.1.to_owned()][..]));
    let form = sent(&with_service, &sms("Hello")).await;
    assert!(!form.contains_key("From") && form.contains_key("MessagingServiceSid"), "the service chooses");
}

#[tokio::test]
async fn media_go_along_where_they_are_carried() {
    let pictures = ["https://cdn.example/a.png", "https://cdn.example/b.jpg?x=1&y=2"];
    let form = sent(&[], &mms("Look", &pictures)).await;
    assert_eq!(form["MediaUrl"], pictures);
    assert_fits(&form);
    assert!(!sent(&[], &mms("", &pictures[..1])).await.contains_key("Body"), "a picture needs no text");
    let abroad = to("+971501234567", mms("Look", &pictures[..1]));
    assert!(sent(&[("mms_countries", "AE")], &abroad).await.contains_key("MediaUrl"));
    let answer = FreeMessage { text: "Here".to_owned(), media_url: pictures[0].to_owned(), ..FreeMessage::default() };
    assert_eq!(sent(&[], &message("+12025550143", Rendered::Free(answer))).await["MediaUrl"], pictures[..1]);
}

#[tokio::test]
async fn media_that_cannot_arrive_are_refused_without_a_call() {
    let nobody = sender_at(&at(Stub::nobody().await), DEADLINE);
    let refused = async |message: Message| match nobody.send(&message).await {
        Outcome::Refused(fault) => fault,
        other => panic!("{other:?}"),
    };
    let fault = refused(to("+971501234567", mms("Look", &["https://cdn.example/a.png"]))).await;
    assert_eq!((fault.code.as_str(), fault.action), ("no_media_there", PERMANENT));
    assert_eq!(refused(mms("Look", &["https://cdn.example/a.png"; 11])).await.code, "21623");
    assert_eq!(refused(sms(&"a".repeat(1_601))).await.code, "21617");
    assert_eq!(refused(mms("", &[])).await.code, "content");
}

#[tokio::test]
async fn encoding_and_validity_are_asked_for() {
    let form = sent(&[], &sms("Hello")).await;
    assert!(!form.contains_key("SmartEncoded") && !form.contains_key("ValidityPeriod"));
    for (valid_for, seconds) in [(0, "6"), (90, "90"), (259_200, "36000")] {
        let brief = Message { valid_for: Some(Duration::from_secs(valid_for)), ..sms("“Hello”") };
        let form = sent(&[("smart_encoding", "true")], &brief).await;
        assert_eq!((form["SmartEncoded"][0].as_str(), form["ValidityPeriod"][0].as_str()), ("true", seconds));
        assert_fits(&form);
    }
}

#[test]
fn a_text_costs_what_its_messages_do() {
    let cost = |more: &[(&str, &str)], channel, message: &Message| sender(&account(TOKEN, more), channel, DEADLINE).unwrap().cost(message);
    let of = |units, country: Option<&str>| Some(Cost { units, country: country.map(str::to_owned) });
    assert_eq!(cost(&[], Channel::Sms, &to("+971501234567", sms(&"a".repeat(161)))), of(2, Some("AE")));
    assert_eq!(cost(&[], Channel::Sms, &to("+12025550143", sms("سارة"))), of(1, Some("US")));
    assert_eq!(cost(&[], Channel::Sms, &to("+80012345678", sms("Hello"))), of(1, None));
    let quoted = to("+12025550143", sms(&format!("“{}”", "a".repeat(100))));
    assert_eq!(cost(&[], Channel::Sms, &quoted), of(2, Some("US")));
    assert_eq!(cost(&[("smart_encoding", "true")], Channel::Sms, &quoted), of(1, Some("US")));
    assert_eq!(cost(&[], Channel::Whatsapp, &whatsapp(&[])), None);
}

#[test]
fn settings_of_texts_are_checked() {
    let field = |more: &[(&str, &str)]| sender(&account(TOKEN, more), Channel::Sms, DEADLINE).err().map(|error| error.field);
    assert_eq!(field(&NAMES), None);
    for (more, wrong) in [
        (&[("alpha_sender", "Fanfare")][..], "alpha_countries"),
        (&[("alpha_countries", "AE")], "alpha_sender"),
        (&[("alpha_sender", "Fanfare Ltd London"), ("alpha_countries", "AE")], "alpha_sender"),
        (&[("alpha_sender", "12345"), ("alpha_countries", "AE")], "alpha_sender"),
        (&[("alpha_sender", "Fanfare"), ("alpha_countries", "AE,US")], "alpha_countries"),
        (&[("alpha_sender", "Fanfare"), ("alpha_countries", "Dubai")], "alpha_countries"),
        (&[("mms_countries", "America")], "mms_countries"),
        (&[("smart_encoding", "yes")], "smart_encoding"),
        (&[("messaging_url", "http://messaging.twilio.com")], "messaging_url"),
    ] {
        assert_eq!(field(more).as_deref(), Some(wrong), "{more:?}");
    }
}

fn manage(more: &[(&str, &str)], channel: Channel) -> Arc<dyn Manage> {
    (PROVIDER.manage.unwrap())(&account(TOKEN, more), channel).unwrap()
}

#[tokio::test]
async fn a_connection_is_tested_without_sending() {
    let answer = br#"{"messages":[],"next_page_uri":null,"friendly_name":"Spring texts"}"#;
    let stub = Stub::start(Protocol::Http, Then::Reply(http(200, &[], answer))).await;
    let base = format!("http://{}", stub.addr);
    let checked = manage(&[SERVICE, ("base_url", &base)], Channel::Sms).check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("Spring texts", SID));
    let lines: Vec<_> = stub.requests().iter().map(|request| String::from_utf8_lossy(request).lines().next().unwrap().to_owned()).collect();
    let list = format!("GET /2010-04-01/Accounts/{SID}/Messages.json?PageSize=1 HTTP/1.1");
    assert_eq!(lines, [list, format!("GET /v1/Services/{} HTTP/1.1", SERVICE.1)]);
    let contract = contracts::json("twilio/messaging_v1.openapi.json");
    assert!(contract["paths"]["/v1/Services/{Sid}"]["get"].is_object());

    let refused = Stub::start(Protocol::Http, Then::Reply(http(401, &[], br#"{"code":20003,"message":"Authenticate"}"#))).await;
    let fault = manage(&[("base_url", &format!("http://{}", refused.addr))], Channel::Sms).check().await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.action), ("20003", FaultAction::PauseSender));
}

#[tokio::test]
async fn deactivated_numbers_are_read_from_the_file_that_is_pointed_to() {
    let file = Stub::start(Protocol::Http, Then::Reply(http(200, &[("content-type", "text/plain")], b"+12025550143\n12025550144\n"))).await;
    let pointer = json!({"redirect_to": format!("http://{}/2026-05-27.txt?Signature=x", file.addr)});
    let answer = http(307, &[("Location", "https://elsewhere.example/")], pointer.to_string().as_bytes());
    let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
    let config = Config::read(&account(TOKEN, &[("base_url", &format!("http://{}", stub.addr))])).unwrap();
    let manager = manage::Manager::new(config, Channel::Sms, DEADLINE).unwrap();
    let now = datetime!(2026-05-28 09:00 UTC);
    let found = opt_outs::read(&manager, now, now).await.unwrap();
    let addresses: Vec<_> = found.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["+12025550143", "+12025550144"]);
    assert!(found.iter().all(|one| one.kind == RemoteOptOutKind::Invalid && one.since == Some(datetime!(2026-05-27 00:00 UTC))));
    let asked = String::from_utf8(stub.requests().remove(0)).unwrap();
    assert!(asked.starts_with("GET /v1/Deactivations?Date=2026-05-27 HTTP/1.1\r\n"), "{asked}");
    let fetched = String::from_utf8(file.requests().remove(0)).unwrap().to_ascii_lowercase();
    assert!(!fetched.contains("authorization"), "the file's host gets no credentials");
}

#[tokio::test]
async fn a_day_without_a_file_has_no_numbers_and_others_are_told() {
    let at = async |answer: Vec<u8>| {
        let stub = Stub::start(Protocol::Http, Then::Reply(answer)).await;
        let config = Config::read(&account(TOKEN, &[("base_url", &format!("http://{}", stub.addr))])).unwrap();
        let now = datetime!(2026-05-28 09:00 UTC);
        opt_outs::read(&manage::Manager::new(config, Channel::Sms, DEADLINE).unwrap(), now, now).await
    };
    assert_eq!(at(http(404, &[], br#"{"code":20404,"message":"not found"}"#)).await, Ok(Vec::new()));
    assert_eq!(at(http(503, &[], b"")).await.unwrap_err().code, "http_503");
    assert_eq!(at(http(307, &[], b"{}")).await.unwrap_err().code, "garbage");
    assert_eq!(manage(&[], Channel::Whatsapp).opt_outs(OffsetDateTime::UNIX_EPOCH).await, Ok(None));
}

#[test]
fn what_comes_along_with_a_message_is_read() {
    let body = b"MessageSid=MM1&From=%2B15558675310&Body=&NumMedia=2&MediaContentType0=image%2Fjpeg&MediaContentType1=video%2Fmp4\
&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2FAC1%2FMessages%2FMM1%2FMedia%2FME0123456789abcdef0123456789abcdef\
&MediaUrl1=https%3A%2F%2Fapi.twilio.com%2Fx";
    let inbound = decode("https://a.example", body).inbound.remove(0);
    assert_eq!((inbound.kind, inbound.media.len()), ("media", 2));
    assert_eq!(inbound.media[0].id, "ME0123456789abcdef0123456789abcdef");
    assert_eq!((inbound.media[1].id.as_str(), inbound.media[1].media_type.as_str()), ("", "video/mp4"));
    let quoted = decode(
        "https://a.example",
        b"MessageSid=SM2&From=whatsapp%3A%2B15558675310&Body=Yes&OriginalRepliedMessageSid=SM1&ProfileName=Ann",
    );
    let quoted = &quoted.inbound[0];
    assert_eq!((quoted.reply_to.as_deref(), quoted.name.as_deref(), quoted.kind), (Some("SM1"), Some("Ann"), "text"));
}
