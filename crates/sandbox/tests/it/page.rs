//! The page for people.

use serde_json::json;

use crate::support::{Running, config, smooth};

async fn html(running: &Running, path: &str) -> String {
    let response = running.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    response.text().await.unwrap()
}

async fn filled() -> Running {
    let running = Running::start(config(None, smooth())).await;
    let sms = [("To", "+15550001111"), ("From", "+15005550001"), ("Body", "<script>alert(1)</script> مرحبا")];
    running.twilio(&sms).await;
    let mail = json!({
        "personalizations": [{ "to": [{ "email": "ann@example.com" }] }],
        "from": { "email": "news@example.com" }, "subject": "Скидки <b>",
        "content": [{ "type": "text/plain", "value": "plain नमस्ते" }, { "type": "text/html", "value": "<p>rich<script>x</script>" }],
    });
    running.sendgrid(&mail).await;
    let template = json!({
        "messaging_product": "whatsapp", "to": "15550002222", "type": "template",
        "template": { "name": "spring_sale", "language": { "code": "ar" }, "components": [
            { "type": "body", "parameters": [{ "type": "text", "text": "عمر" }] },
        ] },
    });
    running.meta(&template).await;
    running
}

#[tokio::test]
async fn the_list_shows_what_arrived_newest_first() {
    let running = filled().await;
    let all = html(&running, "/").await;
    let at = |text: &str| all.find(text).unwrap_or_else(|| panic!("{text} is not in the list"));
    assert!(at("Template spring_sale") < at("Скидки &lt;b&gt;") && at("Скидки") < at("&lt;script&gt;alert(1)"));
    assert!(!all.contains("<script>") && all.contains("dir=\"auto\""));
    let mails = html(&running, "/?channel=email").await;
    assert!(mails.contains("ann@example.com") && !mails.contains("+15550001111"));
    let found = html(&running, "/?q=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7").await;
    assert!(found.contains("+15550001111") && !found.contains("/m/2"));
    assert!(html(&running, "/?q=nothing+like+it").await.contains("No messages here"));
    assert!(html(&running, "/?page=7").await.contains("Newer"));
}

#[tokio::test]
async fn each_message_is_shown_as_its_recipient_sees_it() {
    let running = filled().await;
    let sms = html(&running, "/m/1").await;
    assert!(sms.contains("class=\"phone\"") && sms.contains("&lt;script&gt;alert(1)&lt;/script&gt; مرحبا"));
    let mail = html(&running, "/m/2").await;
    assert!(mail.contains("<iframe sandbox=\"\" src=\"/m/2/html\"") && mail.contains("plain नमस्ते"));
    let template = html(&running, "/m/3").await;
    assert!(template.contains("spring_sale") && template.contains("<dd dir=\"auto\">عمر</dd>"));
    assert_eq!(running.get("/m/4").await.status(), 404);
    assert_eq!(running.get("/m/0").await.status(), 404);
}

#[tokio::test]
async fn a_mails_own_html_can_do_nothing() {
    let running = filled().await;
    let response = running.get("/m/2/html").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script"));
    assert_eq!(response.text().await.unwrap(), "<p>rich<script>x</script>");
}
