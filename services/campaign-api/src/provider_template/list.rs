//! ListProviderTemplates.

use super::present;
use crate::{convert::page, state::State};
use domain::{SenderId, role::Role};
use proto::template::{ListProviderTemplatesRequest, ListProviderTemplatesResponse};
use runtime::{auth, status};
use store::{
    provider_template::{self, Filter},
    sender,
};
use tonic::{Request, Status};

/// Longest text that a filter takes; no name of a template is longer.
const MAX_TEXT: usize = 512;

pub async fn run(state: &State, request: Request<ListProviderTemplatesRequest>) -> Result<ListProviderTemplatesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    for (field, text) in [("status", &request.status), ("name", &request.name)] {
        if text.len() > MAX_TEXT {
            return Err(status::invalid(field, format!("must be at most {MAX_TEXT} bytes")));
        }
    }
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut filter = Filter { sender: None, status: request.status.trim().to_uppercase(), name: request.name.trim().to_owned() };
    if !request.sender_id.is_empty() {
        let id: SenderId = status::id("sender_id", &request.sender_id)?;
        let found = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        filter.sender = Some(found.ok_or_else(|| status::not_found("sender"))?.sender_id);
    }
    let mut templates = provider_template::list(&mut tx, caller.workspace, &filter, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut templates, |template| template.provider_template_id);
    Ok(ListProviderTemplatesResponse { templates: templates.into_iter().map(present).collect(), next_page_token })
}
