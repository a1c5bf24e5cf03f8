//! ListAttachments.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::template::{ListAttachmentsRequest, ListAttachmentsResponse};
use runtime::{auth, status};
use store::attachment;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListAttachmentsRequest>) -> Result<ListAttachmentsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut attachments = attachment::list(&mut tx, caller.workspace, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut attachments, |attachment| attachment.attachment_id.0);
    Ok(ListAttachmentsResponse { attachments: attachments.into_iter().map(present).collect(), next_page_token })
}
