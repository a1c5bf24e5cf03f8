//! CreateDeviceLink: a contact's own browser or app registers itself by it.

use crate::{
    audit::Change,
    convert::{commit, timestamp},
    state::State,
};
use domain::{Channel, ContactId, SenderId, link::DeviceLink, role::Role};
use proto::device::{CreateDeviceLinkRequest, CreateDeviceLinkResponse};
use runtime::{auth, status};
use serde::Serialize;
use store::contact;
use time::Duration;
use tonic::{Request, Status};

const DEFAULT_VALID: u32 = 24 * 3_600;
const MAX_VALID: u32 = 30 * 24 * 3_600;
/// The setting by which a sender says what browsers subscribe with.
const VAPID_PUBLIC_KEY: &str = "vapid_public_key";

/// What the audit log keeps.
#[derive(Serialize)]
struct Given {
    contact_id: ContactId,
    valid_seconds: u32,
}

pub async fn run(state: &State, request: Request<CreateDeviceLinkRequest>) -> Result<CreateDeviceLinkResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let contact_id: ContactId = status::id("contact_id", &request.contact_id)?;
    let sender_id: SenderId = status::id("sender_id", &request.sender_id)?;
    let valid_seconds = if request.valid_seconds == 0 { DEFAULT_VALID } else { request.valid_seconds };
    if valid_seconds > MAX_VALID {
        return Err(status::invalid("valid_seconds", "must be at most 2592000, which is 30 days"));
    }
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    contact::get(&mut tx, caller.workspace, contact_id).await.map_err(status::store)?.ok_or_else(|| status::not_found("contact"))?;
    let sender = store::sender::get(&mut tx, caller.workspace, sender_id).await.map_err(status::store)?;
    let sender = sender.ok_or_else(|| status::not_found("sender"))?;
    if sender.channel != Channel::Push {
        return Err(status::invalid("sender_id", "must be a sender of the channel push"));
    }
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "device.link",
        id: sender_id.0,
        before: None,
        after: Some(&Given { contact_id, valid_seconds }),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    let until = now + Duration::seconds(i64::from(valid_seconds));
    let token = state.links.device_token(DeviceLink { contact_id, sender_id }, until);
    Ok(CreateDeviceLinkResponse {
        url: format!("{}/devices/{token}", state.public_url),
        vapid_public_key: sender.settings.get(VAPID_PUBLIC_KEY).cloned().unwrap_or_default(),
        expires_at: Some(timestamp(until)),
    })
}
