//! A claimed delivery becomes the message that its provider is given.

use crate::{Dispatcher, job::Work};
use domain::{
    content::Rendered,
    render::{Occasion, email},
};
use providers::Message;
use store::gate::Claimed;

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
    pub(crate) fn message(&self, work: &Work, claimed: &Claimed) -> anyhow::Result<Message> {
        let id = claimed.delivery_id;
        let base = &self.public_url;
        let unsubscribe_url = format!("{base}/u/{}", self.links.unsubscribe_token(id));
        let occasion = Occasion { campaign_name: work.plan.campaign_name.clone(), unsubscribe_url: unsubscribe_url.clone() };
        let mut content = work.plan.renderer.render(self.channel, &claimed.contact, &occasion)?;
        if let Rendered::Email(variant) = &mut content {
            let link = |url: &str| format!("{base}/c/{}", self.links.click_token(id, url));
            let pixel = format!("{base}/o/{}", self.links.open_token(id));
            variant.html = email::track(&variant.html, &unsubscribe_url, &link, &pixel)?;
        }
        let correlation = self.links.correlation(id, &runtime::traceparent::current());
        let callback = format!("{base}/webhooks/{}/{}/status?d={correlation}", work.ready.provider.slug, work.sender_id);
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
}
