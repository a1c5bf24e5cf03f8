//! A claimed delivery becomes the message that its provider is given.

mod email;
mod texts;

use crate::{Dispatcher, contents::NoContent, job::Work};
use domain::{
    DeliveryId, ListId,
    content::Rendered,
    link::Recipient,
    render::{Occasion, RenderError},
    tracking::{Destination, Tracking},
};
use providers::Message;
use std::collections::BTreeMap;
use store::{gate::Claimed, short_link::Wanted};

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    /// Its content can't be rendered for this contact.
    #[error(transparent)]
    Content(#[from] RenderError),
    /// Its short links could not be stored: the next try may find the database well.
    #[error(transparent)]
    Links(#[from] store::Error),
    /// What its run sends isn't there.
    #[error(transparent)]
    NoContent(#[from] NoContent),
}

impl Dispatcher {
    /// The same for every try, but another one after a try that was taken and failed: that one's key would keep this one back.
    fn idempotency_key(&self, claimed: &Claimed) -> String {
        let key = self.links.correlation(claimed.delivery_id, "");
        match claimed.earlier {
            0 => key,
            earlier => format!("{key}.{earlier}"),
        }
    }

    /// Renders the content for one contact, and makes its links our own.
    ///
    /// # Errors
    /// When it can't be rendered, or the database fails to keep its short links.
    pub(crate) async fn message(&self, work: &Work, claimed: &Claimed) -> Result<Message, NotMade> {
        let (id, tracking) = (claimed.delivery_id, &work.plan.tracking);
        let unsubscribe_url = format!("{}/u/{}", tracking.base_url(), self.links.unsubscribe_token(id));
        let occasion = Occasion {
            campaign_name: work.plan.campaign_name.clone(),
            unsubscribe_url: unsubscribe_url.clone(),
            preferences_url: format!("{}/preferences/{}", tracking.base_url(), self.links.preferences_token(Recipient::Delivery(id))),
            confirm_link: work.plan.confirm_list.map(|list| self.confirm_link(tracking, list, id)).unwrap_or_default(),
            ..Occasion::default()
        };
        let renderer = self.contents.get(work.plan.run_id, claimed.content_version).await?;
        let mut content = renderer.render(self.channel, &claimed.contact, &occasion)?;
        match &mut content {
            Rendered::Email(variant) => email::track(variant, tracking, &self.links, id, &unsubscribe_url)?,
            Rendered::Sms(_) | Rendered::Whatsapp(_) => self.shorten(work, id, &mut content).await?,
            // Nothing sends these yet.
            Rendered::Push(_) | Rendered::Social(_) => {}
        }
        let correlation = self.links.correlation(id, &runtime::traceparent::current());
        let callback = format!("{}/webhooks/{}/{}/status?d={correlation}", self.public_url, work.ready.provider.slug, work.sender_id);
        Ok(Message {
            to: claimed.address.clone(),
            to_name: Some(claimed.contact.name.clone()).filter(|name| !name.is_empty()),
            content,
            correlation,
            idempotency_key: self.idempotency_key(claimed),
            status_callback: Some(callback),
            unsubscribe_url: Some(unsubscribe_url),
        })
    }

    fn confirm_link(&self, tracking: &Tracking, list: ListId, id: DeliveryId) -> String {
        format!("{}/confirm/{}", tracking.base_url(), self.links.confirmation_token(list, id))
    }

    /// Puts short links of our own in the place of those in a text message.
    async fn shorten(&self, work: &Work, id: DeliveryId, content: &mut Rendered) -> store::Result<()> {
        let tracking = &work.plan.tracking;
        let destinations = texts::destinations(content, tracking);
        if !tracking.clicks || destinations.is_empty() {
            return Ok(());
        }
        let (run_id, workspace_id) = (work.plan.run_id, work.plan.workspace);
        let wanted: Vec<_> = destinations.into_iter().map(|destination| Wanted { run_id, workspace_id, destination }).collect();
        let numbers = self.short_links.numbers(&self.db, &wanted).await?;
        let tokens: BTreeMap<Destination, String> =
            numbers.into_iter().map(|(wanted, number)| (wanted.destination, self.links.short_token(number, id))).collect();
        texts::replace(content, tracking, &tokens);
        Ok(())
    }
}
