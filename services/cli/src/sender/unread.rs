//! `fanfare sender unread`: posts of a provider of which some part was not understood.

use crate::{
    output::{number, printable},
    paging, resolve,
    session::Session,
};
use anyhow::Result;
use proto::sender::{ListUnreadPostsRequest, UnreadPost};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// # Errors
/// When the hub refuses.
pub async fn run(sender: &str, limit: usize, session: &Session) -> Result<()> {
    let sender_id = resolve::sender(session, sender).await?;
    let posts = paging::collect(limit, |page_size, page_token| {
        let request = ListUnreadPostsRequest { sender_id: sender_id.clone(), page_size, page_token };
        async move {
            let page = session.senders().list_unread_posts(request).await?.into_inner();
            Ok((page.posts, page.next_page_token))
        }
    })
    .await?;
    session.output.json_lines(&posts)?;
    let lines: Vec<_> = posts.iter().map(describe).collect();
    session.output.say(&if lines.is_empty() { "none: all that was posted was understood".to_owned() } else { lines.join("\n") })
}

fn describe(post: &UnreadPost) -> String {
    let time = post.received_at.as_ref().and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    let time = time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
    let parts = number::of(post.parts.into(), "part", "parts");
    let note = match (post.unreadable, post.cut) {
        (true, _) => "  [it can't be opened: its key is not configured any more]",
        (false, true) => "  [the first 64 KiB of it]",
        (false, false) => "",
    };
    printable(&format!("{time}  {}  {parts} not understood{note}\n    {}", post.id, post.body.replace('\n', "\n    ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_shown_as_it_came_without_what_moves_the_cursor() {
        let post = UnreadPost { id: "7".to_owned(), parts: 2, body: "a\u{1b}[2J\nb".to_owned(), cut: true, ..UnreadPost::default() };
        assert_eq!(describe(&post), "  7  2 parts not understood  [the first 64 KiB of it]\n    a [2J\n    b");
        let closed = UnreadPost { unreadable: true, parts: 1, ..UnreadPost::default() };
        assert!(describe(&closed).contains("1 part not understood  [it can't be opened"));
    }
}
