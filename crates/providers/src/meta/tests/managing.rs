//! What Meta keeps for an account: its number, its templates, and files.

use super::*;
use crate::{Manage, errors::PAUSE};

const WABA: &str = "102290129340398";

fn desk(addr: SocketAddr, waba: Option<&str>) -> Arc<dyn Manage> {
    let base = format!("http://{addr}");
    let more: Vec<_> = [("base_url", base.as_str())].into_iter().chain(waba.map(|waba| ("waba_id", waba))).collect();
    (PROVIDER.manage.unwrap())(&account(APP_SECRET, &more), Channel::Whatsapp).unwrap()
}

async fn answering(body: &Value) -> Stub {
    Stub::start(Protocol::Http, Then::Reply(http(200, &[], body.to_string().as_bytes()))).await
}

#[tokio::test]
async fn the_number_is_found_in_its_account() {
    let number =
        json!({"id": "106540352242922", "display_phone_number": "+1 631-555-5555", "verified_name": "Jasper's", "status": "LINKED"});
    let stub = answering(&json!({"data": [{"id": "1", "display_phone_number": "x", "status": "LINKED"}, number]})).await;
    let checked = desk(stub.addr, Some(WABA)).check().await.unwrap();
    assert_eq!((checked.handle.as_str(), checked.external_id.as_str()), ("Jasper's (+1 631-555-5555)", "106540352242922"));
    let request = String::from_utf8(stub.requests().remove(0)).unwrap();
    assert!(request.starts_with(&format!("GET /v23.0/{WABA}/phone_numbers HTTP")), "{request}");
    assert!(request.contains(&format!("Bearer {ACCESS_TOKEN}")), "the token is in the header");
}

#[tokio::test]
async fn a_number_that_may_not_send_is_no_connection() {
    for (id, status, code) in [("106540352242922", "BANNED", "banned"), ("7", "LINKED", "phone_number_id")] {
        let stub = answering(&json!({"data": [{"id": id, "display_phone_number": "x", "status": status}]})).await;
        let fault = desk(stub.addr, Some(WABA)).check().await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.action), (code, PAUSE));
    }
    let fault = desk(Stub::nobody().await, None).check().await.unwrap_err();
    assert_eq!(fault.code, "waba_id");
}

#[tokio::test]
async fn templates_are_read_to_the_end_of_their_list() {
    let file = contracts::json("meta-whatsapp/openapi.relaxed.json");
    let of_list =
        "/paths/~1{Version}~1{WABA-ID}~1message_templates/get/responses/200/content/application~1json/schema/properties/data/example";
    let one = file.pointer(of_list).unwrap()[0].clone();
    let first = json!({"data": [one], "paging": {"cursors": {"before": "a", "after": "MjQZD"}, "next": "https://evil.example/?after=x"}});
    let second = json!({"data": [{"id": "2", "name": "later", "language": "ar", "status": "APPROVED", "category": "UTILITY"}],
        "paging": {"cursors": {"before": "a", "after": "b"}}});
    let page = |json: &Value| http(200, &[], json.to_string().as_bytes());
    let stub = Stub::stepped(
        Protocol::Http,
        vec![("GET /v23.0/102290129340398/message_templates?after=MjQZD", page(&second))],
        Then::Reply(page(&first)),
    )
    .await;
    let templates = desk(stub.addr, Some(WABA)).templates().await.unwrap().unwrap();
    let shown: Vec<_> = templates.iter().map(|template| (template.name.as_str(), template.status.as_str())).collect();
    assert_eq!(shown, [("2023_april_promo", "REJECTED"), ("later", "APPROVED")]);
    assert!(templates[0].components.is_array());
    assert_eq!(desk(stub.addr, None).templates().await.unwrap(), None);
}

#[tokio::test]
async fn a_broken_list_is_no_list() {
    let endless = json!({"data": [], "paging": {"cursors": {"after": "a"}, "next": "x"}});
    for body in [json!({}), json!({"data": 7}), json!({"data": [], "paging": {"next": "x"}}), endless] {
        assert!(desk(answering(&body).await.addr, Some(WABA)).templates().await.is_err(), "{body}");
    }
}

#[tokio::test]
async fn files_are_left_once_and_of_known_types_only() {
    let stub = answering(&json!({"id": "4490709327384033"})).await;
    let base = format!("http://{}", stub.addr);
    let own = account(APP_SECRET, &[("base_url", &base), ("media_by_id", "true")]);
    let sender = sender(&own, Channel::Whatsapp, DEADLINE).unwrap();
    assert!(sender.keeps_media());
    assert_eq!(sender.keep_media("image/png", b"PNG").await.unwrap(), "4490709327384033");
    let request = String::from_utf8(stub.requests().remove(0)).unwrap();
    assert!(request.starts_with("POST /v23.0/106540352242922/media "), "{request}");
    assert!(request.contains("multipart/form-data; boundary=") && request.contains("name=\"messaging_product\"\r\n\r\nwhatsapp"));
    assert_eq!(sender.keep_media("text/html", b"<p>").await.unwrap_err().code, "131053");
    assert_eq!(stub.requests().len(), 1);
    assert!(!at(stub.addr, DEADLINE).keeps_media(), "links are sent unless the account says otherwise");
}
