//! A notification to the devices of one contact: one delivery, whatever devices there are.
//!
//! The devices are read when it leaves: what has been registered since it was prepared gets it too. One that took it makes it accepted.
//! Devices that their push service doesn't know any more are told to campaign-api, which takes them out.

use crate::{Dispatcher, ORIGIN, job::Work, senders::Ready};
use domain::{ContactId, SenderId, WorkspaceId, delivery::reason, facts};
use futures::future::join_all;
use proto::event::{GoneDevice, Inbound};
use providers::{Device, DeviceKind, Fault, FaultAction, Message, Outcome, PushKeys};
use store::{
    device::{self, Live},
    gate::Claimed,
};
use time::OffsetDateTime;

/// What stands before a contact's id in the address of a push delivery.
const CONTACT: &str = "contact:";
/// The code of a message whose devices the database didn't tell.
const UNREAD: &str = "devices_unread";

/// Whether a delivery ended like that without any push service having been asked, as far as its code tells.
pub(crate) fn is_unasked(code: &str) -> bool {
    [UNREAD, reason::NO_DEVICE].contains(&code)
}

/// For whom, and by which app.
#[derive(Clone, Copy)]
struct Whose {
    workspace: WorkspaceId,
    sender: SenderId,
    contact: ContactId,
}

impl Dispatcher {
    /// Sends a delivery's message to each device that its contact has for this sender.
    pub(crate) async fn send_push(&self, work: &Work, claimed: &Claimed, message: Message) -> Outcome {
        let whose = Whose { workspace: work.plan.workspace, sender: work.sender_id, contact: claimed.contact_id };
        self.to_devices(&work.ready, whose, &message).await
    }

    /// The same for a test, whose address names the contact.
    pub(crate) async fn send_test_push(&self, ready: &Ready, sender: SenderId, workspace: WorkspaceId, message: Message) -> Outcome {
        match message.to.strip_prefix(CONTACT).unwrap_or(&message.to).parse() {
            Ok(contact) => self.to_devices(ready, Whose { workspace, sender, contact }, &message).await,
            Err(_) => no_device(),
        }
    }

    async fn to_devices(&self, ready: &Ready, whose: Whose, message: &Message) -> Outcome {
        let live = match self.live(whose).await {
            Ok(live) => live,
            Err(error) => {
                tracing::warn!(%error, "a contact's devices could not be read");
                let action = FaultAction::Retry { after: None, at_most: None };
                return Outcome::Refused(fault(UNREAD, "the contact's devices could not be read", action));
            }
        };
        let tried_at = OffsetDateTime::now_utc();
        let outcomes = join_all(live.iter().map(|device| to_device(ready, device, message))).await;
        let gone: Vec<_> = live.iter().zip(&outcomes).filter_map(|(device, outcome)| gone(whose, device, outcome, tried_at)).collect();
        if !gone.is_empty()
            && let Err(error) = self.tell_gone(gone).await
        {
            tracing::warn!(%error, "devices that are gone could not be told of; the next message finds them again");
        }
        joined(outcomes)
    }

    async fn live(&self, whose: Whose) -> store::Result<Vec<Live>> {
        let mut connection = self.db.acquire().await?;
        device::live(&mut connection, whose.sender, whose.contact).await
    }

