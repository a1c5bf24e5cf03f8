//! What the social networks have in common: what of a post goes to which of them, how it is put up, and how it is found again.
//!
//! None of them takes a key against repetitions. So a post is made in a try that does nothing else that can be seen, and after a lost
//! answer the account's own posts are read before anything is put up once more.

mod search;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use search::{Listed, Search, words};

use crate::errors::{PERMANENT, RETRY};
use crate::http_client::{self, Answer};
use crate::{Fault, FaultAction, Outcome};
use domain::content::{Network, Rendered, SocialVariant};
use reqwest::RequestBuilder;
use serde::Serialize;
use std::time::Duration as Wait;

/// Calls that one account takes at once: posts are few, and networks count them.
pub(crate) const CONCURRENCY: usize = 2;
/// The code of a post that the network takes for a repetition: it is there already, perhaps by a try whose answer was lost.
pub(crate) const DUPLICATE: &str = "duplicate";
const LINK_MAX_BYTES: usize = 2_048;

/// A picture or a video of a post.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Medium<'a> {
    pub url: &'a str,
    /// What is said of it to who can't see it; may be empty.
    pub alt: &'a str,
}

/// What goes to one network.
#[derive(Debug, Clone)]
pub(crate) struct Post<'a> {
    pub text: &'a str,
    pub media: Vec<Medium<'a>>,
    /// A page that is shown with the post; may be empty.
    pub link: &'a str,
    /// The page's title, for networks that don't read it themselves; may be empty.
    pub link_title: &'a str,
}

/// The post for `network`.
///
/// # Errors
/// When the content isn't a post, is for other networks, or is empty.
pub(crate) fn on(content: &Rendered, network: Network) -> Result<Post<'_>, Fault> {
    let Rendered::Social(variant) = content else {
        return Err(Fault::content("the content is for another channel"));
    };
    if !variant.networks.is_empty() && !variant.networks.contains(&network) {
        return Err(Fault::content("the content is for other networks"));
    }
    let post = of(variant, network);
    if post.text.is_empty() && post.media.is_empty() {
        return Err(Fault::content("the post is empty"));
    }
    Ok(post)
}

fn of(variant: &SocialVariant, network: Network) -> Post<'_> {
    let alt = |index: usize| variant.alt_texts.get(index).map(String::as_str).unwrap_or_default();
    let media = variant.media_urls.iter().enumerate().map(|(index, url)| Medium { url, alt: alt(index) });
    Post { text: variant.text_on(network), media: media.collect(), link: &variant.link, link_title: &variant.link_title }
}

/// Puts up the post: the one call whose lost answer leaves a doubt. What the network takes for a repetition is in doubt as well, for
/// an earlier try may have made it.
pub(crate) async fn publish(
    request: RequestBuilder,
    deadline: Wait,
    id: impl FnOnce(&Answer) -> Option<String>,
    refused: impl FnOnce(&Answer) -> Fault,
) -> Outcome {
    match http_client::exchange(request, deadline, id, refused).await {
        Outcome::Refused(fault) if fault.code == DUPLICATE => {
            Outcome::Uncertain(Fault { detail: "the network says that this is posted already".to_owned(), ..fault })
        }
        outcome => outcome,
    }
}

/// The same outcome with the post's address, once it has one.
pub(crate) fn shown_at(outcome: Outcome, address: impl FnOnce(&str) -> Option<String>) -> Outcome {
    match outcome {
        Outcome::Accepted { provider_message_id, permalink } => {
            let permalink = permalink.or_else(|| address(&provider_message_id)).filter(|link| is_link(link));
            Outcome::Accepted { provider_message_id, permalink }
        }
        outcome => outcome,
    }
}

/// Whether a text may be a post's address.
pub(crate) fn is_link(text: &str) -> bool {
    text.starts_with("https://") && text.len() <= LINK_MAX_BYTES && !text.contains(char::is_control)
}

/// Goes on at the next try with what was uploaded so far, after that time.
pub(crate) fn go_on(progress: &impl Serialize, again_after: Wait) -> Outcome {
    match serde_json::to_value(progress) {
        // jsonb takes no NUL, and no network's ids have one.
        Ok(progress) if !progress.to_string().contains("\\u0000") => Outcome::Pending { progress, again_after },
        Ok(_) | Err(_) => Outcome::Refused(Fault::content("what was uploaded can't be written down")),
    }
}

/// What a step that failed leaves: a passing fault goes on with what was uploaded before it, any other is the post's end or the sender's.
pub(crate) fn kept_so_far(outcome: Outcome, progress: &impl Serialize) -> Outcome {
    match outcome {
        Outcome::Refused(fault) if matches!(fault.action, FaultAction::Retry { .. }) && !fault.says_down() => go_on(progress, STEP_AGAIN),
        outcome => outcome,
    }
}

/// How long one try begins further uploads. Whoever holds a message much longer is taken for dead, and what it has uploaded is lost.
pub(crate) const LONGEST_UPLOAD: Wait = Wait::from_secs(20);

/// How long after a step that failed in passing the next try is.
const STEP_AGAIN: Wait = Wait::from_secs(5);

/// What a person should read when an answer is in no known form.
pub(crate) fn unreadable() -> Fault {
    Fault::new("garbage", RETRY, "the network's answer can't be read")
}

/// What a network can't take in this form, however often it is tried.
pub(crate) fn unfit(code: &str, detail: &str) -> Fault {
    Fault::new(code, PERMANENT, detail)
}

/// Whether a link leads to a video, as far as its path says.
pub(crate) fn is_video(url: &str) -> bool {
    domain::content::is_video(url)
}
