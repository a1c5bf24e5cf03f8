//! Asks for the author's own posts, the last changed first.

use super::{Api, wire};
use crate::posts::{self, Listed, Search};
use crate::{Fault, Lookup, LookupQuery};
use domain::content::Network;
use reqwest::Method;
use time::OffsetDateTime;

const PAGE: usize = 50;
const PAGES_MAX: usize = 4;

/// The answer, within the account's deadline for each question.
pub(super) async fn ask(api: &Api, query: &LookupQuery) -> Lookup {
    read(api, query).await.unwrap_or_else(Lookup::CantSay)
}

/// The list is by the time of the last change, so that an old post may stand among new ones: it is read by pages, not until the first that
/// is too old.
async fn read(api: &Api, query: &LookupQuery) -> Result<Lookup, Fault> {
    let mut search = Search::new(query, Network::Linkedin, posts::words)?;
    for page in 0..PAGES_MAX {
        let (count, start) = (PAGE.to_string(), (page * PAGE).to_string());
        let parameters = [
            ("q", "author"),
            ("author", api.author.as_str()),
            ("count", count.as_str()),
            ("start", start.as_str()),
            ("sortBy", "LAST_MODIFIED"),
        ];
        let request = api.call(Method::GET, &["rest", "posts"])?.header("X-RestLi-Method", "FINDER").query(&parameters);
        let list: wire::Posts = api.ask(request).await?;
        let full = list.elements.len() >= PAGE;
        let mut newer = false;
        for post in list.elements {
            newer |= search.add(listed(post)?);
        }
        if !full || !newer {
            return Ok(search.verdict(!full));
        }
    }
    Ok(search.verdict(false))
}

fn listed(post: wire::Listed) -> Result<Listed, Fault> {
    let nanoseconds = i128::from(post.created_at) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(|_| posts::unreadable())?;
    let text = posts::words(&wire::plain_text(&post.commentary));
    Ok(Listed { permalink: wire::permalink(&post.id), id: post.id, text, at })
}
