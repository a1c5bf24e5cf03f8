//! ListCampaigns.

use super::view;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::campaign::{ListCampaignsRequest, ListCampaignsResponse};
use runtime::{auth, status};
use store::campaign;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListCampaignsRequest>) -> Result<ListCampaignsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let filter = view::status_filter(request.status)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut campaigns = campaign::list(&mut tx, caller.workspace, page, filter).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut campaigns, |campaign| campaign.campaign_id.0);
    Ok(ListCampaignsResponse { campaigns: view::many(&mut tx, &campaigns).await?, next_page_token })
}
