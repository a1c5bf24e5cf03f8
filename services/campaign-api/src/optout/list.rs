//! ListOptOuts.

use super::registered_key;
use crate::{consent::evidence, contact::read_phone_rules, convert::timestamp, state::State};
use domain::role::Role;
use proto::{
    convert::channel_number,
    optout::{ListOptOutsRequest, ListOptOutsResponse, OptOut},
};
use runtime::{auth, status};
use store::optout::{self, Page};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListOptOutsRequest>) -> Result<ListOptOutsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = Page::parse(request.page_size, &request.page_token).map_err(|error| status::invalid("page_token", error.to_string()))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let key = match request.address.trim() {
        "" => None,
        address if address.contains('\0') => return Err(status::invalid("address", "has a NUL character in it")),
        address => Some(registered_key(None, address, &read_phone_rules(&mut tx, caller.workspace).await?)),
    };
    let mut entries = optout::list(&mut tx, caller.workspace, key.as_deref(), &page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut entries);
    Ok(ListOptOutsResponse { opt_outs: entries.into_iter().map(present).collect(), next_page_token })
}

fn present(entry: optout::OptOut) -> OptOut {
    OptOut {
        channel: entry.channel.map(channel_number).unwrap_or_default(),
        address: entry.address_key,
        source: entry.source,
        reason: entry.reason,
        created_at: Some(timestamp(entry.created_at)),
        evidence: Some(evidence(entry.evidence)),
    }
}
