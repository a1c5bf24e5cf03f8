//! Devices: those that a push service doesn't know any more, and browsers that register themselves.

use domain::{ContactId, DeviceId, SenderId, WorkspaceId};
use proto::event::{Inbound, NewDevice};
use providers::{DeviceKind, registration::TARGET_MAX_CHARS};
use store::{
    PgConnection, Result, audit,
    device::{self, Gone, New, Registered},
};
use time::OffsetDateTime;

/// Acts on all that is told of devices, in the order in which it happened.
///
/// # Errors
/// When the database fails.
pub async fn apply(tx: &mut PgConnection, workspace: WorkspaceId, messages: &[Inbound], now: OffsetDateTime) -> Result<()> {
    let gone: Vec<_> = messages.iter().filter_map(gone).collect();
    if !gone.is_empty() {
        device::mark_gone(&mut *tx, workspace, &gone, now).await?;
    }
    let mut come: Vec<_> = messages.iter().filter_map(new).collect();
    come.sort_by_key(|new| new.seen_at);
    for new in come {
        match device::register(&mut *tx, workspace, &new, now).await? {
            Ok(registered) => audit::record(&mut *tx, entry(workspace, &registered, now)).await?,
            Err(reason) => tracing::info!(?reason, "a device that registered itself belongs to nobody any more"),
        }
    }
    Ok(())
}

fn gone(message: &Inbound) -> Option<Gone> {
    let gone = message.gone_device.as_ref()?;
    Some(Gone { device_id: gone.device_id.parse::<DeviceId>().ok()?, code: gone.code.clone(), tried_at: time_of(message)? })
}

/// None of a device that could not be written to: webhook-ingest lets none in, and the register must not fail because of one.
fn new(message: &Inbound) -> Option<New> {
    let NewDevice { kind, target, p256dh, auth, platform, locale } = message.new_device.clone()?;
    let lengths = if DeviceKind::of_name(&kind)? == DeviceKind::WebPush { (65, 16) } else { (0, 0) };
    let fits = (p256dh.len(), auth.len()) == lengths && (1..=TARGET_MAX_CHARS).contains(&target.len()) && !target.contains('\0');
    if !fits {
        return None;
    }
    let keys = |bytes: Vec<u8>| Some(bytes).filter(|bytes| !bytes.is_empty());
    Some(New {
        device_id: DeviceId::new(),
        contact_id: message.contact_id.parse::<ContactId>().ok()?,
        sender_id: message.sender_id.parse::<SenderId>().ok()?,
        kind,
        target,
        p256dh: keys(p256dh),
        auth: keys(auth),
        platform,
        locale,
        seen_at: time_of(message)?,
    })
}

fn time_of(message: &Inbound) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(message.occurred_at_ms) * 1_000_000).ok()
}

/// Nobody of ours did it, but somebody's notifications go elsewhere from now on.
fn entry(workspace: WorkspaceId, registered: &Registered, now: OffsetDateTime) -> audit::Entry<'static> {
    audit::Entry {
        workspace,
        actor: "recipient",
        action: "device.register",
        object_type: "device",
        object_id: registered.device.device_id.0,
        before: registered.before.as_ref().and_then(|before| serde_json::to_value(before).ok()),
        after: serde_json::to_value(&registered.device).ok(),
        at: now,
    }
}