    async fn tell_gone(&self, gone: Vec<Inbound>) -> store::Result<()> {
        let mut tx = self.db.begin().await?;
        outbox::add_inbound(&mut tx, ORIGIN, gone, "", OffsetDateTime::now_utc()).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}

async fn to_device(ready: &Ready, live: &Live, message: &Message) -> Outcome {
    let Some(device) = read(live) else {
        return Outcome::Refused(fault("bad_device", "the device's keys can't be read", FaultAction::InvalidAddress));
    };
    let message = Message { to: live.target.clone(), device: Some(device), ..message.clone() };
    ready.send.send(&message).await
}

fn read(live: &Live) -> Option<Device> {
    let kind = DeviceKind::of_name(&live.kind)?;
    let keys = match (&live.p256dh, &live.auth) {
        (Some(p256dh), Some(auth)) => Some(PushKeys { p256dh: p256dh.as_slice().try_into().ok()?, auth: auth.as_slice().try_into().ok()? }),
        _ => None,
    };
    Some(Device { kind, keys })
}

/// What campaign-api is told of a device that its push service doesn't know any more.
fn gone(whose: Whose, live: &Live, outcome: &Outcome, tried_at: OffsetDateTime) -> Option<Inbound> {
    let Outcome::Refused(fault) = outcome else { return None };
    if fault.action != FaultAction::InvalidAddress {
        return None;
    }
    let occurred_at_ms = outbox::millis(tried_at);
    Some(Inbound {
        key: facts::key(&format!("gone_device/{}/{occurred_at_ms}", live.device_id)).to_vec(),
        workspace_id: whose.workspace.to_string(),
        sender_id: whose.sender.to_string(),
        channel: domain::Channel::Push.to_string(),
        source: "device".to_owned(),
        occurred_at_ms,
        gone_device: Some(GoneDevice { device_id: live.device_id.to_string(), code: fault.code.clone() }),
        ..Inbound::default()
    })
}

/// What became of the delivery: accepted when one device took it, uncertain when one may have, else refused as mildly as by any device.
/// None of them left: it is rejected for want of a device.
fn joined(outcomes: Vec<Outcome>) -> Outcome {
    let mut best: Option<Outcome> = None;
    for outcome in outcomes {
        if best.as_ref().is_none_or(|so_far| weight(&outcome) < weight(so_far)) {
            best = Some(outcome);
        }
    }
    match best {
        Some(Outcome::Refused(fault)) if fault.action == FaultAction::InvalidAddress => no_device(),
        Some(outcome) => outcome,
        None => no_device(),
    }
}

/// The lower, the better.
fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Accepted { .. } => 0,
        Outcome::Uncertain(_) => 1,
        // No push service prepares anything.
        Outcome::Pending { .. } => 2,
        Outcome::Refused(fault) => match fault.action {
            FaultAction::Retry { .. } | FaultAction::SlowDomain { .. } | FaultAction::Reconnect => 3,
            FaultAction::Throttle { .. } => 4,
            FaultAction::Ladder { .. } => 5,
            FaultAction::PauseTemplate => 6,
            FaultAction::PauseSender => 7,
            FaultAction::Permanent | FaultAction::FixAccount => 8,
            FaultAction::OptOut => 9,
            FaultAction::InvalidAddress => 10,
        },
    }
}

fn no_device() -> Outcome {
    Outcome::Refused(fault(reason::NO_DEVICE, "the contact has no device any more", FaultAction::Permanent))
}

fn fault(code: &str, detail: &str, action: FaultAction) -> Fault {
    Fault { code: code.to_owned(), detail: detail.to_owned(), action }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: FaultAction) -> Outcome {
        Outcome::Refused(fault("c", "d", action))
    }

    const RETRY: FaultAction = FaultAction::Retry { after: None, at_most: None };

    #[test]
    fn the_best_that_any_device_said_counts() {
        let uncertain = || Outcome::Uncertain(fault("timeout", "", RETRY));
        let accepted = || Outcome::accepted("7");
        assert_eq!(joined(vec![refused(RETRY), uncertain(), accepted()]), accepted());
        assert_eq!(joined(vec![refused(FaultAction::InvalidAddress), uncertain(), refused(RETRY)]), uncertain());
        assert_eq!(joined(vec![refused(FaultAction::Permanent), refused(RETRY), refused(FaultAction::PauseSender)]), refused(RETRY));
        assert_eq!(
            joined(vec![refused(FaultAction::InvalidAddress), refused(FaultAction::PauseSender)]),
            refused(FaultAction::PauseSender)
        );
    }

    #[test]
    fn without_a_device_it_is_rejected_and_no_address_is_blamed() {
        for none in [vec![], vec![refused(FaultAction::InvalidAddress); 3]] {
            let Outcome::Refused(fault) = joined(none) else { panic!("refused") };
            assert_eq!((fault.code.as_str(), fault.action), (reason::NO_DEVICE, FaultAction::Permanent));
            assert!(is_unasked(&fault.code) && !is_unasked("http_500"), "a probe has learned nothing by it");
        }
    }

    #[test]
    fn only_devices_that_are_gone_are_told_of() {
        let whose = Whose { workspace: WorkspaceId::new(), sender: SenderId::new(), contact: ContactId::new() };
        let live = Live { device_id: domain::DeviceId::new(), kind: "token".into(), target: "t".into(), p256dh: None, auth: None };
        let told = |outcome: &Outcome| gone(whose, &live, outcome, OffsetDateTime::UNIX_EPOCH);
        let message = told(&refused(FaultAction::InvalidAddress)).unwrap();
        let device = message.gone_device.unwrap();
        assert_eq!((device.device_id, device.code.as_str(), message.occurred_at_ms), (live.device_id.to_string(), "c", 0));
        assert!([refused(FaultAction::Permanent), refused(RETRY), Outcome::accepted("7")].iter().all(|outcome| told(outcome).is_none()));
        assert_eq!(read(&Live { kind: "pager".into(), ..live.clone() }), None);
        assert_eq!(read(&live).unwrap().kind, DeviceKind::Token);
    }
}
