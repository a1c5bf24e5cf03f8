//! Asks the page's feed whether a post is there: newest first, as far back as it can be.

use super::{send::Sender, wire};
use crate::graph::List;
use crate::posts::{self, Listed, Search};
use crate::{Fault, Lookup, LookupQuery};
use domain::content::Network;
use time::OffsetDateTime;

const FIELDS: &str = "id,message,created_time,permalink_url";
const PAGE: &str = "50";
const PAGES_MAX: usize = 5;

/// The answer, within the account's deadline for each page of the feed.
pub(super) async fn ask(sender: &Sender, query: &LookupQuery) -> Lookup {
    read(sender, query).await.unwrap_or_else(Lookup::CantSay)
}

async fn read(sender: &Sender, query: &LookupQuery) -> Result<Lookup, Fault> {
    let mut search = Search::new(query, Network::Facebook, posts::words)?;
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut parameters = vec![("fields", FIELDS), ("limit", PAGE)];
        if let Some(after) = &after {
            parameters.push(("after", after.as_str()));
        }
        let request = sender.graph.get(&[&sender.page_id, "feed"], &parameters)?;
        let page: List<wire::FeedEntry> = sender.graph.ask(request).await?;
        for entry in &page.data {
            if !search.add(listed(entry)?) {
                return Ok(search.verdict(false));
            }
        }
        match page.after() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(search.verdict(!page.is_cut_off())),
        }
    }
    Ok(search.verdict(false))
}

fn listed(entry: &wire::FeedEntry) -> Result<Listed, Fault> {
    let at: OffsetDateTime = crate::graph::time(&entry.created_time).ok_or_else(posts::unreadable)?;
    let permalink = entry.permalink_url.clone().filter(|link| posts::is_link(link));
    Ok(Listed { id: entry.id.clone(), text: posts::words(&entry.message), at, permalink })
}
