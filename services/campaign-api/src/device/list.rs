//! ListDevices.

use super::view::present;
use crate::{convert::page, state::State};
use domain::role::Role;
use proto::device::{ListDevicesRequest, ListDevicesResponse};
use runtime::{auth, status};
use std::str::FromStr;
use store::device::{self, Which};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<ListDevicesRequest>) -> Result<ListDevicesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let which = Which {
        contact: given("contact_id", &request.contact_id)?,
        sender: given("sender_id", &request.sender_id)?,
        include_gone: request.include_gone,
    };
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let mut devices = device::list(&mut tx, caller.workspace, which, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut devices, |device| device.device_id.0);
    Ok(ListDevicesResponse { devices: devices.into_iter().map(present).collect(), next_page_token })
}

fn given<T: FromStr>(field: &'static str, text: &str) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { status::id(field, text).map(Some) }
}
