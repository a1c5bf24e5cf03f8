//! What is only an SMS's: short links, the number's country, how long it is of use, and what it costs.
//!
//! How many messages a text makes is known only now, with this person's words and short links in it; whether that is too many, and whether
//! the sender sends to the number's country at all, is decided here. The gate has kept the most that it can cost.

use super::NotMade;
use crate::{Dispatcher, job::Work};
use domain::{
    content::Rendered,
    sms::{Quote, Unpriced, country},
};
use providers::Message;
use store::gate::Claimed;
use time::OffsetDateTime;

/// Finishes a message of this channel.
///
/// # Errors
/// When the database fails to keep its short links, or it is not sent to this number.
pub(super) async fn fill(dispatcher: &Dispatcher, work: &Work, claimed: &Claimed, message: &mut Message) -> Result<(), NotMade> {
    dispatcher.shorten(work, claimed.delivery_id, &mut message.content).await?;
    message.country = country::of(&message.to);
    message.valid_for = (work.plan.expires_at - OffsetDateTime::now_utc()).try_into().ok();
    match work.quote(message) {
        Some(Err(unpriced)) => Err(NotMade::Suppressed { reason: unpriced.reason(), rule: rule(unpriced, message) }),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn rule(unpriced: Unpriced, message: &Message) -> String {
    match unpriced {
        Unpriced::Country => format!("its sender doesn't send to {}", message.country.unwrap_or("an unknown country")),
        Unpriced::TooLong { segments } => format!("its text makes {segments} messages, more than its campaign allows"),
    }
}

impl Work {
    /// What the message costs by its sender, or why it isn't sent; None where that doesn't depend on what it says.
    fn quote(&self, message: &Message) -> Option<Result<Quote, Unpriced>> {
        let pricing = self.plan.prices.get(&self.sender_id)?;
        let cost = self.ready.send.cost(message)?;
        let has_media = matches!(&message.content, Rendered::Sms(sms) if !sms.media_urls.is_empty());
        Some(pricing.quote(cost.country.as_deref(), cost.units, has_media))
    }

    /// What the message costs, in millionths, where that isn't the same for every message.
    pub(crate) fn cost_micros(&self, message: &Message) -> Option<i64> {
        let has_list = self.plan.prices.get(&self.sender_id).is_some_and(|pricing| !pricing.list.0.is_empty());
        if has_list { self.quote(message)?.ok().map(|quote| quote.cost_micros) } else { None }
    }
}
