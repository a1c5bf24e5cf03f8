//! Posts of which some part is not known: the rest counts, and the whole is kept for those who run the sender.

use crate::{signed::Signature, support::Ingest};
use domain::{DeliveryId, SenderId};
use proto::event::FactKind;
use reqwest::StatusCode;
use serde_json::json;
use store::{
    page::Page,
    unread_post::{self, UnreadPost},
};
use time::OffsetDateTime;

async fn kept(ingest: &Ingest, sender: SenderId) -> Vec<UnreadPost> {
    let mut connection = ingest.db.acquire().await.unwrap();
    let page = Page { size: 100, after: None };
    unread_post::list(&mut connection, ingest.workspace, sender, page, OffsetDateTime::now_utc()).await.unwrap()
}

fn opened(ingest: &Ingest, post: &UnreadPost) -> String {
    String::from_utf8(ingest.kek.open(&post.sealed, post.post_key.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_not_known_is_kept_once_and_the_rest_counts() {
    let mut ingest = Ingest::start().await;
    let token = ingest.links.correlation(DeliveryId(9), "");
    let event = |id: &str, name: &str| json!({ "email": "a@example.com", "timestamp": 1_700_000_000, "event": name, "fanfare": token, "sg_event_id": id, "sg_message_id": "m.1" });
    let body = json!([event("e1", "delivered"), event("e2", "teleported"), event("e3", "beamed")]).to_string();
    assert_eq!(ingest.sendgrid(&body, Signature::Flipped).await, StatusCode::FORBIDDEN);
    assert!(kept(&ingest, ingest.sendgrid).await.is_empty(), "what is forged is not kept");
    for _ in 0..2 {
        assert_eq!(ingest.sendgrid(&body, Signature::Good).await, StatusCode::OK);
        let fact = ingest.fact().await;
        assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Delivered, 9));
    }
    let posts = kept(&ingest, ingest.sendgrid).await;
    assert_eq!(posts.iter().map(|post| (post.parts, post.cut)).collect::<Vec<_>>(), [(2, false)]);
    assert_eq!(opened(&ingest, &posts[0]), body);
    assert!(!posts[0].sealed.windows(10).any(|bytes| bytes == b"teleported"), "nothing is in clear");

    let known = json!([event("e4", "delivered")]).to_string();
    assert_eq!(ingest.sendgrid(&known, Signature::Good).await, StatusCode::OK);
    assert_eq!(kept(&ingest, ingest.sendgrid).await.len(), 1, "what was understood is not kept");
}

#[tokio::test]
async fn a_post_of_which_nothing_is_known_is_taken_and_kept() {
    let ingest = Ingest::start().await;
    let form = [("MessageSid", "SM1"), ("MessageStatus", "teleported")];
    assert_eq!(ingest.twilio("/status", &form, Signature::Good).await, StatusCode::NO_CONTENT);
    let posts = kept(&ingest, ingest.twilio).await;
    assert_eq!(posts.len(), 1);
    assert_eq!(opened(&ingest, &posts[0]), "MessageSid=SM1&MessageStatus=teleported");
    assert!(kept(&ingest, ingest.sendgrid).await.is_empty(), "it is its sender's");
}

#[tokio::test]
async fn of_a_long_post_the_start_is_kept() {
    let ingest = Ingest::start().await;
    let body = json!([{ "event": "teleported", "why": "x".repeat(70 << 10) }]).to_string();
    assert_eq!(ingest.sendgrid(&body, Signature::Good).await, StatusCode::OK);
    let posts = kept(&ingest, ingest.sendgrid).await;
    assert!(posts[0].cut);
    assert_eq!(opened(&ingest, &posts[0]), body[..64 << 10]);
}
