//! What is only a WhatsApp message's: short links among the values that fill its template, the template's category, and files by the ids
//! that the provider has of them.

use super::NotMade;
use crate::{Dispatcher, job::Work};
use domain::content::Rendered;
use providers::Message;
use store::gate::Claimed;

/// Finishes a message of this channel.
///
/// # Errors
/// When the database fails to keep its short links.
pub(super) async fn fill(dispatcher: &Dispatcher, work: &Work, claimed: &Claimed, message: &mut Message) -> Result<(), NotMade> {
    dispatcher.shorten(work, claimed.delivery_id, &mut message.content).await?;
    let Rendered::Whatsapp(variant) = &mut message.content else { return Ok(()) };
    let Some(meta) = variant.meta.as_mut().filter(|_| work.ready.provider.slug == "meta") else { return Ok(()) };
    if meta.category.is_empty() {
        meta.category = dispatcher.kept.category(work.sender_id, meta).await;
    }
    if work.ready.send.keeps_media() {
        for link in meta.media_links() {
            if let Some(id) = dispatcher.kept.file(work, &link).await {
                meta.media_ids.insert(link, id);
            }
        }
    }
    Ok(())
}
