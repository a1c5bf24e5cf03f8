//! What providers posted and nobody here understood: for admins of the workspace.

use crate::support::Api;
use domain::role::Role;
use proto::{
    common::Channel,
    sender::{ListUnreadPostsRequest, ListUnreadPostsResponse},
};
use runtime::seal::Kek;
use store::unread_post::{self, New};
use time::OffsetDateTime;
use tonic::Code;

#[tokio::test]
async fn posts_are_opened_for_admins_newest_first() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sender = workspace.sender("SMS", Channel::Sms).await;
    let post = |kek: &Kek, key: [u8; 16], body: &[u8]| New {
        sender_id: sender.parse().unwrap(),
        key,
        parts: 2,
        sealed: kek.seal(body, &key).unwrap(),
        cut: true,
    };
    let strange = Kek::from_base64(&Kek::generate().unwrap()).unwrap();
    let posts = [post(&api.kek, [1; 16], b"MessageStatus=teleported"), post(&api.kek, [2; 16], b"\xff"), post(&strange, [3; 16], b"lost")];
    unread_post::add(&mut api.db.acquire().await.unwrap(), &posts, OffsetDateTime::now_utc()).await.unwrap();

    let request = ListUnreadPostsRequest { sender_id: sender.clone(), page_size: 2, page_token: String::new() };
    let first = workspace.senders(Role::Admin).list_unread_posts(request.clone()).await.unwrap().into_inner();
    let rest = ListUnreadPostsRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let rest = workspace.senders(Role::Admin).list_unread_posts(rest).await.unwrap().into_inner();
    assert_eq!(shown(&first), [("", true), ("\u{fffd}", false)]);
    assert_eq!((shown(&rest), rest.next_page_token.as_str()), (vec![("MessageStatus=teleported", false)], ""));
    assert!(rest.posts[0].cut && rest.posts[0].parts == 2 && rest.posts[0].received_at.is_some());

    let by_agent = workspace.senders(Role::Agent).list_unread_posts(request.clone()).await.unwrap_err();
    assert_eq!(by_agent.code(), Code::PermissionDenied);
    let stranger = api.workspace().await;
    assert_eq!(stranger.senders(Role::Admin).list_unread_posts(request).await.unwrap_err().code(), Code::NotFound);
}

fn shown(answer: &ListUnreadPostsResponse) -> Vec<(&str, bool)> {
    answer.posts.iter().map(|post| (post.body.as_str(), post.unreadable)).collect()
}
