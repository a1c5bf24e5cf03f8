//! What is only an e-mail's: its links, in the HTML and in the text, the pixel, the files that go along, and where it comes back to.

use super::NotMade;
use crate::{Dispatcher, job::Work, senders::Ready};
use domain::{
    DeliveryId, WorkspaceId,
    content::{EmailVariant, Rendered},
    link::LinkKey,
    render::{RenderError, email, plain},
    tracking::Tracking,
};
use providers::{Fault, FaultAction, Message};
use store::gate::Claimed;

/// Finishes a message of this channel.
///
/// # Errors
/// When its HTML can't be read, the database fails, or a file of it is gone.
pub(super) async fn fill(dispatcher: &Dispatcher, work: &Work, claimed: &Claimed, message: &mut Message) -> Result<(), NotMade> {
    if let Rendered::Email(variant) = &mut message.content {
        let unsubscribe_url = message.unsubscribe_url.as_deref().unwrap_or_default();
        track(variant, &work.plan.tracking, &dispatcher.links, claimed.delivery_id, unsubscribe_url)?;
    }
    dispatcher.carry(work.plan.workspace, &work.ready, claimed.delivery_id, message).await
}

impl Dispatcher {
    /// Puts the files of an e-mail to it, and the address that it comes back to.
    ///
    /// # Errors
    /// When the database fails, or a file is gone.
    pub(crate) async fn carry(&self, workspace: WorkspaceId, ready: &Ready, id: DeliveryId, message: &mut Message) -> Result<(), NotMade> {
        message.return_path = ready.bounces.as_ref().and_then(|address| return_path(address, &self.links.bounce_token(id)));
        let Rendered::Email(variant) = &message.content else { return Ok(()) };
        if !variant.files.is_empty() {
            let files = self.files.get(&self.db, workspace, &variant.files).await?;
            let gone = || Fault::new("file_missing", FaultAction::Permanent, "a file of the e-mail isn't there any more");
            message.attachments = files.ok_or_else(|| NotMade::Refused(gone()))?;
        }
        Ok(())
    }
}

/// The address with a token between `+` and `@`.
fn return_path(address: &str, token: &str) -> Option<String> {
    address.rsplit_once('@').map(|(local, domain)| format!("{local}+{token}@{domain}"))
}

/// Leads the web links of an e-mail through the hub, and adds the pixel, as far as its tracking says so. The recipient's own links to the
/// hub stay as they are.
///
/// # Errors
/// When the HTML can't be read.
fn track(
    variant: &mut EmailVariant,
    tracking: &Tracking,
    links: &LinkKey,
    id: DeliveryId,
    unsubscribe_url: &str,
) -> Result<(), RenderError> {
    let base = tracking.base_url();
    let link = |url: &str| match tracking.destination(url) {
        Some(to) if tracking.clicks && to.is_trackable() => format!("{base}/c/{}", links.click_token(id, &to)),
        Some(to) => to.url,
        None => url.to_owned(),
    };
    let pixel = if tracking.opens { format!("{base}/o/{}", links.open_token(id)) } else { String::new() };
    variant.html = email::track(&variant.html, unsubscribe_url, &link, &pixel)?;
    variant.text = plain::rewrite_links(&variant.text, &link);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        CampaignId, Channel,
        tracking::{CampaignTracking, Destination, Occasion, Utm, WorkspaceTracking},
    };

    const ID: DeliveryId = DeliveryId(7);

    fn key() -> LinkKey {
        LinkKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    fn tracked(html: &str, text: &str, workspace: &WorkspaceTracking) -> EmailVariant {
        let occasion = Occasion { campaign_id: CampaignId::new(), campaign_name: "Spring", channel: Channel::Email };
        let tracking = Tracking::of(workspace, &CampaignTracking::default(), &occasion, "https://hub.example");
        let mut variant = EmailVariant { html: html.to_owned(), text: text.to_owned(), ..EmailVariant::default() };
        track(&mut variant, &tracking, &key(), ID, "https://hub.example/u/t").unwrap();
        variant
    }

    fn utm() -> WorkspaceTracking {
        WorkspaceTracking { utm: Utm { campaign: "{campaign}".to_owned(), ..Utm::default() }, ..WorkspaceTracking::default() }
    }

    #[test]
    fn a_letter_comes_back_to_an_address_that_names_it() {
        let token = key().bounce_token(ID);
        let address = return_path("bounces@mail.example.com", &token).unwrap();
        assert_eq!(address, format!("bounces+{token}@mail.example.com"));
        assert_eq!(key().read_bounce(&token), Some(ID));
        assert_eq!(return_path("nonsense", &token), None);
    }

    #[test]
    fn html_and_text_lead_to_the_same_place() {
        let html = r#"<a href="https://shop.example/?a=1&amp;b=2">go</a> <a href="https://hub.example/u/t">no more</a>"#;
        let text = "Go: https://shop.example/?a=1&b=2, no more: https://hub.example/u/t";
        let sent = tracked(html, text, &utm());
        let token = key().click_token(
            ID,
            &Destination { url: "https://shop.example/?a=1&b=2&utm_campaign=Spring".to_owned(), conversion_parameter: String::new() },
        );
        let pixel = key().open_token(ID);
        assert!(
            sent.html
                .starts_with(&format!(r#"<a href="https://hub.example/c/{token}">go</a> <a href="https://hub.example/u/t">no more</a>"#))
        );
        assert!(sent.html.contains(&format!(r#"src="https://hub.example/o/{pixel}""#)));
        assert_eq!(sent.text, format!("Go: https://hub.example/c/{token}, no more: https://hub.example/u/t"));
    }

    #[test]
    fn nothing_is_counted_where_the_workspace_says_so() {
        let workspace = WorkspaceTracking { opens: false, clicks: false, ..utm() };
        let sent = tracked(r#"<a href="https://shop.example/">go</a>"#, "", &workspace);
        assert_eq!(sent.html, r#"<a href="https://shop.example/?utm_campaign=Spring">go</a>"#);
    }

    #[test]
    fn links_lead_through_the_workspaces_own_domain() {
        let workspace = WorkspaceTracking { base_url: "https://links.example.com".to_owned(), ..WorkspaceTracking::default() };
        let sent = tracked(r#"<a href="https://shop.example/">go</a>"#, "https://hub.example/page", &workspace);
        assert_eq!(sent.html.matches("https://links.example.com/").count(), 2, "{}", sent.html);
        assert!(sent.text.starts_with("https://links.example.com/c/"), "the hub's other pages are links like any other");
    }

    #[test]
    fn a_link_that_no_token_can_carry_stays() {
        let long = format!("https://shop.example/{}", "x".repeat(2_000));
        assert!(tracked(&format!(r#"<a href="{long}">go</a>"#), "", &WorkspaceTracking::default()).html.contains(&long));
    }
}
