//! ListUnreadPosts: what a provider posted and nobody here understood. Bodies are opened for the caller and for nobody else.

use crate::{
    convert::{page, timestamp},
    state::State,
};
use domain::{SenderId, role::Role};
use proto::sender::{ListUnreadPostsRequest, ListUnreadPostsResponse, UnreadPost as Wire};
use runtime::{auth, seal::Kek, status};
use store::{
    page::Page,
    sender,
    unread_post::{self, UnreadPost},
};
use tonic::{Request, Status};

/// Each may hold 64 KiB, which are three times as many where none is UTF-8: a page stays below what a message may have.
const MAX_PAGE: u32 = 20;

pub async fn run(state: &State, request: Request<ListUnreadPostsRequest>) -> Result<ListUnreadPostsResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: SenderId = status::id("sender_id", &request.sender_id)?;
    let page = page(request.page_size, &request.page_token)?;
    let page = Page { size: page.size.min(MAX_PAGE), ..page };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let sender = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    sender.ok_or_else(|| status::not_found("sender"))?;
    let mut found = unread_post::list(&mut tx, caller.workspace, id, page, state.clock.now()).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut found, |post| post.unread_post_id);
    Ok(ListUnreadPostsResponse { posts: found.into_iter().map(|post| present(&state.kek, post)).collect(), next_page_token })
}

/// A post, opened. One whose key is not there any more is shown without its body.
fn present(kek: &Kek, post: UnreadPost) -> Wire {
    let opened = kek.open(&post.sealed, post.post_key.as_bytes());
    let body = opened.map_err(|error| tracing::warn!(%error, post.id = %post.unread_post_id, "a post can't be opened")).ok();
    Wire {
        id: post.unread_post_id.to_string(),
        received_at: Some(timestamp(post.received_at)),
        parts: post.parts.unsigned_abs(),
        unreadable: body.is_none(),
        body: body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default(),
        cut: post.cut,
    }
}
