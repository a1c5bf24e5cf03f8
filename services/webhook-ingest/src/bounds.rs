//! How much of what a provider says goes on. A tenant signs its own posts, so a part may be as long as a post; and what is too long for the
//! broker can never be published, and keeps up what others have posted.

use crate::{seal::start, translate::Translated};
use proto::event::Inbound;

/// Bytes of a part: several times what any provider has.
const MAX_PART: usize = 2_048;

/// Cuts each part to what can be published, and leaves out NULs, which no database takes.
pub(crate) fn keep(translated: &mut Translated) {
    for fact in &mut translated.facts {
        cut(&mut fact.provider_message_id);
        cut(&mut fact.code);
    }
    for (inbound, message_id) in &mut translated.to_find {
        part(inbound);
        cut(message_id);
    }
    translated.inbound.iter_mut().for_each(part);
}

/// All of it but what is sealed, which is bounded already.
fn part(inbound: &mut Inbound) {
    for text in [
        &mut inbound.from,
        &mut inbound.user_id,
        &mut inbound.was_user_id,
        &mut inbound.provider_message_id,
        &mut inbound.reply_to,
        &mut inbound.kind,
    ] {
        cut(text);
    }
    if let Some(origin) = &mut inbound.origin {
        cut(&mut origin.code);
    }
    if let Some(report) = &mut inbound.report {
        cut(&mut report.code);
    }
    if let Some(news) = &mut inbound.template_news {
        for text in [&mut news.provider_id, &mut news.name, &mut news.language, &mut news.status, &mut news.quality, &mut news.category] {
            cut(text);
        }
        cut(&mut news.reason);
    }
    if let Some(news) = &mut inbound.account_news {
        cut(&mut news.value);
        cut(&mut news.detail);
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_PART || text.contains('\0') {
        *text = start(&text.replace('\0', ""), MAX_PART);
    }
}
