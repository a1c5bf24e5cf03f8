//! A claimed delivery becomes the message that its provider is given: rendered here, and finished by its channel's own file.

mod email;
mod push;
mod sms;
mod social;
mod texts;
mod whatsapp;

use crate::{Dispatcher, contents::NoContent, job::Work, plans::Plan};
use anyhow::Context as _;
use domain::{
    Channel, DeliveryId, ListId, RunId,
    content::Rendered,
    link::Recipient,
    render::{Occasion, Person, RenderError},
    tracking::{Destination, Tracking},
};
use providers::{Fault, Message};
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
    /// A rule of its channel that only the finished message shows: it must not be sent to this contact at all.
    #[error("{rule}")]
    Suppressed { reason: &'static str, rule: String },
    /// What goes along with it can't be had: dealt with as if its provider had refused it.
    #[error("{}", .0.detail)]
    Refused(Fault),
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
        let own = Occasion {
            unsubscribe_url: unsubscribe_url.clone(),
            preferences_url: format!("{}/preferences/{}", tracking.base_url(), self.links.preferences_token(Recipient::Delivery(id))),
            confirm_link: work.plan.confirm_list.map(|list| self.confirm_link(tracking, list, id)).unwrap_or_default(),
            ..occasion(&work.plan)
        };
        // A post is nobody's: it has no links of a person, and is made in the same words again when it is looked for.
        let occasion = if self.channel.has_contact() { own } else { occasion(&work.plan) };
        let renderer = self.contents.get(work.plan.run_id, claimed.content_version).await?;
        let content = renderer.render(self.channel, &claimed.contact, &occasion)?;
        let correlation = self.links.correlation(id, &runtime::traceparent::current());
        let callback = format!("{}/webhooks/{}/{}/status?d={correlation}", self.public_url, work.ready.provider.slug, work.sender_id);
        let mut message = Message {
            to_name: Some(claimed.contact.name.clone()).filter(|name| !name.is_empty()),
            status_callback: Some(callback),
            unsubscribe_url: Some(unsubscribe_url),
            progress: claimed.step.as_ref().map(|step| step.progress.clone()),
            ..Message::new(&claimed.address, content, correlation, self.idempotency_key(claimed))
        };
        match self.channel {
            Channel::Email => email::fill(self, work, claimed, &mut message).await?,
            Channel::Sms => sms::fill(self, work, claimed, &mut message).await?,
            Channel::Whatsapp => whatsapp::fill(self, work, claimed, &mut message).await?,
            Channel::Push => push::fill(self, work, claimed, &mut message).await?,
            Channel::Social => social::fill(self, work, claimed, &mut message).await?,
        }
        Ok(message)
    }

    /// What a run posts, as it was posted: nobody in particular gets it.
    ///
    /// # Errors
    /// When its run or its content isn't there any more, or can't be rendered.
    pub(crate) async fn post_again(&self, run: RunId, version: i32) -> anyhow::Result<Rendered> {
        let plan = self.plans.get(run).await?.context("the run is gone")?;
        let renderer = self.contents.get(run, version).await?;
        Ok(renderer.render(self.channel, &Person::default(), &occasion(&plan))?)
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

/// What all messages of a run are about.
fn occasion(plan: &Plan) -> Occasion {
    Occasion { campaign_name: plan.campaign_name.clone(), ..Occasion::default() }
}
