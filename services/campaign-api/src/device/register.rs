//! RegisterDevice. The target makes it idempotent: registering it again brings it up to date.

use super::view;
use crate::{audit::Change, convert::commit, state::State};
use domain::{ContactId, DeviceId, SenderId, WorkspaceId, content::Locale, role::Role};
use proto::device::{RegisterDeviceRequest, RegisterDeviceResponse};
use providers::{DeviceKind, registration};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    PgConnection,
    device::{self, New, NotRegistered, Registered},
};
use time::OffsetDateTime;
use tonic::{Request, Status};

const MAX_PLATFORM: usize = 50;

pub async fn run(state: &State, request: Request<RegisterDeviceRequest>) -> Result<RegisterDeviceResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let now = state.clock.now();
    let (new, kind) = read(request.into_inner(), now)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    expect_reached(&mut tx, caller.workspace, new.sender_id, kind).await?;
    let registered = match device::register(&mut tx, caller.workspace, &new, now).await.map_err(status::store)? {
        Ok(registered) => registered,
        Err(NotRegistered::NoContact) => return Err(status::not_found("contact")),
        Err(NotRegistered::NoSender) => return Err(status::not_found("sender")),
    };
    let Registered { device, before } = registered;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "device.register",
        id: device.device_id.0,
        before: before.as_ref(),
        after: Some(&device),
        at: now,
    };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(RegisterDeviceResponse { device: Some(view::present(device)) })
}

fn read(request: RegisterDeviceRequest, now: OffsetDateTime) -> Result<(New, DeviceKind), Status> {
    let contact_id: ContactId = status::id("contact_id", &request.contact_id)?;
    let sender_id: SenderId = status::id("sender_id", &request.sender_id)?;
    let mut violations = Violations::new();
    let platform = request.platform.trim().to_owned();
    let fits = platform.chars().count() <= MAX_PLATFORM && !platform.chars().any(char::is_control);
    violations.expect(fits, "platform", "must be at most 50 characters, such as android or chrome");
    let locale = request.locale.trim().to_owned();
    violations.expect(locale.is_empty() || Locale::parse(&locale).is_some(), "locale", "must be a language such as ar or pt-BR");
    let kind = view::kind(request.kind);
    violations.expect(kind.is_some(), "kind", "must be given: FID, TOKEN or WEBPUSH");
    let read = kind.map(|kind| registration::read(kind, request.target.trim(), request.p256dh.trim(), request.auth.trim()));
    if let Some(Err(problems)) = &read {
        for problem in problems {
            violations.add(problem.field, problem.remedy);
        }
    }
    violations.check()?;
    let Some(Ok(device)) = read else { return Err(status::invalid("kind", "must be given")) };
    let new = New {
        device_id: DeviceId::new(),
        contact_id,
        sender_id,
        kind: device.kind.as_str().to_owned(),
        target: device.target,
        p256dh: device.keys.map(|keys| keys.p256dh.to_vec()),
        auth: device.keys.map(|keys| keys.auth.to_vec()),
        platform,
        locale,
        seen_at: now,
    };
    Ok((new, device.kind))
}

/// Refuses a device that the sender's provider can't write to.
async fn expect_reached(connection: &mut PgConnection, workspace: WorkspaceId, sender: SenderId, kind: DeviceKind) -> Result<(), Status> {
    let sender =
        store::sender::get(connection, workspace, sender).await.map_err(status::store)?.ok_or_else(|| status::not_found("sender"))?;
    let kinds = providers::find(&sender.provider).map_or(&[][..], |provider| provider.devices);
    if kinds.contains(&kind) {
        return Ok(());
    }
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    let remedy = if names.is_empty() {
        "the sender reaches no devices: name one of the channel push".to_owned()
    } else {
        format!("this sender reaches {}", names.join(" and "))
    };
    Err(status::invalid(if names.is_empty() { "sender_id" } else { "kind" }, remedy))
}
