//! UnregisterDevice. A device that is gone already stays as it is.

use crate::{audit::Change, convert::commit, state::State};
use domain::{DeviceId, role::Role};
use proto::device::{UnregisterDeviceRequest, UnregisterDeviceResponse};
use runtime::{auth, status};
use store::device;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UnregisterDeviceRequest>) -> Result<UnregisterDeviceResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: DeviceId = status::id("id", &request.get_ref().id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = device::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("device"))?;
    if device::unregister(&mut tx, caller.workspace, id, now).await.map_err(status::store)? {
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "device.unregister",
            id: id.0,
            before: Some(&before),
            after: None,
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(UnregisterDeviceResponse {})
}
