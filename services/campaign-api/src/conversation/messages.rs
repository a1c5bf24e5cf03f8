//! ListMessages. Whoever may read a conversation reads what was said in it.

use super::{get::find, view};
use crate::{convert::page, state::State};
use domain::{ConversationId, role::Role};
use proto::conversation::{ListMessagesRequest, ListMessagesResponse};
use runtime::{auth, status};
use store::{conversation, page::Page};
use tonic::{Request, Status};

/// Each may hold 64 KiB of text: a page stays below what a message may have.
const MAX_PAGE: u32 = 50;

pub async fn run(state: &State, request: Request<ListMessagesRequest>) -> Result<ListMessagesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let id: ConversationId = status::id("conversation_id", &request.conversation_id)?;
    let page = page(request.page_size, &request.page_token)?;
    let page = Page { size: page.size.min(MAX_PAGE), ..page };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    find(&mut tx, caller.workspace, id).await?;
    let mut found = conversation::messages(&mut tx, caller.workspace, id, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut found, |message| message.message_id.0);
    let messages = found.into_iter().map(|message| view::message(&state.kek, message)).collect();
    Ok(ListMessagesResponse { messages, next_page_token })
}
