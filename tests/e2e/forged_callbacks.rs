//! A post that no provider signed changes nothing.

use devstack::Endpoints;
use domain::Channel;
use e2e::{Contact, World};
use serde_json::json;

#[tokio::test]
async fn forged_posts_are_refused_and_change_nothing() {
    let world = World::start(json!({"refuse": 0.0, "fail": 0.0, "read": 0.0, "click": 0.0, "stop": 0.0})).await.unwrap();
    let list = world.people(&[Contact::numbered(1)]).await.unwrap();
    let campaign = world.sending(list, &Channel::BY_ADDRESS).await.unwrap();
    let before = world.agreed(&campaign, "COMPLETED").await.unwrap();
    let hooks = Endpoints::read(world.state.path()).unwrap().webhooks;
    let client = reqwest::Client::new();
    let status = format!("MessageSid=SM{0}&MessageStatus=read&SmsSid=SM{0}&AccountSid=AC{0}&From=%2B1&To=%2B1", "0".repeat(32));
    let stop = "MessageSid=SM1&From=%2B971501000001&To=%2B12025550142&Body=STOP&NumMedia=0";
    let events = r#"[{"email":"person1@example.com","event":"open","sg_event_id":"x","sg_message_id":"y","timestamp":1}]"#;
    for (url, header, body) in [
        (&hooks.twilio_status, "x-twilio-signature", status.as_str()),
        (&hooks.twilio_inbound, "x-twilio-signature", stop),
        (&hooks.meta, "x-hub-signature-256", r#"{"object":"whatsapp_business_account","entry":[]}"#),
        (&hooks.sendgrid, "x-twilio-email-event-webhook-signature", events),
    ] {
        let unsigned = client.post(url).body(body.to_owned()).send().await.unwrap().status();
        assert_eq!(unsigned, 401, "{url}");
        let post = client.post(url).header(header, "sha256=AAAA").header("x-twilio-email-event-webhook-timestamp", "1");
        let forged = post.body(body.to_owned()).send().await.unwrap().status();
        assert_eq!(forged, 403, "{url}");
    }
    let after = world.agreed(&campaign, "COMPLETED").await.unwrap();
    assert_eq!(before.channels, after.channels);
    world.hub.stop().await.unwrap();
}
