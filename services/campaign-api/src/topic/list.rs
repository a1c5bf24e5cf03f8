//! ListTopics.

use super::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::consent::{ListTopicsRequest, ListTopicsResponse};
use runtime::{auth, status};
use store::consent::topic;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListTopicsRequest>) -> Result<ListTopicsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut topics = topic::list(&mut tx, caller.workspace, request.include_archived, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut topics, |topic| topic.topic_id.0);
    Ok(ListTopicsResponse { topics: topics.into_iter().map(present).collect(), next_page_token })
}
