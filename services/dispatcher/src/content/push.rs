//! What is only a notification's: its link leads through the hub, and it carries where the device tells what became of it.

use super::NotMade;
use crate::{Dispatcher, job::Work};
use domain::{
    DeliveryId,
    content::{PushVariant, Rendered},
    link::LinkKey,
    render::email::is_web_link,
    tracking::Tracking,
};
use providers::Message;
use store::gate::Claimed;

/// What a notification may have with all that we add: the least that any push service takes.
const MAX_BYTES: usize = 3_993;
/// Names of members, quotes, and the key of the delivery twice.
const ADDED_BYTES: usize = 240;

/// Finishes a message of this channel. The device it goes to is filled in for each.
///
/// # Errors
/// None yet known; the signature is that of all channels.
pub(super) async fn fill(dispatcher: &Dispatcher, work: &Work, claimed: &Claimed, message: &mut Message) -> Result<(), NotMade> {
    // A notification is no list mail.
    message.unsubscribe_url = None;
    if let Rendered::Push(push) = &mut message.content {
        message.receipt_url = track(push, &work.plan.tracking, &dispatcher.links, claimed.delivery_id);
    }
    Ok(())
}

/// Leads the link through the hub. Where the notification would become too long for it, it stays as it was; the same for the URL of the
/// receipts, which is what comes back: the message counts more than what we learn of it.
fn track(push: &mut PushVariant, tracking: &Tracking, links: &LinkKey, id: DeliveryId) -> Option<String> {
    let base = tracking.base_url();
    if is_web_link(&push.link)
        && let Some(to) = tracking.destination(&push.link)
    {
        let plain = std::mem::take(&mut push.link);
        let tracked = (tracking.clicks && to.is_trackable()).then(|| format!("{base}/c/{}", links.click_token(id, &to)));
        let fits = |link: &&String| bytes(push) + link.len() <= MAX_BYTES;
        push.link = [tracked, Some(to.url)].into_iter().flatten().find(|link| fits(&link)).unwrap_or(plain);
    }
    let receipt = tracking.opens.then(|| format!("{base}/r/{}", links.receipt_token(id)))?;
    (bytes(push) + receipt.len() <= MAX_BYTES).then_some(receipt)
}

/// As it goes over the wire, without the receipts' URL.
fn bytes(push: &PushVariant) -> usize {
    serde_json::to_vec(push).map_or(usize::MAX / 2, |json| json.len() + ADDED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        CampaignId, Channel,
        tracking::{CampaignTracking, Occasion, WorkspaceTracking},
    };

    const ID: DeliveryId = DeliveryId(7);

    fn key() -> LinkKey {
        LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    fn tracked(link: &str, body: &str, workspace: &WorkspaceTracking) -> (PushVariant, Option<String>) {
        let occasion = Occasion { campaign_id: CampaignId::new(), campaign_name: "Spring", channel: Channel::Push };
        let tracking = Tracking::of(workspace, &CampaignTracking::default(), &occasion, "https://hub.example");
        let mut push = PushVariant { title: "t".into(), body: body.into(), link: link.into(), ..PushVariant::default() };
        let receipt = track(&mut push, &tracking, &key(), ID);
        (push, receipt)
    }

    #[test]
    fn a_tap_leads_through_the_hub_and_the_device_can_tell() {
        let (push, receipt) = tracked("https://shop.example/a", "b", &WorkspaceTracking::default());
        let token = push.link.strip_prefix("https://hub.example/c/").unwrap();
        assert_eq!(key().read_click(token).unwrap().1.url, "https://shop.example/a");
        let receipt = receipt.unwrap();
        assert_eq!(key().read_receipt(receipt.strip_prefix("https://hub.example/r/").unwrap()), Some(ID));
    }

    #[test]
    fn an_apps_own_link_and_a_workspace_that_counts_nothing_are_left_alone() {
        assert_eq!(tracked("shop://offers/7", "b", &WorkspaceTracking::default()).0.link, "shop://offers/7");
        let nothing = WorkspaceTracking { opens: false, clicks: false, ..WorkspaceTracking::default() };
        let (push, receipt) = tracked("https://shop.example/a", "b", &nothing);
        assert_eq!((push.link.as_str(), receipt), ("https://shop.example/a", None));
    }

    #[test]
    fn what_we_add_never_makes_a_notification_too_long() {
        let body = "x".repeat(3_600);
        let (push, receipt) = tracked("https://shop.example/a", &body, &WorkspaceTracking::default());
        let length = serde_json::to_vec(&push).unwrap().len() + receipt.as_ref().map_or(0, String::len);
        assert!(length + ADDED_BYTES <= MAX_BYTES, "{length}");
        let (push, receipt) = tracked("https://shop.example/a", &"x".repeat(3_950), &WorkspaceTracking::default());
        assert_eq!((push.link.as_str(), receipt), ("https://shop.example/a", None));
    }
}
