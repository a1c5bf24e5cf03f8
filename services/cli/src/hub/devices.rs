//! Apps and browsers for some of the people of a list, played by the sandbox: half of them Firebase's, half browsers.

use super::{accounts, sandbox::Device, seed::Seeded};
use crate::paging;
use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use proto::{
    contact::ListContactsRequest,
    device::{DeviceKind, RegisterDeviceRequest},
};
use std::collections::{HashMap, HashSet};

/// Registrations on their way at a time.
const AT_ONCE: usize = 32;

/// The ids of a list's contacts, by the ids that they have outside.
///
/// # Errors
/// When the hub refuses.
pub async fn members(seeded: &Seeded, list_id: &str) -> Result<HashMap<String, String>> {
    let contacts = paging::collect(0, |page_size, page_token| {
        let request = ListContactsRequest { page_size, page_token, list_id: list_id.to_owned(), ..ListContactsRequest::default() };
        async move {
            let page = seeded.agent.contacts().list_contacts(request).await?.into_inner();
            Ok((page.contacts, page.next_page_token))
        }
    });
    Ok(contacts.await?.into_iter().map(|contact| (contact.external_id, contact.id)).collect())
}

/// Registers a device for each of these contacts; answers with the devices as the sandbox's log names them.
///
/// # Errors
/// When the sandbox makes fewer, or the hub refuses one.
pub async fn give(seeded: &Seeded, owners: Vec<String>) -> Result<HashSet<String>> {
    let devices = made(seeded, owners.len()).await?;
    let targets: HashSet<String> = devices.iter().map(|(device, _)| in_log(device)).collect();
    if targets.len() != owners.len() {
        bail!("the sandbox made {} devices for {} people", targets.len(), owners.len());
    }
    let requests = owners.into_iter().zip(devices).map(|(contact_id, (device, sender_id))| register(seeded, contact_id, sender_id, device));
    stream::iter(requests).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(targets)
}

/// So many devices, each with the sender whose app it is.
async fn made(seeded: &Seeded, count: usize) -> Result<Vec<(Device, String)>> {
    let sender = |name: &str| seeded.senders.get(name).cloned().with_context(|| format!("there is no sender {name:?}"));
    let (app, website) = (sender(accounts::FCM)?, sender(accounts::WEBPUSH)?);
    let (tokens, fids) = (count / 4, count / 2 - count / 4);
    let mut made = Vec::with_capacity(count);
    for (kind, count, sender) in [("token", tokens, &app), ("fid", fids, &app), ("webpush", count - tokens - fids, &website)] {
        made.extend(seeded.sandbox.devices(kind, count).await?.into_iter().map(|device| (device, sender.clone())));
    }
    Ok(made)
}

async fn register(seeded: &Seeded, contact_id: String, sender_id: String, device: Device) -> Result<()> {
    let kind = match device.kind.as_str() {
        "token" => DeviceKind::Token,
        "fid" => DeviceKind::Fid,
        "webpush" => DeviceKind::Webpush,
        other => bail!("the sandbox made a device of the kind {other:?}"),
    };
    let Device { target, p256dh, auth, .. } = device;
    let request =
        RegisterDeviceRequest { contact_id, sender_id, kind: kind.into(), target, p256dh, auth, ..RegisterDeviceRequest::default() };
    seeded.agent.devices().register_device(request).await?;
    Ok(())
}

/// A subscription is logged by its name, the end of its address.
fn in_log(device: &Device) -> String {
    let name = if device.kind == "webpush" { device.target.rsplit('/').next() } else { None };
    name.unwrap_or(&device.target).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_known_by_its_name_and_a_token_by_itself() {
        let device = |kind: &str, target: &str| Device {
            kind: kind.to_owned(),
            target: target.to_owned(),
            p256dh: String::new(),
            auth: String::new(),
        };
        assert_eq!(in_log(&device("webpush", "http://127.0.0.1:1/push/sim-7")), "sim-7");
        assert_eq!(in_log(&device("token", "sim-7:APA91/b")), "sim-7:APA91/b");
    }
}
