//! What is wrong with a text message: its length, which is what it costs, and its media.

use super::{empty, link};
use crate::{
    content::{SmsVariant, TemplateContent},
    render::{
        ContentProblem, Field,
        problem::Place,
        sms::{Encoding, Segments, first_beyond_gsm},
    },
    sms::MAX_MEDIA,
};

pub fn problems(sms: &SmsVariant) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    if sms.media_urls.is_empty() {
        problems.extend(empty(&Field::SmsText, &sms.text, "write the text"));
    }
    if sms.media_urls.len() > MAX_MEDIA {
        problems.push(ContentProblem::error("sms.media_urls", format!("are more than {MAX_MEDIA}"), "keep the best"));
    }
    for (index, url) in sms.media_urls.iter().enumerate() {
        let field = Field::SmsMedia(index);
        problems.extend(empty(&field, url, "write its link, or remove it"));
        problems.extend(link(&field, url));
    }
    problems
}

/// Counted for a made-up person, so that it says how much it will be about.
pub fn rendered(sms: &SmsVariant, content: &TemplateContent) -> Vec<ContentProblem> {
    let mut problems = Vec::new();
    let field = Field::SmsText;
    let counted = Segments::of(&sms.text);
    let source = content.sms.as_ref().map(|sms| sms.text.as_str()).unwrap_or_default();
    if counted.encoding == Encoding::Ucs2
        && let Some((at, c, Some(alike))) = first_beyond_gsm(source)
    {
        let message = format!("{c:?} makes it a message of 70 characters instead of 160");
        problems.push(ContentProblem::warning(&field, message, format!("write {alike}")).at(Place::of(source, at)));
    }
    if counted.segments > 1 && sms.media_urls.is_empty() {
        let (units, single) = (counted.units, counted.single());
        let message = format!("takes about {} messages: {units} characters, and one message holds {single}", counted.segments);
        problems.push(ContentProblem::warning(&field, message, "make it shorter: each message is charged"));
    }
    problems
}
