//! Asks for the account's own posts, newest first. X writes links anew and escapes three characters, so words are compared without both.

use super::{Api, wire};
use crate::posts::{self, Listed, Search};
use crate::{Fault, Lookup, LookupQuery};
use domain::content::Network;
use reqwest::Method;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const PAGE: &str = "100";
const PAGES_MAX: usize = 3;

/// The answer, within the account's deadline for each question.
pub(super) async fn ask(api: &Api, query: &LookupQuery) -> Lookup {
    read(api, query).await.unwrap_or_else(Lookup::CantSay)
}

async fn read(api: &Api, query: &LookupQuery) -> Result<Lookup, Fault> {
    let mut search = Search::new(query, Network::X, plain)?;
    let user = match &api.user_id {
        Some(id) => id.clone(),
        None => me(api).await?.id,
    };
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let request = api.call(Method::GET, &["2", "users", &user, "tweets"])?;
        let mut parameters = vec![("max_results", PAGE), ("tweet.fields", "created_at,note_tweet")];
        if let Some(next) = &next {
            parameters.push(("pagination_token", next.as_str()));
        }
        let page: wire::Timeline = api.ask(request.query(&parameters)).await?;
        for post in page.data {
            if !search.add(listed(post)?) {
                return Ok(search.verdict(false));
            }
        }
        match page.meta.next_token {
            Some(token) => next = Some(token),
            None => return Ok(search.verdict(true)),
        }
    }
    Ok(search.verdict(false))
}

/// The account that the token is for.
pub(super) async fn me(api: &Api) -> Result<wire::User, Fault> {
    let answer: wire::Data<wire::User> = api.ask(api.call(Method::GET, &["2", "users", "me"])?).await?;
    if super::is_id(&answer.data.id) { Ok(answer.data) } else { Err(posts::unreadable()) }
}

fn listed(post: wire::Listed) -> Result<Listed, Fault> {
    let at = OffsetDateTime::parse(&post.created_at, &Rfc3339).map_err(|_| posts::unreadable())?;
    let text = post.note_tweet.map_or(post.text, |note| note.text);
    Ok(Listed { permalink: wire::permalink(&post.id), id: post.id, text: plain(&text), at })
}

fn plain(text: &str) -> String {
    posts::words(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}
