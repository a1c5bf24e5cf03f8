//! Asks the container whether it was published. It is this delivery's alone, so its word is proof; only the post's own id and address must
//! be looked up in the account's list.

use super::{
    send::{Progress, Sender},
    wire,
};
use crate::graph::{self, List};
use crate::posts::{self, Listed, Search};
use crate::{Fault, Lookup, LookupQuery};
use domain::content::Network;

const FIELDS: &str = "id,caption,timestamp,permalink";
const PAGE: &str = "50";

/// The answer, within the account's deadline for each of two questions.
pub(super) async fn ask(sender: &Sender, query: &LookupQuery) -> Lookup {
    read(sender, query).await.unwrap_or_else(Lookup::CantSay)
}

async fn read(sender: &Sender, query: &LookupQuery) -> Result<Lookup, Fault> {
    // A try without a container made none that could have been published.
    let Some(container) = Progress::of(query.progress.as_ref()).container else { return Ok(Lookup::NotFound) };
    let request = sender.graph.get(&[&container], &[("fields", "status_code,status")])?;
    let status: wire::ContainerStatus = sender.graph.ask(request).await?;
    if status.read() != wire::Status::Published {
        return Ok(Lookup::NotFound);
    }
    Ok(match listed(sender, query).await {
        Ok(Lookup::Found { provider_message_id, permalink }) => Lookup::Found { provider_message_id, permalink },
        // It is up for sure. Its own id can't be told, so the container's stands for it.
        Ok(_) | Err(_) => Lookup::Found { provider_message_id: container, permalink: None },
    })
}

async fn listed(sender: &Sender, query: &LookupQuery) -> Result<Lookup, Fault> {
    let mut search = Search::new(query, Network::Instagram, posts::words)?;
    let request = sender.graph.get(&[&sender.ig_user_id, "media"], &[("fields", FIELDS), ("limit", PAGE)])?;
    let page: List<wire::Media> = sender.graph.ask(request).await?;
    for media in &page.data {
        let at = graph::time(&media.timestamp).ok_or_else(posts::unreadable)?;
        let permalink = media.permalink.clone().filter(|link| link.starts_with("https://"));
        if !search.add(Listed { id: media.id.clone(), text: posts::words(&media.caption), at, permalink }) {
            break;
        }
    }
    Ok(search.verdict(page.after().is_none() && !page.is_cut_off()))
}
